"""The log lines of the command; the library itself configures no logging."""

import logging
import sys


def configure_logging(debug: bool) -> None:
    """Write the log to standard error, one line each, from INFO upwards or all of it."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    # At DEBUG asyncio says which selector it uses, and nothing that an operator wants to read.
    logging.getLogger("asyncio").setLevel(logging.INFO)
