"""What must be true of every message, whatever happens: kept beside the Server, asked all the time."""

from collections import Counter

from amqtt.message import NEVER, Message
from amqtt.server.events import ClientSubscribed, ClientUnsubscribed
from amqtt.server.fan_out import FanOut
from amqtt.server.server import Server
from amqtt.sessions.session import Session
from amqtt.topics.names import split_shared
from amqtt.topics.shared import SharedGroup

REPLAYED = "r/"
"""Topics whose messages are retained: they may come once more for each SUBSCRIBE."""
GROUPS = (("g", "s/#"), ("h", "s/+/a"))
"""The shared groups, by ShareName and Topic Filter."""
SHARED = "s/"
"""Topics that only shared groups subscribe to."""


class Violation(AssertionError):
    """Something that must never happen has happened."""


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a Topic Filter matches, level by level: slow and obvious (MQTT 5.0, 4.7)."""
    levels, names = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and levels[0] in ("#", "+"):
        return False
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at == len(names) or level not in ("+", names[at]):
            return False
    return len(levels) == len(names)


class Copy:
    """One time that a message was routed: to these Sessions at this QoS, and to these shared groups.

    `life` is the life of the Server, of which there is one more after each crash. `publisher` is whose
    messages it keeps its order with, "": everybody's. Those of `changed` subscribed or unsubscribed while
    it was on its way, and may have it or not.
    """

    __slots__ = ("changed", "groups", "life", "publisher", "sequence", "sessions", "topic")

    def __init__(
        self, life: int, sequence: int, message: Message, publisher: str, fan_out: "Progress | None"
    ) -> None:
        self.life = life
        self.sequence = sequence
        self.topic = message.topic
        self.publisher = publisher
        self.changed: set[Session] = set() if fan_out is None else fan_out.changed
        self.sessions: dict[Session, int] = {}
        self.groups: list[SharedGroup] = []


class Progress:
    """A message on its way to its Subscribers, and the Sessions that subscribed or unsubscribed meanwhile."""

    def __init__(self, fan_out: FanOut) -> None:
        self.fan_out = fan_out
        self.changed: set[Session] = set()


class Reading:
    """What one Network Connection has brought its Client so far: order is kept per Connection."""

    def __init__(self) -> None:
        self.latest: dict[tuple[str, int, str], int] = {}


class Ledger:
    """Knows what was routed and to whom it is owed, sees what arrives, and says when the two disagree.

    It learns of a routed message as a subscriber of the embedding program does. `owed` are the
    messages of QoS 1 and 2 by Session; a Session is known by the object.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._sequence = 0
        self._life = 0
        self._numbered: dict[int, Session] = {}
        self._under_way: dict[str, Progress] = {}
        self.routed: dict[bytes, list[Copy]] = {}
        self.owed: dict[Session, Counter[bytes]] = {}
        self.owed_by_groups: dict[SharedGroup | None, Counter[bytes]] = {}
        self.arrived: dict[Session, Counter[tuple[bytes, int, bool]]] = {}
        self.arrived_shared: Counter[tuple[bytes, int]] = Counter()
        self._listen()

    def _listen(self) -> None:
        """Hear of what is routed from now on; retained messages that are there already are not."""
        self._is_listening = False
        self._server.subscribe("#", 2, self._route)
        self._is_listening = True
        self._under_way.clear()
        self._server.events.on(ClientSubscribed, self._note_change)
        self._server.events.on(ClientUnsubscribed, self._note_change)

    def _progress(self, publisher: str) -> Progress | None:
        """Of the last message of this Client, None: all that it is for have it."""
        state = self._server.realm.fan_outs.get(publisher)
        if state is None or state.fan_out is None:
            return None
        progress = self._under_way.get(publisher)
        if progress is None or progress.fan_out is not state.fan_out:
            progress = self._under_way[publisher] = Progress(state.fan_out)
        return progress

    def _note_change(self, event: ClientSubscribed | ClientUnsubscribed) -> None:
        session = self._server.realm.sessions[event.client_id]
        for publisher in self._server.realm.fan_outs:
            progress = self._progress(publisher)
            if progress is not None:
                progress.changed.add(session)

    # -- what the Server routes

    def _route(self, message: Message, qos: int) -> None:
        payload = bytes(message.payload)
        if not payload or not self._is_listening:
            return
        self._sequence += 1
        copies = self.routed.setdefault(payload, [])
        slices = self._server.limits.receivers_at_once == 1
        order = message.publisher if slices else ""
        copy = Copy(self._life, self._sequence, message, order, self._progress(message.publisher))
        copy.sessions = self._takers(message)
        copy.groups = self._groups(message.topic)
        copies.append(copy)
        if message.qos != 1 and sum(each.life == self._life for each in copies) > 1:
            raise Violation(f"{payload!r} of QoS {message.qos} was routed twice")
        if message.qos and message.expires_at == NEVER:
            self._owe(copies[-1], payload, message.qos)

    def _owe(self, copy: Copy, payload: bytes, qos: int) -> None:
        for session, granted in copy.sessions.items():
            if granted:
                self.owed.setdefault(session, Counter())[payload] += 1
        # What one member has of QoS 2 no other may have, not even when its Session ends.
        for group in copy.groups if qos == 1 else ():
            self.owed_by_groups.setdefault(group, Counter())[payload] += 1

    def _takers(self, message: Message) -> dict[Session, int]:
        """Whose own Subscriptions match it, and at which QoS each is to have it [MQTT-3.3.5-1]."""
        takers = {}
        for session in self._server.realm.sessions.values():
            self.see(session)
            granted = [
                subscription.qos
                for written, subscription in session.subscriptions.items()
                if not split_shared(written)[0]
                and not (subscription.no_local and message.publisher == session.client_id)
                and matches(subscription.topic_filter, message.topic)
            ]
            if granted and session.permissions.may_receive(message.topic):
                takers[session] = min(message.qos, max(granted))
        return takers

    def _groups(self, topic: str) -> list[SharedGroup]:
        found = [self._server.realm.shared.group(*name) for name in GROUPS]
        return [group for group in found if group is not None and matches(group.topic_filter, topic)]

    def _is_due(self, session: Session, message: Message) -> bool:
        return session.permissions.may_receive(message.topic) and any(
            subscription.qos
            and not split_shared(written)[0]
            and not (subscription.no_local and message.publisher == session.client_id)
            and matches(subscription.topic_filter, message.topic)
            for written, subscription in session.subscriptions.items()
        )

    def see(self, session: Session) -> None:
        """Remember its number on the disk, which it has no more when it has ended."""
        if session.number:
            self._numbered[session.number] = session

    # -- what a Client receives

    def arrive(
        self, session: Session, reading: Reading, topic: str, payload: bytes, qos: int, dup: bool
    ) -> None:
        """A PUBLISH that is new to its Client: QoS 2 duplicates are told by their Packet Identifier."""
        if not payload:
            return
        copies = self.routed.get(payload)
        if copies is None:
            raise Violation(f"{payload!r} was never published")
        if copies[0].topic != topic:
            raise Violation(f"{payload!r} was published to {copies[0].topic}, not {topic}")
        arrived = self.arrived.setdefault(session, Counter())
        arrived[payload, qos, dup and qos == 1] += 1
        if topic.startswith(SHARED):
            self._arrive_shared(payload, qos, copies)
            return
        if topic.startswith(REPLAYED):
            return
        if all(copy.sessions.get(session) != qos and session not in copy.changed for copy in copies):
            raise Violation(f"{payload!r} came at QoS {qos}, which it was not granted")
        if qos != 1 or not dup:
            self._check_once(arrived, payload, qos, len(copies))
        self._check_order(reading, topic, payload, qos, copies)

    def _check_once(
        self, arrived: Counter[tuple[bytes, int, bool]], payload: bytes, qos: int, copies: int
    ) -> None:
        # What was sent at QoS 1 is sent as new after a crash. QoS 2 is exactly once all the same.
        most = 1 if qos == 2 else copies + (self._life if qos == 1 else 0)
        if arrived[payload, qos, False] > most:
            raise Violation(f"{payload!r} came more often at QoS {qos} than it was published")

    def _check_order(
        self, reading: Reading, topic: str, payload: bytes, qos: int, copies: list[Copy]
    ) -> None:
        publisher = copies[0].publisher
        before = reading.latest.get((topic, qos, publisher), 0)
        later = [copy.sequence for copy in copies if copy.sequence > before]
        if not later:
            raise Violation(f"{payload!r} came behind one that was published later [MQTT-4.6.0-6]")
        reading.latest[topic, qos, publisher] = later[0]

    def _arrive_shared(self, payload: bytes, qos: int, copies: list[Copy]) -> None:
        self.arrived_shared[payload, qos] += 1
        if qos == 2 and self.arrived_shared[payload, 2] > sum(len(copy.groups) for copy in copies):
            raise Violation(f"{payload!r} came to two members of a shared group at QoS 2")

    # -- a crash

    def crash(self, server: Server, promised: set[bytes]) -> dict[Session, Session]:
        """Another Server goes on; which Session is which there. Owed is only what was acknowledged."""
        # Also those that had ended: of that the disk may know nothing yet.
        same = {
            self._numbered[session.number]: session
            for session in server.realm.sessions.values() if session.number in self._numbered
        }
        self._numbered = {session.number: session for session in same.values()}
        self._server = server
        self._life += 1
        self.owed = {
            same[session]: Counter({payload: count for payload, count in owed.items() if payload in promised})
            for session, owed in self.owed.items() if session in same
        }
        self.arrived = {same[each]: arrived for each, arrived in self.arrived.items() if each in same}
        for copies in self.routed.values():
            for copy in copies:
                copy.sessions = {same[each]: qos for each, qos in copy.sessions.items() if each in same}
                copy.changed = {same[each] for each in copy.changed if each in same}
        # A member that is gone with the crash may have had what a group owes: nobody else gets it then.
        self.owed_by_groups = {}
        self._listen()
        return same

    # -- in the end, when everybody has read everything

    def missing(self) -> list[tuple[str, bytes]]:
        """What is owed to Sessions and groups that never ended and did not come, by Client Identifier."""
        realm = self._server.realm
        found = []
        for session in realm.sessions.values():
            arrived = self.arrived.get(session, Counter())
            had = {payload for payload, _, _ in arrived}
            found += [
                (session.client_id, each)
                for each in self.owed.get(session, ())
                if each not in had and not any(session in copy.changed for copy in self.routed[each])
            ]
        had = {payload for payload, _ in self.arrived_shared}
        for name in GROUPS:
            owed = self.owed_by_groups.get(realm.shared.group(*name), Counter())
            found += [(f"$share/{name[0]}", each) for each in owed if each not in had]
        return found
