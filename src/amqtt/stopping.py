"""How a Service ends in good order: how long each step may take, and when what was begun is finished."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from amqtt.server.server import Server

DRAIN: Final = 1.0
"""Seconds for which a program's Broker goes on when it is to stop, while something is under way."""
LOOK: Final = 0.02
"""Seconds between two looks at what is under way."""
LAST_ACKNOWLEDGEMENTS: Final = 0.5
"""Seconds for Clients to acknowledge what they were sent last, when nothing more is taken from them."""


class Patience:
    """The time that a shutdown may take in all; it can be shortened while it goes on."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._step: asyncio.Timeout | None = None

    @property
    def left(self) -> float:
        """Seconds, 0 when it is over."""
        return max(0.0, self._end - self._loop.time())

    def shorten(self, seconds: float) -> None:
        """It ends this many seconds from now, if it does not end sooner."""
        self._end = min(self._end, self._loop.time() + seconds)
        step = self._step
        if step is not None and not step.expired():
            when = step.when()
            step.reschedule(self._end if when is None else min(when, self._end))

    async def spend(self, step: Awaitable[object], most: float | None = None) -> bool:
        """Wait for a step of it, for `most` seconds and not beyond the end; whether it was done."""
        end = self._end if most is None else min(self._end, self._loop.time() + most)
        try:
            async with asyncio.timeout_at(end) as self._step:
                await step
        except TimeoutError:
            return False
        finally:
            self._step = None
        return True


async def finished(server: Server) -> None:
    """Wait until nothing is under way between the Server and its Clients."""
    while server.is_busy:  # noqa: ASYNC110 - to be told, each acknowledgement would have to tell
        await asyncio.sleep(LOOK)


async def drain(server: Server, patience: Patience, seconds: float) -> None:
    """Go on serving while something is under way, then take no more and let acknowledgements finish."""
    await patience.spend(finished(server), seconds)
    server.take_no_messages()
    await patience.spend(finished(server), LAST_ACKNOWLEDGEMENTS)
