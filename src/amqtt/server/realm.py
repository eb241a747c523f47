"""What the verbs of the Server share: its Sessions, Subscriptions, retained messages, deadlines."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from amqtt.abc import Authenticator, Peer, Permissions
from amqtt.message import NEVER, Message
from amqtt.server.bans import Bans
from amqtt.server.deadlines import Deadline, Deadlines
from amqtt.server.events import Events, LimitExceeded, MessageQueued
from amqtt.server.exceeded import Exceeded
from amqtt.server.line import Line
from amqtt.server.overload import Overload
from amqtt.server.router import Router
from amqtt.server.state import ConnectionState
from amqtt.sessions.backlog import Backlog
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import Outgoing
from amqtt.sessions.journal import Journal, StoredSession, StoredWill
from amqtt.sessions.link import Turn
from amqtt.sessions.session import Session
from amqtt.topics.names import split_shared
from amqtt.topics.retained import RetainedMessages
from amqtt.topics.shared import SharedGroup, SharedSubscriptions
from amqtt.topics.subscriptions import SubscriptionTree

if TYPE_CHECKING:
    from amqtt.server.settings import ServerSettings


class Realm:
    """The state of one Server. `sessions` and `connected` are by Client Identifier.

    `journal` notes what must outlast it, None where nothing does. `stopping` says that Clients are
    sent away because the Server stops, and may be back soon; `takes_messages` that what they publish is
    taken, until shortly before that. `go_on` is called for a Client that stood in line. `fan_outs` are the
    Network Connections whose last message is not given to everybody yet, by Client Identifier.
    """

    def __init__(
        self,
        settings: "ServerSettings",
        authenticator: Authenticator,
        turn: Turn,
        go_on: Callable[[ConnectionState, float], None],
    ) -> None:
        limits = settings.limits
        self.settings = settings
        self.limits = limits
        self.authenticator = authenticator
        self.turn = turn
        turn.retained_per_turn = limits.retained_per_turn
        self.deadlines = Deadlines()
        self.line = Line(self.deadlines, turn, go_on)
        self.events = Events()
        self.counters = Counters()
        self.excess = Exceeded()
        self.bans = Bans(limits)
        self.overload = Overload(limits)
        self.sessions: dict[str, Session] = {}
        self.connected: dict[str, ConnectionState] = {}
        self.fan_outs: dict[str, ConnectionState] = {}
        self.tree = SubscriptionTree()
        self.shared = SharedSubscriptions(self.tree, limits.maximum_shared_members)
        self.retained = RetainedMessages(limits.maximum_retained_messages, limits.maximum_retained_bytes)
        self.router = Router(self.tree, self.retained, self.counters, self.deadlines, self.events)
        self.router.on_full = self._tell_full
        self.session_ends: dict[str, Deadline] = {}
        self.paced: set[str] = set()
        self.delayed_wills: dict[str, Deadline] = {}
        self.journal: Journal | None = None
        self.stopping = False
        self.takes_messages = True

    def adopt(self, settings: "ServerSettings") -> None:
        """Go on with other settings: they count for what begins from now on."""
        self.bans.adopt(settings.limits)
        self.overload.limits = settings.limits
        self.settings = settings
        self.limits = settings.limits
        self.turn.retained_per_turn = self.limits.retained_per_turn
        self.retained.bound(self.limits.maximum_retained_messages, self.limits.maximum_retained_bytes)

    def new_session(self, client_id: str, permissions: Permissions) -> Session:
        """Begin a Session [MQTT-3.1.2-6]."""
        limits = self.limits
        backlog = Backlog(limits.maximum_queued_messages, limits.maximum_queued_bytes, self.counters)
        backlog.maximum_in_all = limits.maximum_queued_bytes_in_all
        session = Session(client_id, permissions, backlog, self.counters)
        session.inflight.maximum_bytes = limits.maximum_inflight_bytes
        session.on_full = self._tell_full
        if self.events.wanted(MessageQueued):
            session.on_queued = self._tell_queued
        self.sessions[client_id] = session
        return session

    def has(self, session: Session) -> bool:
        """Whether the Session has not ended."""
        return self.sessions.get(session.client_id) is session

    def exceeded(self, limit: str, client_id: str, peer: Peer | None = None) -> None:
        """Count that a Client wanted more than this Limit; tell of it now and then."""
        if self.excess.note(limit, client_id, self.turn.now) and self.events.wanted(LimitExceeded):
            self.events.tell(LimitExceeded(limit, client_id, peer))

    def _tell_full(self, client_id: str, limit: str) -> None:
        self.exceeded(limit, client_id)

    def keep(self, session: Session, ends_at: float = NEVER) -> None:
        """Have the Session outlast the Server, if it is to outlast its Network Connection.

        `ends_at` is when it ends if its Client does not come back.
        """
        journal = self.journal
        if journal is None or (not session.expiry_interval and session.journal is None):
            return
        if session.journal is None:
            session.journal = journal
            session.number = journal.new_number()
        journal.session(
            session.number, StoredSession(session.client_id, session.owner, session.expiry_interval, ends_at)
        )

    def keep_will(self, session: Session, due: float = NEVER) -> None:
        """Have its Will Message, or that it has none any more, outlast the Server, too."""
        if session.journal is not None:
            will = session.will
            session.journal.will(session.number, None if will is None else StoredWill(will.fields, due))

    def _forget(self, session: Session) -> None:
        """Let nothing of the Session outlast the Server."""
        journal = session.journal
        if journal is None:
            return
        number = session.number
        for outgoing in session.inflight.entries.values():
            journal.remove(outgoing)
        for outgoing in session.backlog:
            journal.remove(outgoing)
        for packet_id in session.received:
            journal.release(number, packet_id)
        for topic_filter in session.subscriptions:
            journal.unsubscribe(number, topic_filter)
        journal.end_session(number)
        session.journal = None
        session.number = 0

    def _tell_queued(self, session: Session, message: Message) -> None:
        self.events.tell(MessageQueued(session.client_id, message))

    def end_session(self, session: Session) -> None:
        """Discard the Session State [MQTT-4.1.0-2]; a Will Message still waiting is published first.

        What shared groups gave it goes to other members of them, unless it was sent at QoS 2 and may
        have been taken (4.8.2).
        """
        client_id = session.client_id
        self.publish_will(session)
        self._forget(session)
        self.deadlines.cancel(self.session_ends.pop(client_id, None))
        for topic_filter in session.subscriptions:
            self._leave(session, topic_filter)
        for group in _groups(session):
            self._pass_back(
                session, group, [*session.inflight.take_group(group), *session.backlog.take_group(group)]
            )
        session.discard()
        # A Message may be on its way to it, when whoever was given that before has it end: it gets no place.
        session.backlog.maximum_messages = 0
        session.on_full = None
        self.sessions.pop(client_id, None)

    def _pass_back(self, session: Session, group: SharedGroup, given: list[Outgoing]) -> None:
        """What the group gave the Session is not the Session's any more."""
        if session.journal is not None:
            for outgoing in given:
                session.journal.remove(outgoing)
        self.pass_on(group, given)

    def end_subscription(self, session: Session, topic_filter: str) -> None:
        """Stop matching this Topic Filter, `$share/name/` included, for the Session [MQTT-3.10.4-2]."""
        group = self._leave(session, topic_filter)
        if group is not None:
            self._pass_back(session, group, session.backlog.take_group(group))

    def _leave(self, session: Session, topic_filter: str) -> SharedGroup | None:
        """The Session has this Subscription no more; the shared group that it was one of."""
        if session.journal is not None:
            session.journal.unsubscribe(session.number, topic_filter)
        share_name, real_filter = split_shared(topic_filter)
        if not share_name:
            self.tree.remove(session, real_filter)
            return None
        group = self.shared.group(share_name, real_filter)
        self.shared.leave(share_name, real_filter, session)
        return group

    def pass_on(self, group: SharedGroup, given: list[Outgoing]) -> None:
        """Give what a shared group gave a Session that leaves it to other members of it."""
        for outgoing in given:
            if outgoing.message.is_expired(self.turn.now):
                self.counters.dropped_expired += 1
            else:
                group.pass_on(outgoing.message)

    def publish_will(self, session: Session) -> None:
        """Publish the Will Message, if there is one and its Client may publish to its topic.

        [MQTT-3.1.2-8] [MQTT-3.1.2-10]
        """
        self.deadlines.cancel(self.delayed_wills.pop(session.client_id, None))
        will = session.will
        session.will = None
        if will is None:
            return
        self.keep_will(session)
        self.give_to_all(session.client_id)
        fields = will.fields
        if not session.may_publish(fields.topic, fields.retain):
            self.counters.dropped_refused += 1
            return
        self.router.route(will.message(self.turn.now, session.client_id), session.owner)

    def give_to_all(self, client_id: str) -> None:
        """Give the last message of this Client to all that it is for: what comes must not overtake it."""
        state = self.fan_outs.get(client_id)
        if state is not None and state.fan_out is not None:
            state.fan_out.look_again(self.tree)
            state.fan_out.deliver(state.fan_out.left)

    def pump(self, session: Session) -> None:
        """Send what waits for the Session, and go on in the next turn while retained messages do."""
        session.pump()
        self.pace(session)

    def pace(self, session: Session) -> None:
        """Pump in the next turn, too, if more retained messages could be sent then."""
        if session.owes_retained and session.client_id not in self.paced:
            self.paced.add(session.client_id)
            self.deadlines.at(self.turn.now, partial(self._pump_again, session.client_id))

    def _pump_again(self, client_id: str, now: float) -> None:
        self.paced.discard(client_id)
        session = self.sessions.get(client_id)
        if session is not None:
            self.pump(session)


def _groups(session: Session) -> list[SharedGroup]:
    """The shared groups that gave the Session what it has not acknowledged, or what waits for it."""
    given = [*session.inflight.entries.values(), *session.backlog]
    groups = [outgoing.group for outgoing in given if isinstance(outgoing.group, SharedGroup)]
    return list(dict.fromkeys(groups))
