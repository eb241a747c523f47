"""Receive Maximum and the send quota (MQTT 5.0, 3.3.4 and 4.9), message ordering (4.6)."""

from collections import deque

import pytest

from amqtt.wire.packets import (
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench
from support.exchange import answer, lasting, leave, messages, payloads, take
from support.loopback import Brokers, Clients
from support.raw_client import RawClient

ALL_VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])


async def burst(client: Clients, count: int, qos: int, topic: str = "a", version: int = 5) -> RawClient:
    """A publisher that has published this many messages, all at once."""
    publisher = await client.connected("publisher", version)
    unsent = deque(range(1, count + 1))
    unfinished = 0
    while unsent or unfinished:
        # Never more than the 256 that the Server takes at a time.
        while unsent and unfinished < 256:
            number = unsent.popleft()
            publisher.publish(topic, b"%d" % number, qos, packet_id=number if qos else 0)
            unfinished += 1 if qos else 0
        if not unfinished:
            break
        packet = await publisher.receive()
        if isinstance(packet, Pubrec):
            publisher.send(Pubrel(packet.packet_id))
        else:
            unfinished -= 1
    await publisher.sync()
    return publisher


@pytest.mark.parametrize("maximum", [1, 2, 7])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.3.4-9", "4.9.0-1", "4.9.0-2")
async def test_no_more_than_receive_maximum_is_sent_unacknowledged(
    client: Clients, qos: int, maximum: int
) -> None:
    subscriber = await client.connected("subscriber", receive_maximum=maximum)
    await subscriber.subscribe("a", qos)
    await burst(client, 20, qos)
    arrived = await messages(subscriber)
    assert [m.payload for m in arrived] == [b"%d" % number for number in range(1, maximum + 1)]
    waiting = deque(arrived)
    for number in range(maximum + 1, 21):
        oldest = waiting.popleft()
        if qos == 1:
            subscriber.send(Puback(oldest.packet_id))
        else:
            subscriber.send(Pubrec(oldest.packet_id))
            assert [type(packet) for packet in await subscriber.sync()] == [Pubrel]
            subscriber.send(Pubcomp(oldest.packet_id))
        [message] = await messages(subscriber)
        assert message.payload == b"%d" % number
        waiting.append(message)


@pytest.mark.mqtt5("3.3.4-9", "4.9.0-2")
async def test_qos_1_and_2_share_the_send_quota(client: Clients) -> None:
    subscriber = await client.connected("subscriber", receive_maximum=2)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher")
    for number in range(1, 7):
        publisher.publish("a", b"%d" % number, 1 + number % 2, packet_id=number)
    await publisher.sync()
    one, two = await messages(subscriber)
    subscriber.send(Pubrec(one.packet_id, 0x80), Puback(two.packet_id, 0x80))
    assert [m.payload for m in await messages(subscriber)] == [b"3", b"4"]


@ALL_VERSIONS
@pytest.mark.mqtt5("4.9.0-1")
async def test_a_client_that_names_no_receive_maximum_is_sent_messages(client: Clients, version: int) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    await burst(client, 50, 1)
    assert len(await messages(subscriber)) == 50


@pytest.mark.mqtt5("4.9.0-1", "4.9.0-2")
async def test_the_send_quota_begins_anew_with_the_network_connection(client: Clients) -> None:
    subscriber = await client.connected("subscriber", receive_maximum=2, **lasting(5))
    await subscriber.subscribe("a", 1)
    await burst(client, 10, 1)
    assert await payloads(subscriber) == [b"1", b"2"]
    await leave(subscriber)
    subscriber = await client.connected("subscriber", receive_maximum=4, **lasting(5))
    assert await payloads(subscriber) == [b"1", b"2", b"3", b"4"]
    await leave(subscriber)
    subscriber = await client.connected("subscriber", receive_maximum=1, **lasting(5))
    assert [m.payload for m in await take(subscriber, 10)] == [b"%d" % number for number in range(1, 11)]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.3.4-10", "4.9.0-3")
async def test_without_send_quota_everything_else_goes_on(client: Clients, qos: int) -> None:
    subscriber = await client.connected("subscriber", receive_maximum=1)
    await subscriber.subscribe("a", qos)
    await burst(client, 5, qos)
    assert await payloads(subscriber) == [b"1"]
    subscriber.publish("b", b"x", 1, packet_id=11)
    assert (await subscriber.expect(Puback)).packet_id == 11
    subscriber.publish("b", b"x", 2, packet_id=12)
    assert (await subscriber.expect(Pubrec)).packet_id == 12
    subscriber.send(Pubrel(12))
    assert (await subscriber.expect(Pubcomp)).packet_id == 12
    subscriber.send(Subscribe(13, [SubscriptionRequest("b", 1)]), Unsubscribe(14, ["b"]), Pubrec(999))
    kinds = [type(packet) for packet in await subscriber.sync()]
    assert kinds == [Suback, Unsuback, Pubrel]


@pytest.mark.mqtt5("3.3.4-10", "4.9.0-3")
async def test_pubrel_is_sent_again_whatever_the_send_quota(client: Clients) -> None:
    subscriber = await client.connected("subscriber", **lasting(5))
    await subscriber.subscribe("a", 2)
    await burst(client, 3, 2)
    first, second, third = await messages(subscriber)
    subscriber.send(Pubrec(second.packet_id), Pubrec(third.packet_id))
    assert len(await subscriber.sync()) == 2
    await leave(subscriber)
    subscriber = await client.connected("subscriber", receive_maximum=1, **lasting(5))
    released = [packet.packet_id for packet in await subscriber.sync() if isinstance(packet, Pubrel)]
    assert released == [second.packet_id, third.packet_id]
    subscriber.send(Pubcomp(second.packet_id), Pubcomp(third.packet_id))
    [again] = await messages(subscriber)
    assert (again.packet_id, again.dup) == (first.packet_id, True)


@pytest.mark.mqtt5("3.3.4-9", "4.9.0-2")
async def test_an_acknowledgement_of_what_was_not_sent_again_yet_adds_no_quota(client: Clients) -> None:
    subscriber = await client.connected("subscriber", **lasting(5))
    await subscriber.subscribe("a", 1)
    publisher = await burst(client, 3, 1)
    ids = [message.packet_id for message in await messages(subscriber)]
    await leave(subscriber)
    subscriber = await client.connected("subscriber", receive_maximum=1, **lasting(5))
    subscriber.send(*[Puback(packet_id) for packet_id in reversed(ids)])
    assert [message.packet_id for message in await messages(subscriber)] == [ids[0]]
    for number in range(4, 8):
        publisher.publish("a", b"%d" % number, 1, packet_id=number)
    await publisher.sync()
    assert await payloads(subscriber) == [b"4"]


@pytest.mark.mqtt5("4.6.0-5")
def test_a_message_does_not_overtake_those_that_waited_for_room_on_the_link() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber")
    subscriber.subscribe("a", 1)
    publisher = bench.connected("publisher")
    subscriber.link.full = True
    publisher.publish("a", b"1", 1)
    publisher.publish("a", b"2", 1)
    subscriber.link.full = False
    publisher.publish("a", b"3", 1)
    bench.server.drained(subscriber.state)
    assert [packet.payload for packet in subscriber.received()] == [b"1", b"2", b"3"]
    assert bench.faults == []


@pytest.mark.parametrize("maximum", [1, 3, 20])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.3.4-9", "4.6.0-5", "4.9.0-2")
async def test_a_burst_arrives_completely_and_in_order(client: Clients, qos: int, maximum: int) -> None:
    subscriber = await client.connected("subscriber", receive_maximum=maximum)
    await subscriber.subscribe("a", qos)
    await burst(client, 1000, qos)
    unacknowledged: set[int] = set()
    numbers: list[int] = []
    while len(numbers) < 1000 or unacknowledged:
        packet = await subscriber.receive()
        if isinstance(packet, Publish):
            assert packet.packet_id not in unacknowledged
            assert not packet.dup
            unacknowledged.add(packet.packet_id)
            assert len(unacknowledged) <= maximum
            numbers.append(int(packet.payload))
        [reply] = answer(packet)
        if not isinstance(reply, Pubrec):
            unacknowledged.discard(reply.packet_id)
        subscriber.send(reply)
    assert numbers == list(range(1, 1001))


@pytest.mark.parametrize(("version", "publisher_version"), [(3, 5), (4, 4), (5, 3)])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("4.6.0-5", "4.6.0-6")
@pytest.mark.mqtt311("4.6.0-5", "4.6.0-6")
async def test_every_topic_is_an_ordered_topic(
    client: Clients, version: int, publisher_version: int, qos: int
) -> None:
    subscribers = [await client.connected(f"s{granted}", version) for granted in range(3)]
    for granted, subscriber in enumerate(subscribers):
        await subscriber.subscribe("a/#", granted)
        await subscriber.subscribe("+/b", granted)
    await burst(client, 250, qos, "a/b", publisher_version)
    for granted, subscriber in enumerate(subscribers):
        arrived = await take(subscriber, 250)
        assert [m.payload for m in arrived] == [b"%d" % number for number in range(1, 251)]
        assert {m.qos for m in arrived} == {min(qos, granted)}


@ALL_VERSIONS
@pytest.mark.mqtt5("4.6.0-5")
@pytest.mark.mqtt311("4.6.0-6")
async def test_a_burst_is_in_order_for_a_client_that_comes_and_goes(client: Clients, version: int) -> None:
    options = lasting(version)
    subscriber = await client.connected("subscriber", version, **options)
    await subscriber.subscribe("a", 1)
    await burst(client, 500, 1)
    numbers: list[int] = []
    while len(set(numbers)) < 500:
        await leave(subscriber)
        subscriber = await client.connected("subscriber", version, **options)
        arrived = await take(subscriber, min(60, 500 - len(set(numbers))))
        numbers += [int(message.payload) for message in arrived]
    # A message whose PUBACK was on its way may come twice, but none comes before an older one.
    assert list(dict.fromkeys(numbers)) == list(range(1, 501))


async def test_a_message_that_does_not_fit_into_the_queue_leaves_what_waits_in_order(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(maximum_queued_messages=5)
    absent = await client.connected("absent", broker=broker, **lasting(5))
    await absent.subscribe("a", 1)
    await leave(absent)
    publisher = await client.connected("publisher", broker=broker)
    for number in range(1, 11):
        publisher.publish("a", b"%d" % number, 1, packet_id=number)
    await publisher.sync()
    absent = await client.connected("absent", broker=broker, **lasting(5))
    assert await payloads(absent) == [b"1", b"2", b"3", b"4", b"5"]


@ALL_VERSIONS
@pytest.mark.mqtt5("4.6.0-5")
@pytest.mark.mqtt311("4.6.0-6")
async def test_the_server_acknowledges_in_the_order_of_what_it_received(
    client: Clients, version: int
) -> None:
    publisher = await client.connected("publisher", version)
    ids = [9, 3, 60_000, 1, 7, 2]
    for qos, kind in ((1, Puback), (2, Pubrec)):
        publisher.send(*[Publish("a", b"x", qos, packet_id=packet_id) for packet_id in ids])
        answers = await publisher.sync()
        assert [(type(packet), packet.packet_id) for packet in answers] == [(kind, number) for number in ids]
    publisher.send(*[Pubrel(packet_id) for packet_id in reversed(ids)])
    assert [packet.packet_id for packet in await publisher.sync()] == ids[::-1]


@ALL_VERSIONS
@pytest.mark.mqtt5("4.6.0-5")
@pytest.mark.mqtt311("4.6.0-6")
async def test_pubrel_is_sent_in_the_order_of_pubrec(client: Clients, version: int) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    await burst(client, 6, 2)
    ids = [message.packet_id for message in await messages(subscriber)]
    shuffled = [ids[at] for at in (3, 0, 5, 1, 4, 2)]
    subscriber.send(*[Pubrec(packet_id) for packet_id in shuffled])
    assert [packet.packet_id for packet in await subscriber.sync()] == shuffled
