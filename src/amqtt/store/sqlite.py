"""The store of a Broker: one SQLite file, one connection, one thread that writes."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from amqtt.abc import SessionStore
from amqtt.errors import StoreError
from amqtt.sessions.journal import Batch
from amqtt.store.database import Database

Result = TypeVar("Result")


class SqliteStore(SessionStore):
    """Keeps Batches in an SQLite file. `durability` is `full` or `normal`: see PersistenceSettings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> Batch:
        """Open the file and read it, in the thread that has it from now on."""
        self._thread = ThreadPoolExecutor(1, "amqtt-store")
        return await self._run(self._database.open)

    async def commit(self, batch: Batch) -> None:
        """One transaction; StoreError says why it could not be, and it may be tried again."""
        try:
            await self._run(lambda: self._database.write(batch))
        except (sqlite3.Error, OSError) as fault:
            raise StoreError(f"{self._database.file} cannot be written: {fault}") from fault

    async def close(self) -> None:
        """Bring the log into the file, close it, and end the thread."""
        thread = self._thread
        if thread is None:
            return
        ended = False
        try:
            await self._run(self._database.close)
            ended = True
        except sqlite3.Error as fault:
            ended = True
            raise StoreError(f"{self._database.file} cannot be closed: {fault}") from fault
        finally:
            self._thread = None
            # Nobody waits for a thread that a disk holds fast.
            thread.shutdown(wait=ended)

    async def _run(self, work: Callable[[], Result]) -> Result:
        assert self._thread is not None
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
