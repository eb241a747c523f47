"""kill -9, at each point of a commit and at any other moment, again and again: nothing that was promised
is lost, nothing of QoS 2 comes twice, and the order holds [B2]."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from torture.clients import Publisher, Subscriber

ROUNDS = int(os.environ.get("AMQTT_TORTURE_ROUNDS", "200"))
SEED = int(os.environ.get("AMQTT_TORTURE_SEED", "1"))
PACE = float(os.environ.get("AMQTT_TORTURE_PACE", "1"))
"""How many times longer the Brokers live, at least."""
DEADLINE = 60.0
NURSERY = Path(__file__).with_name("nursery.py")
MOMENTS = ("before", "within", "after")
FIRST_WRITES = 8
LANES = 4
EACH = max(1, ROUNDS // (40 * LANES))
"""How often a Broker of each lane dies at each point of each of these writes: with 4,000 rounds, 100 times
in all lanes together."""
CERTAIN = EACH * FIRST_WRITES * len(MOMENTS)
"""So many rounds of a lane end there and nowhere else, however long that takes."""


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Nursery:
    """Where Brokers come from."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @asynccontextmanager
    async def broker(self, file: Path, moment: str, number: int) -> AsyncIterator[tuple[int, int]]:
        """The port and the process of a Broker; it is dead afterwards."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(file), moment, number]).encode() + b"\n")
        answer = await self._answer()
        if answer == "dead":  # before it could say a word
            yield 0, 0
            return
        port, pid = answer
        try:
            yield port, pid
        finally:
            kill(pid)
            assert await self._answer() == "dead"

    async def _answer(self) -> object:
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(NURSERY), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def deaths(chance: random.Random) -> Iterator[tuple[str, int]]:
    """How each Broker is to die: at each point of each of its first writes, EACH times, then by chance."""
    for _ in range(EACH):
        for number in range(1, FIRST_WRITES + 1):
            for moment in MOMENTS:
                yield moment, number
    while True:
        if chance.random() < 0.5:
            yield chance.choice(MOMENTS), chance.randrange(1, 40)
        else:
            yield "never", 0


async def live_and_die(
    born: Nursery, file: Path, death: tuple[str, int], clients: list[Publisher | Subscriber], seconds: float
) -> None:
    """One round: a Broker, its Clients, and its end: by itself, or from outside after so many seconds.

    With DEADLINE it must be by itself.
    """
    async with born.broker(file, *death) as (port, pid):
        if not port:
            return
        lives = [asyncio.ensure_future(client.live(port)) for client in clients]
        ended, _ = await asyncio.wait(lives, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        kill(pid)
        assert ended or seconds < DEADLINE, f"it did not die {death[0]} its write {death[1]}"
        await asyncio.wait_for(asyncio.gather(*lives), DEADLINE)


@pytest.mark.timeout(max(300, ROUNDS) * PACE)
async def test_nothing_that_was_promised_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    # Beside each other, because most of the time the disk is waited for.
    async with asyncio.TaskGroup() as group:
        for lane in range(LANES):
            file = tmp_path / str(lane) / "amqtt.db"
            group.create_task(torture(file, random.Random(f"{SEED}/{lane}"), ROUNDS // LANES))


async def torture(file: Path, chance: random.Random, rounds: int) -> None:
    publisher, subscriber = Publisher(), Subscriber()
    async with nursery() as born:
        async with born.broker(file, "never", 0) as (port, _):
            life = asyncio.ensure_future(subscriber.live(port))
            async with asyncio.timeout(DEADLINE):
                await subscriber.subscribed.wait()
        await life
        plan, lived, pace = deaths(chance), 0, PACE
        while lived < rounds or publisher.last <= rounds:
            there = [publisher, subscriber] if chance.random() < 0.8 else [publisher]
            before = publisher.last
            seconds = DEADLINE if lived < CERTAIN else pace * chance.uniform(0.005, 0.1)
            await live_and_die(born, file, next(plan), there, seconds)
            lived += 1
            # On a machine with other work nothing may have been done in that time: the next one has more.
            pace = PACE if publisher.last > before else 2 * pace
        publisher.stopping = True
        async with born.broker(file, "never", 0) as (port, _):
            lives = [asyncio.ensure_future(client.live(port)) for client in (publisher, subscriber)]
            async with asyncio.timeout(DEADLINE):
                await publisher.finished.wait()
                await subscriber.has({publisher.last, publisher.last - 1})
        await asyncio.gather(*lives)
    verify(publisher, subscriber)


def verify(publisher: Publisher, subscriber: Subscriber) -> None:
    once, twice = subscriber.taken[2], subscriber.taken[1]
    assert publisher.promised - {*once, *twice} == set(), "what was promised is lost"
    assert len(once) == len(set(once)), "a message of QoS 2 came twice"
    assert once == sorted(once), "QoS 2 is out of order"
    first = list(dict.fromkeys(twice))
    assert first == sorted(first), "QoS 1 is out of order"
