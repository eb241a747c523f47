"""Strings, numbers, reserved flags, Packet Identifiers and Property Lengths (MQTT 5.0, 1.5, 2.1 and 2.2)."""

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
from amqtt.wire.primitives import binary_field, variable_byte_integer
from support.bench_server import Bench
from support.loopback import Clients, connect_bytes, farewell, refusal

ILL_FORMED = [
    b"\xff", b"\xc3", b"a\x80", b"\xc0\xaf", b"\xe0\x80\x80", b"\xf4\x90\x80\x80",
    b"\xed\xa0\x80", b"\xed\xbf\xbf",
]
"""No UTF-8, needlessly long, beyond U+10FFFF, and the surrogates U+D800 and U+DFFF."""
NULL = [b"\0", b"a\0b"]
MALFORMED = 0x81
PROTOCOL_ERROR = 0x82


def packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + variable_byte_integer(len(body)) + body


def string_bearers(text: bytes) -> dict[str, bytes]:
    """Packets of a connected Client, each with one string field that is `text`."""
    field = binary_field(text)
    pair = b"\x26" + field + b"\0\1v"
    return {
        "Topic Name": packet(0x30, field + b"\0"),
        "Content Type": packet(0x30, b"\0\1t" + variable_byte_integer(len(field) + 1) + b"\x03" + field),
        "Response Topic": packet(0x30, b"\0\1t" + variable_byte_integer(len(field) + 1) + b"\x08" + field),
        "name of a User Property": packet(0x30, b"\0\1t" + variable_byte_integer(len(pair)) + pair),
        "Topic Filter of SUBSCRIBE": packet(0x82, b"\0\1\0" + field + b"\0"),
        "Topic Filter of UNSUBSCRIBE": packet(0xA2, b"\0\1\0" + field),
    }


def connect_string_bearers(text: bytes) -> dict[str, bytes]:
    """CONNECT packets, each with one string field that is `text`."""
    field = binary_field(text)
    return {
        "Client Identifier": connect_bytes(field),
        "User Name": connect_bytes(b"\0\1a" + field, 0x82),
        "Will Topic": connect_bytes(b"\0\1a\0" + field + b"\0\0", 0x06),
        "Authentication Method": connect_bytes(properties=packet(0, b"\x15" + field)[1:]),
    }


@pytest.mark.mqtt5("1.5.4-1")
@pytest.mark.parametrize("text", ILL_FORMED)
@pytest.mark.parametrize("bearer", string_bearers(b""))
async def test_an_ill_formed_string_is_a_malformed_packet(client: Clients, bearer: str, text: bytes) -> None:
    sender = await client.connected("a")
    sender.send(string_bearers(text)[bearer])
    assert (await farewell(sender)).reason_code == MALFORMED


@pytest.mark.mqtt5("1.5.4-2", "4.7.3-2")
@pytest.mark.parametrize("text", NULL)
@pytest.mark.parametrize("bearer", string_bearers(b""))
async def test_a_string_with_a_null_character_is_a_malformed_packet(
    client: Clients, bearer: str, text: bytes
) -> None:
    sender = await client.connected("a")
    sender.send(string_bearers(text)[bearer])
    assert (await farewell(sender)).reason_code == MALFORMED


@pytest.mark.mqtt5("1.5.4-1", "1.5.4-2", "3.1.3-4", "3.1.3-11", "3.1.3-12")
@pytest.mark.parametrize("text", [*ILL_FORMED, *NULL])
@pytest.mark.parametrize("bearer", connect_string_bearers(b""))
async def test_a_connect_with_an_ill_formed_string_is_refused(
    client: Clients, bearer: str, text: bytes
) -> None:
    sender = await client()
    sender.send(connect_string_bearers(text)[bearer])
    assert (await refusal(sender)).reason_code == MALFORMED


@pytest.mark.mqtt5("1.5.4-3")
@pytest.mark.parametrize("topic", ["\ufeffa", "a\ufeff", "a/\ufeff/b", "\ufeff"])
async def test_the_character_u_feff_stays_where_it_is(client: Clients, topic: str) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("+/#")
    named = await client.connected("named")
    await named.subscribe(topic)
    other = await client.connected("other")
    await other.subscribe(topic.replace("\ufeff", "") or "a")
    receiver.publish(topic, b"x", content_type="\ufeffc", user_properties=(("\ufeffk", "\ufeff"),))
    for each in (receiver, named):
        message = await each.expect(Publish)
        assert message.topic == topic
        assert message.properties is not None
        assert message.properties.content_type == "\ufeffc"
        assert message.properties.user_properties == (("\ufeffk", "\ufeff"),)
    assert await other.sync() == []


@pytest.mark.mqtt5("1.5.5-1")
@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x80\x00",
        b"\xe0\x80\x80\x80\x00",
        b"\x30\x85\x00\0\1t\0x",
        b"\xc0\x80\x80\x80\x80\x00",
        b"\x30\x06\0\1t\x80\x00x",
        b"\x82\x0a\0\1\x03\x0b\x81\x00\0\1t\0",
    ],
    ids=["PINGREQ", "DISCONNECT", "PUBLISH", "five bytes", "Property Length", "Subscription Identifier"],
)
async def test_a_variable_byte_integer_with_needless_bytes_is_malformed(client: Clients, data: bytes) -> None:
    sender = await client.connected("a")
    sender.send(data)
    assert (await farewell(sender)).reason_code == MALFORMED


@pytest.mark.mqtt5("1.5.5-1")
@pytest.mark.parametrize(
    ("length", "encoded"),
    [
        (4, b"\x04"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"), (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"), (2_097_152, b"\x80\x80\x80\x01"),
    ],
)
def test_the_server_writes_a_remaining_length_in_the_fewest_bytes(length: int, encoded: bytes) -> None:
    bench = Bench(maximum_unsent_bytes=1 << 24)
    receiver = bench.connected("a")
    receiver.subscribe("t")
    bench.connected("b").publish("t", bytes(length - 4), user_properties=())
    data = receiver.received_bytes()
    assert data[: 1 + len(encoded)] == b"\x30" + encoded
    assert len(data) == 1 + len(encoded) + length


@pytest.mark.mqtt5("1.5.7-1")
@pytest.mark.parametrize("text", [*ILL_FORMED, *NULL])
@pytest.mark.parametrize("pair", [b"\x26%b\0\1v", b"\x26\0\1k%b"], ids=["name", "value"])
async def test_both_strings_of_a_pair_must_be_well_formed(client: Clients, pair: bytes, text: bytes) -> None:
    property_field = packet(0, pair % binary_field(text))[1:]
    stranger = await client()
    stranger.send(connect_bytes(properties=property_field))
    assert (await refusal(stranger)).reason_code == MALFORMED
    sender = await client.connected("a")
    sender.send(packet(0x82, b"\0\1" + property_field + b"\0\1t\0"))
    assert (await farewell(sender)).reason_code == MALFORMED


WITH_RESERVED_FLAGS = {
    "type 0": b"\x00\x00",
    "PUBACK": b"\x41\x02\0\1",
    "PUBREC": b"\x52\x02\0\1",
    "PUBREL": b"\x60\x02\0\1",
    "PUBCOMP": b"\x78\x02\0\1",
    "SUBSCRIBE": b"\x80\x07\0\1\0\0\1t\0",
    "SUBSCRIBE, all": b"\x8f\x07\0\1\0\0\1t\0",
    "UNSUBSCRIBE": b"\xa0\x06\0\1\0\0\1t",
    "PINGREQ": b"\xc1\x00",
    "DISCONNECT": b"\xe2\x00",
    "AUTH": b"\xf8\x00",
}


@pytest.mark.mqtt5("2.1.3-1", "3.14.1-1", "3.15.1-1", "3.6.1-1", "3.8.1-1", "3.10.1-1")
@pytest.mark.parametrize("data", WITH_RESERVED_FLAGS.values(), ids=WITH_RESERVED_FLAGS)
async def test_a_reserved_flag_with_another_value_is_malformed(client: Clients, data: bytes) -> None:
    sender = await client.connected("a")
    sender.send(data)
    assert (await farewell(sender)).reason_code == MALFORMED


@pytest.mark.mqtt5("2.1.3-1")
@pytest.mark.parametrize("first", range(0x11, 0x20))
async def test_a_connect_with_a_reserved_flag_is_not_answered(client: Clients, first: int) -> None:
    stranger = await client()
    stranger.send(bytes((first,)) + connect_bytes()[1:])
    assert await stranger.read_to_end() == b""


@pytest.mark.mqtt5("2.1.3-1", "3.2.2-1")
def test_the_server_sets_reserved_flags_as_the_standard_lists_them() -> None:
    bench = Bench()
    sender = bench.client()
    first_bytes = []

    def exchange(data: bytes) -> bytes:
        sender.send(data)
        answer = sender.received_bytes()
        first_bytes.append(answer[0])
        return answer

    assert exchange(connect_bytes())[2] == 0
    exchange(b"\x82\x07\0\1\0\0\1t\2")
    exchange(b"\x32\x06\0\1u\0\1\0")
    exchange(b"\x34\x06\0\1u\0\2\0")
    exchange(b"\x62\x02\0\2")
    bench.connected("b").publish("t", qos=2)
    exchange(b"")
    exchange(b"\x50\x02\0\1")
    exchange(b"\xa2\x06\0\3\0\0\1t")
    exchange(b"\xc0\x00")
    exchange(connect_bytes())
    assert first_bytes == [0x20, 0x90, 0x40, 0x50, 0x70, 0x34, 0x62, 0xB0, 0xD0, 0xE0]
    assert bench.faults == []


@pytest.mark.mqtt5("2.2.1-2", "2.2.2-1")
@pytest.mark.parametrize(("sent", "granted"), [(0, 0), (1, 0), (2, 0), (0, 2)])
def test_a_message_sent_at_qos_0_has_no_packet_identifier(sent: int, granted: int) -> None:
    bench = Bench()
    receiver = bench.connected("a")
    receiver.subscribe("t", granted)
    bench.connected("b").publish("t", b"xyz", sent)
    assert receiver.received_bytes() == b"\x30\x07\0\1t\0xyz"


@pytest.mark.mqtt5("2.2.1-2")
async def test_what_follows_the_topic_name_at_qos_0_is_no_packet_identifier(client: Clients) -> None:
    both = await client.connected("a")
    await both.subscribe("t")
    both.send(packet(0x30, b"\0\1t" + b"\0" + b"\0\x07"))
    assert (await both.expect(Publish)).payload == b"\0\x07"


@pytest.mark.mqtt5("2.2.1-3")
@pytest.mark.parametrize(
    "data",
    [b"\x82\x07\0\0\0\0\1t\0", b"\xa2\x06\0\0\0\0\1t", b"\x32\x06\0\1t\0\0\0", b"\x34\x06\0\1t\0\0\0"],
    ids=["SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH QoS 1", "PUBLISH QoS 2"],
)
async def test_a_packet_identifier_of_zero_is_an_error(client: Clients, data: bytes) -> None:
    sender = await client.connected("a")
    sender.send(data)
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR


@pytest.mark.mqtt5("2.2.1-4")
def test_the_server_assigns_packet_identifiers_that_are_not_in_use() -> None:
    bench = Bench(maximum_inflight=3)
    receiver = bench.connected("a")
    receiver.subscribe("t", 2)
    sender = bench.connected("b")
    in_use = []
    for qos in (1, 2):
        sender.publish("t", b"", qos)
        (message,) = receiver.received()
        assert isinstance(message, Publish)
        in_use.append(message.packet_id)
    sender.send(Pubrel(1))
    receiver.send(Pubrec(in_use[1]))
    receiver.received()
    assigned = set()
    for _ in range(0x10000):
        sender.send(b"\x32\x06\0\1t\0\1\0")
        data = receiver.received_bytes()
        assert data[:5] == b"\x32\x06\0\1t"
        assert int.from_bytes(data[5:7], "big") not in in_use
        assigned.add(int.from_bytes(data[5:7], "big"))
        receiver.send(b"\x40\x02" + data[5:7])
    assert len(assigned) > 0x8000  # most of them take their turn


@pytest.mark.mqtt5("2.2.1-5")
async def test_acknowledgements_have_the_packet_identifier_of_the_publish(client: Clients) -> None:
    sender = await client.connected("a")
    sender.publish("t", b"", 1, packet_id=0xFFFF)
    assert (await sender.expect(Puback)).packet_id == 0xFFFF
    sender.publish("t", b"", 2, packet_id=0x0100)
    assert (await sender.expect(Pubrec)).packet_id == 0x0100
    sender.send(Pubrel(0x0100))
    assert (await sender.expect(Pubcomp)).packet_id == 0x0100


@pytest.mark.mqtt5("2.2.1-5")
async def test_a_pubrel_of_the_server_has_the_packet_identifier_of_its_publish(client: Clients) -> None:
    receiver = await client.connected("a")
    await receiver.subscribe("t", 2)
    sender = await client.connected("b")
    for packet_id in (1, 2):
        sender.publish("t", b"", 2, packet_id=packet_id)
    sent = [(await receiver.expect(Publish)).packet_id for _ in range(2)]
    for packet_id in reversed(sent):
        receiver.send(Pubrec(packet_id))
        assert (await receiver.expect(Pubrel)).packet_id == packet_id


@pytest.mark.mqtt5("2.2.1-6")
async def test_suback_and_unsuback_have_the_packet_identifier_of_the_request(client: Clients) -> None:
    subscriber = await client.connected("a")
    subscriber.send(
        Subscribe(0xFFFF, [SubscriptionRequest("a")]), Subscribe(0x0100, [SubscriptionRequest("b")]),
        Unsubscribe(0xFFFE, ["a"]), Unsubscribe(3, ["none"]),
    )
    assert [(await subscriber.expect(Suback)).packet_id for _ in range(2)] == [0xFFFF, 0x0100]
    assert [(await subscriber.expect(Unsuback)).packet_id for _ in range(2)] == [0xFFFE, 3]


@pytest.mark.mqtt5("2.2.2-1")
def test_without_properties_the_server_writes_a_property_length_of_zero() -> None:
    bench = Bench()
    subscriber = bench.connected("a")
    subscriber.send(b"\x82\x07\0\1\0\0\1t\1")
    assert subscriber.received_bytes() == b"\x90\x04\0\1\0\1"
    subscriber.send(b"\x32\x06\0\1t\0\2\0")
    assert b"\x32\x06\0\1t\0\1\0" in subscriber.received_bytes()
    subscriber.send(b"\xa2\x06\0\3\0\0\1t")
    assert subscriber.received_bytes() == b"\xb0\x04\0\3\0\0"
    assert bench.faults == []


@pytest.mark.mqtt5("2.2.2-1")
@pytest.mark.parametrize(
    "data",
    [b"\x82\x02\0\1", b"\x82\x06\0\1\0\1t\0", b"\xa2\x05\0\1\0\1t", b"\x30\x03\0\1t"],
    ids=["SUBSCRIBE, end", "SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH"],
)
async def test_a_missing_property_length_is_malformed(client: Clients, data: bytes) -> None:
    sender = await client.connected("a")
    sender.send(data)
    assert (await farewell(sender)).reason_code == MALFORMED
