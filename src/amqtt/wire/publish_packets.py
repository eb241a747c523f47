"""Reads PUBLISH and the packets that acknowledge it: PUBACK, PUBREC, PUBREL, PUBCOMP."""

from amqtt.wire.bounds import PacketBounds
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    MQTT_5,
    PUBACK,
    PUBLISH,
    PUBREC,
    PUBREL,
    Acknowledgement,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from amqtt.wire.primitives import byte_at
from amqtt.wire.properties import Properties, decode_properties
from amqtt.wire.reasons import PUBACK_REASONS, PUBREL_REASONS, ReasonCode
from amqtt.wire.subscription_packets import packet_id_at


def publish_at(
    topics: TopicNames,
    buffer: bytes,
    start: int,
    at: int,
    end: int,
    version: int,
    bounds: PacketBounds,
) -> Publish:
    """The PUBLISH packet from `start` to `end` whose Topic Name is at `at`; its first byte is valid.

    Most packets are of this type: what other readers call, it does in place.
    """
    topic_at = at + 2
    if topic_at > end:
        raise MalformedPacket("the packet ends within the length of the Topic Name")
    payload_at = topic_at + (buffer[at] << 8 | buffer[at + 1])
    if payload_at > end:
        raise MalformedPacket("the packet ends within the Topic Name")
    topic = topics.decode(buffer[at:payload_at])
    first = buffer[start]
    qos = first >> 1 & 3
    packet_id = 0
    identifier_at = payload_at
    if qos:
        packet_id, payload_at = packet_id_at(buffer, payload_at, end)
    properties = None
    if version == MQTT_5:
        if payload_at < end and buffer[payload_at] == 0:
            payload_at += 1
        else:
            properties, payload_at = decode_properties(buffer, payload_at, end, PUBLISH, bounds)
    if not topic:
        _check_empty_topic(properties, version)
    wire = None
    if properties is None and not first & 9:
        wire = buffer[start:identifier_at] if qos else buffer[start:end]
    return Publish(
        topic, buffer[payload_at:end], qos, first & 1 == 1, first & 8 == 8, packet_id, properties, wire
    )


def _check_empty_topic(properties: Properties | None, version: int) -> None:
    """A Topic Name is empty only where a Topic Alias stands for it (3.3.2.1) [MQTT-4.7.3-1]."""
    if version != MQTT_5:
        raise MalformedPacket("the Topic Name is empty", ReasonCode.TOPIC_NAME_INVALID)
    if properties is None or properties.topic_alias is None:
        raise ProtocolError("the Topic Name is empty and there is no Topic Alias")


def acknowledgement_at(
    kind: int, buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds
) -> Acknowledgement:
    """The packet of type `kind`, PUBACK to PUBCOMP; what it leaves out is 0x00 and no properties."""
    packet_id, at = packet_id_at(buffer, at, end)
    reason_code = 0
    properties = None
    if version == MQTT_5 and at < end:
        reason_code, at = byte_at(buffer, at, end)
        if reason_code and reason_code not in (PUBACK_REASONS if kind <= PUBREC else PUBREL_REASONS):
            raise ProtocolError(f"the Reason Code {reason_code:#04x} is not one of this packet")
        if at < end:
            properties, at = decode_properties(buffer, at, end, kind, bounds)
    if at != end:
        raise MalformedPacket("an acknowledgement has bytes behind its fields")
    if kind == PUBACK:
        return Puback(packet_id, reason_code, properties)
    if kind == PUBREC:
        return Pubrec(packet_id, reason_code, properties)
    if kind == PUBREL:
        return Pubrel(packet_id, reason_code, properties)
    return Pubcomp(packet_id, reason_code, properties)
