"""The MQTT Client, sans-I/O: Control Packets in, Control Packets out, the moment handed in."""

from collections.abc import Callable
from typing import Final

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.connect import PING_SHARE, auth, connack, connect_packet, reauthenticate
from amqtt.client_session.deliver import publish_arrived, pubrel, take
from amqtt.client_session.ending import disconnect, end, fail, leave
from amqtt.client_session.publish import has_room, puback, pubcomp, publish, pubrec
from amqtt.client_session.receipt import UNKNOWN, Receipt
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.client_session.state import (
    CLOSED,
    CONNECTED,
    CONNECTING,
    NEVER,
    AcceptedSubscription,
    Application,
    ClientState,
    Connection,
    Ending,
    ServerLimits,
)
from amqtt.client_session.subscribe import suback, subscribe, unsuback, unsubscribe
from amqtt.message import Message
from amqtt.sessions.aliases import IncomingAliases
from amqtt.sessions.counters import Counters
from amqtt.sessions.link import Link, Turn
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.errors import PeerError, ProtocolError
from amqtt.wire.packets import (
    MQTT_5,
    Auth,
    Connack,
    Disconnect,
    Packet,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    SubscriptionRequest,
    Unsuback,
)
from amqtt.wire.reasons import ReasonCode

PINGREQ: Final = b"\xc0\x00"
LONGEST_PONG: Final = 10.0
"""Seconds for a PINGRESP, or half of Keep Alive where that is shorter."""


def pingresp(state: ClientState, packet: Pingresp) -> None:
    """The Server is alive (3.13)."""
    connection = state.connection
    assert connection is not None
    connection.pong_by = NEVER
    pings, state.pings = state.pings, []
    for answered in pings:
        answered()


VERBS: Final[dict[int, dict[type[object], Callable[..., None]]]] = {
    CONNECTING: {Connack: connack, Auth: auth},
    CONNECTED: {
        Publish: publish_arrived,
        Puback: puback,
        Pubrec: pubrec,
        Pubrel: pubrel,
        Pubcomp: pubcomp,
        Suback: suback,
        Unsuback: unsuback,
        Pingresp: pingresp,
        Disconnect: disconnect,
        Auth: auth,
    },
    CLOSED: {},
}
"""(phase, packet of the Server) → verb. What is not here is a Protocol Error."""


class ClientSession:
    """One MQTT Client: its Session, over one Network Connection after another.

    It does no I/O: `turn.now` (seconds) is set by the caller before each call, bytes to send are
    found in the Link, and `turn.wake` is called when there are some. It is not thread-safe.
    """

    def __init__(
        self,
        settings: ClientSettings,
        application: Application,
        turn: Turn,
        authentication: ClientAuthentication | None = None,
    ) -> None:
        self.turn = turn
        self.state = ClientState(settings, application, turn, authentication)

    # What there is.

    @property
    def client_id(self) -> str:
        """Its Client Identifier; the one that the Server assigned, if it did."""
        return self.state.client_id

    @property
    def counters(self) -> Counters:
        """What it counted: `published` came from the Server, `delivered` went to it."""
        return self.state.counters

    @property
    def is_connected(self) -> bool:
        """Whether the Server has accepted it on a Network Connection that is still there."""
        return self.state.connected is not None

    @property
    def server_limits(self) -> ServerLimits | None:
        """What the Server said in its CONNACK; None while not connected."""
        connection = self.state.connected
        return None if connection is None else connection.limits

    @property
    def subscriptions(self) -> dict[str, AcceptedSubscription]:
        """What the Server granted, by Topic Filter as it was asked for."""
        return self.state.subscriptions

    @property
    def authentication(self) -> ClientAuthentication | None:
        """How it proves who it is; None without enhanced authentication."""
        return self.state.authentication

    @property
    def is_reauthenticating(self) -> bool:
        """Whether a re-authentication is under way."""
        return self.state.reauthentication is not None

    @property
    def awaits_answer(self) -> bool:
        """Whether something that was sent is not answered yet: then the Server must be listened to."""
        state = self.state
        connection = state.connection
        if connection is None:
            return False
        waits = connection.phase == CONNECTING or connection.pong_by != NEVER
        return waits or len(state.session.inflight) > 0 or state.reauthentication is not None

    # The Network Connection's side.

    def open(self, link: Link) -> None:
        """A Network Connection is there: say CONNECT [MQTT-3.1.0-1]."""
        state = self.state
        settings = state.settings
        if state.connection is not None:
            raise ValueError("there is a Network Connection already")
        bound = settings.maximum_packet_size
        decoder = Decoder(state.topics, bound, bound, settings.version)
        aliases = IncomingAliases(settings.topic_alias_maximum)
        deadline = self.turn.now + settings.connect_timeout
        connect = encode(connect_packet(state), settings.version)
        state.connection = Connection(link, decoder, aliases, deadline)
        state.connections += 1
        link.send(connect)

    def received(self, data: bytes) -> None:
        """Bytes arrived: act on every Control Packet that they complete."""
        state = self.state
        connection = state.connection
        if connection is None:
            return
        state.counters.bytes_received += len(data)
        try:
            for packet in connection.decoder.feed(data):
                self._act(connection, packet)
                if state.connection is not connection:
                    return
            if connection.decoder.error is not None:
                raise connection.decoder.error
        except PeerError as fault:
            fail(state, fault.reason_code, str(fault))

    def _act(self, connection: Connection, packet: Packet) -> None:
        verb = VERBS[connection.phase].get(type(packet))
        if verb is None:
            raise ProtocolError(f"{type(packet).__name__.upper()} is not allowed now")
        self.state.counters.packets_received += 1
        verb(self.state, packet)

    def drained(self) -> None:
        """The Link is no longer full: send what waits."""
        if self.state.connected is not None:
            self.state.session.pump()

    def lost(self, reason: str) -> None:
        """The Network Connection is gone."""
        end(self.state, Ending(ReasonCode.UNSPECIFIED_ERROR, reason))

    def fail(self, reason_code: int, reason: str) -> None:
        """Close the Network Connection, and say why."""
        fail(self.state, reason_code, reason)

    def tick(self) -> float | None:
        """Do what is due; the moment at which to come again, None: no need to."""
        state = self.state
        connection = state.connection
        if connection is None:
            return None
        now = self.turn.now
        late = self._overdue(connection, now)
        if late:
            fail(state, ReasonCode.KEEP_ALIVE_TIMEOUT, late)
            return None
        if now >= connection.ping_at:
            self._ping(connection)
        deadlines = [request.deadline for request in state.requests.values()]
        nearest = min(
            connection.deadline, connection.ping_at, connection.pong_by, state.reauthentication_deadline,
            *deadlines,
        )
        return None if nearest == NEVER else nearest

    def _overdue(self, connection: Connection, now: float) -> str:
        """What the Server owes us for too long, in words."""
        if now >= connection.deadline:
            return "no CONNACK came"
        if now >= connection.pong_by:
            return "no PINGRESP came"
        if now >= self.state.reauthentication_deadline:
            return "no answer to AUTH came"
        for request in self.state.requests.values():
            if now >= request.deadline:
                return "no answer to SUBSCRIBE or UNSUBSCRIBE came"
        return ""

    def _ping(self, connection: Connection) -> None:
        limits = connection.limits
        assert limits is not None
        keep_alive = limits.keep_alive
        connection.link.send(PINGREQ)
        now = self.turn.now
        connection.ping_at = now + keep_alive * PING_SHARE if keep_alive else NEVER
        if connection.pong_by == NEVER:
            connection.pong_by = now + (min(LONGEST_PONG, keep_alive / 2) if keep_alive else LONGEST_PONG)

    # The program's side.

    def has_room(self, message: Message) -> bool:
        """Whether `publish` can take this message now."""
        return has_room(self.state, message)

    def publish(self, message: Message) -> Receipt:
        """Send a message, or queue it at QoS 1 and 2. See `has_room` and `check_message`."""
        return publish(self.state, message)

    def take(self, message: ReceivedMessage) -> None:
        """One who was given this message has taken it."""
        take(self.state, message)

    def subscribe(
        self,
        requests: list[SubscriptionRequest],
        identifier: int = 0,
        user_properties: tuple[tuple[str, str], ...] = (),
    ) -> Receipt:
        """Ask for Subscriptions; only while connected. See `check_request`."""
        return subscribe(self.state, requests, identifier, user_properties)

    def unsubscribe(
        self, topic_filters: list[str], user_properties: tuple[tuple[str, str], ...] = ()
    ) -> Receipt:
        """End Subscriptions; only while connected."""
        return unsubscribe(self.state, topic_filters, user_properties)

    def ping(self, answered: Callable[[], None]) -> None:
        """Ask whether the Server is alive; only while connected."""
        connection = self.state.connected
        assert connection is not None
        self.state.pings.append(answered)
        self._ping(connection)

    def reauthenticate(self) -> Receipt:
        """Authenticate anew; only while connected, with an authentication, and one at a time."""
        return reauthenticate(self.state)

    def leave(
        self,
        reason_code: int = ReasonCode.NORMAL_DISCONNECTION,
        user_properties: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Say DISCONNECT and close the Network Connection; 0x04 has the Will Message published."""
        leave(self.state, reason_code, user_properties)

    def give_up(self, reason: str) -> None:
        """There will be no other Network Connection: nothing that waits is sent any more."""
        receipts, self.state.receipts = self.state.receipts, {}
        for receipt in receipts.values():
            receipt.settle(UNKNOWN, [], reason)
        self.state.pings.clear()
        if not self._lasts():
            self._forget()

    def _lasts(self) -> bool:
        """Whether the Session outlasts the Client's leaving."""
        settings = self.state.settings
        if settings.version == MQTT_5:
            return settings.session_expiry_interval > 0
        return not settings.clean_start

    def _forget(self) -> None:
        """The Session is over: the next one begins anew [MQTT-4.1.0-1]."""
        state = self.state
        for message in state.held.values():
            message.forget_packet_id()
        state.held.clear()
        state.subscriptions.clear()
        state.session.discard()
        state.begun = False
