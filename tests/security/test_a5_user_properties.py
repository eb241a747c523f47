"""A5: crafted properties: user properties are bounded in number and bytes, in all packets that bear them."""

import gc
import tracemalloc

import pytest

from amqtt.wire.bounds import USUAL_BOUNDS
from amqtt.wire.encoder import encode
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.packets import MQTT_5, Connack, Connect, Disconnect, Publish, WillFields
from amqtt.wire.primitives import variable_byte_integer
from amqtt.wire.properties import WILL, decode_properties
from support.bench_server import Bench
from support.loopback import connect_bytes
from support.raw_client import properties

QUOTA_EXCEEDED = 0x97
PAIR = b"\x26\0\0\0\0"
"""The smallest User Property: an empty name and an empty value."""


def pairs(count: int, length: int = 0) -> tuple[tuple[str, str], ...]:
    return (("n", "v" * length),) * count


@pytest.mark.parametrize(("count", "code"), [(64, 0), (65, QUOTA_EXCEEDED)])
@pytest.mark.parametrize("bearer", ["connect", "will"])
def test_connect_may_bear_64_user_properties_and_so_may_its_will(bearer: str, count: int, code: int) -> None:
    bench = Bench()
    client = bench.client()
    own = properties(user_properties=pairs(count))
    will = WillFields("w", b"", properties=own if bearer == "will" else None)
    client.send(Connect("c", MQTT_5, will=will, properties=own if bearer == "connect" else None))
    (connack,) = client.received()
    assert isinstance(connack, Connack)
    assert connack.reason_code == code
    assert client.state.closed is bool(code)


@pytest.mark.parametrize(("count", "closed"), [(64, False), (65, True)])
def test_a_publish_may_bear_64_user_properties(count: int, closed: bool) -> None:
    client = Bench().connected("c")
    client.publish("a", user_properties=pairs(count))
    answers = client.received()
    assert [packet.reason_code for packet in answers] == ([QUOTA_EXCEEDED] if closed else [])  # type: ignore[union-attr]
    assert client.state.closed is closed


@pytest.mark.parametrize(("length", "closed"), [(16, False), (17, True)])
def test_user_properties_of_one_packet_may_have_so_many_bytes(length: int, closed: bool) -> None:
    """Each pair is an identifier, two lengths, one character of name and the value: 6 bytes and it."""
    bench = Bench(maximum_user_property_bytes=10 * (6 + 16))
    client = bench.connected("c")
    client.publish("a", user_properties=pairs(10, length))
    assert client.state.closed is closed
    assert bench.server.realm.excess.counts == ({"maximum_user_property_bytes": 1} if closed else {})


def test_both_bounds_can_be_set_and_are_counted_by_their_names() -> None:
    bench = Bench(maximum_user_properties=2)
    client = bench.connected("c")
    client.publish("a", user_properties=pairs(3))
    (disconnect,) = client.received()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == QUOTA_EXCEEDED
    assert bench.server.realm.excess.counts == {"maximum_user_properties": 1}


def test_nothing_is_read_behind_the_bound() -> None:
    """However many there are, 65 are looked at: the cost of a packet does not grow with them."""
    bounded = PAIR * (USUAL_BOUNDS.maximum_user_properties + 1)
    nonsense = b"\xff" * 10_000
    length = variable_byte_integer(len(bounded) + len(nonsense))
    with pytest.raises(ProtocolError) as raised:
        decode_properties(length + bounded + nonsense, 0, len(length + bounded + nonsense), WILL)
    assert raised.value.reason_code == QUOTA_EXCEEDED
    with pytest.raises(MalformedPacket):
        decode_properties(length + bounded[5:] + nonsense + PAIR, 0, len(length + bounded + nonsense), WILL)


def test_memory_is_flat_over_thousands_of_bad_connects() -> None:
    bench = Bench()
    bad = [
        connect_bytes(properties=b"\xcd\x02" + PAIR * 66 + b"\x26\0\0"),
        connect_bytes(properties=b"\x0a\x11\0\0\0\1\x11\0\0\0\1"),
        connect_bytes(properties=b"\x05\x01\x01\x01\x01\x01"),
        encode(Connect("c", MQTT_5), MQTT_5)[:-2] + b"\xff\xff\xff",
    ]
    for count in (500, 10_000):
        gc.collect()
        if count == 10_000:
            tracemalloc.start()
        for number in range(count):
            client = bench.client()
            client.send(bad[number % len(bad)])
            assert client.state.closed
        bench.pass_time(11)
    gc.collect()
    try:
        assert tracemalloc.get_traced_memory()[0] < 256 * 1024
    finally:
        tracemalloc.stop()
    assert bench.server.realm.sessions == {}
    assert len(bench.server.deadlines) == 0
    assert bench.faults == []


def test_a_message_without_too_many_is_delivered_with_all_of_them() -> None:
    bench = Bench()
    subscriber = bench.connected("s")
    subscriber.subscribe("a")
    bench.connected("p").publish("a", b"x", user_properties=pairs(64))
    (packet,) = subscriber.received()
    assert isinstance(packet, Publish)
    assert packet.properties is not None
    assert packet.properties.user_properties == pairs(64)
