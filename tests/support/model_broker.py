"""What an MQTT Server must do, written as plainly as it can be: lists, and `matches` for each of them.

It has no Network Connections and no bytes. `expected` is what each Client must be sent. Whom a shared
group gives a message is the Server's choice, so the model asks `choose` and checks that it was allowed.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from amqtt.topics.names import matches

FOREVER = float("inf")


@dataclass
class ModelMessage:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    expires_at: float
    publisher: str


@dataclass
class ModelSubscription:
    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    identifier: int = 0

    @property
    def shared(self) -> bool:
        return self.topic_filter.startswith("$share/")

    def matches(self, topic: str) -> bool:
        real_filter = self.topic_filter.split("/", 2)[2] if self.shared else self.topic_filter
        return matches(real_filter, topic)


@dataclass
class Copy:
    """One message on its way to one Client."""

    message: ModelMessage
    qos: int
    retain: bool
    identifiers: tuple[int, ...]
    shared: bool = False
    released: bool = False
    uncertain: bool = False
    """Whether it is not known any more if it was sent: of QoS 1, after a crash."""


@dataclass
class ModelWill:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    delay: int


@dataclass
class ModelSession:
    expiry: float
    kept: int = 0
    """Its place among the Sessions that outlast the Server, 0: it does not."""
    connected: bool = True
    dying: bool = False
    subscriptions: list[ModelSubscription] = field(default_factory=list)
    waiting: list[Copy] = field(default_factory=list)
    unacknowledged: list[Copy] = field(default_factory=list)
    received: set[int] = field(default_factory=set)
    will: ModelWill | None = None
    will_at: float = FOREVER
    ends_at: float = FOREVER


Sent = tuple[bytes, str, int, bool, bool | None, tuple[int, ...], int | None]
"""payload, topic, QoS, RETAIN, DUP (None: that is not known), Subscription Identifiers in order, Message
Expiry Interval."""


class ModelBroker:
    """Sessions by Client Identifier, retained messages in a list, and the moment `now`.

    `expected` is what Clients must be sent, `possible` what they may be sent although it has expired: of
    that it is not known whether it was sent before a crash.
    """

    def __init__(self, choose: "Callable[[ModelBroker, bytes, list[str]], str]") -> None:
        self.choose = choose
        self.now = 0.0
        self.last_kept = 0
        self.sessions: dict[str, ModelSession] = {}
        self.retained: list[ModelMessage] = []
        self.expected: dict[str, list[Sent]] = {}
        self.possible: dict[str, list[Sent]] = {}
        self.released: dict[str, int] = {}

    # -- coming and going

    def connect(self, client_id: str, clean_start: bool, expiry: float, will: ModelWill | None) -> bool:
        """Whether there was a Session; what it must be sent is expected then."""
        session = self.sessions.get(client_id)
        if session is not None:
            session.dying = clean_start
        if session is not None and session.connected:
            self.lose(client_id)
        session = self.sessions.get(client_id)
        if session is not None and clean_start:
            self.end(client_id)
            session = None
        present = session is not None
        if session is None:
            session = self.sessions[client_id] = ModelSession(expiry)
        session.connected = True
        session.expiry = expiry
        if expiry and not session.kept:
            self.last_kept += 1
            session.kept = self.last_kept
        session.will = will
        session.will_at = session.ends_at = FOREVER
        self._resume(client_id, session)
        return present

    def _resume(self, client_id: str, session: ModelSession) -> None:
        for copy in session.unacknowledged:
            if copy.released:
                self.released[client_id] = self.released.get(client_id, 0) + 1
            elif copy.uncertain and copy.message.expires_at <= self.now:
                self._expect(client_id, copy, None, self.possible)
            else:
                self._expect(client_id, copy, None if copy.uncertain else True)
            copy.uncertain = False
        waiting, session.waiting = session.waiting, []
        for copy in waiting:
            if copy.message.expires_at > self.now:
                self._send(client_id, session, copy)

    def disconnect(self, client_id: str, with_will: bool, expiry: float | None) -> None:
        session = self.sessions[client_id]
        if not with_will:
            session.will = None
        if expiry is not None:
            session.expiry = expiry
        self.lose(client_id)

    def lose(self, client_id: str) -> None:
        """The Network Connection is over."""
        session = self.sessions[client_id]
        session.connected = False
        if not session.expiry:
            self.end(client_id)
            return
        session.ends_at = self.now + session.expiry
        if session.will is not None and session.will.delay:
            session.will_at = self.now + session.will.delay
        else:
            self._publish_will(client_id, session)

    def end(self, client_id: str) -> None:
        """The Session ends: its Will Message is due at once.

        What a group gave it is given to others, unless it was sent at QoS 2.
        """
        session = self.sessions[client_id]
        session.dying = True
        self._publish_will(client_id, session)
        del self.sessions[client_id]
        for copy in [each for each in session.unacknowledged if each.qos == 1] + session.waiting:
            if copy.shared and copy.message.expires_at > self.now:
                self._share(copy.message)

    def _publish_will(self, client_id: str, session: ModelSession) -> None:
        will, session.will = session.will, None
        session.will_at = FOREVER
        if will is not None:
            self.route(ModelMessage(will.topic, will.payload, will.qos, will.retain, FOREVER, client_id))

    @property
    def next_due(self) -> tuple[float, str]:
        """The next moment at which something happens by itself, and the Client whose Session it is."""
        due = [(min(each.will_at, each.ends_at), client_id) for client_id, each in self.sessions.items()]
        return min(due, default=(FOREVER, ""), key=lambda moment: moment[0])

    def pass_time(self, end: float) -> None:
        """Everything that is due until `end`, in its order."""
        while self.next_due[0] <= end:
            self.now = self.next_due[0]
            self._do_what_is_due()
        self.now = end

    def _do_what_is_due(self) -> None:
        when, client_id = self.next_due
        session = self.sessions[client_id]
        if session.will_at == when:
            self._publish_will(client_id, session)
        else:
            self.end(client_id)

    # -- another life

    def trial(self) -> "ModelBroker":
        """Another one that knows the same, to see what would come of something."""
        other = ModelBroker(self.choose)
        other.now, other.last_kept = self.now, self.last_kept
        other.retained = list(self.retained)
        other.sessions = {client_id: deepcopy(session) for client_id, session in self.sessions.items()}
        return other

    def shut_down(self, connected: list[str]) -> None:
        """The Server stops in good order; Clients are sent away in the order in which they came."""
        for client_id, session in list(self.sessions.items()):
            if not session.kept or not session.expiry:
                self._publish_will(client_id, session)
        for client_id in connected:
            session = self.sessions[client_id]
            session.connected = False
            if session.expiry:
                session.ends_at = self.now + session.expiry
            else:
                self.end(client_id)

    def restart(self, now: float, grace: float, after_crash: bool) -> None:
        """Go on at this moment with what is kept; nothing has happened meanwhile but the time."""
        self.now = now
        kept = [(client_id, session) for client_id, session in self.sessions.items() if session.kept]
        self.sessions = dict(sorted(kept, key=lambda each: each[1].kept))
        for session in self.sessions.values():
            session.connected = session.dying = False
            if session.will is not None:
                session.will_at = min(session.will_at, now + max(session.will.delay, grace))
            session.ends_at = min(session.ends_at, now + session.expiry)
            for copy in session.unacknowledged:
                copy.uncertain = copy.uncertain or (after_crash and copy.qos == 1)
        while self.next_due[0] <= now:
            self._do_what_is_due()

    # -- Subscriptions

    def subscribe(self, client_id: str, new: ModelSubscription, retain_handling: int) -> None:
        subscriptions = self.sessions[client_id].subscriptions
        existed = any(each.topic_filter == new.topic_filter for each in subscriptions)
        subscriptions[:] = [each for each in subscriptions if each.topic_filter != new.topic_filter]
        subscriptions.append(new)
        if new.shared or retain_handling == 2 or (retain_handling == 1 and existed):
            return
        for message in self.retained:
            own = new.no_local and message.publisher == client_id
            if new.matches(message.topic) and message.expires_at > self.now and not own:
                identifiers = (new.identifier,) if new.identifier else ()
                self._deliver(client_id, Copy(message, min(message.qos, new.qos), True, identifiers))

    def unsubscribe(self, client_id: str, topic_filter: str) -> bool:
        """Whether there was such a Subscription."""
        subscriptions = self.sessions[client_id].subscriptions
        remaining = [each for each in subscriptions if each.topic_filter != topic_filter]
        existed = len(remaining) < len(subscriptions)
        subscriptions[:] = remaining
        return existed

    # -- messages

    def publish(self, client_id: str, message: ModelMessage, packet_id: int) -> bool:
        """Whether a Subscription matched; a QoS 2 message that is not released yet is not new."""
        received = self.sessions[client_id].received
        if message.qos == 2:
            if packet_id in received:
                return True
            received.add(packet_id)
        return self.route(message)

    def release(self, client_id: str, packet_id: int) -> None:
        self.sessions[client_id].received.discard(packet_id)

    def route(self, message: ModelMessage) -> bool:
        if message.retain:
            self.retained = [each for each in self.retained if each.topic != message.topic]
            if message.payload:
                self.retained.append(message)
        matched = False
        for client_id, session in self.sessions.items():
            several = [each for each in session.subscriptions if each.matches(message.topic)]
            matched = matched or bool(several)
            own = [
                each for each in several
                if not each.shared and not (each.no_local and message.publisher == client_id)
            ]
            if own:
                qos = min(message.qos, max(each.qos for each in own))
                retain = message.retain and any(each.retain_as_published for each in own)
                identifiers = tuple(sorted(each.identifier for each in own if each.identifier))
                self._deliver(client_id, Copy(message, qos, retain, identifiers))
        self._share(message)
        return matched

    def _share(self, message: ModelMessage) -> None:
        """To one member of the shared group (there is one group in this model), connected ones first."""
        members: dict[str, ModelSubscription] = {}
        for client_id, session in self.sessions.items():
            for each in session.subscriptions:
                if each.shared and each.matches(message.topic) and not session.dying:
                    members[client_id] = each
        takers = [c for c in members if self.sessions[c].connected]
        takers = takers or [c for c, each in members.items() if min(message.qos, each.qos)]
        if not takers:
            return
        chosen = self.choose(self, message.payload, takers)
        assert chosen in takers
        each = members[chosen]
        identifiers = (each.identifier,) if each.identifier else ()
        retain = message.retain and each.retain_as_published
        self._deliver(chosen, Copy(message, min(message.qos, each.qos), retain, identifiers, True))

    def _deliver(self, client_id: str, copy: Copy) -> None:
        session = self.sessions[client_id]
        if session.connected:
            self._send(client_id, session, copy)
        elif copy.qos:
            session.waiting.append(copy)

    def _send(self, client_id: str, session: ModelSession, copy: Copy) -> None:
        self._expect(client_id, copy, False)
        if copy.qos:
            session.unacknowledged.append(copy)

    def _expect(
        self, client_id: str, copy: Copy, dup: bool | None, where: dict[str, list[Sent]] | None = None
    ) -> None:
        message = copy.message
        left = None
        if message.expires_at != FOREVER:
            left = max(0, round(message.expires_at - self.now))
        sent = (message.payload, message.topic, copy.qos, copy.retain, dup, copy.identifiers, left)
        (self.expected if where is None else where).setdefault(client_id, []).append(sent)

    def acknowledge(self, client_id: str, completely: bool) -> None:
        """The Client acknowledges everything; if not `completely`, QoS 2 only up to PUBREC."""
        session = self.sessions[client_id]
        if completely:
            session.unacknowledged = []
            return
        session.unacknowledged = [copy for copy in session.unacknowledged if copy.qos == 2]
        for copy in session.unacknowledged:
            copy.released = True

    def copies(self, client_id: str, payload: bytes) -> int:
        """How many of this payload the Client is to be sent in this step, or that wait for it."""
        waiting = [] if client_id not in self.sessions else self.sessions[client_id].waiting
        sent = self.expected.get(client_id, [])
        return sum(each[0] == payload for each in sent) + sum(c.message.payload == payload for c in waiting)
