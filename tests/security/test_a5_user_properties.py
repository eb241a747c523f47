"""A5: crafted properties: user properties are bounded in number and bytes, in all packets that bear them."""

import gc
import sys
import tracemalloc

import pytest

from amqtt.wire.bounds import USUAL_BOUNDS
from amqtt.wire.encoder import encode
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.packets import CONNECT, MQTT_5, PUBLISH, Connack, Connect, Disconnect, Publish, WillFields
from amqtt.wire.primitives import variable_byte_integer
from amqtt.wire.properties import (
    BY_IDENTIFIER,
    BYTE,
    FOUR_BYTE_INTEGER,
    SUBSCRIPTION_IDENTIFIERS,
    TWO_BYTE_INTEGER,
    USER_PROPERTIES,
    WILL,
    Property,
    decode_properties,
)
from support.bench_server import Bench, BenchClient
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
@pytest.mark.parametrize("bearer", ["publish", "publish with an alias", "connect", "will"])
def test_user_properties_of_one_packet_may_have_so_many_bytes(
    bearer: str, length: int, closed: bool
) -> None:
    """Each pair is an identifier, two lengths, one character of name and the value: 6 bytes and it."""
    bench = Bench(maximum_user_property_bytes=10 * (6 + 16))
    own = properties(user_properties=pairs(10, length))
    will = WillFields("w", b"", properties=own if bearer == "will" else None)
    client = bench.client()
    client.send(Connect("c", MQTT_5, will=will, properties=own if bearer == "connect" else None))
    if bearer.startswith("publish"):
        alias = {"topic_alias": 1} if bearer.endswith("alias") else {}
        client.publish("a", user_properties=pairs(10, length), **alias)
    assert client.state.closed is closed
    assert bench.server.realm.excess.counts == ({"maximum_user_property_bytes": 1} if closed else {})


BEARERS = {"publish": PUBLISH, "connect": CONNECT, "will": WILL}
"""As properties.py calls them."""


def sent_with(raw: bytes, bearer: str) -> BenchClient:
    """A Client that sent a packet with these bytes as its Properties."""
    block = variable_byte_integer(len(raw)) + raw
    bench = Bench()
    if bearer == "publish":
        client = bench.connected("c")
        body = b"\x00\x01a" + block
        client.send(b"\x30" + variable_byte_integer(len(body)) + body)
    else:
        client = bench.client()
        will = b"\x00\x01c" + block + b"\x00\x01w\x00\x00"
        payload, flags, own = (will, 0x06, b"\x00") if bearer == "will" else (b"\x00\x01c", 0x02, block)
        client.send(connect_bytes(payload, flags, level=MQTT_5, properties=own))
    assert bench.faults == []
    return client


def written(row: Property, number: int = 1) -> bytes:
    """A property with a value that any of its kind may have."""
    value = {
        BYTE: bytes((number,)), TWO_BYTE_INTEGER: number.to_bytes(2, "big"),
        FOUR_BYTE_INTEGER: number.to_bytes(4, "big"), SUBSCRIPTION_IDENTIFIERS: variable_byte_integer(number),
        USER_PROPERTIES: b"\0\0\0\0",
    }.get(row.kind, b"\0\1x")
    return bytes((row.identifier,)) + value


def reason_code(client: BenchClient) -> int:
    """What the Client was told last."""
    return client.received()[-1].reason_code  # type: ignore[union-attr]


@pytest.mark.parametrize("bearer", BEARERS)
@pytest.mark.parametrize("row", BY_IDENTIFIER.values(), ids=lambda row: row.attribute)
def test_a_property_of_another_packet_is_malformed(row: Property, bearer: str) -> None:
    if BEARERS[bearer] in row.bearers:
        return
    client = sent_with(written(row), bearer)
    assert client.state.closed
    assert reason_code(client) == 0x81


@pytest.mark.parametrize("bearer", BEARERS)
@pytest.mark.parametrize("identifier", [0, 4, 5, 0x2B, 0x7F, 0x80, 0xFF])
def test_a_property_that_there_is_not_is_malformed(identifier: int, bearer: str) -> None:
    client = sent_with(bytes((identifier, 1, 1, 1)), bearer)
    assert client.state.closed
    assert reason_code(client) == 0x81


@pytest.mark.parametrize("bearer", BEARERS)
@pytest.mark.parametrize("row", BY_IDENTIFIER.values(), ids=lambda row: row.attribute)
def test_each_property_but_those_of_users_is_there_once(row: Property, bearer: str) -> None:
    if BEARERS[bearer] not in row.bearers or row.attribute in ("authentication_data", "user_properties"):
        return
    client = sent_with(written(row) * 2, bearer)
    assert client.state.closed
    assert reason_code(client) in (0x81, 0x82)


@pytest.mark.parametrize("bearer", BEARERS)
@pytest.mark.parametrize("row", BY_IDENTIFIER.values(), ids=lambda row: row.attribute)
def test_a_property_that_ends_early_is_malformed(row: Property, bearer: str) -> None:
    if BEARERS[bearer] not in row.bearers:
        return
    client = sent_with(written(row)[:-1], bearer)
    assert client.state.closed
    assert reason_code(client) == 0x81


OUT_OF_RANGE = {
    "payload_format_indicator 2": (b"\x01\x02", "publish"), "and in a Will": (b"\x01\x02", "will"),
    "topic_alias 0": (b"\x23\0\0", "publish"), "receive_maximum 0": (b"\x21\0\0", "connect"),
    "maximum_packet_size 0": (b"\x27\0\0\0\0", "connect"),
    "request_problem_information 2": (b"\x17\x02", "connect"),
    "request_response_information 2": (b"\x19\x02", "connect"),
    "a wildcard as Response Topic": (b"\x08\0\1#", "publish"), "and in the Will": (b"\x08\0\1+", "will"),
}


@pytest.mark.parametrize("case", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_a_value_out_of_its_range_is_a_protocol_error(case: tuple[bytes, str]) -> None:
    client = sent_with(*case)
    assert client.state.closed
    assert reason_code(client) in (0x82, 0x94)


@pytest.mark.parametrize("bearer", ["connect", "will", "publish"])
def test_a_megabyte_of_user_properties_is_no_more_work_than_those_that_are_read(bearer: str) -> None:
    """16 KiB, or 1 MiB, of the smallest ones there are."""
    calls = []
    for size in (16 * 1024, 1024 * 1024):
        raw = PAIR * (size // len(PAIR))
        work = 0

        def counts(frame, event, argument) -> None:  # type: ignore[no-untyped-def]
            nonlocal work
            work += event in ("call", "c_call")

        bench = Bench(maximum_connect_size=2 * 1024 * 1024)
        block = variable_byte_integer(len(raw)) + raw
        client = bench.connected("c") if bearer == "publish" else bench.client()
        if bearer == "publish":
            body = b"\x00\x01a" + block
            data = b"\x30" + variable_byte_integer(len(body)) + body
        elif bearer == "will":
            payload = b"\x00\x01c" + block + b"\x00\x01w\0\0"
            data = connect_bytes(payload, 0x06, level=MQTT_5, properties=b"\0")
        else:
            data = connect_bytes(level=MQTT_5, properties=block)
        sys.setprofile(counts)
        try:
            client.send(data)
        finally:
            sys.setprofile(None)
        assert reason_code(client) == QUOTA_EXCEEDED
        calls.append(work)
    assert calls[1] <= 1.1 * calls[0]


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
