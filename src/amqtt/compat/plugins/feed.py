"""From the events of the Server to the hooks of plugins; what no plugin asks for is not listened to."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from amqtt.compat.messages import RetainedApplicationMessage, message_view
from amqtt.compat.packets import legacy_packet
from amqtt.compat.plugins.calls import Call
from amqtt.compat.plugins.faults import logger
from amqtt.compat.plugins.loading import Loaded
from amqtt.compat.plugins.rounds import Rounds
from amqtt.compat.session import Session, SessionViews
from amqtt.message import Message
from amqtt.server.events import (
    ClientConnected,
    ClientDisconnected,
    ClientSubscribed,
    ClientUnsubscribed,
    Event,
    MessageOffered,
    MessagePublished,
    MessageQueued,
    MessageRetained,
    PacketReceived,
    PacketSent,
)
from amqtt.server.realm import Realm
from amqtt.wire.packets import MQTT_3_1_1

SomeEvent = TypeVar("SomeEvent", bound=Event)
Given = Mapping[str, Any]

PRE_START: Final = "on_broker_pre_start"
POST_START: Final = "on_broker_post_start"
PRE_SHUTDOWN: Final = "on_broker_pre_shutdown"
POST_SHUTDOWN: Final = "on_broker_post_shutdown"
CONNECTED: Final = "on_broker_client_connected"
DISCONNECTED: Final = "on_broker_client_disconnected"
SUBSCRIBED: Final = "on_broker_client_subscribed"
UNSUBSCRIBED: Final = "on_broker_client_unsubscribed"
RECEIVED: Final = "on_broker_message_received"
BROADCAST: Final = "on_broker_message_broadcast"
RETAINED: Final = "on_broker_retained_message"
PACKET_RECEIVED: Final = "on_mqtt_packet_received"
PACKET_SENT: Final = "on_mqtt_packet_sent"

HOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    PRE_START: (),
    POST_START: (),
    PRE_SHUTDOWN: (),
    POST_SHUTDOWN: (),
    CONNECTED: ("client_id", "client_session"),
    DISCONNECTED: ("client_id", "client_session"),
    SUBSCRIBED: ("client_id", "topic", "qos"),
    UNSUBSCRIBED: ("client_id", "topic"),
    RECEIVED: ("client_id", "message"),
    BROADCAST: ("client_id", "message"),
    RETAINED: ("client_id", "retained_message"),
    PACKET_RECEIVED: ("packet", "session"),
    PACKET_SENT: ("packet", "session"),
}
"""Hook → what it can be given, by any release of aMQTT."""


class Told:
    """One plugin, what it wants to be told, and its rounds."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.rounds = Rounds(loaded.name)
        self.calls: dict[str, Call] = {}
        for name, offered in HOOKS.items():
            call = call_of(loaded, name, offered)
            if call is not None:
                self.calls[name] = call

    def tell(self, name: str, given: Given) -> None:
        """Have this hook called, which it has."""
        self.rounds.tell(self.calls[name], given)

    async def tell_now(self, name: str, seconds: float) -> None:
        """Call this hook, if it has it, and wait that long for it at most."""
        call = self.calls.get(name)
        if call is not None:
            await self.rounds.tell_now(call, seconds)


def call_of(loaded: Loaded, name: str, offered: tuple[str, ...]) -> Call | None:
    """A method of a plugin; None where it has none, or one that can never be called."""
    method = getattr(loaded.plugin, name, None)
    if not callable(method):
        return None
    call = Call(name, method, offered)
    if call.missing:
        needs = ", ".join(call.missing)
        logger.error("plugin %s: %s is never called, for it needs %s", loaded.name, name, needs)
        return None
    return call


class Feed:
    """Listens to the Server for what the plugins want to be told."""

    def __init__(self, realm: Realm, views: SessionViews, told: list[Told]) -> None:
        self._realm = realm
        self._views = views
        seed = [each for each in told if not each.loaded.is_modern]
        modern = [each for each in told if each.loaded.is_modern]
        leavers = [each.calls[DISCONNECTED] for each in told if DISCONNECTED in each.calls]
        if any(call.takes("client_session") for call in leavers):
            realm.events.on(ClientConnected, self._remember)
        self._on(ClientConnected, CONNECTED, told, self._client)
        self._on(ClientDisconnected, DISCONNECTED, told, self._client)
        self._on(ClientSubscribed, SUBSCRIBED, told, _subscribed)
        self._on(ClientUnsubscribed, UNSUBSCRIBED, told, _unsubscribed)
        # Before aMQTT 0.11.2 it meant a message that may be published.
        self._on(MessagePublished, RECEIVED, seed, _message)
        self._on(MessageOffered, RECEIVED, modern, _message)
        self._on(MessagePublished, BROADCAST, told, _message)
        self._on(MessageRetained, RETAINED, told, self._retained)
        self._on(MessageQueued, RETAINED, told, self._queued)
        self._on(PacketReceived, PACKET_RECEIVED, told, self._packet)
        self._on(PacketSent, PACKET_SENT, told, self._packet)

    def _on(
        self, kind: type[SomeEvent], name: str, told: list[Told], given: Callable[[SomeEvent], Given | None]
    ) -> None:
        """Tell those who have this hook of events of this kind."""
        interested = [each for each in told if name in each.calls]
        if interested:
            self._realm.events.on(kind, partial(_tell, name, interested, given))

    def _remember(self, event: ClientConnected) -> None:
        """Look who the Client is while it is there: it is told of when it has left."""
        self._session(event.client_id)

    def _session(self, client_id: str) -> Session | None:
        return self._views.of(client_id) if client_id in self._realm.sessions else None

    def _client(self, event: ClientConnected | ClientDisconnected) -> Given:
        return {"client_id": event.client_id, "client_session": self._session(event.client_id)}

    def _retained(self, event: MessageRetained) -> Given | None:
        message = event.message
        if message.topic.startswith("$SYS/") and not message.publisher:
            return None
        return {"client_id": None, "retained_message": self._kept(message)}

    def _queued(self, event: MessageQueued) -> Given:
        return {"client_id": event.client_id, "retained_message": self._kept(event.message)}

    def _kept(self, message: Message) -> RetainedApplicationMessage:
        source = self._session(message.publisher) if message.publisher else None
        return RetainedApplicationMessage(source, message.topic, message.payload, message.qos)

    def _packet(self, event: PacketReceived | PacketSent) -> Given:
        state = self._realm.connected.get(event.client_id)
        version = MQTT_3_1_1 if state is None else state.version
        session = None if state is None else self._session(event.client_id)
        return {"packet": legacy_packet(event.packet, version), "session": session}


def _tell(
    name: str, interested: list[Told], given: Callable[[SomeEvent], Given | None], event: SomeEvent
) -> None:
    arguments = given(event)
    if arguments is not None:
        for each in interested:
            each.tell(name, arguments)


def _subscribed(event: ClientSubscribed) -> Given:
    return {"client_id": event.client_id, "topic": event.topic_filter, "qos": event.qos}


def _unsubscribed(event: ClientUnsubscribed) -> Given:
    return {"client_id": event.client_id, "topic": event.topic_filter}


def _message(event: MessageOffered | MessagePublished) -> Given:
    return {"client_id": event.client_id, "message": message_view(event.message, event.client_id)}
