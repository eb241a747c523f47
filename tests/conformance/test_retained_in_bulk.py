"""A Subscription that matches thousands of retained messages: all of them arrive, others are served."""

import asyncio

import pytest

from amqtt.broker import Broker
from amqtt.wire.packets import (
    Connect,
    Puback,
    Publish,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench, BenchClient
from support.exchange import answer, lasting, take
from support.loopback import Brokers, Clients

TOPICS = 3000


def retain(broker: Broker, count: int = TOPICS, size: int = 0) -> set[str]:
    """Retain messages at QoS 2 under `r/`; their topics."""
    topics = {f"r/{number % 50}/{number}" for number in range(count)}
    for topic in topics:
        broker.publish(topic, topic.encode().ljust(size, b"."), qos=2, retain=True)
    return topics


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-9", "4.5.0-1")
@pytest.mark.mqtt311("3.3.1-6", "4.5.0-1")
async def test_all_of_them_arrive_while_others_are_served(
    client: Clients, broker: Broker, version: int, qos: int
) -> None:
    topics = retain(broker)
    publisher = await client.connected("publisher")
    other = await client.connected("other")
    await other.subscribe("live")
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("r/#", qos)
    taking = asyncio.create_task(take(subscriber, TOPICS))
    for number in range(5):
        publisher.publish("live", b"%d" % number)
        assert (await other.expect(Publish)).payload == b"%d" % number
    assert not taking.done()
    arrived = await taking
    assert [m.payload.decode() for m in arrived] == [m.topic for m in arrived]
    assert sorted(m.topic for m in arrived) == sorted(topics)
    assert {(m.qos, m.retain, m.dup) for m in arrived} == {(qos, True, False)}


@pytest.mark.parametrize("maximum", [1, 10])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.3.1-9", "3.3.4-9")
async def test_all_of_them_arrive_within_a_small_receive_maximum(
    client: Clients, broker: Broker, qos: int, maximum: int
) -> None:
    topics = retain(broker, 1000)
    subscriber = await client.connected("subscriber", receive_maximum=maximum)
    await subscriber.subscribe("#", qos)
    waiting: dict[int, Publish] = {}
    seen: list[str] = []
    while len(seen) < 1000 or waiting:
        packet = await subscriber.receive()
        if isinstance(packet, Publish):
            waiting[packet.packet_id] = packet
            assert len(waiting) <= maximum
            seen.append(packet.topic)
        if isinstance(packet, Pubrel) or qos == 1:
            del waiting[packet.packet_id]
        subscriber.send(*answer(packet))
    assert set(seen) == topics
    assert await subscriber.sync() == []


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-9")
async def test_those_that_are_few_among_very_many_arrive(client: Clients, broker: Broker, qos: int) -> None:
    retain(broker, 5000)
    wanted = {"r/7/7/deep", "r/25/4975/deep", "r/49/4999/deep"}
    for topic in wanted:
        broker.publish(topic, b"x", qos=2, retain=True)
    subscriber = await client.connected("subscriber", receive_maximum=1)
    await subscriber.subscribe("+/+/+/deep", qos)
    assert {m.topic for m in await take(subscriber, 3)} == wanted


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-9")
@pytest.mark.mqtt311("3.3.1-6")
async def test_large_ones_arrive_at_a_client_that_reads_slowly(
    client: Clients, broker_with: Brokers, qos: int
) -> None:
    broker = await broker_with(maximum_unsent_bytes=64 * 1024)
    topics = retain(broker, 300, 60_000)
    subscriber = await client.connected("subscriber", 4, broker=broker)
    subscriber.send(Subscribe(1, [SubscriptionRequest("#", qos)]))
    other = await client.connected("other", broker=broker)
    for _ in range(20):
        assert await other.sync() == []
    await subscriber.expect(Suback)
    arrived = await take(subscriber, 300)
    assert {m.topic for m in arrived} == topics
    assert {len(m.payload) for m in arrived} == {60_000}


@pytest.mark.mqtt5("3.3.1-9")
async def test_live_messages_are_not_lost_beside_them(client: Clients, broker: Broker) -> None:
    topics = retain(broker, 1000)
    publisher = await client.connected("publisher")
    subscriber = await client.connected("subscriber", receive_maximum=5)
    await subscriber.subscribe("#", 1)
    live = [f"live/{number}" for number in range(200)]
    for number, topic in enumerate(live, 1):
        publisher.publish(topic, b"x", 1, packet_id=number)
    arrived = await take(subscriber, 1200)
    assert [m.topic for m in arrived if not m.retain] == live
    assert {m.topic for m in arrived if m.retain} == topics


@pytest.mark.mqtt5("3.3.1-9")
async def test_each_of_several_subscriptions_is_sent_its_own(client: Clients, broker: Broker) -> None:
    topics = retain(broker, 400)
    subscriber = await client.connected("subscriber")
    filters = ["r/#", "r/+/+", "none/#"]
    requests = [SubscriptionRequest(topic_filter, qos) for qos, topic_filter in enumerate(filters)]
    subscriber.send(Subscribe(1, requests))
    await subscriber.expect(Suback)
    arrived = await take(subscriber, 800)
    for qos in (0, 1):
        assert {m.topic for m in arrived if m.qos == qos} == topics


# -- on a bench, where it can be stopped half-way


def bench_with(count: int) -> Bench:
    bench = Bench()
    publisher = bench.connected("publisher")
    for number in range(count):
        publisher.publish(f"r/{number}", b"old", 1, retain=True)
    return bench


def rest_of(client: BenchClient) -> list[Publish]:
    """Everything that is still sent, each message acknowledged."""
    arrived: list[Publish] = []
    while True:
        client.bench.pass_time(0)
        packets = client.received()
        if not packets:
            return arrived
        for packet in packets:
            assert isinstance(packet, Publish)
            arrived.append(packet)
        client.send(*[Puback(packet.packet_id) for packet in packets if packet.qos])


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.mqtt5("3.3.1-9")
@pytest.mark.mqtt311("3.3.1-6")
def test_the_session_is_sent_the_rest_when_it_is_resumed(version: int, qos: int) -> None:
    bench = bench_with(1000)
    options = lasting(version)
    subscriber = bench.connected("subscriber", version, **options)
    subscriber.subscribe("#", qos)
    before = subscriber.received()
    assert 0 < len(before) < 1000
    subscriber.lose()
    bench.pass_time(1)
    subscriber = bench.connected("subscriber", version, **options)
    after = rest_of(subscriber)
    assert {m.topic for m in [*before, *after]} == {f"r/{number}" for number in range(1000)}
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.1-9")
def test_a_client_that_begins_anew_half_way_is_sent_all_of_them() -> None:
    bench = bench_with(1000)
    first = bench.connected("subscriber")
    first.subscribe("#")
    second = bench.client()
    second.send(Connect("subscriber", 5, True), Subscribe(1, [SubscriptionRequest("#")]))
    _connack, _suback, *arrived = second.received()
    arrived += rest_of(second)
    assert sorted(m.topic for m in arrived) == sorted(f"r/{number}" for number in range(1000))
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.1-9")
def test_what_the_client_knows_in_the_end_is_what_is_retained_in_the_end() -> None:
    bench = bench_with(1000)
    subscriber = bench.connected("subscriber", receive_maximum=10)
    subscriber.subscribe("#", 1)
    publisher = bench.connected("publisher two")
    known: dict[str, bytes] = {}
    for number in range(0, 1000, 3):
        publisher.publish(f"r/{number}", b"new" if number % 2 else b"", 1, retain=True)
        publisher.received()
        packets = subscriber.received()
        known.update((packet.topic, packet.payload) for packet in packets)
        subscriber.send(*[Puback(packet.packet_id) for packet in packets])
    known.update((message.topic, message.payload) for message in rest_of(subscriber))
    changed = {f"r/{number}": b"new" if number % 2 else b"" for number in range(0, 1000, 3)}
    assert known == {f"r/{number}": b"old" for number in range(1000)} | changed
    assert bench.faults == []


@pytest.mark.mqtt5("3.10.4-2")
def test_unsubscribing_half_way_ends_them() -> None:
    bench = bench_with(1000)
    subscriber = bench.connected("subscriber", receive_maximum=10)
    subscriber.subscribe("#", 1)
    packets = subscriber.received()
    subscriber.send(Unsubscribe(2, ["#"]))
    [unsuback] = subscriber.received()
    assert isinstance(unsuback, Unsuback)
    subscriber.send(*[Puback(packet.packet_id) for packet in packets])
    assert rest_of(subscriber) == []
    assert bench.faults == []


def test_subscribing_again_and_again_begins_anew_and_owes_no_more() -> None:
    bench = bench_with(300)
    subscriber = bench.connected("subscriber", receive_maximum=1)
    subscriber.send(*[Subscribe(number, [SubscriptionRequest("#", 1)]) for number in range(1, 51)])
    first, *others = [packet for packet in subscriber.received() if not isinstance(packet, Suback)]
    assert others == []
    subscriber.send(Puback(first.packet_id))
    arrived = [first, *rest_of(subscriber)]
    assert {m.topic for m in arrived} == {f"r/{number}" for number in range(300)}
    assert len(arrived) <= 300 + 50
    assert bench.faults == []
