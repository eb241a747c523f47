"""The log lines of the command; the library itself configures no logging."""

import logging
import os
import sys
from enum import StrEnum

from amqtt.observe.lines import JournalLines, JsonLines, TextLines

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


_DIM, _YELLOW, _RED, _PLAIN = "\x1b[2m", "\x1b[33m", "\x1b[31m", "\x1b[0m"


class TerminalLines(TextLines):
    """For a person who looks: the time of day, the level where it is not the usual one, in its colour."""

    def __init__(self, coloured: bool) -> None:
        super().__init__("%(message)s")
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """The record as text without control characters but our own."""
        colour = _RED if record.levelno >= logging.ERROR else _YELLOW
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        if record.levelno <= logging.INFO:
            colour = _DIM
        moment = self.formatTime(record, "%H:%M:%S")
        text = super().format(record)
        if not self._coloured:
            return f"{moment} {level}{text}"
        return f"{_DIM}{moment}{_PLAIN} {colour if level else ''}{level}{_PLAIN if level else ''}{text}"


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


def configure_logging(debug: bool, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Write the log to standard error, from INFO upwards or all of it."""
    lines = logging.StreamHandler(sys.stderr)
    if log_format is LogFormat.JSON:
        lines.setFormatter(JsonLines())
    elif _is_journal():
        lines.setFormatter(JournalLines("%(name)s: %(message)s"))
    elif on_terminal():
        lines.setFormatter(TerminalLines(_shows_colours()))
    else:
        lines.setFormatter(TextLines(LINE))
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    # At DEBUG asyncio says which selector it uses, and nothing that an operator wants to read.
    logging.getLogger("asyncio").setLevel(logging.INFO)


def on_terminal() -> bool:
    """Whether a person reads standard error as it is written."""
    return sys.stderr.isatty()


def _shows_colours() -> bool:
    """Whether the terminal can, and the person has not asked for none (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _is_journal() -> bool:
    """Whether systemd reads standard error: it says so by the device and number of that stream."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
