"""QoS 1 and QoS 2 towards a Client: the handshakes as one table, Packet Identifiers, the send quota."""

from typing import Final

from amqtt.message import Message, MessageRun, messages_of
from amqtt.sessions.counters import Counters
from amqtt.topics.subscriptions import Subscriber
from amqtt.wire.packets import PUBACK, PUBCOMP, PUBREC

QUEUED: Final = 0
AWAITS_PUBACK: Final = 1
AWAITS_PUBREC: Final = 2
AWAITS_PUBCOMP: Final = 3
COMPLETE: Final = 4
RESERVED: Final = 5
"""Of no message: the Packet Identifier of a SUBSCRIBE or UNSUBSCRIBE that awaits its answer."""

HANDSHAKE: Final[dict[tuple[int, int], int]] = {
    (AWAITS_PUBACK, PUBACK): COMPLETE,
    (AWAITS_PUBREC, PUBREC): AWAITS_PUBCOMP,
    (AWAITS_PUBCOMP, PUBREC): AWAITS_PUBCOMP,
    (AWAITS_PUBCOMP, PUBCOMP): COMPLETE,
}
"""(state, packet received) → state: MQTT 5.0, figures 4.2 and 4.3. What is not here is not expected."""
_NEXT: Final[list[int]] = [
    HANDSHAKE.get((state, packet_type), QUEUED) for state in range(RESERVED + 1) for packet_type in range(16)
]
"""The same table as a list, by state and packet type: it is looked at for every acknowledgement."""

MAXIMUM_BYTES: Final = 16 * 1024 * 1024
"""Payloads in flight where nobody says otherwise."""
LAST_PACKET_ID: Final = 65535
SMALLEST_RING: Final = 16
"""Slots of a Session that has something under way; powers of two, so that a mask finds the slot."""
RINGS_END: Final = 65_536
"""Slots enough for every Packet Identifier that there is."""


class Outgoing:
    """One Application Message on its way to one Client at QoS 1 or 2.

    `state` is one of the names of HANDSHAKE, `packet_id` 0 while QUEUED; `order` rises from one that is
    sent to the next. `sent` says that it went out on the present Network Connection, and so counts
    against the send quota. `number` is that of its entry in the Journal, 0: it has none;
    `session_number` is that of the Session there.
    """

    __slots__ = (
        "group", "identifiers", "message", "number", "order", "packet_id", "qos", "retain", "sent",
        "session_number", "state",
    )

    def __init__(
        self,
        message: Message,
        qos: int,
        retain: bool,
        identifiers: tuple[int, ...] = (),
        group: Subscriber | None = None,
    ) -> None:
        self.message = message
        self.qos = qos
        self.retain = retain
        self.identifiers = identifiers
        self.group = group
        self.packet_id = 0
        self.order = 0
        self.state = QUEUED
        self.sent = False
        self.number = 0
        self.session_number = 0


class OutgoingRun:
    """Messages in a row of one SentRun that are in the same state.

    Their Packet Identifiers rise by one from `first_id` on. Those of `count` that are still in `state` have
    this object in their slots; what needs a closer look gets an Outgoing of its own. `order` is that of
    the first.
    """

    __slots__ = ("_begin", "count", "first_id", "order", "sent", "state")

    def __init__(self, sent: "SentRun", begin: int, count: int, first_id: int, order: int) -> None:
        self.sent = sent
        self._begin = begin
        self.count = count
        self.first_id = first_id
        self.order = order
        self.state = AWAITS_PUBACK if sent.qos == 1 else AWAITS_PUBREC

    def part(self, first_id: int, count: int) -> "OutgoingRun":
        """So many of its messages, from this Packet Identifier on, which get on without the others."""
        ahead = first_id - self.first_id
        return OutgoingRun(self.sent, self._begin + ahead, count, first_id, self.order + ahead)

    def messages(self) -> list[Message]:
        """The Messages of `count`, one by one."""
        return self.sent.messages()[self._begin : self._begin + self.count]


class SentRun:
    """A MessageRun that was sent to one Client at QoS 1 or 2: what all of its OutgoingRuns have in common.

    A Client may acknowledge one here, one there, and leave as many OutgoingRuns; the Messages are made
    once all the same.
    """

    __slots__ = ("_left", "_messages", "_names", "_publisher", "_version", "_wire", "qos")

    def __init__(self, run: MessageRun) -> None:
        self.qos = run.qos
        self._wire = run.wire
        self._names = run.names
        self._version = run.version
        self._publisher = run.publisher
        self._left = run.count
        self._messages: list[Message] | None = None

    def messages(self) -> list[Message]:
        """All of them, also those that are completely acknowledged."""
        if self._messages is None:
            self._messages = messages_of(self._wire, self._version, self._publisher, self._names)
        return self._messages

    def leave(self, count: int) -> int:
        """So many need it no more; how many bytes it counted in flight, 0 while it is needed."""
        self._left -= count
        return 0 if self._left else len(self._wire)


_NO_MESSAGE: Final = Message("", b"")


class Inflight:
    """The QoS 1 and 2 messages sent to a Client and not completely acknowledged, in sending order.

    `maximum` is the send quota: the Client's Receive Maximum, or our own bound where that is lower
    [MQTT-4.9.0-1]. `unacknowledged` counts what was sent on the present Network Connection, `size` its
    payloads in bytes; with `maximum_bytes` of them no more is sent either, for a Client that reads and
    never acknowledges must not fill the memory.

    Packet Identifiers are given out in rising order, and each has its slot in a ring that has room
    for twice what is under way: a look-up is an index, and what hashing would cost is saved.
    """

    __slots__ = (
        "_counters", "_last_id", "_length", "_order", "_ring", "_to_release", "_to_resend", "maximum",
        "maximum_bytes", "size", "unacknowledged",
    )

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._ring: list[Outgoing | OutgoingRun | None] = []
        self._length = 0
        self.maximum = 0
        self.maximum_bytes = MAXIMUM_BYTES
        self.unacknowledged = 0
        self.size = 0
        self._last_id = 0
        self._order = 0
        self._to_resend: list[Outgoing] = []  # the last one is the next: an empty deque takes 760 bytes
        self._to_release: list[Outgoing] = []

    def __len__(self) -> int:
        return self._length

    @property
    def entries(self) -> dict[int, Outgoing]:
        """All of them by Packet Identifier, in sending order."""
        for entry in self._ring:
            if isinstance(entry, OutgoingRun):
                self._unfold(entry)
        found = [entry for entry in self._ring if isinstance(entry, Outgoing)]
        found.sort(key=lambda outgoing: outgoing.order)
        return {outgoing.packet_id: outgoing for outgoing in found}

    def get(self, packet_id: int) -> Outgoing | None:
        """The one with this Packet Identifier; None: there is none."""
        ring = self._ring
        if not ring:
            return None
        slot = packet_id & (len(ring) - 1)
        entry = ring[slot]
        if isinstance(entry, OutgoingRun):
            self._unfold(entry)
            entry = ring[slot]
        return entry if isinstance(entry, Outgoing) and entry.packet_id == packet_id else None

    def _unfold(self, run: OutgoingRun) -> None:
        """Give each message of a run that is not acknowledged an Outgoing of its own."""
        ring = self._ring
        count = 0
        for number, message in enumerate(run.messages()):
            packet_id = run.first_id + number
            slot = packet_id & (len(ring) - 1)
            if ring[slot] is run:
                outgoing = Outgoing(message, run.sent.qos, False)
                outgoing.packet_id = packet_id
                outgoing.order = run.order + number
                outgoing.state = run.state
                outgoing.sent = True
                ring[slot] = outgoing
                self.size += len(message.payload)
                count += 1
        self.size -= run.sent.leave(count)

    def _put(self, outgoing: Outgoing) -> None:
        """Give it the slot of its Packet Identifier, which is nobody else's."""
        while not self._ring or self._ring[outgoing.packet_id & (len(self._ring) - 1)] is not None:
            self._grow()
        self._ring[outgoing.packet_id & (len(self._ring) - 1)] = outgoing
        self._length += 1
        self._order += 1
        outgoing.order = self._order

    def _take(self, packet_id: int) -> None:
        """Empty the slot of a Packet Identifier that is in use."""
        ring = self._ring
        ring[packet_id & (len(ring) - 1)] = None
        self._length -= 1

    def _grow(self) -> None:
        old = self._ring
        size = max(SMALLEST_RING, 2 * len(old))
        ring: list[Outgoing | OutgoingRun | None] = [None] * size
        for slot, entry in enumerate(old):
            if isinstance(entry, OutgoingRun):
                packet_id = entry.first_id + ((slot - entry.first_id) & (len(old) - 1))
                ring[packet_id & (size - 1)] = entry
            elif entry is not None:
                ring[entry.packet_id & (size - 1)] = entry
        self._ring = ring

    @property
    def has_quota(self) -> bool:
        """Whether another PUBLISH with QoS above 0 may be sent now [MQTT-4.9.0-2]."""
        return self.unacknowledged < self.maximum and self.size < self.maximum_bytes

    @property
    def is_resending(self) -> bool:
        """Whether a PUBLISH of an earlier Network Connection still waits to be sent again."""
        return bool(self._to_resend)

    def open(self, outgoing: Outgoing) -> None:
        """Give it an unused Packet Identifier and count it as sent [MQTT-2.2.1-4]."""
        packet_id = self._unused_id()
        outgoing.packet_id = packet_id
        outgoing.state = AWAITS_PUBACK if outgoing.qos == 1 else AWAITS_PUBREC
        outgoing.sent = True
        self._put(outgoing)
        self._counters.inflight_out += 1
        self._count(outgoing)

    def open_run(self, run: MessageRun) -> int:
        """Count Messages as sent at their QoS; the first Packet Identifier, 0: they cannot be sent as one.

        They keep the Packet Identifiers that they came with, where none of these is in use: then the same
        bytes can go to every receiver.
        """
        count = run.count
        if self.unacknowledged + count > self.maximum or self.size >= self.maximum_bytes:
            return 0
        while 2 * (self._length + count) > len(self._ring) < RINGS_END:
            self._grow()
        first_id = run.first_id
        if self._entries_at(first_id, count).count(None) < count:
            first_id = self._last_id + 1 if self._last_id + count <= LAST_PACKET_ID else 1
            if self._entries_at(first_id, count).count(None) < count:
                return 0
        self._fill(first_id, count, OutgoingRun(SentRun(run), 0, count, first_id, self._order + 1))
        self._order += count
        self._last_id = first_id + count - 1
        self._length += count
        self._counters.inflight_out += count
        self.unacknowledged += count
        self.size += len(run.wire)
        return first_id

    def _entries_at(self, first_id: int, count: int) -> list[Outgoing | OutgoingRun | None]:
        """What is in the slots of so many Packet Identifiers."""
        ring = self._ring
        slot = first_id & (len(ring) - 1)
        beyond = slot + count - len(ring)
        return ring[slot : slot + count] if beyond <= 0 else ring[slot:] + ring[:beyond]

    def _fill(self, first_id: int, count: int, entry: OutgoingRun | None) -> None:
        """Put the entry into the slots of so many Packet Identifiers."""
        ring = self._ring
        entries: list[Outgoing | OutgoingRun | None] = [entry]
        slot = first_id & (len(ring) - 1)
        beyond = slot + count - len(ring)
        if beyond <= 0:
            ring[slot : slot + count] = entries * count
        else:
            ring[slot:] = entries * (count - beyond)
            ring[:beyond] = entries * beyond

    def _count(self, outgoing: Outgoing) -> None:
        self.unacknowledged += 1
        self.size += len(outgoing.message.payload)

    def _unused_id(self) -> int:
        if 2 * self._length >= len(self._ring) < RINGS_END:
            self._grow()
        ring = self._ring
        last_slot = len(ring) - 1
        packet_id = self._last_id
        while True:
            packet_id = packet_id + 1 if packet_id < LAST_PACKET_ID else 1
            if ring[packet_id & last_slot] is None:
                break
        self._last_id = packet_id
        return packet_id

    def reserve(self) -> int:
        """An unused Packet Identifier for a SUBSCRIBE or UNSUBSCRIBE of ours [MQTT-2.2.1-3]."""
        packet_id = self._unused_id()
        reserved = Outgoing(_NO_MESSAGE, 0, False)
        reserved.packet_id = packet_id
        reserved.state = RESERVED
        self._put(reserved)
        return packet_id

    def release(self, packet_id: int) -> None:
        """Give back what `reserve` gave [MQTT-2.2.1-4]."""
        if self.get(packet_id) is not None:
            self._take(packet_id)

    def restore(self, outgoing: Outgoing) -> None:
        """Take one that an earlier life of the Server had sent; in the order in which it was sent."""
        self._put(outgoing)
        self._last_id = outgoing.packet_id
        self._counters.inflight_out += 1

    def discard(self, outgoing: Outgoing) -> None:
        """Forget one as if it had been completely acknowledged."""
        self._take(outgoing.packet_id)
        self._counters.inflight_out -= 1
        outgoing.state = COMPLETE
        if outgoing.sent:
            self.unacknowledged -= 1
            self.size -= len(outgoing.message.payload)

    def take_group(self, group: Subscriber) -> list[Outgoing]:
        """Take out, in order, the QoS 1 messages that this shared group gave: another may have them.

        Never those of QoS 2, which must come once [MQTT-4.8.2-5].
        """
        taken = [o for o in self.entries.values() if o.group is group and o.state == AWAITS_PUBACK]
        for outgoing in taken:
            self.discard(outgoing)
        return taken

    def clear(self) -> None:
        """Forget all of them: the Session ends."""
        self._counters.inflight_out -= self._length
        self._ring = []
        self._length = 0
        self._to_resend.clear()
        self._to_release = []

    def acknowledge(self, packet_type: int, packet_id: int, failed: bool) -> int:
        """Take a PUBACK, PUBREC or PUBCOMP: the state reached, QUEUED when it was not expected.

        A Reason Code of 0x80 or greater (`failed`) in PUBACK or PUBREC completes it
        [MQTT-4.4.0-2].
        """
        run = self._run_of(packet_id)
        if run is not None and not (failed and packet_type == PUBREC):
            state = _NEXT[run.state << 4 | packet_type]
            if self.advance(packet_type, packet_id, 1):
                return state
        outgoing = self.get(packet_id)
        if outgoing is None:
            return QUEUED
        state = _NEXT[outgoing.state << 4 | packet_type]
        if state == QUEUED:
            return QUEUED
        if failed and packet_type == PUBREC:
            state = COMPLETE
        if state == COMPLETE:
            self.discard(outgoing)
            return COMPLETE
        outgoing.state = state
        return state

    def advance(self, packet_type: int, first_id: int, count: int) -> int:
        """Take acknowledgements of success for `count` Packet Identifiers in a row, as far as one run goes.

        Returns how many were taken; 0: the first belongs to no run, or changes nothing in one.
        """
        run = self._run_of(first_id)
        if run is None:
            return 0
        state = _NEXT[run.state << 4 | packet_type]
        if state in (QUEUED, run.state):
            return 0
        several = min(first_id + count, run.first_id + run.count) - first_id
        if self._entries_at(first_id, several).count(run) < several:
            several = 1
        if state == COMPLETE:
            self._take_of_run(run, first_id, several)
        elif several == run.count:
            run.state = state
        else:
            part = run.part(first_id, several)
            part.state = state
            self._fill(first_id, several, part)
        return several

    def _run_of(self, packet_id: int) -> OutgoingRun | None:
        """The run to which the message with this Packet Identifier belongs; None: to none."""
        ring = self._ring
        if not ring:
            return None
        run = ring[packet_id & (len(ring) - 1)]
        if isinstance(run, OutgoingRun) and 0 <= packet_id - run.first_id < run.count:
            return run
        return None

    def _take_of_run(self, run: OutgoingRun, first_id: int, count: int) -> None:
        """So many messages of a run are completely acknowledged, from this one on."""
        self._fill(first_id, count, None)
        self.size -= run.sent.leave(count)
        self._length -= count
        self.unacknowledged -= count
        self._counters.inflight_out -= count

    def resume(self, maximum: int) -> None:
        """Begin on a new Network Connection: everything unacknowledged is to be sent again, in order.

        [MQTT-4.4.0-1] [MQTT-4.6.0-1]
        """
        entries = self.entries
        self.maximum = maximum
        self.unacknowledged = 0
        self.size = 0
        self._to_resend.clear()
        self._to_release = []
        for outgoing in entries.values():
            outgoing.sent = False
            if outgoing.state == AWAITS_PUBCOMP:
                self._to_release.append(outgoing)
            else:
                self._to_resend.append(outgoing)
        self._to_resend.reverse()

    def take_releases(self) -> list[Outgoing]:
        """Those whose PUBREL is to be sent again, which no send quota holds back [MQTT-3.3.4-10].

        They are not completely acknowledged, so they count against it [MQTT-3.3.4-9].
        """
        releases = self._to_release
        if releases:
            self._to_release = []
            for outgoing in releases:
                outgoing.sent = True
                self._count(outgoing)
        return releases

    def next_to_resend(self) -> Outgoing | None:
        """The next one whose PUBLISH is to be sent again, counted as sent; None when there is none left."""
        waiting = self._to_resend
        while waiting:
            outgoing = waiting.pop()
            if outgoing.state in (AWAITS_PUBACK, AWAITS_PUBREC):
                outgoing.sent = True
                self._count(outgoing)
                return outgoing
        return None
