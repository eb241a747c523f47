"""What a Server must keep, from the opening of its store to the last commit."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from amqtt.abc import SessionStore
from amqtt.errors import StoreError
from amqtt.server.server import Server
from amqtt.sessions.journal import Journal
from amqtt.store.database import Database
from amqtt.store.settings import PersistenceSettings
from amqtt.store.sqlite import SqliteStore
from amqtt.store.writer import Writer

logger = logging.getLogger("amqtt.store")

LAST_WRITES: Final = 5.0
"""Seconds that a shutdown waits for the disk; what is not there by then was not acknowledged."""


class Keeping:
    """Joins a Server, its Journal and a SessionStore. It can be opened again after `close`."""

    def __init__(
        self, server: Server, settings: PersistenceSettings, store: SessionStore | None = None
    ) -> None:
        self._server = server
        self._settings = settings
        self._store = _sqlite(settings) if store is None else store
        self._journal: Journal | None = None
        self._writer: Writer | None = None
        self._clock: Callable[[], float] | None = None

    @property
    def file(self) -> Path | None:
        """Where."""
        return self._settings.file

    @property
    def is_well(self) -> bool:
        """Whether what must be kept can be kept."""
        return self._journal is None or not self._journal.failing

    async def open(self, clock: Callable[[], float]) -> None:
        """Open the store, and go on with what it holds; raises StoreError.

        A Server that has been running in this process goes on with what it knows itself.
        """
        settings = self._settings
        kept = await self._store.open()
        self._clock = clock
        self._server.turn.now = clock()
        if self._journal is None:
            journal = Journal(
                settings.maximum_unwritten_records, settings.maximum_unwritten_bytes, kept.last_number
            )
            self._server.restore(kept, journal, settings.restart_grace)
            self._journal = journal
            self._writer = Writer(journal, self._store, self._committed, settings.commit_timeout)
        else:
            self._server.resume(settings.restart_grace)
        assert self._writer is not None
        self._writer.start()

    async def settle(self) -> None:
        """Wait until all that was noted is durable, as long as that may take."""
        if self._writer is not None and not await self._writer.settle(LAST_WRITES):
            logger.error("Not everything could be stored before the end; none of that was acknowledged")

    async def close(self) -> None:
        """Write the last, and let go of the store. Idempotent, also after a failed `open`."""
        if self._writer is not None and self._clock is not None:
            self._server.note_states()
            await self.settle()
            await self._writer.stop()
        self._clock = None
        try:
            await self._store.close()
        except StoreError as fault:
            logger.error("%s", fault)

    def _committed(self, number: int) -> None:
        assert self._clock is not None
        self._server.turn.now = self._clock()
        self._server.committed(number)


def _sqlite(settings: PersistenceSettings) -> SessionStore:
    assert settings.file is not None
    return SqliteStore(Database(settings.file, settings.durability))
