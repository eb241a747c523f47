"""What may be written after `amqtt` on the command line."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from amqtt.cli import passwords
from amqtt.cli.logs import configure_logging
from amqtt.cli.loops import run
from amqtt.cli.serve import serve
from amqtt.cli.version import version_line
from amqtt.errors import BrokerError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(passwords.app, name="passwd")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_line())
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", metavar="FILE", help="The configuration, a YAML or TOML file."),
    ] = None,
    debug: Annotated[bool, typer.Option("-d", "--debug", help="Log more.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Run an MQTT broker in the foreground, on 127.0.0.1:1883 unless a configuration says otherwise."""
    if context.invoked_subcommand is not None:
        if config is not None:
            raise typer.BadParameter("-c is for running a broker", context)
        return
    configure_logging(debug)
    try:
        run(serve(config))
    except BrokerError as error:
        typer.echo(f"amqtt: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        logging.shutdown()
