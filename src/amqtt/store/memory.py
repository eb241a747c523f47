"""A store that ends with the process, and the fold that every store is."""

from collections.abc import Mapping
from typing import TypeVar

from amqtt.abc import SessionStore
from amqtt.sessions.journal import Batch

Key = TypeVar("Key")
Record = TypeVar("Record")


def fold(kept: Batch, batch: Batch) -> None:
    """Make the changes of `batch` in `kept`, which then holds no None."""
    _fold(kept.sessions, batch.sessions)
    _fold(kept.subscriptions, batch.subscriptions)
    _fold(kept.messages, batch.messages)
    _fold(kept.entries, batch.entries)
    _fold(kept.received, batch.received)
    _fold(kept.retained, batch.retained)
    _fold(kept.wills, batch.wills)


def _fold(kept: dict[Key, Record], changes: Mapping[Key, Record]) -> None:
    for key, record in changes.items():
        if record is None or record is False:
            kept.pop(key, None)
        else:
            kept[key] = record


class MemoryStore(SessionStore):
    """Keeps what was committed as long as the object lives: for tests, and to see what a store is."""

    def __init__(self) -> None:
        self.kept = Batch()

    async def open(self) -> Batch:
        """What was committed so far."""
        restored = Batch()
        fold(restored, self.kept)
        restored.entries = dict(sorted(restored.entries.items()))
        return restored

    async def commit(self, batch: Batch) -> None:
        """Keep the changes."""
        fold(self.kept, batch)

    async def close(self) -> None:
        """Nothing is to be closed."""
