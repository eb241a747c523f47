"""What an operator decides about the store (`persistence:` in the configuration)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DURABILITIES: Final = ("full", "normal", "memory")


@dataclass(frozen=True, slots=True)
class PersistenceSettings:
    """Where Sessions and retained messages are kept, and how surely."""

    file: Path | None = None
    """The SQLite file; it and its directory are made where they are missing, readable by nobody else. Without one, the command uses `amqtt.db` in `$STATE_DIRECTORY`, `$XDG_STATE_HOME/amqtt` or `~/.local/state/amqtt`, and an embedded Broker keeps everything in memory."""  # noqa: E501
    durability: str = "full"
    """`full`: what is acknowledged is on the disk, whatever happens. `normal`: it outlasts a crash of the broker; a power cut may cost the last moments. `memory`: nothing is kept."""  # noqa: E501
    maximum_unwritten_records: int = 65_536
    """Changes that may wait for the disk; beyond, publishers wait: half a second of work for a good disk."""
    maximum_unwritten_bytes: int = 64 * 1024 * 1024
    """The same in bytes of messages."""
    commit_timeout: float = 10.0
    """Seconds that one write may take before nothing more is promised; a disk that is alive needs less."""
    restart_grace: float = 30.0
    """Seconds that a Client has to come back after a restart before its Will Message is published."""
