"""What a Server must keep, from the opening of its store to the last commit."""

import asyncio
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

MOST_FOR_THE_DISK: Final = 5.0
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
        self._durable = 0
        """The number of the last Batch that is."""
        self._awaited: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def changes(self) -> int:
        """How much was noted: compare before and after, to see whether something became durable."""
        return 0 if self._journal is None else self._journal.changes

    @property
    def batch(self) -> int:
        """The number of the Batch that gathers what is noted now."""
        return 0 if self._journal is None else self._journal.batch

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

    async def durable(self, batch: int) -> None:
        """Wait until the Batch of this number, and so all before it, is durable.

        StoreError when that takes longer than one write may, or nobody writes; it is written all the
        same as soon as that is possible.
        """
        if batch <= self._durable:
            return
        journal = self._journal
        if journal is None or self._clock is None:
            raise StoreError("the Broker does not run: what was published is stored at its next start")
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (batch, waiting)
        self._awaited.append(entry)
        journal.hurry()
        try:
            async with asyncio.timeout(self._settings.commit_timeout):
                await waiting
        except TimeoutError:
            raise StoreError(self._not_yet()) from None
        finally:
            if entry in self._awaited:
                self._awaited.remove(entry)

    def _not_yet(self) -> str:
        reason = "" if self._writer is None else self._writer.failure
        return (
            f"what was published is not durable after {self._settings.commit_timeout:g} s"
            f"{f' ({reason})' if reason else ''}; it is in memory, and stored as soon as that is possible"
        )

    async def settle(self, seconds: float = MOST_FOR_THE_DISK) -> None:
        """Wait until all that was noted is durable, no longer than this."""
        if self._writer is not None and not await self._writer.settle(seconds):
            logger.error("Not everything could be stored before the end; none of that was acknowledged")

    async def close(self, seconds: float = MOST_FOR_THE_DISK) -> None:
        """Write the last, within so many seconds, and let go of the store.

        Idempotent, also after a failed `open`.
        """
        if self._writer is not None and self._clock is not None:
            self._server.note_states()
            await self.settle(seconds)
            await self._writer.stop()
        self._clock = None
        for _, waiting in self._awaited:
            if not waiting.done():
                waiting.set_exception(StoreError("the Broker was shut down before it could be stored"))
        try:
            async with asyncio.timeout(MOST_FOR_THE_DISK):
                await self._store.close()
        except StoreError as fault:
            logger.error("%s", fault)
        except TimeoutError:
            logger.error("%s does not close: its disk does not answer", self.file)

    def _committed(self, number: int) -> None:
        assert self._clock is not None
        self._durable = number
        self._server.turn.now = self._clock()
        self._server.committed(number)
        for batch, waiting in self._awaited:
            if batch <= number and not waiting.done():
                waiting.set_result(None)


def _sqlite(settings: PersistenceSettings) -> SessionStore:
    assert settings.file is not None
    return SqliteStore(Database(settings.file, settings.durability))
