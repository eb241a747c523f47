"""What a program publishes is durable when its await returns, as a Client's is when its PUBACK comes."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from support.exchange import leave, take
from support.gated_store import ENOUGH, GatedStore, until
from support.opener import Opener

LASTING: dict[str, Any] = {"clean_start": False, "session_expiry_interval": 0xFFFFFFFF}


def keeping(file: Path, **more: object) -> dict[str, object]:
    return {
        "listeners": {"test": {"bind": "127.0.0.1:0"}}, "auth": {"allow-anonymous": True}, "sys_interval": 0,
        "persistence": {"file": str(file), **more},
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "amqtt.db"


async def somebody_away(broker: Broker, opener: Opener) -> None:
    client = await opener(broker)
    await client.connect("away", **LASTING)
    await client.subscribe("t/#", 2)
    await leave(client)


async def is_stuck(waiting: asyncio.Future[Any], disk: GatedStore) -> bool:
    """Whether it still waits when the store has been asked to write."""
    async with asyncio.timeout(ENOUGH):
        await disk.reached.wait()
    await asyncio.sleep(0)
    return not waiting.done()


Work = Callable[[Broker], Awaitable[Any]]
WAYS: dict[str, Work] = {
    "publish at QoS 1": lambda broker: broker.publish("t/a", b"x", 1),
    "publish at QoS 2": lambda broker: broker.publish("t/a", b"x", 2),
    "publish, retained": lambda broker: broker.publish("r", b"x", 1, retain=True),
    "publish, retained at QoS 0": lambda broker: broker.publish("r", b"x", 0, retain=True),
    "internal_message_broadcast": lambda broker: broker.internal_message_broadcast("t/a", b"x", 1),
    "retain_message": lambda broker: broker.retain_message(None, "r", b"x", 1),
}


@pytest.mark.parametrize("way", WAYS)
async def test_it_waits_for_the_commit_that_makes_it_durable(way: str, file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        work = asyncio.ensure_future(WAYS[way](broker))
        assert await is_stuck(work, disk)
        disk.is_open.set()
        async with asyncio.timeout(ENOUGH):
            assert await work == (1 if way.startswith("publish at") else 0 if "publish" in way else None)
        assert disk.commits == 1


async def test_what_nobody_must_have_after_a_crash_waits_for_nothing(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        there = await opener.connected(broker, "there")
        await there.subscribe("free", 1)
        disk = GatedStore(broker)
        async with asyncio.timeout(ENOUGH):
            assert await broker.publish("free", b"x", 1) == 1
            assert await broker.publish("nobody", b"x", 2) == 0
            assert await broker.publish("t/a", b"x", 0) == 1
            await broker.internal_message_broadcast("free", b"x", 1)
        assert disk.commits == 0
        disk.is_open.set()
    async with Broker(keeping(file, durability="memory")) as broker:
        async with asyncio.timeout(ENOUGH):
            assert await broker.publish("r", b"x", 1, retain=True) == 0


async def test_nobody_need_wait(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        assert broker.publish("t/a", b"1", 1).matched == 1
        assert broker.publish("t/a", b"2", 1).matched == 1
        disk.is_open.set()
        await broker.publish("t/a", b"3", 1)
        client = await opener(broker)
        await client.connect("away", **LASTING)
        assert [packet.payload for packet in await take(client, 3)] == [b"1", b"2", b"3"]


async def test_many_that_wait_share_a_commit(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        disk.is_open.set()
        publications = [broker.publish("t/a", b"%d" % number, 1) for number in range(100)]
        async with asyncio.timeout(ENOUGH):
            for publication in publications:
                await publication
        assert disk.commits == 1


async def test_when_the_store_fails_the_message_is_not_taken(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        disk.fault = "the disk is full"
        broker.publish("r", b"in time", 1, retain=True)
        await until(lambda: not broker.ready)
        for way in set(WAYS) - {"publish, retained at QoS 0", "retain_message"}:
            with pytest.raises(BrokerError, match="nothing can be stored at present"):
                await WAYS[way](broker)
        assert broker.publish("t/a", b"at QoS 0", 0).matched == 1
        assert await broker.publish("free", b"x", 1) == 0
        disk.fault = ""
        disk.is_open.set()
        await until(lambda: broker.ready)
        async with asyncio.timeout(ENOUGH):
            await broker.publish("t/a", b"after", 1)
        client = await opener(broker)
        await client.connect("away", **LASTING)
        assert [packet.payload for packet in await take(client, 1)] == [b"after"]
        assert await client.sync() == []


async def test_it_waits_for_a_deadline_says_why_and_is_stored_later(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file, **{"commit-timeout": 0.3})) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        disk.fault = "the disk is full"
        async with asyncio.timeout(ENOUGH):
            with pytest.raises(BrokerError, match=r"not durable after 0\.3 s \(the disk is full\)"):
                await broker.publish("t/a", b"x", 1)
        disk.fault = ""
        disk.is_open.set()
    async with Broker(keeping(file)) as broker:
        client = await opener(broker)
        await client.connect("away", **LASTING)
        assert [packet.payload for packet in await take(client, 1)] == [b"x"]


async def test_a_broker_that_does_not_run_says_so(file: Path) -> None:
    broker = Broker(keeping(file))
    await broker.internal_message_broadcast("r", b"before", retain=True)
    async with broker:
        pass
    await broker.retain_message(None, "r", b"after")
    with pytest.raises(BrokerError, match="does not run"):
        await broker.publish("r", b"x", 1, retain=True)
    async with Broker(keeping(file)) as another:
        assert [message.payload for message in another.server.retained] == []
    async with broker:
        await broker.publish("other", b"x", 1, retain=True)
    async with Broker(keeping(file)) as another:
        assert sorted(message.payload for message in another.server.retained) == [b"x", b"x"]


async def test_a_shutdown_writes_what_somebody_waits_for(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        work = asyncio.ensure_future(WAYS["publish at QoS 1"](broker))
        assert await is_stuck(work, disk)
        end = asyncio.create_task(broker.shutdown())
        disk.is_open.set()
        async with asyncio.timeout(ENOUGH):
            assert await work == 1
            await end


async def test_whoever_waits_for_a_dead_disk_is_told_of_the_shutdown(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        work = asyncio.ensure_future(WAYS["publish at QoS 1"](broker))
        assert await is_stuck(work, disk)
        async with asyncio.timeout(ENOUGH):
            await broker.shutdown(0)
            with pytest.raises(BrokerError, match="was shut down"):
                await work


async def test_a_cancelled_wait_leaves_nothing_behind(file: Path, opener: Opener) -> None:
    async with Broker(keeping(file)) as broker:
        await somebody_away(broker, opener)
        disk = GatedStore(broker)
        work = asyncio.ensure_future(WAYS["publish at QoS 1"](broker))
        assert await is_stuck(work, disk)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert broker._keeping is not None
        assert broker._keeping._awaited == []
        disk.is_open.set()


def test_a_program_without_an_event_loop_waits_too(file: Path) -> None:
    seen: list[bool] = []
    with Broker(keeping(file)).run_in_thread() as running:
        running.publish("r", b"x", 1, retain=True)
        assert running.call(lambda: stored(running.service)) == 1
        # A callback is called in the Service's own thread, which must not wait for itself.
        running.subscribe("a", lambda _: seen.append(running.publish("b", b"x", 1, retain=True) == 0))
        running.publish("a", b"x")
    assert seen == [True]


def stored(service: Any) -> int:
    """The number of the last Batch that is on the disk."""
    found: int = service._keeping._durable
    return found


PROGRAM = """
import asyncio, os, signal, sys
from amqtt.broker import Broker

async def main(file):
    listeners = {"test": {"bind": "127.0.0.1:0"}}
    async with Broker({"listeners": listeners, "sys_interval": 0, "persistence": {"file": file}}) as broker:
        for number in range(int(sys.argv[2])):
            await broker.publish(f"r/{number}", b"x", 1, retain=True)
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(sys.argv[1]))
"""


def test_what_a_killed_program_had_awaited_is_there(file: Path) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, file, "20"], stdout=subprocess.PIPE, check=False)
    published = [f"r/{number.decode()}" for number in run.stdout.split()]
    assert len(published) == 20
    with Broker(keeping(file)).run_in_thread() as running:
        found = running.call(lambda: [message.topic for message in running.service.server.retained])
    assert sorted(found) == sorted(published)
