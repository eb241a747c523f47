"""Telling one plugin what happens: in order, many hooks at a time, and without waiting for ever."""

import asyncio
import contextlib
import inspect
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from amqtt.compat.plugins.calls import Call, Timed
from amqtt.compat.plugins.faults import Faults, logger

MOST_WAITING: Final = 10_000
"""Events that one plugin has still to be told; what comes beyond is dropped and counted."""
MOST_RUNNING: Final = 100
"""Hooks of one plugin that run at a time."""
FAREWELL: Final = 2.0
"""Seconds for one hook of a plugin when the Broker shuts down."""
CATCH_UP: Final = 6.0
"""Seconds for a plugin to be told what is left, and to be done with it, when the Broker shuts down."""
MOST_AT_ONCE: Final = 100
"""Plain functions called in one pass of the event loop."""
DEADLINE: Final = 5.0
"""Seconds for one hook that is told of an event; then it is ended, for others wait for its place.

A plugin that takes longer over an event starts a task of its own. Hooks of the start and the end
of a Broker are bounded by whoever waits for them; they may go on by themselves until it ends.
"""
TOO_LONG: Final = 0.5
"""Seconds for which a hook may hold up the event loop, and with it everybody, before that is said."""


class Rounds:
    """The hooks of one plugin that wait to be called, and those that run.

    They begin in the order of events, and do not wait for each other, as in aMQTT; but no more than
    MOST_RUNNING are under way, and each is ended after DEADLINE seconds.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dropped = 0
        self._waiting: deque[tuple[Call, Mapping[str, Any]]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._news = self._idle = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._faults = Faults(name)

    def begin(self) -> None:
        """Call hooks from now on."""
        self._news, self._idle = asyncio.Event(), asyncio.Event()
        self._worker = asyncio.get_running_loop().create_task(self._work())

    def tell(self, call: Call, given: Mapping[str, Any]) -> None:
        """Have this hook called when it is its turn."""
        if self._worker is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            if not self.dropped:
                logger.error("plugin %s is behind by %d events: it misses some", self.name, MOST_WAITING)
            self.dropped += 1
            return
        self._waiting.append((call, given))
        self._news.set()
        self._idle.clear()

    async def tell_now(self, call: Call, seconds: float) -> None:
        """Call this hook out of turn, and wait for it that long at most."""
        task = self._started(call, {}, None)
        if task is not None:
            await asyncio.wait([task], timeout=seconds)
            if not task.done():
                logger.info("plugin %s: %s still runs, and goes on by itself", self.name, call.name)

    async def catch_up(self, most: float = CATCH_UP) -> None:
        """Tell what is left, and wait for it to be done, within CATCH_UP seconds and no more than `most`."""
        if self._worker is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(CATCH_UP, most)):
                    await self._idle.wait()
                    if self._running:
                        await asyncio.wait(self._running)

    async def end(self) -> None:
        """Stop whatever still runs."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        tasks = {worker, *self._running}
        for task in tasks:
            task.cancel()
        _, stubborn = await asyncio.wait(tasks, timeout=FAREWELL)
        if stubborn:
            logger.error("plugin %s: %d hooks do not end when they are cancelled", self.name, len(stubborn))
        if self._waiting:
            logger.warning("plugin %s was not told the last %d events", self.name, len(self._waiting))
            self._waiting.clear()

    async def _work(self) -> None:
        called = 0
        while True:
            while self._waiting:
                call, given = self._waiting.popleft()
                task = self._started(call, given, DEADLINE)
                called += 1
                if task is not None:
                    called = 0
                    while len(self._running) >= MOST_RUNNING:
                        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                elif called % MOST_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if self.dropped:
                logger.error("plugin %s missed %d events", self.name, self.dropped)
                self.dropped = 0
            self._idle.set()
            self._news.clear()
            await self._news.wait()

    def _started(
        self, call: Call, given: Mapping[str, Any], seconds: float | None
    ) -> asyncio.Task[None] | None:
        """Call it; the Task that it is, for so many seconds at most, if it is not done."""
        began = time.perf_counter()
        try:
            answer = call(given)
        except Exception as fault:
            self._faults.tell(call.name, "failed", fault)
            return None
        if not inspect.isawaitable(answer):
            self._note(call, time.perf_counter() - began)
            return None
        task = asyncio.get_running_loop().create_task(self._contained(call, Timed(answer), seconds))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _contained(self, call: Call, answer: Timed, seconds: float | None) -> None:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await answer
        except Exception as fault:
            if limit.expired():
                self._faults.tell(call.name, f"was not done after {seconds:g} s, and was ended")
            else:
                self._faults.tell(call.name, "failed", fault)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._faults.tell(call.name, "has cancelled itself")
        self._note(call, answer.longest)

    def _note(self, call: Call, seconds: float) -> None:
        """It has held up the event loop for so long."""
        if seconds >= TOO_LONG:
            self._faults.tell(call.name, f"held up the whole broker for {seconds:.1f} s; it must not block")
