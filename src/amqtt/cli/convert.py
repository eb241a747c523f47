"""`amqtt convert`: a mosquitto.conf as a configuration of ours."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amqtt.cli.check import Json
from amqtt.errors import ConfigurationError

if TYPE_CHECKING:
    from amqtt.config_file.mosquitto import Conversion


def convert_mosquitto(
    file: Annotated[Path, typer.Argument(metavar="MOSQUITTO.CONF", help="The configuration of Mosquitto.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A new file to write it to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a mosquitto.conf as YAML for amqtt, and say what of it could not be carried over."""
    from amqtt.config_file.mosquitto import convert

    try:
        conversion = convert(file)
    except ConfigurationError as error:
        typer.echo(f"amqtt: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        report = {
            "configuration": conversion.configuration,
            "remarks": [asdict(remark) for remark in conversion.remarks],
        }
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    written = _yaml(file, conversion)
    if output is None:
        typer.echo(written, nl=False)
    else:
        _write(output, written)
    missed = [remark for remark in conversion.remarks if not remark.harmless]
    for remark in missed:
        typer.echo(f"{remark}", err=True)
    typer.echo(f"amqtt: {_summary(len(missed))}; `amqtt check` shows what it comes to", err=True)


def _summary(missed: int) -> str:
    if not missed:
        return "everything was carried over"
    if missed == 1:
        return "1 setting was not carried over as it was"
    return f"{missed} settings were not carried over as they were"


def _yaml(file: Path, conversion: "Conversion") -> str:
    import yaml

    lines = [f"# From {file} by amqtt convert."]
    if conversion.remarks:
        lines.append("# Not carried over:")
        lines += [f"#   {remark}" for remark in conversion.remarks]
    body = yaml.safe_dump(dict(conversion.configuration), sort_keys=False, allow_unicode=True)
    return "\n".join([*lines, body])


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        typer.echo(f"amqtt: {output} is there already; it is left as it is", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"amqtt: {output} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(1) from None
