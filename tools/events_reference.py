"""Write the page of the events that a Server tells: FILE."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "amqtt" / "server" / "events.py"

INTRODUCTION = """\
# Events

A program that embeds a broker is told what happens: `broker.server.events.on(ClientConnected, callback)`.
The callback is called at once, in the event loop, and must neither wait nor raise. `off` ends it. An event
that nobody listens for is not made. The classes are in `amqtt.server.events`. Plugins of aMQTT have the same
by its names: see [Move from aMQTT](../how-to/move-from-amqtt.md). Made by `make docs` from the source.

"""


def events() -> Iterator[tuple[str, str, list[str]]]:
    """Name, meaning and attributes of every event."""
    for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == ["Event"]:
            yield node.name, " ".join((ast.get_docstring(node) or "").split()), attributes(node)


def attributes(node: ast.ClassDef) -> list[str]:
    """The parameters of its constructor with their types: they become its attributes."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            arguments = each.args.args[1:]
            return [f"{one.arg}: {ast.unparse(one.annotation)}" for one in arguments if one.annotation]
    return []


def page() -> str:
    """The whole page."""
    rows = []
    for name, text, fields in events():
        listed = "<br>".join("`" + field.replace("|", "\\|") + "`" for field in fields)
        rows.append(f"| `{name}` | {text} | {listed} |\n")
    return INTRODUCTION + "| Event | When | Attributes |\n|---|---|---|\n" + "".join(rows)


def main() -> None:
    """Write the page that the command line names."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
