"""PUBLISH: DUP, QoS and RETAIN (MQTT 5.0 and 3.1.1, 3.3.1), Retain Handling, Retain As Published."""

import pytest

from amqtt.wire.packets import Puback, Pubcomp, Publish, Pubrec, Unsuback, Unsubscribe
from amqtt.wire.primitives import string_field
from support.exchange import deliver, frame, leave, messages, payloads, refused
from support.loopback import Clients
from support.raw_client import RawClient

ALL_VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])
MALFORMED = 0x81
PROTOCOL_ERROR = 0x82


def publish_with_flags(flags: int, version: int) -> bytes:
    """A PUBLISH whose flags may be those that no PUBLISH may have."""
    packet_id = b"\x00\x01" if flags & 0x06 else b""
    no_properties = b"\x00" if version == 5 else b""
    return frame(0x30 | flags, string_field("a") + packet_id + no_properties + b"x")


@ALL_VERSIONS
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.3.1-3")
@pytest.mark.mqtt311("3.3.1-3")
async def test_the_dup_flag_of_a_publisher_is_not_handed_on(client: Clients, version: int, qos: int) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", qos)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", qos, dup=True)
    await publisher.expect(Puback if qos == 1 else Pubrec)
    [message] = await messages(subscriber)
    assert (message.dup, message.qos, message.payload) == (False, qos, b"x")


@ALL_VERSIONS
@pytest.mark.mqtt5("3.3.1-2", "4.3.1-1")
@pytest.mark.mqtt311("3.3.1-2", "4.3.1-1")
async def test_a_qos_0_message_is_sent_with_dup_0(client: Clients, version: int) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 0)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 2, dup=True)
    await publisher.expect(Pubrec)
    publisher.publish("a", b"y", 0)
    await publisher.sync()
    arrived = [(m.qos, m.dup, m.payload) for m in await messages(subscriber)]
    assert arrived == [(0, False, b"x"), (0, False, b"y")]


@ALL_VERSIONS
@pytest.mark.mqtt5("3.3.1-2")
@pytest.mark.mqtt311("3.3.1-2")
async def test_dup_at_qos_0_is_refused_and_not_delivered(client: Clients, version: int) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher", version)
    publisher.send(publish_with_flags(0x08, version))
    await refused(publisher, MALFORMED, PROTOCOL_ERROR)
    assert await messages(subscriber) == []


@ALL_VERSIONS
@pytest.mark.parametrize("flags", [0x06, 0x07, 0x0E, 0x0F])
@pytest.mark.mqtt5("3.3.1-4")
@pytest.mark.mqtt311("3.3.1-4")
async def test_both_qos_bits_set_close_the_network_connection(
    client: Clients, version: int, flags: int
) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher", version)
    publisher.send(publish_with_flags(flags, version))
    await refused(publisher, MALFORMED)
    assert await messages(subscriber) == []


@ALL_VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-5", "3.3.1-9")
@pytest.mark.mqtt311("3.3.1-5", "3.3.1-6", "3.3.1-8")
async def test_a_future_subscriber_is_sent_the_last_retained_message(
    client: Clients, version: int, qos: int
) -> None:
    publisher = await client.connected("publisher", version)
    for payload in (b"first", b"last"):
        publisher.publish("a/b", payload, qos, retain=True)
        if qos == 2:
            publisher.send(bytes.fromhex("62020001"))
        await publisher.sync()
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a/+", 2)
    [message] = await messages(subscriber)
    assert (message.topic, message.payload, message.qos) == ("a/b", b"last", qos)
    assert message.retain
    assert not message.dup


@ALL_VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt311("3.3.1-7")
async def test_a_retained_message_of_qos_0_replaces_one_of_any_qos(
    client: Clients, version: int, qos: int
) -> None:
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"old", qos, retain=True)
    publisher.publish("a", b"new", 0, retain=True)
    await publisher.sync()
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    assert [(m.payload, m.qos) for m in await messages(subscriber)] == [(b"new", 0)]


@ALL_VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-6", "3.3.1-7")
@pytest.mark.mqtt311("3.3.1-10", "3.3.1-11")
async def test_an_empty_retained_message_is_delivered_and_removes_the_retained_one(
    client: Clients, version: int, qos: int
) -> None:
    live = await client.connected("live", version)
    await live.subscribe("a")
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"kept", retain=True)
    publisher.publish("a", b"", qos, retain=True)
    await publisher.sync()
    assert await payloads(live) == [b"kept", b""]
    late = await client.connected("late", version)
    await late.subscribe("a")
    assert await messages(late) == []


@ALL_VERSIONS
@pytest.mark.mqtt5("3.3.1-7")
@pytest.mark.mqtt311("3.3.1-11")
async def test_an_empty_retained_message_is_not_retained(client: Clients, version: int) -> None:
    publisher = await client.connected("publisher", version)
    publisher.publish("never/set", b"", retain=True)
    await publisher.sync()
    late = await client.connected("late", version)
    await late.subscribe("#")
    assert await messages(late) == []


@ALL_VERSIONS
@pytest.mark.parametrize("payload", [b"passing", b""])
@pytest.mark.mqtt5("3.3.1-8")
@pytest.mark.mqtt311("3.3.1-12")
async def test_a_message_without_retain_leaves_the_retained_one_alone(
    client: Clients, version: int, payload: bytes
) -> None:
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"kept", 1, retain=True)
    publisher.publish("a", payload, 1)
    publisher.publish("b", payload, 1)
    await publisher.sync()
    late = await client.connected("late", version)
    await late.subscribe("#", 1)
    assert [(m.topic, m.payload) for m in await messages(late)] == [("a", b"kept")]


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.mqtt311("3.3.1-9")
async def test_an_established_subscription_is_sent_retain_0_before_mqtt_5(
    client: Clients, version: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 1, retain=True)
    publisher.publish("a", b"y", 0, retain=True)
    await publisher.sync()
    assert [(m.payload, m.retain) for m in await messages(subscriber)] == [(b"x", False), (b"y", False)]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-12", "3.3.1-13")
async def test_retain_as_published_decides_over_the_retain_flag(client: Clients, qos: int) -> None:
    keeps = await client.connected("keeps")
    await keeps.subscribe("a", qos, retain_as_published=True)
    clears = await client.connected("clears")
    await clears.subscribe("a", qos)
    publisher = await client.connected("publisher")
    await deliver(publisher, "a", b"plain", qos)
    publisher.publish("a", b"retained", qos, retain=True)
    await publisher.sync()
    for subscriber, retain in ((keeps, True), (clears, False)):
        arrived = [(m.payload, m.retain) for m in await messages(subscriber)]
        assert arrived == [(b"plain", False), (b"retained", retain)]


@pytest.mark.mqtt5("3.3.1-13")
async def test_retain_as_published_holds_for_what_waited_for_the_client(client: Clients) -> None:
    options = {"clean_start": False, "session_expiry_interval": 3600}
    subscriber = await client.connected("subscriber", **options)
    await subscriber.subscribe("a", 1, retain_as_published=True)
    await leave(subscriber)
    publisher = await client.connected("publisher")
    publisher.publish("a", b"x", 1, retain=True)
    publisher.publish("a", b"y", 1, packet_id=2)
    await publisher.sync()
    subscriber = await client.connected("subscriber", **options)
    assert [(m.payload, m.retain) for m in await messages(subscriber)] == [(b"x", True), (b"y", False)]


@pytest.mark.parametrize("retain_as_published", [False, True])
@pytest.mark.mqtt5("3.3.1-9")
async def test_a_message_that_was_retained_comes_with_retain_1(
    client: Clients, retain_as_published: bool
) -> None:
    publisher = await client.connected("publisher")
    publisher.publish("a", b"x", retain=True)
    await publisher.sync()
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a", retain_as_published=retain_as_published)
    assert [(m.payload, m.retain) for m in await messages(subscriber)] == [(b"x", True)]


async def retained(client: Clients) -> None:
    publisher = await client.connected("publisher")
    publisher.publish("a/1", b"one", 1, retain=True)
    publisher.publish("a/2", b"two", 1, retain=True, packet_id=2)
    publisher.publish("b", b"other", 1, retain=True, packet_id=3)
    await publisher.sync()


@pytest.mark.mqtt5("3.3.1-9")
async def test_retain_handling_0_sends_retained_messages_at_every_subscribe(client: Clients) -> None:
    await retained(client)
    subscriber = await client.connected("subscriber")
    for _ in range(2):
        await subscriber.subscribe("a/+", retain_handling=0)
        assert sorted(await payloads(subscriber)) == [b"one", b"two"]


@pytest.mark.mqtt5("3.3.1-10")
async def test_retain_handling_1_sends_them_only_to_a_new_subscription(client: Clients) -> None:
    await retained(client)
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a/+", retain_handling=1)
    assert sorted(await payloads(subscriber)) == [b"one", b"two"]
    await subscriber.subscribe("a/+", 2, retain_handling=1)
    assert await messages(subscriber) == []
    subscriber.send(Unsubscribe(9, ["a/+"]))
    await subscriber.expect(Unsuback)
    await subscriber.subscribe("a/+", retain_handling=1)
    assert sorted(await payloads(subscriber)) == [b"one", b"two"]


@pytest.mark.mqtt5("3.3.1-10")
async def test_retain_handling_1_knows_the_subscriptions_of_a_resumed_session(client: Clients) -> None:
    await retained(client)
    options = {"clean_start": False, "session_expiry_interval": 3600}
    subscriber = await client.connected("subscriber", **options)
    await subscriber.subscribe("a/+", retain_handling=2)
    await leave(subscriber)
    subscriber = await client.connected("subscriber", **options)
    await subscriber.subscribe("a/+", retain_handling=1)
    assert await messages(subscriber) == []
    await subscriber.subscribe("a/#", retain_handling=1)
    assert sorted(await payloads(subscriber)) == [b"one", b"two"]


@pytest.mark.mqtt5("3.3.1-11")
async def test_retain_handling_2_sends_no_retained_messages(client: Clients) -> None:
    await retained(client)
    subscriber = await client.connected("subscriber")
    for _ in range(2):
        await subscriber.subscribe("#", retain_handling=2)
        assert await messages(subscriber) == []


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.mqtt311("3.3.1-6")
async def test_before_mqtt_5_every_subscribe_is_sent_the_retained_messages(
    client: Clients, version: int
) -> None:
    await retained(client)
    subscriber = await client.connected("subscriber", version)
    for _ in range(2):
        await subscriber.subscribe("a/+", 1)
        arrived = await messages(subscriber)
        assert sorted(m.payload for m in arrived) == [b"one", b"two"]
        assert all(m.retain for m in arrived)


@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.mqtt5("3.3.1-5")
@pytest.mark.mqtt311("3.3.1-5")
async def test_a_retained_message_comes_at_the_lesser_qos(client: Clients, granted: int) -> None:
    publisher = await client.connected("publisher", 4)
    for qos in range(3):
        await deliver_retained(publisher, f"q/{qos}", qos)
    subscriber = await client.connected("subscriber", 4)
    await subscriber.subscribe("q/#", granted)
    expected = {f"q/{qos}": min(qos, granted) for qos in range(3)}
    assert {m.topic: m.qos for m in await messages(subscriber)} == expected


async def deliver_retained(publisher: RawClient, topic: str, qos: int) -> None:
    publisher.send(Publish(topic, b"x", qos, True, False, 1 if qos else 0))
    if qos == 1:
        await publisher.expect(Puback)
    if qos == 2:
        await publisher.expect(Pubrec)
        publisher.send(bytes.fromhex("62020001"))
        await publisher.expect(Pubcomp)
