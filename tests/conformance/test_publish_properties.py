"""PUBLISH: the Topic Name and the properties, Topic Alias excepted (MQTT 5.0, 3.3.2)."""

import pytest

from amqtt.wire.packets import Puback, Publish, Pubrec
from amqtt.wire.primitives import string_field
from support.bench_server import Bench
from support.exchange import frame, leave, messages, raw_publish, refused
from support.loopback import Clients
from support.raw_client import properties

MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
TOPIC_NAME_INVALID = 0x90
NOT_UTF_8 = [b"a/\xff", b"a/\xc3", b"\xed\xa0\x80", b"a\x00b", b"\xc0\x80"]
PUBLISHED: dict[str, dict[str, object]] = {
    "payload_format_indicator 1": {"payload_format_indicator": 1},
    "payload_format_indicator 0": {"payload_format_indicator": 0},
    "response_topic": {"response_topic": "answers/é/\U0001f600"},
    "correlation_data": {"correlation_data": bytes(range(256))},
    "correlation_data of no bytes": {"correlation_data": b""},
    "content_type": {"content_type": "text/plain; charset=utf-8"},
    "content_type of no characters": {"content_type": ""},
    "user_properties": {"user_properties": (("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("a", "é"))},
    "all of them": {
        "payload_format_indicator": 1, "response_topic": "r", "correlation_data": b"\x00\xff",
        "content_type": "c",
        "user_properties": (("z", "1"), ("a", "1"), ("z", "0")),
    },
}
FORWARDED = [
    "payload_format_indicator", "response_topic", "correlation_data", "content_type", "user_properties",
]


def forwarded(message: Publish) -> dict[str, object]:
    """Its properties that are set, of those that a Server must not alter."""
    given = message.properties or properties()
    values = {name: getattr(given, name) for name in FORWARDED}
    return {name: value for name, value in values.items() if value is not None and value != ()}


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("values", PUBLISHED.values(), ids=PUBLISHED.keys())
@pytest.mark.mqtt5("3.3.2-4", "3.3.2-15", "3.3.2-16", "3.3.2-17", "3.3.2-18", "3.3.2-20")
async def test_every_subscriber_is_sent_the_properties_unaltered(
    client: Clients, values: dict[str, object], qos: int
) -> None:
    payload = "é".encode()
    first = await client.connected("first")
    await first.subscribe("a", 0)
    second = await client.connected("second", topic_alias_maximum=10)
    await second.subscribe("+", 2, identifier=5, retain_as_published=True)
    publisher = await client.connected("publisher")
    publisher.publish("a", payload, qos, retain=True, **values)
    await publisher.sync()
    late = await client.connected("late")
    await late.subscribe("a", 1)
    for subscriber in (first, second, late):
        [message] = await messages(subscriber)
        assert message.payload == payload
        assert forwarded(message) == values


@pytest.mark.parametrize("values", PUBLISHED.values(), ids=PUBLISHED.keys())
@pytest.mark.mqtt5("3.3.2-4", "3.3.2-15", "3.3.2-16", "3.3.2-17", "3.3.2-18", "3.3.2-20")
async def test_the_properties_outlast_the_absence_of_the_client(
    client: Clients, values: dict[str, object]
) -> None:
    options = {"clean_start": False, "session_expiry_interval": 3600}
    subscriber = await client.connected("subscriber", **options)
    await subscriber.subscribe("a", 1)
    await leave(subscriber)
    publisher = await client.connected("publisher")
    publisher.publish("a", "é".encode(), 1, **values)
    await publisher.expect(Puback)
    for dup in (False, True):
        subscriber = await client.connected("subscriber", **options)
        [message] = await messages(subscriber)
        assert message.dup is dup
        assert forwarded(message) == values
        await leave(subscriber)


@pytest.mark.parametrize("name", NOT_UTF_8)
@pytest.mark.mqtt5("3.3.2-1")
async def test_a_topic_name_that_is_not_utf_8_is_refused(client: Clients, name: bytes) -> None:
    publisher = await client.connected("publisher")
    publisher.send(raw_publish(name))
    await refused(publisher, MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("name", NOT_UTF_8)
@pytest.mark.mqtt311("3.3.2-1")
async def test_a_topic_name_that_is_not_utf_8_is_refused_before_mqtt_5(
    client: Clients, version: int, name: bytes
) -> None:
    publisher = await client.connected("publisher", version)
    publisher.send(frame(0x30, len(name).to_bytes(2, "big") + name + b"x"))
    await refused(publisher)


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x05abcd", b"\xff\xffa"])
@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.mqtt5("3.3.2-1")
@pytest.mark.mqtt311("3.3.2-1")
async def test_a_publish_must_begin_with_a_topic_name(client: Clients, version: int, body: bytes) -> None:
    publisher = await client.connected("publisher", version)
    publisher.send(frame(0x30, body))
    await refused(publisher, MALFORMED)


@pytest.mark.parametrize("topic", ["#", "+", "a/#", "a/+/b", "a+", "b#", "#/a"])
@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt5("3.3.2-2")
@pytest.mark.mqtt311("3.3.2-2")
async def test_a_topic_name_with_wildcards_is_refused(
    client: Clients, version: int, topic: str, qos: int
) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher", version)
    publisher.publish(topic, b"x", qos)
    await refused(publisher, MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID)
    assert await messages(subscriber) == []


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.mqtt5("3.3.2-3")
@pytest.mark.mqtt311("3.3.2-3")
async def test_a_subscriber_is_sent_the_topics_that_its_filter_matches(client: Clients, version: int) -> None:
    topics = ["a", "a/b", "a/b/c", "a/", "/a", "A", "b", "$x/a", "é", "a/b c", "ä/b"]
    matched = {
        "a/#": {"a", "a/b", "a/b/c", "a/", "a/b c"},
        "+": {"a", "A", "b", "é"},
        "+/b": {"a/b", "ä/b"},
        "/+": {"/a"},
        "a/b": {"a/b"},
        "+/+": {"a/b", "a/", "/a", "a/b c", "ä/b"},
        "#": set(topics) - {"$x/a"},
    }
    subscribers = {
        topic_filter: await client.connected(f"subscriber {number}", version)
        for number, topic_filter in enumerate(matched)
    }
    for topic_filter, subscriber in subscribers.items():
        await subscriber.subscribe(topic_filter)
    publisher = await client.connected("publisher", version)
    for topic in topics:
        publisher.publish(topic, topic.encode())
    await publisher.sync()
    for topic_filter, subscriber in subscribers.items():
        arrived = await messages(subscriber)
        assert {m.topic for m in arrived} == matched[topic_filter]
        assert [m.payload for m in arrived] == [m.topic.encode() for m in arrived]


@pytest.mark.parametrize("name", NOT_UTF_8)
@pytest.mark.mqtt5("3.3.2-13")
async def test_a_response_topic_that_is_not_utf_8_is_refused(client: Clients, name: bytes) -> None:
    publisher = await client.connected("publisher")
    publisher.send(raw_publish("a", b"\x08" + len(name).to_bytes(2, "big") + name))
    await refused(publisher, MALFORMED, PROTOCOL_ERROR)


@pytest.mark.parametrize("topic", ["#", "+", "a/+", "a/#", "a#b"])
@pytest.mark.mqtt5("3.3.2-14")
async def test_a_response_topic_with_wildcards_is_refused(client: Clients, topic: str) -> None:
    publisher = await client.connected("publisher")
    publisher.publish("a", b"x", response_topic=topic)
    await refused(publisher, MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID)


@pytest.mark.parametrize("name", NOT_UTF_8)
@pytest.mark.mqtt5("3.3.2-19")
async def test_a_content_type_that_is_not_utf_8_is_refused(client: Clients, name: bytes) -> None:
    publisher = await client.connected("publisher")
    publisher.send(raw_publish("a", b"\x03" + len(name).to_bytes(2, "big") + name))
    await refused(publisher, MALFORMED, PROTOCOL_ERROR)


ONCE = {
    "payload_format_indicator": b"\x01\x00",
    "message_expiry_interval": b"\x02\x00\x00\x00\x09",
    "topic_alias": b"\x23\x00\x01",
    "response_topic": b"\x08" + string_field("r"),
    "correlation_data": b"\x09" + string_field("c"),
    "content_type": b"\x03" + string_field("c"),
}


@pytest.mark.parametrize("data", ONCE.values(), ids=ONCE.keys())
async def test_a_property_that_may_be_there_once_is_refused_twice(client: Clients, data: bytes) -> None:
    once = await client.connected("once")
    once.send(raw_publish("a", data))
    assert await once.sync() == []
    twice = await client.connected("twice")
    twice.send(raw_publish("a", data + data))
    await refused(twice, PROTOCOL_ERROR)


async def test_a_payload_format_indicator_is_0_or_1(client: Clients) -> None:
    publisher = await client.connected("publisher")
    publisher.send(raw_publish("a", b"\x01\x02"))
    await refused(publisher, PROTOCOL_ERROR)


@pytest.mark.parametrize("identifiers", [(1,), (1, 2), (268_435_455,)])
@pytest.mark.mqtt5("3.3.4-6")
async def test_a_subscription_identifier_in_a_clients_publish_is_refused(
    client: Clients, identifiers: tuple[int, ...]
) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher")
    publisher.publish("a", b"x", subscription_identifiers=identifiers)
    await refused(publisher, PROTOCOL_ERROR)
    assert await messages(subscriber) == []


# -- Message Expiry Interval: on a bench, where time is a number


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.mqtt5("3.3.2-5")
def test_an_expired_message_is_deleted_from_the_queue_of_an_absent_client(version: int) -> None:
    bench = Bench()
    given: dict[str, object] = {"session_expiry_interval": 3600} if version == 5 else {}
    subscriber = bench.connected("subscriber", version, clean_start=False, **given)
    subscriber.subscribe("a", 2)
    subscriber.lose()
    publisher = bench.connected("publisher")
    for number, interval in enumerate((10, 60, 20), 1):
        publisher.publish("a", b"%d" % interval, 1, packet_id=number, message_expiry_interval=interval)
    publisher.publish("a", b"never", 1, packet_id=4)
    bench.pass_time(20)
    subscriber = bench.connected("subscriber", version, clean_start=False, **given)
    assert [packet.payload for packet in subscriber.received()] == [b"60", b"never"]
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.2-5")
def test_an_expired_message_is_deleted_from_the_queue_of_a_client_without_send_quota() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber", receive_maximum=1)
    subscriber.subscribe("a", 1)
    publisher = bench.connected("publisher")
    publisher.publish("a", b"first", 1)
    publisher.publish("a", b"short", 1, message_expiry_interval=5)
    publisher.publish("a", b"long", 1, message_expiry_interval=50)
    [first] = subscriber.received()
    bench.pass_time(10)
    subscriber.send(Puback(first.packet_id))
    [message] = subscriber.received()
    assert message.payload == b"long"
    assert message.properties.message_expiry_interval == 40
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.2-5")
def test_an_expired_retained_message_is_not_sent_to_a_new_subscriber() -> None:
    bench = Bench()
    publisher = bench.connected("publisher")
    publisher.publish("short", b"x", retain=True, message_expiry_interval=10)
    publisher.publish("long", b"x", retain=True, message_expiry_interval=100)
    publisher.publish("never", b"x", retain=True)
    bench.pass_time(10)
    subscriber = bench.connected("subscriber")
    subscriber.subscribe("#")
    assert {packet.topic for packet in subscriber.received()} == {"long", "never"}
    assert len(bench.server.retained) == 2
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.2-5")
def test_a_retained_message_that_expired_this_moment_is_not_sent_either() -> None:
    bench = Bench()
    bench.connected("publisher").publish("a", b"x", retain=True, message_expiry_interval=10)
    subscriber = bench.connected("subscriber")
    # The deadline that removes it is due, but has not been looked at.
    bench.turn.now += 10
    subscriber.subscribe("#")
    assert subscriber.received() == []
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.2-6")
def test_the_message_expiry_interval_counts_down_while_the_message_waits() -> None:
    bench = Bench()
    options = {"clean_start": False, "session_expiry_interval": 3600}
    for qos in (1, 2):
        absent = bench.connected(f"absent {qos}", **options)
        absent.subscribe("a", qos)
        absent.lose()
    present = bench.connected("present")
    present.subscribe("a")
    publisher = bench.connected("publisher")
    publisher.publish("a", b"x", 2, retain=True, message_expiry_interval=100)
    [message] = present.received()
    assert message.properties.message_expiry_interval == 100
    bench.pass_time(30)
    late = bench.connected("late")
    late.subscribe("a")
    [message] = late.received()
    assert message.properties.message_expiry_interval == 70
    bench.pass_time(20)
    for qos in (1, 2):
        absent = bench.connected(f"absent {qos}", **options)
        [message] = absent.received()
        assert message.qos == qos
        assert message.properties.message_expiry_interval == 50
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.2-6")
async def test_a_message_that_does_not_wait_keeps_its_message_expiry_interval(client: Clients) -> None:
    subscribers = [await client.connected("", version) for version in (5, 5, 4)]
    for qos, subscriber in enumerate(subscribers):
        await subscriber.subscribe("a", qos)
    publisher = await client.connected("publisher")
    publisher.publish("a", b"x", 2, message_expiry_interval=0xFFFFFFFF)
    publisher.publish("a", b"y", 2, packet_id=2)
    await publisher.expect(Pubrec)
    await publisher.expect(Pubrec)
    for subscriber in subscribers:
        first, second = await messages(subscriber)
        assert second.properties is None
        if subscriber.version == 5:
            assert first.properties.message_expiry_interval == 0xFFFFFFFF
        else:
            assert first.properties is None
