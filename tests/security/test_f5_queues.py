"""F5: what waits for Clients that are away, or do not acknowledge, is bounded for each and for all."""

from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.observe.figures import memory_limit, memory_used
from amqtt.service import Service
from amqtt.sessions.backlog import PLACE
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Puback, Publish
from support.bench_server import Bench, BenchClient
from support.opener import Opener
from support.sizes import sized

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def away(bench: Bench, name: str, version: int = MQTT_5, topic: str = "t") -> None:
    """A Client that subscribed, and left its Session."""
    more = {"session_expiry_interval": 1000} if version == MQTT_5 else {}
    client = bench.connected(name, version, clean_start=False, **more)
    client.subscribe(topic, 1)
    client.lose()


def payloads(client: BenchClient) -> list[bytes]:
    return [packet.payload for packet in client.received() if isinstance(packet, Publish)]


def back(bench: Bench, name: str) -> BenchClient:
    return bench.connected(name, clean_start=False, session_expiry_interval=1000)


@BOTH
def test_messages_of_one_session_are_bounded_and_the_oldest_stay(version: int) -> None:
    bench = Bench(maximum_queued_messages=3)
    away(bench, "c", version)
    publisher = bench.connected("p")
    for number in range(5):
        publisher.publish("t", b"%d" % number, 1)
    assert bench.server.counters.dropped_full == 2
    assert bench.server.realm.excess.counts == {"maximum_queued_messages": 2}
    assert payloads(back(bench, "c")) == [b"0", b"1", b"2"]


def test_bytes_of_one_session_are_bounded() -> None:
    bench = Bench(maximum_queued_bytes=10)
    away(bench, "c")
    publisher = bench.connected("p")
    for payload in (b"1234", b"5678", b"9", b""):
        publisher.publish("t", payload, 1)
    assert bench.server.realm.excess.counts == {"maximum_queued_bytes": 2}
    assert payloads(back(bench, "c")) == [b"1234", b"5678"]


def test_bytes_of_all_sessions_are_bounded_together_and_drops_are_what_is_missing() -> None:
    bench = Bench(maximum_queued_bytes_in_all=20 * (PLACE + 1000 + 2))
    names = [f"c{number}" for number in range(10)]
    for name in names:
        away(bench, name, topic=name)
    publisher = bench.connected("p")
    for _ in range(5):
        for name in names:
            publisher.publish(name, bytes(1000), 1)
    counters = bench.server.counters
    assert counters.queued_messages == 20
    assert counters.dropped_full == 30
    assert counters.held_bytes <= 20 * (PLACE + 1000 + 2)
    assert bench.server.realm.excess.counts == {"maximum_queued_bytes_in_all": 30}
    assert sum(len(payloads(back(bench, name))) for name in names) == 20
    assert counters.held_bytes == counters.queued_bytes == counters.queued_messages == 0


@pytest.mark.parametrize(("spare", "waiting"), [(0, 2), (-1, 1)])
def test_the_bytes_of_all_are_those_of_topic_payload_and_place(spare: int, waiting: int) -> None:
    bench = Bench(maximum_queued_bytes_in_all=2 * (PLACE + 1 + 100) + spare)
    away(bench, "a", topic="a")
    away(bench, "b", topic="b")
    publisher = bench.connected("p")
    for topic in ("a", "b"):
        publisher.publish(topic, bytes(100), 1)
    assert bench.server.counters.queued_messages == waiting


def test_a_message_that_waits_for_many_counts_once() -> None:
    bench = Bench(maximum_queued_bytes_in_all=2 * 1000 + 20 * PLACE)
    names = [f"c{number}" for number in range(10)]
    for name in names:
        away(bench, name)
    publisher = bench.connected("p")
    publisher.publish("t", bytes(900), 1)
    publisher.publish("t", bytes(900), 1)
    assert bench.server.counters.queued_messages == 20
    assert bench.server.counters.dropped_full == 0
    publisher.publish("t", b"", 1)
    assert bench.server.counters.dropped_full == 10


def test_what_is_held_returns_to_nothing_when_sessions_end() -> None:
    bench = Bench()
    away(bench, "a")
    away(bench, "b")
    publisher = bench.connected("p")
    for _ in range(10):
        publisher.publish("t", bytes(100), 1)
    bench.pass_time(1001)
    counters = bench.server.counters
    assert (counters.held_bytes, counters.queued_bytes, counters.queued_messages) == (0, 0, 0)


@BOTH
def test_a_client_that_reads_and_never_acknowledges_is_sent_so_many_bytes(version: int) -> None:
    bench = Bench(maximum_inflight_bytes=2500, maximum_queued_messages=4)
    client, publisher = bench.connected("c", version), bench.connected("p")
    client.subscribe("t", 1)
    for number in range(10):
        publisher.publish("t", b"%d" % number * 1000, 1)
    sent = [packet for packet in client.received() if isinstance(packet, Publish)]
    assert [packet.payload[:1] for packet in sent] == [b"0", b"1", b"2"]
    assert bench.server.counters.dropped_full == 3
    arrived = []
    while sent:
        client.send(*(Puback(packet.packet_id) for packet in sent))
        arrived += sent
        sent = [packet for packet in client.received() if isinstance(packet, Publish)]
    assert [packet.payload[:1] for packet in arrived] == [b"%d" % number for number in range(7)]
    assert bench.server.realm.sessions["c"].inflight.size == 0


def test_what_was_in_flight_is_sent_again_within_the_same_bound() -> None:
    bench = Bench(maximum_inflight_bytes=1500)
    client = bench.connected("c", session_expiry_interval=1000, clean_start=False)
    client.subscribe("t", 1)
    publisher = bench.connected("p")
    for number in range(4):
        publisher.publish("t", b"%d" % number * 1000, 1)
    client.lose()
    again = back(bench, "c")
    arrived = []
    while sent := [packet for packet in again.received() if isinstance(packet, Publish)]:
        assert len(sent) <= 2
        arrived += [packet.payload[:1] for packet in sent]
        again.send(*(Puback(packet.packet_id) for packet in sent))
    assert arrived == [b"0", b"1", b"2", b"3"]


async def test_the_store_stays_within_the_bounds_and_what_was_dropped_is_what_is_missing(
    tmp_path: Path, opener: Opener
) -> None:
    """Ten megabytes for fifty who are away: two may wait, in memory and on the disk. Or ten each for 500."""
    most, size, sent = sized(2_000_000, 256_000_000), 100_000, sized(100, 50_000)
    sessions, topics = sized(50, 500), sized(10, 500)
    file = tmp_path / "amqtt.db"
    config = {
        "listeners": {"test": {"bind": "127.0.0.1:0"}},
        "sys_interval": 0,
        "persistence": {"file": str(file), "durability": "normal"},
        "limits": {"maximum-queued-bytes": sized(500_000, 4_000_000), "maximum-queued-bytes-in-all": most},
    }
    async with Broker(config) as broker:
        for number in range(sessions):
            client = await opener(broker)
            await client.connect(f"c{number}", clean_start=False, session_expiry_interval=1000)
            await client.subscribe(f"t/{number % topics}", 1)
            client.send(Disconnect())
            await client.read_to_end()
        publisher = await opener.connected(broker, "p")
        resident = memory_used()
        for number in range(sent):
            publisher.publish(f"t/{number % topics}", bytes(size), 1, packet_id=number + 1)
            assert (await publisher.expect(Puback)).reason_code < 0x80
        counters = broker.server.counters
        kept = counters.queued_messages
        assert 0 < kept < sent * sessions // topics
        assert counters.dropped_full == sent * sessions // topics - kept
        assert sum(broker.server.realm.excess.counts.values()) == counters.dropped_full
        assert counters.held_bytes <= most
        assert memory_used() - resident < most + most // 4 + 16_000_000
    assert file.stat().st_size <= most + most // 4
    arrived = 0
    async with Broker(config) as broker:
        for number in range(sessions):
            client = await opener(broker)
            await client.connect(f"c{number}", clean_start=False, session_expiry_interval=1000)
            arrived += sum(isinstance(packet, Publish) for packet in await client.sync())
    assert arrived == kept


def test_without_a_word_all_queues_may_have_a_quarter_of_the_memory() -> None:
    quarter = memory_limit() // 4
    assert quarter > memory_used() // 100
    assert Service().server.limits.maximum_queued_bytes_in_all == quarter
    stated = Service({"limits": {"maximum-queued-bytes-in-all": 12345}})
    assert stated.server.limits.maximum_queued_bytes_in_all == 12345
