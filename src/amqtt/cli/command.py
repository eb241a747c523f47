"""What may be written after `amqtt` on the command line."""

from typing import Annotated

import typer

from amqtt.cli import acl, certificates, passwords
from amqtt.cli.bench import bench
from amqtt.cli.check import check
from amqtt.cli.client_options import PropertiesCommand
from amqtt.cli.convert import convert_mosquitto
from amqtt.cli.logs import LogFormat
from amqtt.cli.publish import publish
from amqtt.cli.serve import Config, Debug, Format, Watch, serve
from amqtt.cli.subscribe import subscribe
from amqtt.cli.top import top
from amqtt.cli.version import version_line

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(short_help="Run an MQTT broker in the foreground, as amqtt alone does.")(serve)
app.command(short_help="Say what is wrong with a configuration, or what it means.")(check)
app.command("convert", short_help="Write a mosquitto.conf as YAML for amqtt.")(convert_mosquitto)
app.command("pub", cls=PropertiesCommand)(publish)
app.command("sub", cls=PropertiesCommand)(subscribe)
app.command("bench", cls=PropertiesCommand, short_help="Publish and receive many messages.")(bench)
app.command("top")(top)
app.add_typer(passwords.app, name="passwd")
app.add_typer(acl.app, name="acl")
app.add_typer(certificates.app, name="certs")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_line())
        raise typer.Exit


@app.callback(invoke_without_command=True, context_settings={"help_option_names": ["--help", "-h"]})
def start(
    context: typer.Context,
    config: Config = None,
    debug: Debug = False,
    log_format: Format = LogFormat.TEXT,
    watch: Watch = True,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Run an MQTT broker in the foreground, on 127.0.0.1:1883 unless a configuration says otherwise."""
    if context.invoked_subcommand is None:
        serve(config, debug, log_format, watch)
    elif config is not None or debug:
        raise typer.BadParameter("before a command, -c is for running a broker, and so is -d", context)
