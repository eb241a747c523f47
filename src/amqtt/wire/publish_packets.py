"""Reads PUBLISH and the packets that acknowledge it: PUBACK, PUBREC, PUBREL, PUBCOMP."""

from typing import Final

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
    AcknowledgementRun,
    Puback,
    Pubcomp,
    Publish,
    PublishRun,
    Pubrec,
    Pubrel,
)
from amqtt.wire.primitives import byte_at, variable_byte_integer_at
from amqtt.wire.properties import Properties, decode_properties
from amqtt.wire.reasons import PUBACK_REASONS, PUBREL_REASONS, ReasonCode
from amqtt.wire.subscription_packets import packet_id_at

PLAIN_PUBLISH: Final = PUBLISH << 4
"""The first byte of a PUBLISH with QoS 0, DUP 0 and RETAIN 0."""


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
    topic = topics.decode(buffer[topic_at:payload_at])
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


def run_at(
    topics: TopicNames, buffer: bytes, start: int, at: int, end: int, version: int, maximum: int
) -> tuple[PublishRun | AcknowledgementRun | None, int]:
    """The run that begins with the packet from `start` to `end`, and where it ends; None: it is alone."""
    if buffer[end] != buffer[start] or at + 2 > end:
        return None, end
    if buffer[start] != PLAIN_PUBLISH:
        return _acknowledgements_at(buffer, start)
    return _publishes_at(topics, buffer, start, at, end, version, maximum)


def _publishes_at(
    topics: TopicNames, buffer: bytes, start: int, at: int, end: int, version: int, maximum: int
) -> tuple[PublishRun | None, int]:
    """The run that begins with the PUBLISH from `start` to `end`, and where it ends; None: it is alone.

    Its Topic Name is at `at`. A packet that is not complete, or larger than `maximum` bytes, or has
    anything uncommon about it is no part of a run: it gets the closer look that it needs.
    """
    topic_at = at + 2
    same_to = topic_at + (buffer[at] << 8 | buffer[at + 1])
    if version == MQTT_5:
        same_to += 1
    if same_to > end or (version == MQTT_5 and buffer[same_to - 1]):
        return None, end
    same = buffer[at:same_to]
    length = same_to - at
    size = len(buffer)
    count = 1
    largest = end - start
    stop = end
    while stop + 1 < size and buffer[stop] == PLAIN_PUBLISH:
        remaining = buffer[stop + 1]
        content = stop + 2
        if remaining >= 0x80:
            if content >= size or buffer[content] >= 0x80 or not buffer[content]:
                break
            remaining += (buffer[content] - 1) << 7
            content += 1
        if remaining < length or content + remaining > size or buffer[content : content + length] != same:
            break
        packet_size = content + remaining - stop
        if packet_size > largest:
            if packet_size > maximum:
                break
            largest = packet_size
        count += 1
        stop = content + remaining
    name = buffer[topic_at : topic_at + (buffer[at] << 8 | buffer[at + 1])]
    if count == 1 or not name:
        return None, end
    topic = topics.decode(name)
    return PublishRun(topic, buffer[start:stop], count, largest), stop


def packets_of(run: PublishRun, version: int) -> list[Publish]:
    """The packets of a run, one by one."""
    packets: list[Publish] = []
    wire = run.wire
    start = 0
    while start < len(wire):
        remaining, at = variable_byte_integer_at(wire, start + 1, len(wire))
        content = at + 2 + (wire[at] << 8 | wire[at + 1]) + (version == MQTT_5)
        end = at + remaining
        packets.append(Publish(run.topic, wire[content:end], wire=wire[start:end]))
        start = end
    return packets


def _check_empty_topic(properties: Properties | None, version: int) -> None:
    """A Topic Name is empty only where a Topic Alias stands for it (3.3.2.1) [MQTT-4.7.3-1]."""
    if version != MQTT_5:
        raise MalformedPacket("the Topic Name is empty", ReasonCode.TOPIC_NAME_INVALID)
    if properties is None or properties.topic_alias is None:
        raise ProtocolError("the Topic Name is empty and there is no Topic Alias")


def _acknowledgements_at(buffer: bytes, start: int) -> tuple[AcknowledgementRun | None, int]:
    """The run of acknowledgements that begins at `start`, and where it ends; None: the first is alone.

    A packet that is not complete, or has more than a Packet Identifier, is no part of a run.
    """
    first = buffer[start]
    size = len(buffer)
    packet_ids: list[int] = []
    at = start
    while at + 4 <= size and buffer[at] == first and buffer[at + 1] == 2:
        packet_id = buffer[at + 2] << 8 | buffer[at + 3]
        if not packet_id:
            break
        packet_ids.append(packet_id)
        at += 4
    if len(packet_ids) < 2:
        return None, start
    return AcknowledgementRun(first >> 4, packet_ids), at


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
