"""A Broker that keeps what it acknowledged: over a shutdown, a crash, a full disk."""

import asyncio
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.wire.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel
from amqtt.wire.reasons import ReasonCode
from support.exchange import deliver, leave, take
from support.gated_store import store_of
from support.raw_client import RawClient

LASTING: dict[str, Any] = {"clean_start": False, "session_expiry_interval": 0xFFFFFFFF}


def keeping(file: Path, **persistence: object) -> dict[str, object]:
    return {
        "listeners": {"test": {"bind": "127.0.0.1:0"}},
        "sys_interval": 0,
        "persistence": {"file": str(file), **persistence},
    }


@pytest.fixture
def config(tmp_path: Path) -> dict[str, object]:
    return keeping(tmp_path / "state" / "amqtt.db")


async def opened(broker: Broker, version: int = 5) -> RawClient:
    return await RawClient.open(broker.listeners["test"].addresses[0], version)


async def connected(broker: Broker, client_id: str, version: int = 5, **options: Any) -> RawClient:
    client = await opened(broker, version)
    assert (await client.connect(client_id, **options)).reason_code == 0
    return client


async def away(broker: Broker, client_id: str = "away", topic_filter: str = "t", qos: int = 2) -> None:
    client = await connected(broker, client_id, **LASTING)
    await client.subscribe(topic_filter, qos)
    await leave(client)


async def published(broker: Broker, payload: bytes) -> None:
    client = await connected(broker, "publisher")
    await deliver(client, "t", payload, 1)
    await leave(client)


async def test_sessions_messages_and_retained_messages_outlast_the_broker(config: dict[str, object]) -> None:
    async with Broker(config) as broker:
        await away(broker)
        publisher = await connected(broker, "publisher")
        for number, qos in enumerate((1, 2, 1, 2), 1):
            await deliver(publisher, "t", b"%d" % number, qos, number)
        publisher.publish("r", b"kept", 1, retain=True, packet_id=9)
        await publisher.expect(Puback)
    async with Broker(config) as broker:
        client = await opened(broker)
        assert (await client.connect("away", **LASTING)).session_present
        assert [packet.payload for packet in await take(client, 4)] == [b"1", b"2", b"3", b"4"]
        await client.subscribe("r", 1, packet_id=2)
        assert (await client.expect(Publish)).payload == b"kept"


async def test_the_same_broker_can_be_started_again(config: dict[str, object]) -> None:
    broker = Broker(config)
    async with broker:
        await away(broker)
        await published(broker, b"1")
    async with broker:
        await published(broker, b"2")
    async with Broker(config) as another:
        client = await opened(another)
        assert (await client.connect("away", **LASTING)).session_present
        assert [packet.payload for packet in await take(client, 2)] == [b"1", b"2"]


async def test_what_a_program_publishes_outlasts_it_too(config: dict[str, object]) -> None:
    async with Broker(config) as broker:
        await away(broker)
        broker.publish("t", b"x", 1)
        broker.publish("r", b"y", 1, retain=True)
    async with Broker(config) as broker:
        assert [message.payload for message in broker.server.retained] == [b"y"]
        assert len(broker.server.realm.sessions["away"].backlog) == 1


async def test_no_thread_is_left(config: dict[str, object]) -> None:
    before = set(threading.enumerate())
    async with Broker(config) as broker:
        await away(broker)
    assert set(threading.enumerate()) - before == set()


async def test_a_second_broker_on_the_same_file_does_not_start(config: dict[str, object]) -> None:
    async with Broker(config) as broker:
        with pytest.raises(BrokerError, match="in use by another broker"):
            await Broker(config).start()
        await away(broker)
        await published(broker, b"1")
    async with Broker(config) as broker:
        assert "away" in broker.server.realm.sessions


async def test_a_start_that_fails_lets_go_of_the_file(config: dict[str, object]) -> None:
    async with Broker({"listeners": {"test": {"bind": "127.0.0.1:0"}}}) as other:
        taken = other.listeners["test"].addresses[0][1]
        config["listeners"] = {"test": {"bind": f"127.0.0.1:{taken}"}}
        with pytest.raises(BrokerError, match=r"in use|Address"):
            await Broker(config).start()
    config["listeners"] = {"test": {"bind": "127.0.0.1:0"}}
    async with Broker(config) as broker:
        assert broker.ready


async def test_without_the_section_everything_is_in_memory(tmp_path: Path, state_home: Path) -> None:
    async with Broker({"listeners": {"test": {"bind": "127.0.0.1:0"}}}) as broker:
        await away(broker)
    assert os.listdir(tmp_path) + os.listdir(state_home) == []


async def test_durability_memory_keeps_nothing(tmp_path: Path) -> None:
    async with Broker(keeping(tmp_path / "amqtt.db", durability="memory")) as broker:
        await away(broker)
    assert os.listdir(tmp_path) == []


async def test_the_log_says_where_it_is_kept(
    config: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Broker(config):
        pass
    assert f"Sessions and retained messages are kept in {tmp_path}/state/amqtt.db" in caplog.text


async def test_a_qos_2_message_is_delivered_once_over_restarts_between_each_of_its_packets(
    config: dict[str, object],
) -> None:
    """[B2]"""
    async with Broker(config) as broker:
        await away(broker)
        client = await connected(broker, "publisher", **LASTING)
        client.publish("t", b"x", 2, packet_id=7)
        assert (await client.expect(Pubrec)).packet_id == 7
    async with Broker(config) as broker:
        client = await connected(broker, "publisher", **LASTING)
        client.publish("t", b"x", 2, packet_id=7, dup=True)
        await client.expect(Pubrec)
        client.send(Pubrel(7))
        await client.expect(Pubcomp)
    async with Broker(config) as broker:
        client = await connected(broker, "away", **LASTING)
        first = await client.expect(Publish)
        assert (first.payload, first.qos) == (b"x", 2)
    async with Broker(config) as broker:
        client = await connected(broker, "away", **LASTING)
        again = await client.expect(Publish)
        assert (again.packet_id, again.dup) == (first.packet_id, True)
        client.send(Pubrec(again.packet_id))
        await client.expect(Pubrel)
    async with Broker(config) as broker:
        client = await connected(broker, "away", **LASTING)
        assert (await client.expect(Pubrel)).packet_id == first.packet_id
        client.send(Pubcomp(first.packet_id))
        assert await client.sync() == []
    async with Broker(config) as broker:
        client = await connected(broker, "away", **LASTING)
        assert await client.sync() == []


async def fill_the_disk(broker: Broker, spare: int) -> None:
    """Let the file grow by so many pages only."""
    store = store_of(broker)

    def limit() -> None:
        connection = store._database.connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + spare}")

    await store._run(limit)


async def test_a_full_disk_makes_no_false_promise_and_is_recovered_from(config: dict[str, object]) -> None:
    """[F8]"""
    async with Broker(config) as broker:
        await away(broker)
        old = await connected(broker, "old", 4)
        publisher = await connected(broker, "publisher")
        await fill_the_disk(broker, 30)
        acknowledged = []
        for number in range(1, 1000):
            publisher.publish("t", bytes(5000) + b"%d" % number, 1, packet_id=number)
            packet = await until(publisher, broker)
            if packet is None:
                break
            acknowledged.append(number)
        assert not broker.ready
        stuck = number
        publisher.publish("t", b"refused", 1, packet_id=5000)
        publisher.publish("free", b"x", 1, packet_id=5001)
        publisher.publish("t", b"fleeting", 0)
        assert await publisher.sync() == [], "what follows does not overtake what waits"
        old.publish("t", b"x", 1, packet_id=1)
        assert await old.expect_closed() == []
        await fill_the_disk(broker, 10_000)
        waited = [await publisher.receive() for _ in range(3)]
        assert [packet.packet_id for packet in waited] == [stuck, 5000, 5001]  # type: ignore[union-attr]
        codes = [packet.reason_code for packet in waited]  # type: ignore[union-attr]
        assert codes == [0, ReasonCode.QUOTA_EXCEEDED, ReasonCode.NO_MATCHING_SUBSCRIBERS]
        assert broker.ready
        await deliver(publisher, "t", b"after", 1, 6000)
    async with Broker(config) as broker:
        client = await connected(broker, "away", **LASTING)
        found = await take(client, len(acknowledged) + 2)
        assert [packet.payload.lstrip(b"\0") for packet in found] == [
            *(b"%d" % number for number in acknowledged), b"%d" % stuck, b"after",
        ]


async def until(publisher: RawClient, broker: Broker) -> object:
    """The next packet, or None when the store begins to fail."""
    receiving = asyncio.ensure_future(publisher.receive(60))
    while not receiving.done():
        if not broker.ready:
            receiving.cancel()
            await asyncio.wait([receiving])
            return None
        await asyncio.wait([receiving], timeout=0.01)
    return receiving.result()
