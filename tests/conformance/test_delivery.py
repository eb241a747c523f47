"""Who is sent what: overlapping Subscriptions, No Local, the lesser QoS, all versions, packet sizes."""

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import Puback, Publish, Pubrec
from support.exchange import deliver, lasting, leave, messages, payloads, take
from support.loopback import Clients

VERSIONS = [3, 4, 5]


@pytest.mark.parametrize("publishing", VERSIONS)
@pytest.mark.parametrize("subscribing", VERSIONS)
@pytest.mark.mqtt5("4.3.1-1", "4.3.2-2", "4.3.3-2")
@pytest.mark.mqtt311("4.3.1-1", "4.3.2-1", "4.3.3-1")
async def test_the_qos_is_the_lesser_of_published_and_granted(
    client: Clients, subscribing: int, publishing: int
) -> None:
    subscribers = [await client.connected(f"s{granted}", subscribing) for granted in range(3)]
    for granted, subscriber in enumerate(subscribers):
        assert (await subscriber.subscribe("t/+", granted)).reason_codes == [granted]
    publisher = await client.connected("publisher", publishing)
    for qos in range(3):
        await deliver(publisher, "t/é", b"\x00\xff%d" % qos, qos)
    for granted, subscriber in enumerate(subscribers):
        arrived = await take(subscriber, 3)
        assert [m.qos for m in arrived] == [min(qos, granted) for qos in range(3)]
        assert [m.payload for m in arrived] == [b"\x00\xff%d" % qos for qos in range(3)]
        assert {(m.topic, m.retain, m.dup) for m in arrived} == {("t/é", False, False)}


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_the_properties_of_mqtt_5_are_left_out_for_older_clients(
    client: Clients, version: int, qos: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher")
    publisher.publish(
        "a", b"x", qos, content_type="text", user_properties=(("a", "b"),), message_expiry_interval=60,
        payload_format_indicator=1, topic_alias=1,
    )
    await publisher.sync()
    [message] = await messages(subscriber)
    assert (message.topic, message.payload, message.qos, message.properties) == ("a", b"x", qos, None)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
@pytest.mark.parametrize(("publishing", "subscribing"), [(4, 4), (5, 5), (4, 5), (5, 4)])
async def test_a_payload_of_any_size_arrives_as_it_is(
    client: Clients, publishing: int, subscribing: int, size: int
) -> None:
    payload = bytes(number % 251 for number in range(size))
    subscriber = await client.connected("subscriber", subscribing)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", publishing)
    publisher.publish("a", payload, 0)
    publisher.publish("a", payload, 1)
    for qos in range(2):
        message = await subscriber.expect(Publish)
        assert message.qos == qos
        assert message.payload == payload


# -- overlapping Subscriptions


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.4-2")
@pytest.mark.mqtt311("3.3.5-1")
async def test_overlapping_subscriptions_deliver_once_at_their_maximum_qos(
    client: Clients, version: int, qos: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    for granted, topic_filter in enumerate(["a/b", "a/#", "+/b"]):
        await subscriber.subscribe(topic_filter, granted)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a/b", b"x", qos)
    assert [(m.payload, m.qos) for m in await messages(subscriber)] == [(b"x", qos)]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.4-3", "3.3.4-4", "3.3.4-5")
async def test_the_message_bears_the_subscription_identifiers_of_all_that_match(
    client: Clients, qos: int
) -> None:
    subscriber = await client.connected("subscriber")
    given = {"a/b": 1, "a/#": 268_435_455, "+/b": 0, "a/+": 1, "c": 7}
    for topic_filter, identifier in given.items():
        await subscriber.subscribe(topic_filter, 2, identifier=identifier)
    publisher = await client.connected("publisher")
    await deliver(publisher, "a/b", b"x", qos)
    await deliver(publisher, "a/c", b"y", qos)
    await deliver(publisher, "d/b", b"z", qos)
    seen = [
        (m.payload, sorted(m.properties.subscription_identifiers) if m.properties else [])
        for m in await messages(subscriber)
    ]
    assert [payload for payload, _ in seen] == [b"x", b"y", b"z"]
    assert set(seen[0][1]) == {1, 268_435_455}
    assert set(seen[1][1]) == {1, 268_435_455}
    assert seen[2][1] == []


@pytest.mark.mqtt5("3.3.4-3", "3.3.4-4")
async def test_a_subscription_identifier_is_of_one_client_and_replaced_with_its_subscription(
    client: Clients
) -> None:
    one = await client.connected("one")
    await one.subscribe("a", 1, identifier=1)
    two = await client.connected("two")
    await two.subscribe("a", 1, identifier=2)
    three = await client.connected("three")
    await three.subscribe("a", 1, identifier=3)
    await three.subscribe("a", 1)
    publisher = await client.connected("publisher")
    publisher.publish("a", b"x", 1, retain=True)
    await publisher.sync()
    assert [m.properties.subscription_identifiers for m in await messages(one)] == [(1,)]
    assert [m.properties.subscription_identifiers for m in await messages(two)] == [(2,)]
    assert [m.properties for m in await messages(three)] == [None]
    await two.subscribe("a", 1, identifier=20)
    assert [m.properties.subscription_identifiers for m in await messages(two)] == [(20,)]


@pytest.mark.mqtt5("3.3.4-3")
async def test_the_subscription_identifier_outlasts_the_network_connection(client: Clients) -> None:
    subscriber = await client.connected("subscriber", **lasting(5))
    await subscriber.subscribe("a", 1, identifier=9)
    await leave(subscriber)
    publisher = await client.connected("publisher")
    await deliver(publisher, "a", b"waits", 1)
    for dup in (False, True):
        subscriber = await client.connected("subscriber", **lasting(5))
        [message] = await messages(subscriber)
        assert (message.payload, message.dup) == (b"waits", dup)
        assert message.properties.subscription_identifiers == (9,)
        await leave(subscriber)


# -- No Local


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.8.3-3")
async def test_no_local_keeps_a_client_from_its_own_messages_only(client: Clients, qos: int) -> None:
    both = await client.connected("both")
    await both.subscribe("a", 2, no_local=True)
    other = await client.connected("other")
    await deliver(both, "a", b"own", qos)
    await deliver(other, "a", b"of another", qos)
    assert await payloads(both) == [b"of another"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_without_no_local_a_client_is_sent_its_own_messages(client: Clients, version: int) -> None:
    both = await client.connected("both", version)
    await both.subscribe("a", 0)
    both.publish("a", b"own")
    assert await payloads(both) == [b"own"]


@pytest.mark.mqtt5("3.8.3-3", "3.3.4-2", "3.3.4-4")
async def test_no_local_of_one_subscription_does_not_hide_the_others(client: Clients) -> None:
    both = await client.connected("both")
    await both.subscribe("a/#", 2, no_local=True, identifier=1)
    await both.subscribe("a/b", 1, identifier=2)
    publisher = await client.connected("publisher")
    await deliver(publisher, "a/b", b"of another", 2)
    [message] = await take(both, 1)
    assert (message.qos, set(message.properties.subscription_identifiers)) == (2, {1, 2})
    both.publish("a/b", b"own", 2)
    arrived = [packet for packet in await both.sync() if not isinstance(packet, Pubrec)]
    assert [(m.payload, m.qos, m.properties.subscription_identifiers) for m in arrived] == [(b"own", 1, (2,))]


# -- Maximum Packet Size of the Client


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.1.2-24", "3.1.2-25")
async def test_what_is_too_large_for_a_client_counts_as_delivered_and_the_rest_goes_on(
    client: Clients, qos: int
) -> None:
    fitting = encode(Publish("a", b"x" * 100, qos, packet_id=qos), 5)
    options = {"maximum_packet_size": len(fitting), "receive_maximum": 1}
    small = await client.connected("small", **options, **lasting(5))
    await small.subscribe("a", qos)
    large = await client.connected("large")
    await large.subscribe("a", qos)
    publisher = await client.connected("publisher")
    sizes = [100, 101, 1, 5000, 101, 100]
    for number, size in enumerate(sizes, 1):
        await deliver(publisher, "a", b"x" * size, qos, packet_id=number)
    assert [len(m.payload) for m in await take(small, 3)] == [100, 1, 100]
    assert [len(m.payload) for m in await take(large, 6)] == sizes
    if qos:
        await leave(small)
        for number, size in enumerate(sizes, 1):
            await deliver(publisher, "a", b"x" * size, qos, packet_id=number)
        small = await client.connected("small", **options, **lasting(5))
        assert [len(m.payload) for m in await take(small, 3)] == [100, 1, 100]
    assert await small.sync() == []


@pytest.mark.mqtt5("3.1.2-24", "3.1.2-25")
async def test_what_became_too_large_for_the_client_is_not_sent_again(client: Clients) -> None:
    subscriber = await client.connected("subscriber", **lasting(5))
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher")
    for number, size in enumerate([200, 10], 1):
        publisher.publish("a", b"x" * size, 1, packet_id=number)
    await publisher.sync()
    assert len(await messages(subscriber)) == 2
    await leave(subscriber)
    limits = {"maximum_packet_size": 100, "receive_maximum": 1}
    subscriber = await client.connected("subscriber", **limits, **lasting(5))
    assert [len(m.payload) for m in await take(subscriber, 1)] == [10]
    assert await subscriber.sync() == []


@pytest.mark.mqtt5("3.1.2-24")
async def test_a_retained_message_that_is_too_large_does_not_stop_the_others(client: Clients) -> None:
    publisher = await client.connected("publisher")
    for number in range(10):
        publisher.publish(f"r/{number}", b"x" * (1000 if number % 2 else 10), 1, retain=True)
        await publisher.expect(Puback)
    subscriber = await client.connected("subscriber", maximum_packet_size=200, receive_maximum=1)
    await subscriber.subscribe("r/+", 1)
    assert sorted(m.topic for m in await take(subscriber, 5)) == [f"r/{number}" for number in range(0, 10, 2)]
    assert await subscriber.sync() == []
