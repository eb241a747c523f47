"""Who commits: one Batch after the other, again when it fails, and says so."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from amqtt.abc import Batch, SessionStore
from amqtt.errors import StoreError
from amqtt.message import Message
from amqtt.sessions.journal import Journal
from amqtt.sessions.link import Link, Turn
from amqtt.store import writer
from amqtt.store.memory import MemoryStore
from amqtt.store.writer import Writer

DEADLINE = 30.0


class Disk(MemoryStore):
    """A store that writes when the test lets it, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.free.set()
        self.faults: list[Exception] = []
        self.asked = asyncio.Event()
        self.written: list[int] = []

    async def commit(self, batch: Batch) -> None:
        self.asked.set()
        if self.faults:
            raise self.faults.pop(0)
        await self.free.wait()
        await super().commit(batch)
        self.written.append(batch.number)


class Scene:
    def __init__(self, timeout: float = DEADLINE, store: SessionStore | None = None) -> None:
        self.journal = Journal()
        self.disk = Disk()
        self.committed: list[int] = []
        self.writer = Writer(self.journal, store or self.disk, self._committed, timeout)

    def _committed(self, number: int) -> None:
        self.journal.committed(number)
        self.committed.append(number)

    def note(self, topic: str = "t") -> None:
        self.journal.retain(topic, Message(topic, b"x", 1, True))

    async def settled(self) -> None:
        assert await self.writer.settle(DEADLINE)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    made.writer.start()
    yield made
    made.disk.free.set()
    await made.writer.stop()


async def test_what_is_noted_is_committed(scene: Scene) -> None:
    scene.note()
    await scene.settled()
    assert scene.committed == [1]
    assert list(scene.disk.kept.retained) == ["t"]


async def test_what_the_next_passes_of_the_loop_bring_is_of_the_same_batch(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LONGEST_GATHERING", DEADLINE)
    scene.note("first")
    scene.journal.hurry()
    for number in range(5):
        await asyncio.sleep(0)
        scene.note(f"t/{number}")
    await scene.settled()
    assert scene.committed == [1]
    assert len(scene.disk.kept.retained) == 6


async def test_a_batch_does_not_wait_for_ever_though_each_pass_brings_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LONGEST_GATHERING", 0.0)
    scene.note("first")
    scene.journal.hurry()
    number = 0
    while not scene.committed:
        scene.note(f"t/{number}")
        number += 1
        await asyncio.sleep(0)
    assert scene.committed == [1]


async def test_what_gathers_during_a_write_is_the_next_batch(scene: Scene) -> None:
    scene.disk.free.clear()
    scene.note("first")
    await scene.disk.asked.wait()
    for number in range(100):
        scene.note(f"t/{number}")
    assert scene.committed == []
    scene.disk.free.set()
    await scene.settled()
    assert scene.disk.written == [1, 2]
    assert len(scene.disk.kept.retained) == 101


async def test_a_batch_that_has_become_empty_costs_no_write(scene: Scene) -> None:
    number = scene.journal.new_number()
    scene.journal.receive(number, 1)
    scene.journal.release(number, 1)
    await scene.settled()
    assert scene.committed == [1]
    assert scene.disk.written == []


async def test_a_commit_that_fails_is_repeated_until_it_succeeds(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    scene.disk.faults = [StoreError("the disk is full"), StoreError("the disk is full still")]
    scene.note()
    await scene.disk.asked.wait()
    assert scene.journal.failing
    await scene.settled()
    assert not scene.journal.failing
    assert scene.disk.written == [1]
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2, "the outage is told once, and its end"
    assert texts[0].startswith("Nothing can be stored: the disk is full.")
    assert texts[1].startswith("The store is well again")


async def test_a_fault_of_the_store_itself_is_told_and_repeated_too(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.disk.faults = [ZeroDivisionError("ours")]
    scene.note()
    await scene.settled()
    assert "A fault of the store" in caplog.text
    assert scene.disk.written == [1]


async def test_a_write_that_takes_too_long_makes_it_fail_until_it_ends() -> None:
    scene = Scene(timeout=0.01)
    scene.writer.start()
    scene.disk.free.clear()
    scene.note()
    failing = asyncio.Event()
    fail = scene.writer._fail

    def told(reason: str) -> None:
        fail(reason)
        failing.set()

    scene.writer._fail = told  # type: ignore[method-assign]
    async with asyncio.timeout(DEADLINE):
        await failing.wait()
    assert scene.journal.failing
    scene.disk.free.set()
    await scene.settled()
    assert not scene.journal.failing
    await scene.writer.stop()


async def test_settling_gives_up_after_its_time(scene: Scene) -> None:
    scene.disk.free.clear()
    scene.note()
    assert not await scene.writer.settle(0.01)


async def test_what_could_not_be_written_is_written_after_the_next_start(scene: Scene) -> None:
    scene.disk.free.clear()
    scene.note("a")
    await scene.disk.asked.wait()
    scene.note("b")
    await scene.writer.stop()
    assert scene.disk.written == []
    scene.disk.free.set()
    scene.writer.start()
    await scene.settled()
    assert scene.committed == [1, 2]
    assert set(scene.disk.kept.retained) == {"a", "b"}


async def test_a_fault_in_keeping_promises_does_not_end_the_writing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(number: int) -> None:
        scene.journal.committed(number)
        raise ZeroDivisionError

    scene.writer._committed = broken
    scene.note("a")
    await scene.settled()
    scene.note("b")
    await scene.settled()
    assert "A fault of the broker, after a commit" in caplog.text
    assert set(scene.disk.kept.retained) == {"a", "b"}


async def test_what_nobody_waits_for_is_written_at_leisure(scene: Scene) -> None:
    now = asyncio.get_running_loop().time()
    scene.note()
    pending = scene.writer._leisure
    assert pending is not None
    assert pending.when() >= now + writer.AT_LEISURE
    async with asyncio.timeout(DEADLINE):
        await scene.disk.asked.wait()
    assert scene.committed == [1]


async def test_a_promise_hurries_it(scene: Scene) -> None:
    link = Link(Turn(lambda: None), lambda: None)
    scene.note()
    assert scene.writer._leisure is not None
    scene.journal.promise(link, b"PUBACK")
    assert scene.writer._leisure is None
    async with asyncio.timeout(DEADLINE):
        await scene.disk.asked.wait()
