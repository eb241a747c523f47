"""What of Session State has become durable since the last commit: data for a SessionStore.

Memory is the truth while the Server runs. The Journal notes what must outlast it, by key, and the last
note of a key counts: what is queued and acknowledged before its Batch is taken leaves no trace.
"""

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from amqtt.message import NEVER, Message
from amqtt.topics.shared import SharedGroup
from amqtt.topics.subscriptions import Subscription
from amqtt.wire.packets import WillFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqtt.sessions.inflight import Outgoing
    from amqtt.sessions.link import Link
    from amqtt.sessions.session import Session

NOTHING_YET: Final = -1
"""What a Journal had changed before everything that it ever noted."""
MAXIMUM_UNWRITTEN_RECORDS: Final = 65_536
"""Changes that may wait for the disk: half a second of work for a good one."""
MAXIMUM_UNWRITTEN_BYTES: Final = 64 * 1024 * 1024
"""The same in bytes of topics, payloads and properties."""


class StoredSession:
    """A Session: whose it is, and when it ends if its Client stays away (MQTT 5.0, 4.1).

    `owner` is that of the Session. `ends_at` is a moment of the Server's clock; NEVER while a Network
    Connection is open, and for a Session that does not expire.
    """

    __slots__ = ("client_id", "ends_at", "expiry_interval", "owner")

    def __init__(
        self, client_id: str, owner: str | None, expiry_interval: int, ends_at: float = NEVER
    ) -> None:
        self.client_id = client_id
        self.owner = owner
        self.expiry_interval = expiry_interval
        self.ends_at = ends_at


@mypyc_attr(acyclic=True)
class StoredEntry:
    """One Application Message on its way to one Client, at QoS 1 or 2.

    `session` and `message` are the numbers of both. `state` is one of the names of HANDSHAKE,
    `packet_id` 0 while it is QUEUED. `group` is the Shared Subscription that gave it, `$share/name/`
    included, "" for the Session's own.
    """

    __slots__ = ("group", "identifiers", "message", "packet_id", "qos", "retain", "session", "state")

    def __init__(
        self,
        session: int,
        message: int,
        qos: int,
        retain: bool,
        state: int = 0,
        packet_id: int = 0,
        identifiers: tuple[int, ...] = (),
        group: str = "",
    ) -> None:
        self.session = session
        self.message = message
        self.qos = qos
        self.retain = retain
        self.state = state
        self.packet_id = packet_id
        self.identifiers = identifiers
        self.group = group


class StoredWill:
    """A Will Message, and the moment at which it is due: NEVER while its Client is connected."""

    __slots__ = ("due", "fields")

    def __init__(self, fields: WillFields, due: float = NEVER) -> None:
        self.fields = fields
        self.due = due


class Batch:
    """Records by key, to be made durable together or not at all; None (False) removes what was there.

    Sessions, Messages and entries have numbers that are never used again, and rise: the entries of
    a Session are in the order in which it was given them. `received` are the Packet Identifiers of
    QoS 2 messages that await PUBREL. `number` is that of the Batch, 0 for everything that a store
    holds.
    """

    __slots__ = (
        "entries", "messages", "number", "received", "retained", "sessions", "subscriptions", "wills",
    )

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.sessions: dict[int, StoredSession | None] = {}
        self.subscriptions: dict[tuple[int, str], Subscription | None] = {}
        self.messages: dict[int, Message | None] = {}
        self.entries: dict[int, StoredEntry | None] = {}
        self.received: dict[tuple[int, int], bool] = {}
        self.retained: dict[str, Message | None] = {}
        self.wills: dict[int, StoredWill | None] = {}

    def __len__(self) -> int:
        return (
            len(self.sessions) + len(self.subscriptions) + len(self.messages) + len(self.entries)
            + len(self.received) + len(self.retained) + len(self.wills)
        )

    @property
    def last_number(self) -> int:
        """The highest number of a Session, Message or entry in it; 0 without any."""
        return max(max(self.sessions, default=0), max(self.messages, default=0), max(self.entries, default=0))


def _nobody_writes() -> None:
    """Nobody commits what is noted."""


class Journal:
    """Notes what must be durable, and keeps promises back until it is.

    `batch` is the number of the Batch that gathers what is noted now. `changes` rises with every
    note: compare it before and after to see whether something became durable. `wake` is called when
    the first note of a Batch is made, `hurry` when the first promise waits for it: what nobody waits
    for can be written with what somebody does. `failing` says that nothing can be made durable at
    present, so nothing more must be promised.
    """

    __slots__ = (
        "_committed", "_committed_bytes", "_committed_changes", "_entries", "_fresh", "_gathered", "_held",
        "_hurried", "_last_number", "_maximum_bytes", "_maximum_records", "_noted_bytes", "_taken",
        "_taken_changes", "batch", "changes", "failing", "hurry", "wake",
    )

    def __init__(
        self,
        maximum_records: int = MAXIMUM_UNWRITTEN_RECORDS,
        maximum_bytes: int = MAXIMUM_UNWRITTEN_BYTES,
        last_number: int = 0,
    ) -> None:
        self._maximum_records = maximum_records
        self._maximum_bytes = maximum_bytes
        self._last_number = last_number
        self._fresh = last_number + 1
        self._gathered = Batch(1)
        self._entries: dict[int, Outgoing | None] = {}
        self._taken: list[tuple[int, int, int]] = []
        self._taken_changes = 0
        self._committed = 0
        self._committed_changes = 0
        self._committed_bytes = 0
        self._noted_bytes = 0
        self._held: list[Link] = []
        self.batch = 1
        self.changes = 0
        self.failing = False
        self._hurried = False
        self.wake: Callable[[], None] = _nobody_writes
        self.hurry: Callable[[], None] = _nobody_writes

    # -- notes

    def new_number(self) -> int:
        """A number for a Session, Message or entry; it is never used again."""
        self._last_number += 1
        return self._last_number

    def session(self, number: int, stored: StoredSession) -> None:
        """A Session begins, or lasts for another time."""
        self._note()
        self._gathered.sessions[number] = stored

    def end_session(self, number: int) -> None:
        """A Session ends; what belongs to it is removed one by one."""
        self._note()
        if number >= self._fresh:
            self._gathered.sessions.pop(number, None)
        else:
            self._gathered.sessions[number] = None

    def subscribe(self, session: int, topic_filter: str, subscription: Subscription) -> None:
        """The Session has this Subscription; `topic_filter` is as the Client wrote it."""
        self._note()
        self._gathered.subscriptions[(session, topic_filter)] = subscription

    def unsubscribe(self, session: int, topic_filter: str) -> None:
        """The Session has it no more."""
        self._note()
        if session >= self._fresh:
            self._gathered.subscriptions.pop((session, topic_filter), None)
        else:
            self._gathered.subscriptions[(session, topic_filter)] = None

    def queue(self, session: int, outgoing: "Outgoing") -> None:
        """The Session is to have this message. Its body is stored once for all who wait for it."""
        self._note()
        message = outgoing.message
        if message.references == 0:
            message.number = self.new_number()
            self._gathered.messages[message.number] = message
            self._noted_bytes += message.size
        message.references += 1
        outgoing.session_number = session
        outgoing.number = self.new_number()
        self._entries[outgoing.number] = outgoing

    def update(self, outgoing: "Outgoing") -> None:
        """Its state or Packet Identifier is another one now."""
        if outgoing.number:
            self._note()
            self._entries[outgoing.number] = outgoing

    def remove(self, outgoing: "Outgoing") -> None:
        """It was acknowledged or dropped; a message body goes with the last who waited for it."""
        number = outgoing.number
        if number == 0:
            return
        self._note()
        outgoing.number = 0
        if number >= self._fresh:
            self._entries.pop(number, None)
        else:
            self._entries[number] = None
        message = outgoing.message
        message.references -= 1
        if message.references == 0:
            if message.number >= self._fresh:
                self._gathered.messages.pop(message.number, None)
            else:
                self._gathered.messages[message.number] = None
            message.number = 0

    def receive(self, session: int, packet_id: int) -> None:
        """A QoS 2 message was taken from the Client; its Packet Identifier awaits PUBREL."""
        self._note()
        self._gathered.received[(session, packet_id)] = True

    def release(self, session: int, packet_id: int) -> None:
        """Its PUBREL has come."""
        self._note()
        if session >= self._fresh:
            self._gathered.received.pop((session, packet_id), None)
        else:
            self._gathered.received[(session, packet_id)] = False

    def retain(self, topic: str, message: Message | None) -> None:
        """The retained message of a topic; None: there is none any more."""
        self._note()
        self._gathered.retained[topic] = message
        if message is not None:
            self._noted_bytes += message.size

    def will(self, session: int, will: StoredWill | None) -> None:
        """The Will Message of a Session; None: it has none any more."""
        self._note()
        if will is None and session >= self._fresh:
            self._gathered.wills.pop(session, None)
        else:
            self._gathered.wills[session] = will

    def _note(self) -> None:
        self.changes += 1
        if self.changes == self._taken_changes + 1:
            self.wake()

    # -- batches

    @property
    def lags(self) -> bool:
        """Whether more waits for the disk than may; whoever publishes must wait."""
        return (
            self.changes - self._committed_changes > self._maximum_records
            or self._noted_bytes - self._committed_bytes > self._maximum_bytes
        )

    def has_committed(self, number: int) -> bool:
        """Whether the Batch of this number, and all before it, are durable."""
        return number <= self._committed

    @property
    def has_news(self) -> bool:
        """Whether something was noted since the last Batch was taken."""
        return self.changes != self._taken_changes

    @property
    def is_settled(self) -> bool:
        """Whether all that was noted is durable."""
        return self.changes == self._committed_changes

    def take(self) -> Batch:
        """All that was noted since the last one was taken; nothing of it changes any more.

        It may have become empty, and is to be reported as committed all the same.
        """
        batch = self._gathered
        for number, outgoing in self._entries.items():
            batch.entries[number] = None if outgoing is None else stored_entry(outgoing)
        self._entries = {}
        self._fresh = self._last_number + 1
        self._taken.append((self.batch, self.changes, self._noted_bytes))
        self._taken_changes = self.changes
        self._hurried = False
        self.batch += 1
        self._gathered = Batch(self.batch)
        return batch

    def committed(self, number: int) -> "list[Session]":
        """The Batch of this number, and all before it, are durable: keep what was promised for it.

        Returns the Sessions whose Link can take more than it could before, or that are owed retained
        messages.
        """
        self._committed = number
        while self._taken and self._taken[0][0] <= number:
            _, self._committed_changes, self._committed_bytes = self._taken.pop(0)
        held, self._held = self._held, []
        lags = self.lags
        freed: list[Session] = []
        for link in held:
            was_full = link.full
            link.keep_promises(number)
            session = link.session
            if session is not None and ((was_full and not link.full) or session.retained):
                freed.append(session)
            if link.owes or link.withheld or (lags and not link.closing):
                self._held.append(link)
            else:
                link.held = False
                link.relieve()
        return freed

    # -- promises

    def promise(self, link: "Link", packets: bytes, count: int = 1) -> None:
        """Send `count` packets on this Link when all that was noted so far is durable."""
        if self.is_settled:
            link.follow(packets, count)
            return
        link.promise(self.batch if self.has_news else self.batch - 1, packets, count)
        self._hold(link)
        if not self._hurried:
            self._press_on()

    def withhold(self, link: "Link") -> None:
        """Let nothing leave on this Link before all that was noted so far is durable."""
        if not self.is_settled:
            link.withhold(self.batch if self.has_news else self.batch - 1)
            self._hold(link)
            self._press_on()

    def hold_back(self, link: "Link") -> None:
        """Read no more from the Client on this Link until the disk has caught up."""
        link.turn.congested = link
        self._hold(link)
        self._press_on()

    def _press_on(self) -> None:
        """Somebody waits for this Batch."""
        if not self._hurried and self.has_news:
            self._hurried = True
            self.hurry()

    def _hold(self, link: "Link") -> None:
        if not link.held:
            link.held = True
            self._held.append(link)


def changes_of(journal: Journal | None) -> int:
    """What it has noted so far: see `answer`."""
    return NOTHING_YET if journal is None else journal.changes


def answer(journal: Journal | None, link: "Link", packets: bytes, changes: int, count: int = 1) -> None:
    """Send `count` acknowledgements: at once, or when what the Journal noted since `changes` is durable."""
    if journal is not None and journal.changes != changes:
        journal.promise(link, packets, count)
    else:
        link.follow(packets, count)


def stored_entry(outgoing: "Outgoing") -> StoredEntry:
    """What of it is stored, as it is now."""
    group = outgoing.group
    return StoredEntry(
        outgoing.session_number,
        outgoing.message.number,
        outgoing.qos,
        outgoing.retain,
        outgoing.state,
        outgoing.packet_id,
        outgoing.identifiers,
        group.name if isinstance(group, SharedGroup) else "",
    )
