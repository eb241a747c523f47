"""D11: what a Client states under our own names reaches nobody, in a PUBLISH, a Will or a CONNECT."""

import pytest

from amqtt.message import Message
from amqtt.wire.packets import MQTT_5, Connect, Publish, WillFields
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

SPOOFED = (("amqtt-username", "root"), ("other", "1"), ("AMQTT-Client", "x"), ("amqtt-", ""), ("amqtt", "2"))
HONEST = (("other", "1"), ("amqtt", "2"))
NAMES = pytest.mark.parametrize(
    ("sent", "expected"), [(SPOOFED, HONEST), (HONEST, HONEST), (SPOOFED[:1], ())]
)
Pairs = tuple[tuple[str, str], ...]


def arrived(client: BenchClient) -> list[Pairs]:
    return [
        () if packet.properties is None else packet.properties.user_properties
        for packet in client.received()
        if isinstance(packet, Publish)
    ]


@NAMES
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_publish_loses_them_live_and_retained(sent: Pairs, expected: Pairs, qos: int) -> None:
    bench = Bench()
    subscriber, publisher = bench.connected("s"), bench.connected("p")
    subscriber.subscribe("a")
    seen: list[Message] = []
    bench.server.subscribe("a", 0, lambda message, _: seen.append(message))
    publisher.publish("a", b"x", qos, retain=True, user_properties=sent)
    assert arrived(subscriber) == [expected]
    subscriber.subscribe("a")
    assert arrived(subscriber) == [expected]
    assert [message.properties.user_properties for message in seen if message.properties] == [expected]


@NAMES
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("count", [1, 5])
def test_so_do_those_that_come_together(sent: Pairs, expected: Pairs, qos: int, count: int) -> None:
    """Properties that nobody has to change are passed on as they came: not these."""
    bench = Bench()
    subscribers = [bench.connected("s"), bench.connected("t", topic_alias_maximum=5)]
    for subscriber in subscribers:
        subscriber.subscribe("a", qos)
    given = properties(user_properties=sent)
    packets = [Publish("a", b"x", qos, packet_id=qos * n, properties=given) for n in range(1, count + 1)]
    bench.connected("p").send(*packets)
    for subscriber in subscribers:
        assert arrived(subscriber) == [expected] * count


@NAMES
def test_a_will_message_loses_them(sent: Pairs, expected: Pairs) -> None:
    bench = Bench()
    subscriber = bench.connected("s")
    subscriber.subscribe("w")
    will = WillFields("w", b"x", properties=properties(user_properties=sent))
    bench.connected("dying", will=will).lose()
    assert arrived(subscriber) == [expected]


@NAMES
def test_a_connect_loses_them_before_anybody_is_asked(sent: Pairs, expected: Pairs) -> None:
    bench = Bench()
    client = bench.client()
    client.send(Connect("c", MQTT_5, properties=properties(user_properties=sent)))
    connect = client.state.connect
    assert connect is not None
    assert connect.properties is not None
    assert connect.properties.user_properties == expected


def test_the_program_may_set_them() -> None:
    bench = Bench()
    subscriber = bench.connected("s")
    subscriber.subscribe("a")
    ours = properties(user_properties=SPOOFED[:1])
    bench.server.publish(Message("a", b"x", properties=ours))
    assert arrived(subscriber) == [SPOOFED[:1]]


