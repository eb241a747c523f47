"""The messages of a publisher, over and over: what it sends, and what has to arrive."""

import struct
from dataclasses import dataclass
from functools import cached_property

from benchmarks.packets import (
    MQTT_3_1_1,
    MQTT_5,
    body_of,
    field,
    properties_of,
    publish,
    variable_byte_integer,
)

PROPERTIES = (
    b"\x01\x00"
     b"\x03" + field("application/octet-stream")
    + b"\x08" + field("bench/answers")
    + b"\x09" + field("0123456789abcdef")
    + b"\x26" + field("site") + field("north")
)
"""Payload Format Indicator, Content Type, Response Topic, Correlation Data and a User Property."""
_STAMP = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Form:
    """Packets of one size, one after the other, as a receiver gets them, their Packet Identifiers made 0."""

    packets: bytes
    size: int
    identifier_at: int
    payload_at: int


class Ring:
    """The PUBLISH packets of one publisher, one after the other, all of one size, in `slots` slots.

    Message n of the publisher is in slot n % slots, and carries the publisher's number and its slot.
    While fewer than slots / 2 messages are under way, a slot says which message it is. At QoS 1 and 2
    its Packet Identifier is slot + 1. Its topics are used one after the other.
    """

    def __init__(
        self, publisher: int, qos: int, payload_size: int, slots: int, topics: int = 1,
        version: int = MQTT_3_1_1,
    ) -> None:
        self.publisher = publisher
        self.qos = qos
        self.slots = slots
        self.version = version
        self._topics = topics
        self._payload_size = payload_size
        self._properties = (
            variable_byte_integer(len(PROPERTIES)) + PROPERTIES if version == MQTT_5 else b""
        )
        self.packets = b"".join(self._packet(slot, slot + 1) for slot in range(slots))
        self.size = len(self.packets) // slots

    @property
    def topic_filter(self) -> str:
        """A Topic Filter for all of its topics, and no other publisher's."""
        return self.topic(0) if self._topics == 1 else f"bench/{self.publisher:04d}/+"

    def topic(self, slot: int) -> str:
        """The Topic Name of a slot; all are of one length."""
        name = f"bench/{self.publisher:04d}"
        return name if self._topics == 1 else f"{name}/{slot % self._topics:05d}"

    def payload(self, slot: int) -> bytes:
        """Publisher, slot, and bytes that differ from publisher to publisher."""
        stamp = _STAMP.pack(self.publisher, slot)
        return stamp + bytes((self.publisher + n) % 251 for n in range(self._payload_size - len(stamp)))

    def _packet(self, slot: int, packet_id: int) -> bytes:
        middle = packet_id.to_bytes(2, "big") if self.qos else b""
        return publish(self.topic(slot), self.payload(slot), self.qos << 1, middle + self._properties)

    @cached_property
    def form(self) -> Form:
        """What a receiver gets of a broker that forwards the bytes as they came, as all do in MQTT 3.1.1."""
        packets = b"".join(self._packet(slot, 0) for slot in range(self.slots))
        begin, end = body_of(packets)
        return Form(packets, end, begin + len(field(self.topic(0))), end - self._payload_size)

    def form_like(self, received: bytes) -> Form:
        """What a receiver gets of this broker, whose first packet of this ring is this one (MQTT 5.0).

        A Server may write Properties of different kinds in an order of its own; they must be the same.
        """
        begin, end = body_of(received)
        head = field(self.topic(0))
        identifier_at = begin + len(head)
        properties_at = identifier_at + (2 if self.qos else 0)
        properties, payload_at = properties_of(received, properties_at)
        expected, _ = properties_of(self._properties, 0)
        if properties != expected or end - payload_at != self._payload_size:
            raise ValueError(f"the properties of a message were changed: {received[:payload_at].hex(' ')}")
        middle = (b"\x00\x00" if self.qos else b"") + received[properties_at:payload_at]
        packets = b"".join(
            publish(self.topic(slot), self.payload(slot), self.qos << 1, middle) for slot in range(self.slots)
        )
        return Form(packets, end, identifier_at, payload_at)


def stamp_of(data: bytes | bytearray, payload_at: int) -> tuple[int, int]:
    """The publisher and the slot of the message whose payload begins there."""
    publisher, slot = _STAMP.unpack_from(data, payload_at)
    return publisher, slot


def turn(ring: bytes, size: int, begin: int, count: int) -> bytes:
    """`count` packets of `size` bytes from a ring of them, from the `begin`th packet ever on."""
    slots = len(ring) // size
    chunks = []
    while count:
        slot = begin % slots
        taken = min(count, slots - slot)
        chunks.append(ring[slot * size : (slot + taken) * size])
        begin += taken
        count -= taken
    return b"".join(chunks)


def matching(data: bytes | bytearray, at: int, ring: bytes, size: int, begin: int) -> int:
    """How many whole packets of `data`, from `at` on, are those of the ring from the `begin`th ever on."""
    slots = len(ring) // size
    most = (len(data) - at) // size
    found, step, growing = 0, 8, True
    while step and found < most:
        slot = (begin + found) % slots
        count = min(step, most - found, slots - slot)
        if not data.startswith(ring[slot * size : (slot + count) * size], at + found * size):
            step, growing = count // 2, False
            continue
        found += count
        if count == step:
            step = step * 2 if growing else (step + 1) // 2
    return found
