"""Reads packets of one kind that arrived one behind the other, as one thing: a run."""

from typing import Final

from amqtt.wire.bounds import UNBOUNDED, PacketBounds
from amqtt.wire.errors import PeerError
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import MQTT_5, PUBLISH, AcknowledgementRun, Publish, PublishRun
from amqtt.wire.primitives import BYTE_PAIRS, variable_byte_integer_at
from amqtt.wire.properties import unaltered_properties_at
from amqtt.wire.publish_packets import publish_at

NO_PROPERTIES: Final = b"\x00"


def run_at(
    topics: TopicNames, buffer: bytes, start: int, version: int, maximum: int, bounds: PacketBounds
) -> tuple[PublishRun | AcknowledgementRun | None, int]:
    """The run that begins with the packet at `start`, and where it ends; None: it is in none."""
    if buffer[start] >> 4 == PUBLISH:
        return _publishes_at(topics, buffer, start, version, maximum, bounds)
    return _acknowledgements_at(buffer, start)


def has_properties(buffer: bytes, first: int, at: int, end: int) -> bool:
    """Whether the packet of MQTT 5.0 that begins with the byte `first` is a PUBLISH with Properties.

    `at` is where its fixed header ends. What is malformed has none.
    """
    if first >> 4 != PUBLISH or at + 2 > end:
        return False
    behind = at + 2 + (buffer[at] << 8 | buffer[at + 1]) + (2 if first & 0x06 else 0)
    return behind < end and buffer[behind] != 0


def _publishes_at(
    topics: TopicNames, buffer: bytes, start: int, version: int, maximum: int, bounds: PacketBounds
) -> tuple[PublishRun | None, int]:
    """The run that begins with the PUBLISH at `start`, and where it ends; None: it is in none.

    A packet that is not complete, or larger than `maximum` bytes, or has anything uncommon about it is
    no part of a run: it gets the closer look that it needs. What is the same as in the packet before,
    mostly all but the payload, was looked at there.
    """
    first = buffer[start]
    size = len(buffer)
    qos = first >> 1 & 3
    run = PublishRun(topics, qos)
    count = 0
    topic_field = b""
    properties = NO_PROPERTIES
    stop = start
    while stop + 1 < size and buffer[stop] == first:
        at = stop + 2
        end = at + buffer[stop + 1]
        if buffer[stop + 1] >= 0x80:
            at, end = _after_two_bytes(buffer, stop)
        if end > size or end - stop > maximum or at + 2 > end:
            break
        behind = at + 2 + (buffer[at] << 8 | buffer[at + 1])
        field = buffer[at:behind]
        if qos:
            behind = _behind_identifier(run, count, buffer, behind, end)
        if version == MQTT_5:
            same_to = behind + len(properties)
            if same_to > end or buffer[behind:same_to] != properties:
                properties = _properties_at(buffer, behind, end, bounds)
        if behind > end or not properties:
            break
        if field != topic_field:
            topic = _topic(topics, field)
            if not topic:
                break
            run.begin(topic, stop - start, count)
            topic_field = field
        elif not qos:
            payload_at = behind + len(properties) if version == MQTT_5 else behind
            alike = _alike_behind(buffer, stop, payload_at, end)
            count += alike
            end += alike * (end - stop)
        count += 1
        stop = end
    if not count:
        return None, start
    run.end(buffer[start:stop], count)
    return run, stop


def _alike_behind(buffer: bytes, start: int, payload_at: int, end: int) -> int:
    """How many packets follow that differ from the one from `start` to `end` in their payloads alone."""
    head = buffer[start:payload_at]
    width = payload_at - start
    length = end - start
    last = len(buffer) - length
    at = end
    while at <= last and buffer[at : at + width] == head:
        at += length
    return (at - end) // length


def _behind_identifier(run: PublishRun, count: int, buffer: bytes, at: int, end: int) -> int:
    """Where the Packet Identifier at `at` ends; beyond `end` when it is not that of packet `count`."""
    if at + 2 > end:
        return at + 2
    packet_id = buffer[at] << 8 | buffer[at + 1]
    if not count:
        run.first_id = packet_id
    return at + 2 if packet_id and packet_id == run.first_id + count else end + 1


def _after_two_bytes(buffer: bytes, start: int) -> tuple[int, int]:
    """Where a packet begins behind a Remaining Length of two bytes, and ends; nowhere for other lengths."""
    at = start + 3
    if at > len(buffer) or not 0 < buffer[at - 1] < 0x80:
        return at, len(buffer) + 1
    return at, at + (buffer[at - 1] << 7 | buffer[at - 2] & 0x7F)


def _topic(topics: TopicNames, field: bytes) -> str:
    """The Topic Name in a UTF-8 Encoded String; "" where it is none."""
    try:
        return topics.decode(field)
    except PeerError:
        return ""


def _properties_at(buffer: bytes, at: int, end: int, bounds: PacketBounds) -> bytes:
    """The Properties at `at`, with their length, if they are forwarded unaltered; else b""."""
    stop = unaltered_properties_at(buffer, at, end, bounds)
    # Compiled, a slice that would end before it begins is a fault.
    return buffer[at:stop] if stop else b""


def packets_of(wire: bytes, version: int, topics: TopicNames) -> list[Publish]:
    """The packets of a PublishRun, whose bytes are `wire`, one by one."""
    packets: list[Publish] = []
    start = 0
    while start < len(wire):
        remaining, at = variable_byte_integer_at(wire, start + 1, len(wire))
        end = at + remaining
        packets.append(publish_at(topics, wire, start, at, end, version, UNBOUNDED))
        start = end
    return packets


def pieces_of(run: PublishRun, most: int) -> list[PublishRun]:
    """The run in pieces of so many packets at most."""
    if run.count <= most:
        return [run]
    fine = PublishRun(run.names, run.qos)
    fine.first_id = run.first_id
    start = count = 0
    for topic, several in zip(run.topics, run.counts, strict=True):
        for number in range(several):
            if number % most == 0:
                fine.begin(topic, start, count)
            remaining, at = variable_byte_integer_at(run.wire, start + 1, len(run.wire))
            start = at + remaining
            count += 1
    fine.end(run.wire, count)
    pieces: list[PublishRun] = []
    count = 0
    for place, several in enumerate(fine.counts):
        if count + several > most:
            pieces.append(fine.take(place))
            count = 0
        count += several
    pieces.append(fine.take(len(fine.counts)))
    return pieces


def largest_of(wire: bytes) -> int:
    """The size in bytes of the largest packet of a PublishRun, whose bytes are `wire`."""
    largest = 0
    start = 0
    while start < len(wire):
        remaining, at = variable_byte_integer_at(wire, start + 1, len(wire))
        largest = max(largest, at + remaining - start)
        start = at + remaining
    return largest


def identifiers_at(wire: bytes) -> list[int]:
    """Where the Packet Identifiers of a PublishRun of QoS 1 or 2 are, whose bytes are `wire`."""
    places: list[int] = []
    start = 0
    while start < len(wire):
        remaining, at = variable_byte_integer_at(wire, start + 1, len(wire))
        places.append(at + 2 + (wire[at] << 8 | wire[at + 1]))
        start = at + remaining
    return places


def acknowledgement_run(head: bytes, first_id: int, count: int) -> bytes:
    """Acknowledgements of success one behind the other; `head` is all of one but its Packet Identifier."""
    return head.join([b"", *BYTE_PAIRS[first_id : first_id + count]])


def _acknowledgements_at(buffer: bytes, start: int) -> tuple[AcknowledgementRun | None, int]:
    """The run of acknowledgements that begins at `start`, and where it ends; None: the first is alone.

    A packet that is not complete, or has more than a Packet Identifier, or not the next one, is no part
    of a run.
    """
    first = buffer[start]
    size = len(buffer)
    first_id = buffer[start + 2] << 8 | buffer[start + 3] if start + 4 <= size else 0
    if not first_id:
        return None, start
    count = 0
    at = start
    while at + 4 <= size and buffer[at] == first and buffer[at + 1] == 2:
        if buffer[at + 2] << 8 | buffer[at + 3] != first_id + count:
            break
        count += 1
        at += 4
    if count < 2:
        return None, start
    return AcknowledgementRun(first >> 4, first_id, count), at
