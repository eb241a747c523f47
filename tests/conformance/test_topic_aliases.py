"""Topic Aliases, of Clients and of the Server (MQTT 5.0, 3.3.2.3.4)."""

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Puback, Publish
from support.bench_server import Bench, BenchClient
from support.exchange import leave, messages, payloads, raw_publish, refused, take
from support.loopback import Brokers, Clients
from support.raw_client import RawClient

TOPIC_ALIAS_INVALID = 0x94
PROTOCOL_ERROR = 0x82


async def maximum_of(client: RawClient) -> int:
    """Connect, and give the Topic Alias Maximum that the Server grants."""
    connack = await client.connect("publisher")
    assert connack.properties is not None
    return connack.properties.topic_alias_maximum or 0


@pytest.mark.mqtt5("3.3.2-12")
async def test_the_server_accepts_every_alias_up_to_its_maximum(client: Clients) -> None:
    subscriber = await client.connected("subscriber", 4)
    await subscriber.subscribe("#", 2)
    publisher = await client()
    maximum = await maximum_of(publisher)
    assert maximum > 0
    for alias in range(1, maximum + 1):
        publisher.publish(f"topic/{alias}", b"set", topic_alias=alias)
    for alias in range(maximum, 0, -1):
        publisher.publish("", b"used", alias % 3, topic_alias=alias, packet_id=alias if alias % 3 else 0)
    await publisher.sync()
    expected = [(f"topic/{alias}", b"set") for alias in range(1, maximum + 1)]
    expected += [(f"topic/{alias}", b"used") for alias in range(maximum, 0, -1)]
    assert [(m.topic, m.payload) for m in await messages(subscriber)] == expected


@pytest.mark.mqtt5("3.3.2-12")
async def test_the_server_accepts_as_many_aliases_as_it_was_told_to_grant(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(topic_alias_maximum=65_535)
    publisher = await client(broker=broker)
    assert await maximum_of(publisher) == 65_535
    subscriber = await client.connected("subscriber", broker=broker)
    await subscriber.subscribe("#")
    publisher.publish("last", b"1", topic_alias=65_535)
    publisher.publish("", b"2", topic_alias=65_535)
    await publisher.sync()
    assert [(m.topic, m.payload) for m in await messages(subscriber)] == [("last", b"1"), ("last", b"2")]


@pytest.mark.parametrize("beyond", [1, 1000])
@pytest.mark.mqtt5("3.3.2-9")
async def test_an_alias_above_the_maximum_is_refused(client: Clients, beyond: int) -> None:
    publisher = await client()
    maximum = await maximum_of(publisher)
    publisher.publish("a", b"x", topic_alias=maximum + beyond)
    await refused(publisher, TOPIC_ALIAS_INVALID)


@pytest.mark.mqtt5("3.3.2-9")
async def test_a_server_that_grants_no_aliases_refuses_each(client: Clients, broker_with: Brokers) -> None:
    publisher = await client(broker=await broker_with(topic_alias_maximum=0))
    assert await maximum_of(publisher) == 0
    publisher.publish("a", b"x", topic_alias=1)
    await refused(publisher, TOPIC_ALIAS_INVALID)


@pytest.mark.mqtt5("3.3.2-8")
async def test_the_alias_0_is_refused(client: Clients) -> None:
    publisher = await client.connected("publisher")
    publisher.send(raw_publish("a", b"\x23\x00\x00"))
    await refused(publisher, TOPIC_ALIAS_INVALID)


async def test_an_alias_that_was_never_set_is_refused(client: Clients) -> None:
    publisher = await client.connected("publisher")
    publisher.publish("", b"x", topic_alias=1)
    await refused(publisher, PROTOCOL_ERROR, TOPIC_ALIAS_INVALID)


async def test_an_empty_topic_name_without_an_alias_is_refused(client: Clients) -> None:
    publisher = await client.connected("publisher")
    publisher.send(raw_publish(""))
    await refused(publisher, PROTOCOL_ERROR)


async def test_an_alias_may_be_set_anew(client: Clients) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher")
    publisher.publish("old", b"1", topic_alias=1)
    publisher.publish("", b"2", topic_alias=1)
    publisher.publish("new", b"3", topic_alias=1)
    publisher.publish("", b"4", topic_alias=1)
    await publisher.sync()
    assert [m.topic for m in await messages(subscriber)] == ["old", "old", "new", "new"]


@pytest.mark.mqtt5("3.3.2-7")
async def test_the_aliases_of_a_client_end_with_the_network_connection(client: Clients) -> None:
    options = {"clean_start": False, "session_expiry_interval": 3600}
    publisher = await client.connected("publisher", **options)
    publisher.publish("a", b"x", topic_alias=1)
    await publisher.sync()
    await leave(publisher)
    publisher = await client.connected("publisher", **options)
    publisher.publish("", b"x", topic_alias=1)
    await refused(publisher, PROTOCOL_ERROR, TOPIC_ALIAS_INVALID)


async def test_the_aliases_of_two_publishers_are_not_mixed_up(client: Clients) -> None:
    subscriber = await client.connected("subscriber", topic_alias_maximum=1)
    await subscriber.subscribe("#")
    publishers = [await client.connected("one"), await client.connected("two")]
    for number in range(6):
        publishers[number % 2].publish(f"of/{number % 2}" if number < 2 else "", b"x", topic_alias=1)
        await publishers[number % 2].sync()
    assert [topic for topic, _ in resolved(await messages(subscriber), 1)] == ["of/0", "of/1"] * 3


# -- the aliases that the Server assigns


def resolved(arrived: list[Publish], maximum: int) -> list[tuple[str, int]]:
    """(Topic Name, Topic Alias or 0) of messages as the Client must understand them."""
    known: dict[int, str] = {}
    pairs = []
    for message in arrived:
        alias = 0 if message.properties is None else message.properties.topic_alias or 0
        assert alias <= maximum
        if message.topic and alias:
            known[alias] = message.topic
        pairs.append((message.topic or known[alias], alias))
    return pairs


@pytest.mark.parametrize("maximum", [0, 1, 3, 65_535])
@pytest.mark.mqtt5("3.3.2-11", "3.3.2-8")
async def test_the_server_assigns_no_alias_above_the_clients_maximum(client: Clients, maximum: int) -> None:
    subscriber = await client.connected("subscriber", topic_alias_maximum=maximum)
    await subscriber.subscribe("#", 2)
    publisher = await client.connected("publisher")
    sent = [f"t/{number % 7}" for number in range(70)] + ["t/6"] * 60 + ["t/0"] * 200
    for number, topic in enumerate(sent):
        publisher.publish(topic, b"%d" % number)
    await publisher.sync()
    pairs = resolved(await messages(subscriber), maximum)
    assert [topic for topic, _ in pairs] == sent
    assert all(alias == 0 for _, alias in pairs) is (maximum == 0)


@pytest.mark.mqtt5("3.3.2-11")
async def test_a_client_that_says_nothing_is_sent_no_alias(client: Clients) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher")
    for _ in range(20):
        publisher.publish("a", b"x", topic_alias=3)
    await publisher.sync()
    assert [(m.topic, m.properties) for m in await messages(subscriber)] == [("a", None)] * 20


async def test_the_topics_that_are_used_most_get_the_aliases(client: Clients) -> None:
    subscriber = await client.connected("subscriber", topic_alias_maximum=2)
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher")
    for number in range(100):
        publisher.publish("often/1", b"x")
        publisher.publish("often/2", b"x")
        publisher.publish(f"once/{number}", b"x")
    await publisher.sync()
    arrived = await messages(subscriber)
    assert len([m for m in arrived if not m.topic]) >= 190
    assert all(m.properties is None for m in arrived if m.topic.startswith("once/"))


async def test_a_topic_that_becomes_the_most_used_takes_over_an_alias(client: Clients) -> None:
    subscriber = await client.connected("subscriber", topic_alias_maximum=1)
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher")
    sent = ["old"] * 4 + ["new"] * 50 + ["old"]
    for topic in sent:
        publisher.publish(topic, b"x")
    await publisher.sync()
    arrived = await messages(subscriber)
    assert [topic for topic, _ in resolved(arrived, 1)] == sent
    assert len([m for m in arrived[4:54] if not m.topic]) >= 30


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.3.2-7")
async def test_the_aliases_of_the_server_end_with_the_network_connection(client: Clients, qos: int) -> None:
    options = {"clean_start": False, "session_expiry_interval": 3600, "topic_alias_maximum": 5}
    subscriber = await client.connected("subscriber", **options)
    await subscriber.subscribe("a", qos)
    publisher = await client.connected("publisher")
    for number in range(1, 6):
        publisher.publish("a", b"%d" % number, qos, packet_id=number)
    await publisher.sync()
    first = await messages(subscriber)
    assert resolved(first, 5)[-1] == ("a", 1)
    assert not first[-1].topic
    await leave(subscriber)
    subscriber = await client.connected("subscriber", **options)
    again = await take(subscriber, 5)
    assert again[0].topic == "a"
    assert [topic for topic, _ in resolved(again, 5)] == ["a"] * 5
    assert [m.packet_id for m in again] == [m.packet_id for m in first]


@pytest.mark.mqtt5("3.3.2-7", "3.3.2-11")
async def test_a_client_that_comes_back_without_aliases_is_sent_topics(client: Clients) -> None:
    options = {"clean_start": False, "session_expiry_interval": 3600}
    subscriber = await client.connected("subscriber", topic_alias_maximum=5, **options)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher")
    for number in range(1, 4):
        publisher.publish("a", b"x", 1, packet_id=number)
    await publisher.sync()
    await leave(subscriber)
    subscriber = await client.connected("subscriber", **options)
    assert [(m.topic, m.properties) for m in await take(subscriber, 3)] == [("a", None)] * 3


async def test_a_server_without_aliases_serves_a_client_that_would_take_some(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(topic_alias_maximum=0)
    subscriber = await client.connected("subscriber", broker=broker, topic_alias_maximum=10)
    await subscriber.subscribe("a")
    publisher = await client.connected("publisher", broker=broker)
    for number in range(5):
        publisher.publish("a", b"%d" % number)
    assert await publisher.sync() == []
    assert await payloads(subscriber) == [b"0", b"1", b"2", b"3", b"4"]


# -- aliases and Maximum Packet Size


async def test_messages_too_large_for_the_client_do_not_use_up_its_aliases(client: Clients) -> None:
    subscriber = await client.connected("subscriber", topic_alias_maximum=1, maximum_packet_size=60)
    await subscriber.subscribe("#")
    publisher = await client.connected("publisher")
    for _ in range(10):
        publisher.publish("large", bytes(100))
    for _ in range(10):
        publisher.publish("small", b"x")
    assert await publisher.sync() == []
    arrived = await messages(subscriber)
    assert [topic for topic, _ in resolved(arrived, 1)] == ["small"] * 10
    assert not arrived[-1].topic


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_that_fits_without_an_alias_is_sent_without_one(qos: int) -> None:
    bench = Bench()
    topic, payload = "topic", b"x" * 50
    size = len(encode(Publish(topic, payload, qos, packet_id=qos), MQTT_5))
    subscriber = bench.connected("subscriber", topic_alias_maximum=4, maximum_packet_size=size)
    subscriber.subscribe("#", 1)
    publisher = bench.connected("publisher")
    for _ in range(6):
        publisher.publish(topic, payload, qos)
    # The first that is shorter than the others sets the alias, and then all of them fit.
    publisher.publish(topic, b"short", qos)
    publisher.publish(topic, payload, qos)
    arrived = subscriber.received()
    assert [m.payload for m in arrived] == [payload] * 6 + [b"short", payload]
    assert [topic for topic, _ in resolved(arrived, 4)] == [topic] * 8
    assert bench.faults == []


@pytest.mark.mqtt5("3.3.2-11")
def test_an_alias_given_back_is_not_confused_with_one_in_use() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber", topic_alias_maximum=2, maximum_packet_size=64)
    subscriber.subscribe("#")
    publisher = bench.connected("publisher")
    sent = ["one"] * 2 + ["two"] * 3
    # What is too large takes the alias of the least used topic, and gives it back.
    sent += ["large"] * 9 + ["three"] * 4 + ["two"] * 4 + ["three"] * 4 + ["one"] * 2
    for topic in sent:
        publisher.publish(topic, bytes(100) if topic == "large" else b"x")
    arrived = subscriber.received()
    assert [topic for topic, _ in resolved(arrived, 2)] == [topic for topic in sent if topic != "large"]
    assert bench.faults == []


def acknowledge(client: BenchClient, arrived: list[Publish]) -> None:
    client.send(*[Puback(m.packet_id) for m in arrived if m.qos == 1])


@pytest.mark.mqtt5("3.3.2-11")
def test_aliases_given_back_are_given_to_others_within_the_maximum() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber", topic_alias_maximum=3, maximum_packet_size=64)
    subscriber.subscribe("#", 1)
    publisher = bench.connected("publisher")
    sent = []
    for number in range(200):
        topic = f"t/{number % 5}"
        large = number % 3 == 0
        publisher.publish(topic, bytes(100) if large else b"x", 1)
        if not large:
            sent.append(topic)
    known: list[Publish] = []
    while arrived := subscriber.received():
        known += arrived
        acknowledge(subscriber, arrived)
    assert [topic for topic, _ in resolved(known, 3)] == sent
    assert bench.faults == []
