"""Where the command keeps what outlasts it."""

import os
from pathlib import Path

FILE = "amqtt.db"


def state_directory() -> str:
    """The one that systemd gives (`$STATE_DIRECTORY`), or ""."""
    return os.environ.get("STATE_DIRECTORY", "").split(":")[0]


def state_file() -> Path:
    """In the state directory that systemd gives, or in the user's own."""
    if given := state_directory():
        return Path(given) / FILE
    home = os.environ.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored, says the XDG Base Directory Specification.
    base = Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state"
    return base / "amqtt" / FILE
