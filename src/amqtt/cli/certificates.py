"""`amqtt certs dev`: a Certification Authority of one's own and a server certificate, to try out TLS."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from amqtt.cli.authority import CERTIFICATE, KEY, Authority, MissingLibrary
from amqtt.errors import BrokerError

app = typer.Typer(help="Make certificates to try out TLS.", no_args_is_help=True, rich_markup_mode=None)

EVERYWHERE = ("localhost", "127.0.0.1", "::1")


@app.callback()
def _of_certificates() -> None:
    """Make certificates to try out TLS."""


@app.command()
def dev(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to write them.")] = Path("certs"),
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="NAME", help="A host name or address of the server; localhost is always one."
        ),
    ] = None,
    client: Annotated[
        list[str] | None, typer.Option("--client", metavar="USER", help="A certificate for a client, too.")
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=825, help="How long they are valid.")
    ] = 90,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Make a CA and a server certificate for development; a CA that is in the folder is used again.

    Never use them in production: whoever has the folder can pretend to be your broker.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = Authority(folder, days)
        made = [authority.server("server", list(dict.fromkeys([*EVERYWHERE, *(name or ())])))]
        made += [authority.client(user) for user in client or ()]
    except (BrokerError, MissingLibrary) as error:
        typer.echo(f"amqtt: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"amqtt: {error.filename} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    written = [str(path) for path in (authority.certificate, *(part for pair in made for part in pair))]
    if as_json:
        typer.echo(json.dumps({"written": written, "listener": _listener(folder)}, indent=2))
        return
    for path in written:
        typer.echo(f"written: {path}", err=True)
    typer.echo(_advice(folder))


def _listener(folder: Path) -> dict[str, str]:
    """A Listener that uses them."""
    here = os.path.abspath(folder)
    return {
        "type": "tcp", "bind": "localhost:8883", "ssl": "on",
        "certfile": f"{here}/server{CERTIFICATE}", "keyfile": f"{here}/server{KEY}",
    }


def _advice(folder: Path) -> str:
    here = os.path.abspath(folder)
    keys = "".join(f"        {key}: {value}\n" for key, value in _listener(folder).items())
    return (
        f"listeners:\n    default:\n{keys}"
        f"# mosquitto_pub --cafile {here}/ca{CERTIFICATE} -h localhost -p 8883 -t test -m hello"
    )
