"""Is every message that was published received once, in order and unchanged: the judgement."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from benchmarks.packets import (
    ACKNOWLEDGEMENT_SIZE,
    MQTT_5,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    Incomplete,
    acknowledgement,
    acknowledgements,
    body_of,
)
from benchmarks.rings import Form, Ring, matching, stamp_of, turn


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

    def __init__(self, ring: Ring, form: Form | None = None) -> None:
        self.ring = ring
        self.form = form or ring.form
        self.expected = 0
        self.received = 0
        self.faults = Faults()
        self._missing: set[int] = set()

    def take(self, data: bytes | bytearray, at: int) -> int:
        """Take the messages that stand at `at` one after the other, Packet Identifiers 0; at least 1."""
        count = matching(data, at, self.form.packets, self.form.size, self.expected)
        if not count:
            self._take_one(data, at)
            return 1
        self.expected += count
        self.received += count
        return count

    def _take_one(self, data: bytes | bytearray, at: int) -> None:
        """Take a message that is not the next one."""
        form = self.form
        _, slot = stamp_of(data, at + form.payload_at)
        self.received += 1
        packet = form.packets[slot * form.size : (slot + 1) * form.size]
        if not packet or not data.startswith(packet, at):
            self.faults.corrupt += 1
        else:
            self._number(slot)

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
        self._form = deliveries[0].form
        self._form_is_known = deliveries[0].ring.version != MQTT_5
        self._first = PUBLISH | qos << 1
        self._qos = qos
        self._rest = b""
        self.touched: set[Delivery] = set()

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; return what has to be sent. `touched` has the Deliveries that got something."""
        if self._rest:
            data = self._rest + data
        self.touched.clear()
        if not self._form_is_known and not self._learn_form(data):
            self._rest = data
            return b""
        answer: list[bytes] = []
        at = self._read_acknowledged(data, answer) if self._qos else self._read_plain(data)
        self._rest = data[at:]
        return b"".join(answer)

    def _learn_form(self, data: bytes) -> bool:
        """Whether the first packet is there, from which it is known how this broker writes Properties."""
        try:
            _, end = body_of(data)
            for delivery in self._deliveries.values():
                delivery.form = delivery.ring.form_like(data[:end])
                self._form = delivery.form
        except Incomplete:
            return False
        except (ValueError, IndexError) as error:
            raise BrokenStream(str(error)) from error
        self._form_is_known = True
        return True

    def _delivery(self, data: bytes | bytearray, at: int) -> Delivery:
        publisher, _ = stamp_of(data, at + self._form.payload_at)
        delivery = self._deliveries.get(publisher)
        if data[at] != self._first or delivery is None:
            raise BrokenStream(f"a receiver was sent {data[at : at + 16].hex(' ')} …")
        return delivery

    def _read_plain(self, data: bytes | bytearray) -> int:
        """Take the whole messages that `data` begins with; return where they end."""
        size, end, at = self._form.size, len(data), 0
        while end - at >= size:
            delivery = self._delivery(data, at)
            at += size * delivery.take(data, at)
            self.touched.add(delivery)
        return at

    def _read_acknowledged(self, data: bytes, answer: list[bytes]) -> int:
        at = 0
        while True:
            took = self._read_messages(data, at, answer)
            if self._qos == 2:
                took += self._read_pubrels(data, at + took, answer)
            if not took:
                break
            at += took
        if len(data) > at and data[at] not in {self._first, PUBREL}:
            raise BrokenStream(f"a receiver was sent {data[at : at + 16].hex(' ')} …")
        return at

    def _read_messages(self, data: bytes, at: int, answer: list[bytes]) -> int:
        """Take the run of messages at `at`, whose Packet Identifiers are the broker's; return its size."""
        size = self._form.size
        identifier_at = self._form.identifier_at
        count = _run(data, at, size, self._first)
        if not count:
            return 0
        run = bytearray(data[at : at + count * size])
        high, low = run[identifier_at::size], run[identifier_at + 1 :: size]
        run[identifier_at::size] = run[identifier_at + 1 :: size] = bytes(count)
        self._read_plain(run)
        answer.append(acknowledgements(PUBACK if self._qos == 1 else PUBREC, high, low))
        return len(run)

    def _read_pubrels(self, data: bytes, at: int, answer: list[bytes]) -> int:
        count = _run(data, at, ACKNOWLEDGEMENT_SIZE, PUBREL)
        if not count:
            return 0
        end = at + count * ACKNOWLEDGEMENT_SIZE
        pubcomps = acknowledgements(PUBCOMP, data[at + 2 : end : 4], data[at + 3 : end : 4])
        if data[at:end] != acknowledgements(PUBREL, data[at + 2 : end : 4], data[at + 3 : end : 4]):
            raise BrokenStream(f"a receiver was sent {data[at : at + 16].hex(' ')} …")
        answer.append(pubcomps)
        return end - at


def _run(data: bytes, at: int, size: int, first: int) -> int:
    """How many whole packets of this size and first byte stand at `at` one after the other."""
    heads = data[at : at + (len(data) - at) // size * size : size]
    return len(heads) - len(heads.lstrip(bytes((first,))))


class Outbox:
    """What one publisher reads: the acknowledgements of its messages, in the order it published them."""

    def __init__(self, ring: Ring) -> None:
        self._size = ACKNOWLEDGEMENT_SIZE
        self._rest = b""
        self._kinds = {1: (PUBACK,), 2: (PUBREC, PUBCOMP)}.get(ring.qos, ())
        self._expected = {kind: _all_acknowledgements(kind, ring.slots) for kind in self._kinds}
        self._pubrels = _all_acknowledgements(PUBREL, ring.slots) if ring.qos == 2 else b""
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


def _all_acknowledgements(kind: int, slots: int) -> bytes:
    return b"".join(acknowledgement(kind, n + 1) for n in range(slots))
