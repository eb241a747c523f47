"""Passwords wait to be verified, in a line for each place that they come from: a flood stops no other."""

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Final, Generic, TypeVar

MOST_WAITING: Final = 1000
"""Passwords waiting in all lines; what comes beyond is told that the Server is busy, in the longest line."""
PATIENCE: Final = 4.0
"""Seconds after which that is said, too: less than the Server waits for an Authenticator."""

NICE: Final = 5
"""What is added to the nice value of a thread that verifies: it gets a third of what others get. With 10, a
tenth, nobody was let in within PATIENCE on a machine that had other work."""

Verdict = TypeVar("Verdict")


def give_way() -> None:
    """Let the event loop have a processor before this thread, and those that it begins.

    A hash wants every processor that there is for a tenth of a second, and a flood of them wants it all
    the time. Linux knows a nice value for each thread; elsewhere nothing is changed.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class Busy(Exception):
    """There is too much to verify; the Client may come back later."""


class Waiting(Generic[Verdict]):
    """One who waits in line, and what is to be done for it in a thread."""

    __slots__ = ("verdict", "verify")

    def __init__(self, verify: Callable[[], Verdict], verdict: asyncio.Future[Verdict]) -> None:
        self.verify = verify
        self.verdict = verdict

    def refuse(self) -> None:
        """Tell it that it is of no use to wait."""
        if not self.verdict.done():
            self.verdict.set_exception(Busy())


class Lines(Generic[Verdict]):
    """Verifies `workers` at a time in the threads of `executor`; the first of each line in turn."""

    def __init__(self, executor: Executor, workers: int) -> None:
        self._executor = executor
        self._workers = workers
        self._at_work = 0
        self._lines: dict[str, deque[Waiting[Verdict]]] = {}
        self._waiting = 0

    async def verified(self, where: str, verify: Callable[[], Verdict]) -> Verdict:
        """What `verify` returns, called in a thread when it is its turn; raises Busy."""
        if self._waiting >= MOST_WAITING:
            self._make_room(where)
        waiting = Waiting(verify, asyncio.get_running_loop().create_future())
        self._lines.setdefault(where, deque()).append(waiting)
        self._waiting += 1
        self._next()
        try:
            return await asyncio.wait_for(waiting.verdict, PATIENCE)
        except TimeoutError:
            raise Busy from None
        finally:
            self._leave(where, waiting)

    def close(self) -> None:
        """Let nobody wait any more."""
        for line in self._lines.values():
            for waiting in line:
                waiting.refuse()

    def _make_room(self, where: str) -> None:
        """Send the last of the longest line away; raises Busy if that is who comes now."""
        longest = max(self._lines, key=lambda each: len(self._lines[each]))
        if where == longest or len(self._lines[longest]) <= len(self._lines.get(where, ())) + 1:
            raise Busy
        self._take(longest, last=True).refuse()

    def _take(self, where: str, last: bool = False) -> Waiting[Verdict]:
        """Take one out of a line, which then waits behind the others."""
        line = self._lines.pop(where)
        waiting = line.pop() if last else line.popleft()
        if line:
            self._lines[where] = line
        self._waiting -= 1
        return waiting

    def _leave(self, where: str, waiting: Waiting[Verdict]) -> None:
        """Stand in line no more, whether or not it was somebody's turn."""
        line = self._lines.get(where)
        if line is not None and waiting in line:
            line.remove(waiting)
            self._waiting -= 1
            if not line:
                del self._lines[where]

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        while self._lines and self._at_work < self._workers:
            waiting = self._take(next(iter(self._lines)))
            self._at_work += 1
            verifying = loop.run_in_executor(self._executor, waiting.verify)
            verifying.add_done_callback(partial(self._done, waiting.verdict))

    def _done(self, told: "asyncio.Future[Verdict]", done: "asyncio.Future[Verdict]") -> None:
        self._at_work -= 1
        if done.cancelled():
            told.cancel()
        elif (fault := done.exception()) is not None:
            if not told.done():
                told.set_exception(fault)
        elif not told.done():
            told.set_result(done.result())
        self._next()
