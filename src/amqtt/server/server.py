"""The MQTT Server, sans-I/O: Control Packets in, Control Packets out, the moment handed in."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from amqtt.abc import Authenticator, Batch, Peer
from amqtt.errors import StoreError
from amqtt.message import Message
from amqtt.server.arrivals import arrived, go_on, pause, report, stand_in_line, take_answer
from amqtt.server.connect import connect_overdue
from amqtt.server.deadlines import Deadlines
from amqtt.server.disconnect import close, delay_will, end, has_gone, send_away
from amqtt.server.events import Events
from amqtt.server.local import LocalSubscriber
from amqtt.server.publish import fan_out, has_durable_destination
from amqtt.server.rates import Meter
from amqtt.server.realm import Realm
from amqtt.server.restore import restore
from amqtt.server.review import OfSession, OfUser, review
from amqtt.server.state import ConnectionState
from amqtt.server.stopping import settle_wills, under_way
from amqtt.server.watching import SentPackets
from amqtt.sessions.counters import Counters
from amqtt.sessions.journal import Journal
from amqtt.sessions.link import Link, Turn
from amqtt.topics.names import split_shared, topic_filter_fault
from amqtt.topics.retained import RetainedMessages
from amqtt.topics.subscriptions import Subscription, Target
from amqtt.wire.bounds import PacketBounds
from amqtt.wire.decoder import Decoder
from amqtt.wire.interned import TopicNames
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from amqtt.server.limits import Limits
    from amqtt.server.settings import ServerSettings

CREDIT: Final = 0.1
"""Seconds for which one of the heaviest publishers is not read from while the Server is overloaded."""
RETAINED_AT_ONCE: Final = 1_000
"""Retained messages of one look at them, for the embedding program."""


def _topic_names(limits: "Limits") -> TopicNames:
    return TopicNames(limits.maximum_topic_levels, limits.maximum_topic_length)


def _packet_bounds(limits: "Limits") -> PacketBounds:
    return PacketBounds(
        limits.maximum_user_properties, limits.maximum_user_property_bytes, limits.maximum_topic_filters
    )


class Server:
    """One MQTT Server: Sessions, Subscriptions, retained messages, and their rules.

    It does no I/O: `turn.now` (seconds) is set by the caller before each call, bytes to send are
    found in each Link, and `turn.wake` is called when there are some. It is not thread-safe.
    """

    def __init__(self, settings: "ServerSettings", authenticator: Authenticator, turn: Turn) -> None:
        self.turn = turn
        self.realm = Realm(settings, authenticator, turn, self._go_on)
        self._topics = _topic_names(settings.limits)
        self._bounds = _packet_bounds(settings.limits)
        self.realm.deadlines.fault = partial(report, self.realm)

    def _go_on(self, state: ConnectionState, now: float) -> None:
        go_on(self.realm, state, now)

    def adopt(self, settings: "ServerSettings") -> None:
        """Go on with other settings: they count for Network Connections and Sessions that begin then."""
        self.realm.adopt(settings)
        self._topics = _topic_names(settings.limits)
        self._bounds = _packet_bounds(settings.limits)

    @property
    def limits(self) -> "Limits":
        """Its bounds."""
        return self.realm.limits

    @property
    def deadlines(self) -> Deadlines:
        """What it has to do, and when; see `tick`."""
        return self.realm.deadlines

    @property
    def events(self) -> Events:
        """Where to say what you want to know of."""
        return self.realm.events

    @property
    def counters(self) -> Counters:
        """What it counted."""
        return self.realm.counters

    @property
    def authenticator(self) -> Authenticator:
        """Whom it asks at CONNECT; may be replaced at any time."""
        return self.realm.authenticator

    @authenticator.setter
    def authenticator(self, authenticator: Authenticator) -> None:
        self.realm.authenticator = authenticator

    @property
    def retained(self) -> RetainedMessages:
        """The retained messages."""
        return self.realm.retained

    def open(self, link: Link, peer: Peer) -> ConnectionState:
        """A Network Connection was accepted; its CONNECT must come within the connect timeout."""
        limits = self.limits
        decoder = Decoder(
            self._topics, limits.maximum_packet_size, limits.maximum_connect_size, bounds=self._bounds
        )
        state = ConnectionState(link, peer, decoder, self.turn.now)
        if limits.maximum_publish_rate:
            state.meter = Meter(limits.maximum_publish_rate, self.turn.now)
        if self.events.wants_sent_packets:
            SentPackets(state, self.events)
        state.deadline = self.deadlines.at(
            self.turn.now + limits.connect_timeout, partial(connect_overdue, self.realm, state)
        )
        return state

    def received(self, state: ConnectionState, data: bytes) -> None:
        """Bytes arrived on a Network Connection: act on every Control Packet that they complete."""
        if not state.closed:
            arrived(self.realm, state, data)

    def exceeded(
        self, limit: str, peer: Peer, state: ConnectionState | None = None, reason: str = ""
    ) -> None:
        """A Network Connection exceeds a Limit that its owner keeps, and is given up; its Session is kept.

        `state` is None where it was not let in at all.
        """
        self.realm.exceeded(limit, "" if state is None else state.client_id, peer)
        if state is not None:
            code = ReasonCode.QUOTA_EXCEEDED if state.accepted else ReasonCode.UNSPECIFIED_ERROR
            send_away(self.realm, state, code, reason)

    def lagged(self, seconds: float, memory_share: float = 0.0) -> None:
        """The event loop came so late; the process uses this part (0 to 1) of the memory it may use."""
        overload = self.realm.overload
        overload.look(seconds, memory_share, self.turn.now)
        if not overload.is_suspected:
            overload.forget()
            return
        heaviest = overload.heaviest(self.realm.connected.values())
        for state in heaviest if overload.level else ():
            self.realm.exceeded("lag_to_hold_publishers", state.client_id, state.peer)
            pause(self.realm, state, self.turn.now + CREDIT)

    @property
    def turn_is_over(self) -> bool:
        """Whether whoever has brought much must let the others go first: see `stand_in_line`."""
        return self.realm.line.is_over

    def stand_in_line(self, state: ConnectionState) -> None:
        """What has arrived and is not yet `received` must wait: the Link is paused until it may go on."""
        if not state.closed and not state.link.paused:
            stand_in_line(self.realm, state, [])

    def answered(self, state: ConnectionState, answer: object) -> None:
        """What `state.pending` returned, or the exception that it raised."""
        take_answer(self.realm, state, answer)

    def lost(self, state: ConnectionState, reason: str = "") -> None:
        """The Network Connection is gone without a DISCONNECT, but for one that waits for its turn."""
        if not has_gone(self.realm, state):
            reason = reason or "the Network Connection was lost"
            end(self.realm, state, ReasonCode.UNSPECIFIED_ERROR, reason)

    def drained(self, state: ConnectionState) -> None:
        """Its Link is no longer full: send what waits."""
        if state.session is not None and not state.closed:
            self.realm.pump(state.session)

    def tick(self) -> float | None:
        """Do what is due; the moment of the next deadline, None without one."""
        return self.deadlines.tick(self.turn.now)

    def review(self, of_session: OfSession, of_user: OfUser | None = None) -> int:
        """Give every Session the Permissions that its `owner` has now; None: it may not connect any more.

        `of_user` says the same of who retained something and has no Session; without it that stays. To be
        called when the rules have changed, with `authenticator` already the new one. How many Clients had
        to leave.
        """
        return review(self.realm, of_session, of_user)

    def publish(self, message: Message) -> int:
        """Route a Message of the embedding program; how many Subscribers matched.

        StoreError: nothing can be stored at present, and this would have to be; it was not taken.
        """
        journal = self.realm.journal
        if journal is not None and journal.failing and has_durable_destination(
            self.realm, message.topic, message.qos, message.retain
        ):
            self.realm.counters.dropped_refused += 1
            raise StoreError("nothing can be stored at present, so the message was not taken")
        return self.realm.router.route(message)

    def subscribe(
        self, topic_filter: str, qos: int, callback: Callable[[Message, int], None]
    ) -> LocalSubscriber:
        """Subscribe the embedding program: live messages, then matching retained ones at once.

        Raises ValueError for a Topic Filter that the standard does not know.
        """
        limits = self.limits
        fault = topic_filter_fault(topic_filter, limits.maximum_topic_levels, limits.maximum_topic_length)
        if fault or split_shared(topic_filter)[0]:
            raise ValueError(fault or "a program subscribes without $share/")
        subscriber = LocalSubscriber(callback, self.events)
        self.realm.tree.add(subscriber, Subscription(topic_filter, qos, retain_as_published=True))
        target = Target(subscriber, qos, retain_as_published=True)
        cursor = self.retained.match(topic_filter)
        while not cursor.done:
            for message in cursor.take(RETAINED_AT_ONCE, self.turn.now):
                subscriber.deliver(message, target)
        return subscriber

    def unsubscribe(self, subscriber: LocalSubscriber, topic_filter: str) -> None:
        """End a Subscription of the embedding program."""
        self.realm.tree.remove(subscriber, topic_filter)

    # -- what outlasts the Server

    def restore(self, kept: Batch, journal: Journal, grace: float) -> None:
        """Go on where an earlier Server ended, and note in `journal` what must outlast this one.

        Once, before anything else. `kept` is what a SessionStore held, whose numbers `journal`
        continues; `grace` see `resume`.
        """
        self.realm.journal = journal
        self.realm.router.outlast(journal)
        restore(self.realm, kept, grace)

    def committed(self, number: int) -> None:
        """The Batch of this number is durable: keep what was promised for it."""
        journal = self.realm.journal
        assert journal is not None
        for session in journal.committed(number):
            self.realm.pump(session)

    def serve(self) -> None:
        """Take Clients and what they publish, again after `shut_down`."""
        self.realm.stopping = False
        self.realm.takes_messages = True

    def resume(self, grace: float) -> None:
        """Go on with what it knows after `shut_down`.

        Clients have `grace` seconds to come back before their Will Messages are published, or the
        Will Delay Interval where that is longer.
        """
        realm = self.realm
        for session in realm.sessions.values():
            will = session.will
            if will is not None and session.link is None and session.client_id not in realm.delayed_wills:
                delay_will(realm, session, realm.turn.now + max(will.delay_interval, grace))

    def note_states(self) -> None:
        """Note what was sent under which Packet Identifier, so that it is sent again under the same.

        After a crash, what was sent at QoS 1 is sent as new where it had been queued before.
        """
        for session in self.realm.sessions.values():
            if session.journal is not None:
                for outgoing in session.inflight.entries.values():
                    session.journal.update(outgoing)

    @property
    def is_busy(self) -> bool:
        """Whether something is under way between it and a connected Client: see `under_way`."""
        return under_way(self.realm)

    def take_no_messages(self) -> None:
        """Act on no PUBLISH any more; acknowledgements and all else go on.

        What is published from now on is not acknowledged, so its Client sends it again later.
        """
        self.realm.takes_messages = False

    def shut_down(self) -> None:
        """Tell every Client that the Server stops, and close its Network Connection.

        `settings.wills_on_shutdown` says what becomes of Will Messages. Unless it says otherwise, those
        of Sessions that outlast the Server wait for the next start, the others are published first.
        """
        self.take_no_messages()
        for client_id, state in list(self.realm.fan_outs.items()):
            self.realm.give_to_all(client_id)
            fan_out(self.realm, state)
        settle_wills(self.realm)
        self.realm.stopping = True
        reference = self.realm.settings.server_reference
        code = ReasonCode.USE_ANOTHER_SERVER if reference else ReasonCode.SERVER_SHUTTING_DOWN
        for state in list(self.realm.connected.values()):
            close(self.realm, state, code, "the Server shuts down")
