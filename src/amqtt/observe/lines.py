"""How a log record is written as text or as JSON; for any program that wants its log like that."""

import json
import logging
import time
from typing import Final

_ESCAPED: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
} | {code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Control characters, and those that turn the direction of writing."""
_OF_RECORDS: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

PRIORITIES: Final = {
    logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2,
}  # fmt: skip
"""Level of a record → priority of syslog, for the journal of systemd."""


class TextLines(logging.Formatter):
    """`time level logger: message`; what goes on in another line is indented, so that none can be forged."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text without control characters."""
        return super().format(record).translate(_ESCAPED).replace("\n", "\n    ")


class JournalLines(TextLines):
    """For the journal of systemd, which knows the time: `<priority>logger: message`, each line by itself."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as lines with their priority."""
        mark = f"<{PRIORITIES.get(record.levelno, 5)}>"
        return mark + super().format(record).replace("\n", f"\n{mark}")


class JsonLines(logging.Formatter):
    """One JSON object for each record: time (RFC 3339, UTC), level, logger, message, and its own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        found: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        own = {name: value for name, value in record.__dict__.items() if name not in _OF_RECORDS}
        found |= {name: value for name, value in own.items() if name not in found}
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)
