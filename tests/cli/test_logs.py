"""How the command logs; in a process of its own, because logging belongs to a whole process."""

import contextlib
import os
import pty
import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("debug", "lines"), [(False, ["an event"]), (True, ["a detail", "an event"])])
def test_the_log_is_on_standard_error_and_d_shows_details(debug: bool, lines: list[str]) -> None:
    program = (
        "import logging; from amqtt.cli.logs import configure_logging\n"
        f"configure_logging({debug})\n"
        "logging.getLogger('amqtt.broker').debug('a detail')\n"
        "logging.getLogger('amqtt.broker').info('an event')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [line.partition("amqtt.broker: ")[2] for line in done.stderr.splitlines()] == lines
    assert done.stdout == ""


PROGRAM = (
    "import logging; from amqtt.cli.logs import configure_logging\n"
    "configure_logging(False)\n"
    "logging.getLogger('amqtt.broker').info('an event')\n"
    "logging.getLogger('amqtt.broker').warning('a warning of \\x1b[2J')\n"
)


def on_a_terminal(**environment: str) -> list[str]:
    """The lines that a person sees, without the time before them."""
    ours, theirs = pty.openpty()
    written = b""
    try:
        try:
            subprocess.run(
                [sys.executable, "-c", PROGRAM], stderr=theirs, check=True,
                env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment},
            )
        finally:
            os.close(theirs)
        # What was written comes in pieces; Linux ends it with an error, as nobody has the other side open.
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65_536):
                written += data
    finally:
        os.close(ours)
    return [re.sub(r"\d\d:\d\d:\d\d", "TIME", line) for line in written.decode().splitlines()]


def test_on_a_terminal_lines_are_short_and_what_is_not_usual_has_a_colour() -> None:
    dim, yellow, plain = "\x1b[2m", "\x1b[33m", "\x1b[0m"
    assert on_a_terminal() == [
        f"{dim}TIME{plain} an event", f"{dim}TIME{plain} {yellow}warning: {plain}a warning of \\x1b[2J",
    ]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_has_none(environment: dict[str, str]) -> None:
    assert on_a_terminal(**environment) == ["TIME an event", "TIME warning: a warning of \\x1b[2J"]
