"""Is every message that was published received once, in order and unchanged: the judgement."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from benchmarks.packets import (
    ACKNOWLEDGEMENT_SIZE,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    Ring,
    matching,
    turn,
)


class BrokenStream(Exception):
    """Bytes came that no broker should send, so what follows them cannot be read."""


@dataclass(slots=True)
class Faults:
    """What went wrong with the messages; all 0 in a run that counts."""

    lost: int = 0
    duplicates: int = 0
    reordered: int = 0
    corrupt: int = 0
    acknowledgements: int = 0

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))


class Delivery:
    """The messages of one publisher as one receiver gets them."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.expected = 0
        self.received = 0
        self.faults = Faults()
        self._missing: set[int] = set()

    def take(self, data: bytes, at: int) -> int:
        """Take as many messages as stand at `at` one after the other; their number is at least 1."""
        count = matching(data, at, self.ring.packets, self.ring.size, self.expected)
        if not count:
            self.take_one(data[at : at + self.ring.size])
            return 1
        self.expected += count
        self.received += count
        return count

    def take_one(self, packet: bytes) -> None:
        """Take a message that need not be the next one, or carries a Packet Identifier of the broker."""
        ring = self.ring
        frame = ring.frame(packet)
        self.received += 1
        if frame.rest != ring.first.rest or frame.slot >= ring.slots:
            self.faults.corrupt += 1
        else:
            self._number(frame.slot)

    def _number(self, slot: int) -> None:
        slots = self.ring.slots
        ahead = (slot - self.expected) % slots
        if ahead < slots // 2:
            self._missing.update(range(self.expected, self.expected + ahead))
            self.expected += ahead + 1
            return
        message = self.expected + ahead - slots
        if message in self._missing:
            self._missing.remove(message)
            self.faults.reordered += 1
        else:
            self.faults.duplicates += 1

    def final(self, sent: int) -> Faults:
        """All faults, now that the publisher has sent `sent` messages and nothing more comes."""
        return self.faults + Faults(lost=len(self._missing) + sent - self.expected)


class Inbox:
    """What one receiver reads: checks it, and answers it as the QoS asks.

    The packets of all its publishers are of one size.
    """

    def __init__(self, deliveries: Sequence[Delivery], qos: int) -> None:
        self._deliveries = {delivery.ring.publisher: delivery for delivery in deliveries}
        self._ring = deliveries[0].ring
        self._first = PUBLISH | qos << 1
        self._qos = qos
        self._rest = b""
        self.touched: set[Delivery] = set()

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; return what has to be sent. `touched` has the Deliveries that got something."""
        if self._rest:
            data = self._rest + data
        self.touched.clear()
        answer: list[bytes] = []
        at = self._read_plain(data) if not self._qos else self._read_acknowledged(data, answer)
        self._rest = data[at:]
        return b"".join(answer)

    def _delivery(self, data: bytes, at: int) -> Delivery:
        position = at + self._ring.payload_at
        delivery = self._deliveries.get(int.from_bytes(data[position : position + 4], "big"))
        if data[at] != self._first or delivery is None:
            raise BrokenStream(f"a receiver was sent {data[at : at + 16].hex(' ')} …")
        return delivery

    def _read_plain(self, data: bytes) -> int:
        size, end, at = self._ring.size, len(data), 0
        while end - at >= size:
            delivery = self._delivery(data, at)
            at += size * delivery.take(data, at)
            self.touched.add(delivery)
        return at

    def _read_acknowledged(self, data: bytes, answer: list[bytes]) -> int:
        size, end, at = self._ring.size, len(data), 0
        identifier_at = self._ring.payload_at - 2
        head = bytes((PUBACK if self._qos == 1 else PUBREC, 2))
        pubcomp = bytes((PUBCOMP, 2))
        while end - at >= ACKNOWLEDGEMENT_SIZE:
            if data[at] == PUBREL and self._qos == 2:
                answer.append(pubcomp + data[at + 2 : at + 4])
                at += ACKNOWLEDGEMENT_SIZE
                continue
            if end - at < size:
                break
            delivery = self._delivery(data, at)
            delivery.take_one(data[at : at + size])
            self.touched.add(delivery)
            answer.append(head + data[at + identifier_at : at + identifier_at + 2])
            at += size
        return at


class Outbox:
    """What one publisher reads: the acknowledgements of its messages, in the order it published them."""

    def __init__(self, ring: Ring) -> None:
        self._size = ACKNOWLEDGEMENT_SIZE
        self._rest = b""
        self._kinds = {1: (PUBACK,), 2: (PUBREC, PUBCOMP)}.get(ring.qos, ())
        self._expected = {kind: ring.acknowledgements(kind) for kind in self._kinds}
        self._pubrels = ring.acknowledgements(PUBREL) if ring.qos == 2 else b""
        self._counts = dict.fromkeys(self._kinds, 0)
        self.faults = Faults()

    @property
    def acknowledged(self) -> int:
        """Messages that the broker has taken over completely."""
        return self._counts[self._kinds[-1]]

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; return what has to be sent."""
        if self._rest:
            data = self._rest + data
        at, answer = 0, b""
        while len(data) - at >= self._size:
            at, released = self._read(data, at)
            answer += released
        self._rest = data[at:]
        return answer

    def _read(self, data: bytes, at: int) -> tuple[int, bytes]:
        kind = data[at]
        if kind not in self._expected:
            raise BrokenStream(f"a publisher was sent {data[at : at + 16].hex(' ')} …")
        begin = self._counts[kind]
        count = matching(data, at, self._expected[kind], self._size, begin)
        if not count:
            count = 1
            self.faults.acknowledgements += 1
        self._counts[kind] += count
        released = turn(self._pubrels, self._size, begin, count) if kind == PUBREC else b""
        return at + count * self._size, released
