"""Control Packets under the names that `on_mqtt_packet_received` checks."""

import asyncio
from typing import Any

import pytest

from amqtt.adapters import BufferReader, BufferWriter
from amqtt.compat.packets import LEGACY, legacy_packet
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt import MQTTFixedHeader, MQTTPacket, packet_class
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket, ConnackVariableHeader
from amqtt.mqtt.connect import ConnectPacket, ConnectPayload, ConnectVariableHeader
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.packet import CONNECT, PUBLISH, MQTTPayload, MQTTVariableHeader, PacketIdVariableHeader
from amqtt.mqtt.pingreq import PingReqPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.mqtt.publish import PublishPacket, PublishPayload, PublishVariableHeader
from amqtt.mqtt.pubrec import PubrecPacket
from amqtt.mqtt.pubrel import PubrelPacket
from amqtt.mqtt.suback import SubackPacket, SubackPayload
from amqtt.mqtt.subscribe import SubscribePacket, SubscribePayload
from amqtt.mqtt.unsuback import UnsubackPacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket, UnubscribePayload
from amqtt.wire import packets as wire

BYTES: dict[type[MQTTPacket], tuple[MQTTPacket, bytes]] = {
    ConnackPacket: (ConnackPacket.build(1, 0), b"\x20\x02\x01\x00"),
    PublishPacket: (PublishPacket.build("a", b"x", 1, False, 1, True), b"\x33\x06\x00\x01a\x00\x01x"),
    PubackPacket: (PubackPacket.build(7), b"\x40\x02\x00\x07"),
    PubrecPacket: (PubrecPacket.build(7), b"\x50\x02\x00\x07"),
    PubrelPacket: (PubrelPacket.build(7), b"\x62\x02\x00\x07"),
    PubcompPacket: (PubcompPacket.build(7), b"\x70\x02\x00\x07"),
    SubscribePacket: (SubscribePacket.build([("a", 1)], 7), b"\x82\x06\x00\x07\x00\x01a\x01"),
    SubackPacket: (SubackPacket.build(7, [1, 0x80]), b"\x90\x04\x00\x07\x01\x80"),
    UnsubscribePacket: (UnsubscribePacket.build(["a"], 7), b"\xa2\x05\x00\x07\x00\x01a"),
    UnsubackPacket: (UnsubackPacket.build(7), b"\xb0\x02\x00\x07"),
    PingReqPacket: (PingReqPacket(), b"\xc0\x00"),
    PingRespPacket: (PingRespPacket.build(), b"\xd0\x00"),
    DisconnectPacket: (DisconnectPacket(), b"\xe0\x00"),
}


@pytest.mark.parametrize("kind", BYTES, ids=lambda kind: kind.__name__)
async def test_a_packet_is_written_and_read_again(kind: type[MQTTPacket]) -> None:
    packet, expected = BYTES[kind]
    assert packet.to_bytes() == expected
    assert packet.bytes_length == len(expected)
    header = packet.fixed_header
    assert header.packet_type << 4 | header.flags == expected[0]
    assert header.remaining_length == len(expected) - 2
    writer = BufferWriter()
    await packet.to_stream(writer)
    again = await kind.from_stream(BufferReader(writer.get_buffer()))
    assert type(again) is kind
    assert again.to_bytes() == expected
    assert kind.__name__ in repr(again)


def test_every_packet_of_mqtt_3_has_its_old_name() -> None:
    assert set(LEGACY.values()) == {*BYTES, ConnectPacket}
    assert type(legacy_packet(wire.Auth(), 5)) is MQTTPacket


def connect_packet() -> ConnectPacket:
    will = wire.WillFields("w", b"gone", 1, True)
    packet = legacy_packet(wire.Connect("one", 4, True, 30, will, "ann", b"secret"))
    assert isinstance(packet, ConnectPacket)
    return packet


def test_a_connect_shows_its_fields_but_does_not_write_its_password() -> None:
    packet = connect_packet()
    assert (packet.client_id, packet.username, packet.password) == ("one", "ann", "secret")
    assert (packet.keep_alive, packet.clean_session_flag, packet.client_id_is_random) == (30, True, False)
    assert (packet.proto_name, packet.proto_level) == ("MQTT", 4)
    assert (packet.will_flag, packet.will_topic, packet.will_message) == (True, "w", b"gone")
    assert (packet.will_qos, packet.will_retain_flag) == (1, True)
    assert (packet.username_flag, packet.password_flag, packet.reserved_flag) == (True, True, False)
    assert packet.variable_header is not None
    assert packet.variable_header.keep_alive == 30
    assert packet.payload is not None
    assert packet.payload.client_id == "one"
    assert "secret" not in f"{packet.payload!r} {packet.payload}"
    assert packet.fixed_header.packet_type == CONNECT
    with pytest.raises(AttributeError, match="keepalive"):
        _ = packet.variable_header.keepalive
    assert "secret" not in repr(packet)


def test_a_connect_without_much_shows_that() -> None:
    packet = ConnectPacket(wire.Connect("", 3))
    assert (packet.proto_name, packet.client_id_is_random) == ("MQIsdp", True)
    assert (packet.will_flag, packet.will_topic, packet.will_message) == (False, None, None)
    assert packet.will_qos == 0
    assert (packet.username, packet.password, packet.will_retain_flag) == (None, None, False)


async def test_a_connect_of_any_version_is_read() -> None:
    for version in (3, 4, 5):
        packet = legacy_packet(wire.Connect("one", version))
        again = await ConnectPacket.from_stream(BufferReader(packet.to_bytes()))
        assert again.proto_level == version


def test_the_rest_of_the_packets_show_their_fields() -> None:
    publish = PublishPacket.build("a", bytearray(b"x"), None, False, None, False)
    assert (publish.qos, publish.packet_id, publish.dup_flag, publish.data) == (0, None, False, b"x")
    assert PublishPacket.build("a", b"x", 7, True, 1, False).dup_flag
    assert publish.fixed_header.packet_type == PUBLISH
    refused = ConnackPacket.build(0, NOT_AUTHORIZED)
    assert (refused.return_code, refused.session_parent) == (NOT_AUTHORIZED, 0)
    assert SubscribePacket.build([("a", 1)], 7).topics == [("a", 1)]
    assert UnsubscribePacket.build(["a"], 7).topics == ["a"]
    assert SubackPacket.build(7, [0x80]).return_codes == [0x80]
    assert PingReqPacket().variable_header is PingReqPacket().payload is None


async def test_a_long_packet_says_its_length() -> None:
    packet = PublishPacket.build("a", bytes(300), None, False, 0, False)
    assert packet.fixed_header.remaining_length == 303
    reader = asyncio.StreamReader()
    reader.feed_data(packet.to_bytes()[:100])
    reading = asyncio.create_task(PublishPacket.from_stream(reader))
    await asyncio.sleep(0)
    reader.feed_data(packet.to_bytes()[100:])
    assert (await reading).data == bytes(300)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NoDataError), (b"\x30", NoDataError), (b"\x30\x05\x00", NoDataError),
        (b"\x30\xff\xff\xff\xff\x01", MQTTError), (b"\x30\x02\x00\x05", MQTTError), (b"\xc0\x00", MQTTError),
    ],
)
async def test_what_is_no_packet_is_said(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await PublishPacket.from_stream(BufferReader(data))


@pytest.mark.parametrize("kind", BYTES, ids=lambda kind: kind.__name__)
def test_a_fixed_header_says_which_packet_it_is(kind: type[MQTTPacket]) -> None:
    assert packet_class(BYTES[kind][0].fixed_header) is kind
    with pytest.raises(AMQTTError):
        packet_class(MQTTFixedHeader(15))


BODY = b"\x00\x04MQTT\x04\xce\x00\x0a\x00\x02me\x00\x01w\x00\x04gone\x00\x03ann\x00\x02pw"


@pytest.mark.parametrize("name", ["vh", "variable_header"])
def test_a_connect_is_made_of_a_header_and_a_payload_that_are_filled_in(name: str) -> None:
    header, payload = ConnectVariableHeader(), ConnectPayload()
    header.keep_alive, header.clean_session_flag, header.will_flag, header.will_qos = 10, True, True, 1
    payload.client_id, payload.will_topic, payload.will_message = "me", "w", b"gone"
    payload.username, payload.password = "ann", "pw"
    header.username_flag = header.password_flag = True
    parts: dict[str, Any] = {name: header, "payload": payload}
    assert ConnectPacket(**parts).to_bytes() == b"\x10" + bytes([len(BODY)]) + BODY
    header.username_flag = header.password_flag = header.will_flag = False
    assert ConnectPacket(**parts).to_bytes() == b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02me"
    assert "pw" not in repr(payload)


def test_the_byte_of_flags_is_read() -> None:
    header = ConnectVariableHeader(0xCE, 10)
    payload = ConnectPayload("me", "w", b"gone", "ann", "pw")
    assert ConnectPacket(variable_header=header, payload=payload).to_bytes()[2:] == BODY


def test_the_other_packets_are_made_of_parts_as_well() -> None:
    number = PacketIdVariableHeader(7)
    header, payload = PublishVariableHeader("a", 1), PublishPayload(b"x")
    made = {
        SubscribePacket(variable_header=number, payload=SubscribePayload([("a", 1)])): SubscribePacket,
        SubackPacket(variable_header=number, payload=SubackPayload([1, 0x80])): SubackPacket,
        UnsubscribePacket(variable_header=number, payload=UnubscribePayload(["a"])): UnsubscribePacket,
        ConnackPacket(variable_header=ConnackVariableHeader(1, 0)): ConnackPacket,
        PublishPacket(MQTTFixedHeader(PUBLISH, 3), vh=header, payload=payload): PublishPacket,
        **{kind(variable_header=number): kind for kind in (PubackPacket, PubrecPacket, PubrelPacket)},
        **{kind(variable_header=number): kind for kind in (PubcompPacket, UnsubackPacket)},
    }
    for packet, kind in made.items():
        assert packet.to_bytes() == BYTES[kind][1]


def test_parts_may_be_given_by_their_places() -> None:
    header, payload = ConnectVariableHeader(0xCE, 10), ConnectPayload("me", "w", b"gone", "ann", "pw")
    assert ConnectPacket(MQTTFixedHeader(CONNECT), header, payload).to_bytes()[2:] == BODY
    assert PubackPacket(None, PacketIdVariableHeader(7)).to_bytes() == BYTES[PubackPacket][1]


def test_parts_of_another_packet_are_refused() -> None:
    with pytest.raises(AMQTTError, match="ConnectPacket"):
        ConnectPacket(fixed=MQTTFixedHeader(PUBLISH))
    with pytest.raises(AMQTTError, match="parts"):
        MQTTPacket()


def test_packets_have_type_arguments_as_the_documented_hooks_write_them() -> None:
    header: Any = MQTTPayload[MQTTVariableHeader]  # type: ignore[type-arg]
    packet: Any = MQTTPacket[MQTTVariableHeader, header, MQTTFixedHeader]  # type: ignore[type-arg]
    assert (packet.__origin__, header.__origin__) == (MQTTPacket, MQTTPayload)
