"""A Client's Session as aMQTT's plugins know it: ours, and what its CONNECT said, under the old names."""

import time
from asyncio import Queue
from collections import OrderedDict
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary, ref

from amqtt.abc import ConnectRequest, Peer
from amqtt.compat.messages import (
    ApplicationMessage,
    IncomingApplicationMessage,
    OutgoingApplicationMessage,
    RetainedApplicationMessage,
    message_view,
)
from amqtt.compat.packets import password_text
from amqtt.compat.transitions import Transitions
from amqtt.server.realm import Realm
from amqtt.server.state import ConnectionState
from amqtt.sessions import session as sessions
from amqtt.sessions.inflight import Outgoing
from amqtt.wire.packets import WillFields

__all__ = [
    "ApplicationMessage", "IncomingApplicationMessage", "OutgoingApplicationMessage",
    "RetainedApplicationMessage", "Session", "SessionViews", "legacy_session", "message_view",
    "session_of_request",
]

_SPARE = 64
"""Views of Sessions that are gone, kept besides as many as there are Sessions."""


class Session:
    """One Client, and what it said in its CONNECT.

    The attributes are a plugin's to read, and to write for other plugins (`attributes` is for
    them); writing changes nothing in the broker. State, messages in flight and messages that wait
    are always the present ones; the collections of them are copies.
    """

    states: ClassVar[list[str]] = ["new", "connected", "disconnected"]

    def __init__(self) -> None:
        self.client_id: str | None = None
        self.username: str | None = None
        self.password: str | None = None
        self.remote_address: str | None = None
        self.remote_port: int | None = None
        self.clean_session: bool | None = None
        self.keep_alive: int = 0
        self.will_flag: bool = False
        self.will_topic: str | None = None
        self.will_message: bytes | None = None
        self.will_qos: int | None = None
        self.will_retain: bool | None = None
        self.ssl_object: object = None
        self.is_anonymous: bool = False
        self.attributes: dict[str, object] = {}
        self.parent: int = 0
        self.publish_retry_delay: int = 0
        self.broker_uri: str | None = None
        self.cafile: str | None = None
        self.capath: str | None = None
        self.cadata: bytes | None = None
        self.last_connect_time: int | None = None
        self.last_disconnect_time: int | None = None
        self.delivered_message_queue: Queue[ApplicationMessage] = Queue()
        self.transitions = Transitions(self.states, self._state)
        self._stored: sessions.Session | None = None
        self._peer: ref[Peer] | None = None
        self._asked: tuple[object, ...] | None = None

    def _state(self) -> str:
        if self._stored is None:
            return "new"
        return "disconnected" if self._stored.link is None else "connected"

    @property
    def inflight_out(self) -> OrderedDict[int, OutgoingApplicationMessage]:
        """Messages sent to the Client and not completely acknowledged, by Packet Identifier."""
        entries = {} if self._stored is None else self._stored.inflight.entries
        return OrderedDict((packet_id, _outgoing(sent)) for packet_id, sent in entries.items())

    @property
    def inflight_in(self) -> OrderedDict[int, IncomingApplicationMessage]:
        """QoS 2 messages of the Client that await PUBREL; only their Packet Identifiers are kept."""
        received = set() if self._stored is None else self._stored.received
        return OrderedDict(
            (packet_id, IncomingApplicationMessage(packet_id, "", 2, b"", False))
            for packet_id in sorted(received)
        )

    @property
    def retained_messages(self) -> "Queue[ApplicationMessage]":
        """Messages that wait for the Client, oldest first."""
        queue: Queue[ApplicationMessage] = Queue()
        for outgoing in () if self._stored is None else self._stored.backlog:
            queue.put_nowait(_outgoing(outgoing))
        return queue

    @property
    def inflight_out_count(self) -> int:
        """How many messages are in flight to the Client."""
        return 0 if self._stored is None else len(self._stored.inflight)

    @property
    def inflight_in_count(self) -> int:
        """How many QoS 2 messages of the Client await PUBREL."""
        return 0 if self._stored is None else len(self._stored.received)

    @property
    def retained_messages_count(self) -> int:
        """How many messages wait for the Client."""
        return 0 if self._stored is None else len(self._stored.backlog)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Session):
            return NotImplemented
        return self is other or (self.client_id is not None and self.client_id == other.client_id)

    def __hash__(self) -> int:
        return hash(self.client_id)

    def __repr__(self) -> str:
        return f"Session(clientId={self.client_id}, state={self.transitions.state})"

    # What this module does with it.

    def _ask(self, request: ConnectRequest) -> None:
        """Show a CONNECT that nobody has decided on yet."""
        self._asked = _words_of(request)
        self.client_id = request.client_id
        self.username = request.username
        self.password = password_text(request.password)
        self.clean_session = request.clean_start
        self.keep_alive = request.keep_alive
        self._show_will(request.will)
        self._show_peer(request.peer)

    def _show_will(self, will: WillFields | None) -> None:
        self.will_flag = will is not None
        if will is not None:
            self.will_topic, self.will_message = will.topic, will.payload
            self.will_qos, self.will_retain = will.qos, will.retain

    def _show_peer(self, peer: Peer) -> None:
        self._peer = ref(peer)
        self.remote_address = peer.address
        self.remote_port = peer.port
        self.ssl_object = peer.tls

    def _bind(self, stored: sessions.Session, state: ConnectionState | None) -> None:
        """Show this Session of ours, and the Network Connection it has now."""
        self._stored = stored
        self.client_id = stored.client_id
        if state is not None:
            self._connected(state)
        elif self.username is None:
            self.username = stored.permissions.user

    def _connected(self, state: ConnectionState) -> None:
        packet = state.connect
        assert packet is not None
        if self._asked is None:
            self.username = packet.username
            self.password = password_text(packet.password)
            self.clean_session = packet.clean_start
            self.keep_alive = packet.keep_alive
            self.is_anonymous = packet.username is None
            self._show_will(packet.will)
        self.last_connect_time = int(time.time())
        self._show_peer(state.peer)

    def _shows(self, stored: sessions.Session, peer: Peer | None) -> bool:
        """Whether it shows this Session with this Network Connection."""
        return self._stored is stored and (peer is None or (self._peer is not None and self._peer() is peer))


def _words_of(request: ConnectRequest) -> tuple[object, ...]:
    return request.client_id, request.username, request.password


def _outgoing(outgoing: Outgoing) -> OutgoingApplicationMessage:
    message = outgoing.message
    return OutgoingApplicationMessage(
        outgoing.packet_id or None, message.topic, outgoing.qos, message.payload, outgoing.retain
    )


_asked: WeakKeyDictionary[Peer, Session] = WeakKeyDictionary()
"""The Sessions that Authenticators were asked about, for as long as their Network Connections last."""


def session_of_request(request: ConnectRequest) -> Session:
    """The Session that `authenticate` is given; it stays the same one when the Client is accepted."""
    session = _asked.get(request.peer)
    if session is None or session._asked != _words_of(request):
        session = Session()
        session._ask(request)
        _asked[request.peer] = session
    return session


class SessionViews:
    """The Sessions of one Server as aMQTT's plugins know them: each is the same object every time."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._views: dict[str, Session] = {}

    def of(self, client_id: str) -> Session:
        """The Session of this Client; one that is gone is disconnected, or new when it never was."""
        stored = self._realm.sessions.get(client_id)
        view = self._views.get(client_id)
        if stored is None:
            return view if view is not None else _unknown(client_id)
        state = self._realm.connected.get(client_id)
        peer = None if state is None else state.peer
        if view is not None and view._shows(stored, peer):
            return view
        asked = None if peer is None else _asked.get(peer)
        if asked is not None:
            view = asked
        elif view is None or view._stored is not stored:
            view = Session()
        view._bind(stored, state)
        self._remember(client_id, view)
        return view

    def _remember(self, client_id: str, view: Session) -> None:
        self._views[client_id] = view
        current = self._realm.sessions
        if len(self._views) > 2 * len(current) + _SPARE:
            self._views = {
                name: view for name, view in self._views.items() if view._stored is current.get(name)
            }


def _unknown(client_id: str) -> Session:
    session = Session()
    session.client_id = client_id
    return session


class HasSessions(Protocol):
    """A Broker, as far as this module is concerned."""

    @property
    def session_views(self) -> SessionViews:
        """The Sessions of its Server."""


def legacy_session(service: HasSessions, client_id: str) -> Session:
    """The Session of this Client, as aMQTT's plugins know it."""
    return service.session_views.of(client_id)
