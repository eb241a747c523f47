"""Running a client command: signals end it in good order, errors become a line and an exit status."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Protocol

import typer

from amqtt.cli.client_options import exit_status_of
from amqtt.cli.logs import configure_logging
from amqtt.cli.loops import run
from amqtt.cli.signals import on_first_signal
from amqtt.errors import ClientError, ConnectError

TIMED_OUT = 27
"""The exit status of mosquitto_sub -W."""


class Quietness(Protocol):
    """What is asked of the options of a command."""

    debug: bool
    quiet: bool
    version: str


class Interrupted(Exception):
    """SIGINT or SIGTERM asked the command to end."""


def run_client(connecting: Quietness, name: str, work: Callable[[], Coroutine[object, object, int]]) -> None:
    """Run the work to its end, and leave with the exit status that it returns."""
    if connecting.debug:
        configure_logging(True)
    else:
        # What a person must know is said once, below.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    statuses: list[int] = []

    async def whole() -> None:
        statuses.append(await _until_signal(work()))

    try:
        run(whole())
    except ConnectError as error:
        _tell(connecting, name, error)
        raise typer.Exit(exit_status_of(error, connecting.version)) from None
    except BrokenPipeError:
        # Whoever reads what we write, like `head`, has enough. Python would complain at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (ClientError, ValueError, OSError) as error:
        _tell(connecting, name, error)
        raise typer.Exit(1) from None
    except Interrupted:
        raise typer.Exit(0) from None
    raise typer.Exit(statuses[0])


async def _until_signal(work: Coroutine[object, object, int]) -> int:
    task = asyncio.ensure_future(work)

    def end() -> None:
        task.cancel()

    on_first_signal(end)
    try:
        return await task
    except asyncio.CancelledError:
        raise Interrupted from None


def _tell(connecting: Quietness, name: str, error: Exception) -> None:
    if not connecting.quiet:
        sys.stdout.flush()
        typer.echo(f"{name}: {error}", err=True)
