"""The event loop comes again, whatever it met with the last time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from amqtt.server.deadlines import Deadlines
from amqtt.sessions.link import Turn
from amqtt.ticking import Ticking


class House:
    """An event loop and its clock."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time


class Failing:
    """A Server that raises at everything, and says so; `done` is set when it has done it three times."""

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self.turn = Turn(lambda: None)
        self.ticks = self.looks = 0
        self.done = asyncio.Event()

    def tick(self) -> None:
        self.ticks += 1
        self._fail(self.ticks)

    def lagged(self, seconds: float, memory_share: float) -> None:
        self.looks += 1
        self._fail(self.looks)

    def _fail(self, times: int) -> None:
        if times == 3:
            self.done.set()
        raise RuntimeError("whoever was told has raised")


@pytest.fixture
async def server() -> AsyncIterator[Failing]:
    """One that ticks; nothing but its own faults is complained of."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    server = Failing()
    subject = Ticking(server)  # type: ignore[arg-type]
    subject.begin(House())  # type: ignore[arg-type]
    yield server
    subject.end()
    assert {str(each["exception"]) for each in complaints} == {"whoever was told has raised"}


async def test_what_is_due_is_done_although_the_last_time_has_failed(server: Failing) -> None:
    server.deadlines.at(0.0, lambda now: None)
    async with asyncio.timeout(10):
        await server.done.wait()


async def test_so_it_is_looked_how_late_it_comes(server: Failing) -> None:
    async with asyncio.timeout(10):
        await server.done.wait()
    assert server.looks == 3
