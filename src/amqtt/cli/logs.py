"""The log lines of the command; the library itself configures no logging."""

import logging
import os
import sys
from enum import StrEnum

from amqtt.observe.lines import JournalLines, JsonLines, TextLines

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


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
    else:
        lines.setFormatter(TextLines(LINE))
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    # At DEBUG asyncio says which selector it uses, and nothing that an operator wants to read.
    logging.getLogger("asyncio").setLevel(logging.INFO)


def _is_journal() -> bool:
    """Whether systemd reads standard error: it says so by the device and number of that stream."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
