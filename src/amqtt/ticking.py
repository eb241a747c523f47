"""The event loop of a Broker as its Server sees it: called at its deadlines, and told how late that comes."""

import asyncio
from typing import TYPE_CHECKING

from amqtt.observe.figures import memory_limit, memory_used
from amqtt.server.server import Server

if TYPE_CHECKING:
    from amqtt.net.house import House

LAG_INTERVAL = 0.25
"""Seconds between two looks at how late the event loop comes."""


class Ticking:
    """Has a Server do what is due when it is due, from `begin` to `end`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._memory = memory_limit()
        self._house: House | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None

    def begin(self, house: "House") -> None:
        """Go by the event loop and the clock of this House."""
        self._house = house
        self._server.deadlines.earlier = self.arm
        self.arm()
        self._look_at_lag()

    def end(self) -> None:
        """Nothing is due any more. Idempotent."""
        self._house = None
        self._server.deadlines.earlier = _nobody_comes
        for handle in (self._timer, self._watch):
            if handle is not None:
                handle.cancel()
        self._timer = self._watch = None

    def arm(self) -> None:
        """Have `tick` called at the moment of the next deadline."""
        house = self._house
        if house is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        when = self._server.deadlines.next
        if when is not None:
            self._timer = house.loop.call_later(max(0.0, when - house.clock()), self._tick)

    def _tick(self) -> None:
        house = self._house
        if house is None:
            return
        self._server.turn.now = house.clock()
        try:
            self._server.tick()
        finally:
            self.arm()

    def _look_at_lag(self, due: float | None = None) -> None:
        """Tell the Server, every now and then, how late this comes and how much memory there is left."""
        house = self._house
        if house is None:
            return
        now = house.clock()
        # First of all: whoever is told of what is found may raise.
        self._watch = house.loop.call_later(LAG_INTERVAL, self._look_at_lag, now + LAG_INTERVAL)
        if due is not None:
            self._server.turn.now = now
            share = memory_used() / self._memory if self._memory else 0.0
            self._server.lagged(max(0.0, now - due), share)


def _nobody_comes() -> None:
    """Nothing runs that would come sooner."""
