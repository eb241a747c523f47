"""Takes what the Journal gathers to the store, a Batch after the other, and says what is durable."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from amqtt.abc import Batch, SessionStore
from amqtt.errors import StoreError
from amqtt.sessions.journal import Journal

logger = logging.getLogger("amqtt.store")

AT_LEISURE: Final = 0.05
"""Seconds for which what nobody waits for gathers: acknowledgements of Clients, mostly, which cost the
disk nothing when they are written with the next message."""
LONGEST_GATHERING: Final = 0.002
"""Seconds for which a Batch waits for what is on its way, as long as each pass of the event loop brings more:
a sync costs as much as twenty messages, and while they arrive the thread that writes gets no turn anyway."""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
"""Seconds between two attempts of a commit that fails: twice as long each time, and no longer than this."""


class Writer:
    """The one who commits. The next Batch is what has gathered while the last one was written.

    And what the passes of the event loop bring that follow at once (LONGEST_GATHERING): so one publisher
    waits for one write, and a thousand share one. What nobody waits for is written with what somebody
    does, or after a moment. A commit that fails is repeated until it succeeds; meanwhile, and when one
    takes longer than `timeout` seconds, the Journal is `failing` and nothing new is promised.
    `committed` is called with the number of each Batch.
    """

    def __init__(
        self, journal: Journal, store: SessionStore, committed: Callable[[int], None], timeout: float
    ) -> None:
        self._journal = journal
        self._store = store
        self._committed = committed
        self._timeout = timeout
        self._overdue = f"a write takes longer than {timeout:g} seconds"
        self._news: asyncio.Event | None = None
        self._idle: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._batch: Batch | None = None
        self._failing_since = 0.0
        self.failure = ""
        """Why nothing can be stored at present; "" while that is possible."""
        self._leisure: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to write, what was left over first."""
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._journal.wake = self._begin_at_leisure
        self._journal.hurry = self._begin
        if self._journal.has_news or self._batch is not None:
            self._news.set()
        self._task = asyncio.get_running_loop().create_task(self._write(self._news, self._idle))

    async def settle(self, seconds: float) -> bool:
        """Wait until all that was noted is durable, no longer than this; whether it is."""
        if self._task is None or self._idle is None:
            return self._journal.is_settled
        try:
            async with asyncio.timeout(seconds):
                while not self._journal.is_settled:
                    self._begin()
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Write no more; what could not be written is kept for the next `start`."""
        task, self._task = self._task, None
        self._journal.wake = self._journal.hurry = _nobody_writes
        self._put_off()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _begin_at_leisure(self) -> None:
        if self._leisure is None:
            self._leisure = asyncio.get_running_loop().call_later(AT_LEISURE, self._begin)

    def _begin(self) -> None:
        self._put_off()
        if self._news is not None:
            self._news.set()

    def _put_off(self) -> None:
        if self._leisure is not None:
            self._leisure.cancel()
            self._leisure = None

    async def _write(self, news: asyncio.Event, idle: asyncio.Event) -> None:
        journal = self._journal
        while True:
            await news.wait()
            news.clear()
            if self._batch is not None:  # an earlier stop has left it
                await self._finish(self._batch)
            if journal.has_news:
                await self._gather()
                self._batch = journal.take()
                await self._finish(self._batch)
            idle.set()

    async def _gather(self) -> None:
        """Let come what is on its way."""
        journal, end = self._journal, time.monotonic() + LONGEST_GATHERING
        changes = -1
        while changes != journal.changes and time.monotonic() < end:
            changes = journal.changes
            await asyncio.sleep(0)

    async def _finish(self, batch: Batch) -> None:
        if len(batch):
            await self._commit(batch)
        self._batch = None
        self._keep_promises(batch.number)

    def _keep_promises(self, number: int) -> None:
        try:
            self._committed(number)
        except Exception:
            logger.exception("A fault of the broker, after a commit")

    async def _commit(self, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            overdue = loop.call_later(self._timeout, self._fail, self._overdue)
            try:
                await self._store.commit(batch)
            except StoreError as fault:
                self._fail(str(fault))
            except Exception as fault:
                logger.exception("A fault of the store")
                self._fail(repr(fault))
            else:
                self._recover()
                return
            finally:
                overdue.cancel()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _fail(self, reason: str) -> None:
        if self._journal.failing:
            return
        self._journal.failing = True
        self.failure = reason
        self._failing_since = time.monotonic()
        logger.error(
            "Nothing can be stored: %s. Until that is mended, what would have to be kept is refused", reason
        )

    def _recover(self) -> None:
        if self._journal.failing:
            self._journal.failing = False
            self.failure = ""
            seconds = time.monotonic() - self._failing_since
            logger.warning("The store is well again after %.1f s; everything was kept", seconds)


def _nobody_writes() -> None:
    """What is noted waits for the next start."""
