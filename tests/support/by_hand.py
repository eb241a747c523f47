"""Packets written by hand, where a test needs what no encoder writes, and how its Client sees the end."""

from amqtt.wire.packets import MQTT_5, Disconnect
from amqtt.wire.primitives import binary_field, variable_byte_integer
from support.raw_client import RawClient


def packet(first: int, body: bytes = b"") -> bytes:
    """A Control Packet: its first byte, the length of the body, the body."""
    return bytes((first,)) + variable_byte_integer(len(body)) + body


def subscribe(version: int, *pairs: tuple[bytes, int], first: int = 0x82, properties: bytes = b"") -> bytes:
    """A SUBSCRIBE with these Topic Filters and Subscription Options, Packet Identifier 1."""
    payload = b"".join(binary_field(topic_filter) + bytes((options,)) for topic_filter, options in pairs)
    return packet(first, b"\x00\x01" + _property_field(version, properties) + payload)


def unsubscribe(version: int, *topic_filters: bytes, first: int = 0xA2) -> bytes:
    """An UNSUBSCRIBE with these Topic Filters, Packet Identifier 1."""
    payload = b"".join(binary_field(topic_filter) for topic_filter in topic_filters)
    return packet(first, b"\x00\x01" + _property_field(version, b"") + payload)


def publish(version: int, topic: bytes, payload: bytes = b"", properties: bytes = b"") -> bytes:
    """A PUBLISH at QoS 0."""
    return packet(0x30, binary_field(topic) + _property_field(version, properties) + payload)


def _property_field(version: int, properties: bytes) -> bytes:
    return variable_byte_integer(len(properties)) + properties if version == MQTT_5 else b""


async def expect_disconnect(client: RawClient, reason_code: int) -> None:
    """The broker closes; an MQTT 5.0 Client is told why in a DISCONNECT, and nobody is told any more."""
    packets = await client.expect_closed()
    if client.version != MQTT_5:
        assert packets == []
        return
    assert [type(each) for each in packets] == [Disconnect], packets
    last = packets[0]
    assert isinstance(last, Disconnect)
    assert f"{last.reason_code:#04x}" == f"{reason_code:#04x}"
