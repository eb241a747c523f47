"""Write the options of every command into a page: FILE.

They stand between the lines `<!-- commands -->` and `<!-- end of commands -->`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

MARKED = re.compile(r"(<!-- commands -->\n).*?(<!-- end of commands -->)", re.DOTALL)
OF_EVERY_COMMAND = {"--help", "--install-completion", "--show-completion"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its whole name, groups left out."""
    from amqtt.cli.command import app

    yield from _below("amqtt", get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for own, each in inner.items():
        yield from _below(f"{name} {own}", each)


def section(name: str, command: Any) -> str:
    """What the page says of one command."""
    text = " ".join((command.help or "").split())
    lines = [f"### {name}", "", f"    {usage(name, command)}", "", text, ""]
    rows = [row(parameter) for parameter in command.params if not set(parameter.opts) & OF_EVERY_COMMAND]
    if rows:
        lines += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def usage(name: str, command: Any) -> str:
    """How it is written."""
    arguments = [written(each) for each in command.params if each.param_type_name == "argument"]
    return " ".join([name, "[OPTIONS]", *arguments])


def written(argument: Any) -> str:
    """An argument as it stands in the usage."""
    name = (argument.metavar or argument.name.upper()).strip("[]")
    return name if argument.required else f"[{name}]"


def row(parameter: Any) -> str:
    """One option or argument."""
    if parameter.param_type_name == "argument":
        name = written(parameter)
    else:
        name = ", ".join([*parameter.opts, *parameter.secondary_opts])
        if not getattr(parameter, "is_flag", False):
            name += " " + (parameter.metavar or "VALUE").replace("|", "\\|")
    text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    return f"| `{name}` | {text}{default_of(parameter)} |"


def default_of(parameter: Any) -> str:
    """What counts without it, where that says something."""
    default = parameter.default
    if default is None or default is False or default == () or callable(default) or parameter.required:
        return ""
    if default is True:
        return f" Without it: `{parameter.opts[0]}`."
    value = getattr(default, "value", default)
    return f" Without it: `{value}`." if str(value) and "Sentinel" not in type(value).__name__ else ""


def renewed(page: str) -> str:
    """The page with its commands as they are now."""
    text = "\n".join(section(name, command) for name, command in commands())
    return MARKED.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)


def main() -> None:
    """Renew the page that the command line names."""
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
