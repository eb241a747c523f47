"""Control Packets of MQTT 3.1.1, encoded once before the clock runs."""

import struct
from dataclasses import dataclass

CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x30, 0x40, 0x50, 0x62, 0x70
ACKNOWLEDGEMENT_SIZE = 4
_STAMP = struct.Struct(">II")


def _field(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _packet(first: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((first,)) + bytes(digits) + body


def connect(client_id: str) -> bytes:
    """A CONNECT with CleanSession 1 and no Keep Alive."""
    return _packet(0x10, _field("MQTT") + b"\x04\x02\x00\x00" + _field(client_id))


def subscribe(topic_filter: str, qos: int) -> bytes:
    """A SUBSCRIBE of one Topic Filter, with Packet Identifier 1."""
    return _packet(0x82, b"\x00\x01" + _field(topic_filter) + bytes((qos,)))


def suback(qos: int) -> bytes:
    """The answer to `subscribe` that grants what was asked."""
    return b"\x90\x03\x00\x01" + bytes((qos,))


def acknowledgement(kind: int, packet_id: int) -> bytes:
    """A PUBACK, PUBREC, PUBREL or PUBCOMP."""
    return bytes((kind, 2)) + packet_id.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Frame:
    """A PUBLISH taken apart: where it came from, and what every PUBLISH of its publisher has in common."""

    publisher: int
    slot: int
    packet_id: bytes
    rest: bytes


class Ring:
    """The PUBLISH packets of one publisher, one after the other, all of one size, in `slots` slots.

    Message n of the publisher is in slot n % slots, and carries the publisher's number and its slot.
    While fewer than slots / 2 messages are under way, a slot says which message it is. At QoS 1 and 2
    its Packet Identifier is slot + 1.
    """

    def __init__(self, publisher: int, qos: int, payload_size: int, slots: int) -> None:
        self.publisher = publisher
        self.topic = f"bench/{publisher:04d}"
        self.slots = slots
        self.qos = qos
        self.packets = b"".join(self._packet(slot, payload_size) for slot in range(slots))
        self.size = len(self.packets) // slots
        self.payload_at = self.size - payload_size
        self.first = self.frame(self.packets[: self.size])

    def _packet(self, slot: int, payload_size: int) -> bytes:
        packet_id = (slot + 1).to_bytes(2, "big") if self.qos else b""
        stamp = _STAMP.pack(self.publisher, slot)
        padding = bytes((self.publisher + n) % 251 for n in range(payload_size - len(stamp)))
        return _packet(PUBLISH | self.qos << 1, _field(self.topic) + packet_id + stamp + padding)

    def frame(self, packet: bytes) -> Frame:
        """Take a PUBLISH of this size and QoS apart."""
        at = self.payload_at
        publisher, slot = _STAMP.unpack_from(packet, at)
        topic_end = at - 2 if self.qos else at
        return Frame(publisher, slot, packet[topic_end:at], packet[:topic_end] + packet[at + _STAMP.size :])

    def acknowledgements(self, kind: int) -> bytes:
        """The acknowledgements of every slot, in order."""
        return b"".join(acknowledgement(kind, n + 1) for n in range(self.slots))


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


def matching(data: bytes, at: int, ring: bytes, size: int, begin: int) -> int:
    """How many whole packets of `data`, from `at` on, are those of the ring from the `begin`th ever on."""
    slots = len(ring) // size
    most = (len(data) - at) // size
    found, step = 0, 1
    while step and found < most:
        slot = (begin + found) % slots
        count = min(step, most - found, slots - slot)
        if data.startswith(ring[slot * size : (slot + count) * size], at + found * size):
            found += count
            step *= 2
        else:
            step = count // 2
    return found
