"""The store of a Broker: one SQLite file, one connection, one thread that writes."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
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
        self._thread: WritingThread | None = None

    async def open(self) -> Batch:
        """Open the file and read it, in the thread that has it from now on."""
        self._thread = WritingThread()
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
            thread.end(wait=ended)

    async def _run(self, work: Callable[[], Result]) -> Result:
        assert self._thread is not None
        return await self._thread.run(work)


class WritingThread:
    """A thread that does one thing after the other.

    An executor does the same; its hand-over costs twice as much (measured).
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="amqtt-store", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Await the outcome of this; it goes on though nobody awaits it any more."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Result] = loop.create_future()

        def tell(result: Result) -> None:
            if not outcome.done():
                outcome.set_result(result)

        def fail(fault: BaseException) -> None:
            if not outcome.done():
                outcome.set_exception(fault)

        def act() -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                try:
                    result = work()
                except BaseException as fault:
                    loop.call_soon_threadsafe(fail, fault)
                else:
                    loop.call_soon_threadsafe(tell, result)

        self._asked.put(act)
        return await outcome

    def end(self, *, wait: bool) -> None:
        """Let it go, which has nothing to do any more: else there is nothing to `wait` for."""
        self._asked.put(None)
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while (act := self._asked.get()) is not None:
            act()
