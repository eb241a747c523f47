"""`amqtt serve`, which is also `amqtt` alone: run a Broker until it is asked to stop."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amqtt.cli.collector import collect_seldom
from amqtt.cli.logs import LogFormat, configure_logging, on_terminal
from amqtt.cli.loops import run
from amqtt.cli.signals import end_now, on_first_signal, on_hangup
from amqtt.cli.state import state_directory, state_file
from amqtt.cli.systemd import (
    READY,
    STOPPING,
    by_listener,
    inherited_sockets,
    keep_alive,
    notify,
    watchdog_interval,
)
from amqtt.cli.version import version_line
from amqtt.errors import BrokerError

if TYPE_CHECKING:
    from amqtt.cli.reload import Reloading

DRAIN = 10.0
"""Seconds for which the command goes on when it is to stop while something is under way."""

logger = logging.getLogger("amqtt")

Config = Annotated[
    Path | None,
    typer.Option("-c", "--config", metavar="FILE", help="The configuration, a YAML or TOML file."),
]
Debug = Annotated[bool, typer.Option("-d", "--debug", help="Log more.")]
Format = Annotated[LogFormat, typer.Option("--log-format", metavar="text|json", help="How to write the log.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Read files that change again.")]


def serve(
    config: Config = None,
    debug: Debug = False,
    log_format: Format = LogFormat.TEXT,
    watch: Watch = True,
) -> None:
    """Run an MQTT broker in the foreground; the same as amqtt without a command."""
    configure_logging(debug, log_format)
    try:
        run(serve_until_signal(config, watch))
    except BrokerError as error:
        from amqtt.cli.check import all_that_is_wrong

        typer.echo(f"amqtt: {all_that_is_wrong(config, error)}", err=True)
        raise typer.Exit(1) from None
    finally:
        logging.shutdown()


async def serve_until_signal(config: Path | None, watch: bool = True) -> None:
    """Run the Broker of this configuration until SIGINT or SIGTERM; BrokerError if it cannot start."""
    # The other commands need not load what a Broker is made of.
    from amqtt.broker import Broker
    from amqtt.cli.reload import Reloading
    from amqtt.service import SHUTDOWN_TIMEOUT

    stop = asyncio.Event()
    on_first_signal(stop.set, end_now)
    broker = Broker(config)
    # Nobody asked for the user's own, and aMQTT's users run two brokers with two configurations.
    broker.keep_in(state_file(), or_in_memory=not state_directory())
    broker.listen_on(by_listener(inherited_sockets(), broker.config.listeners))
    reloading = Reloading(broker, config)
    # Before it runs, the configuration is new enough.
    on_hangup(lambda: broker.is_running and reloading.reload())
    broker.drain_for(DRAIN)
    await broker.start()
    try:
        collect_seldom()
        notify(READY)
        logger.info("%s%s", version_line(), "; Ctrl-C stops it" if on_terminal() else "")
        beside = [asyncio.create_task(work) for work in _beside(reloading, watch)]
        await stop.wait()
        for task in beside:
            task.cancel()
        notify(STOPPING)
        logger.info("Stopping, within %g s; a second signal stops at once", broker.drain + SHUTDOWN_TIMEOUT)
    finally:
        await broker.shutdown(broker.drain + SHUTDOWN_TIMEOUT)
    logger.info("Stopped")


def _beside(reloading: "Reloading", watch: bool) -> Iterator[Coroutine[object, object, None]]:
    """What goes on as long as it runs."""
    if watch:
        yield reloading.watch()
    if interval := watchdog_interval():
        yield keep_alive(interval)
