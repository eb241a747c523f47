"""What happened, for those who want to know: events are classes, matched by type."""

from collections.abc import Callable
from typing import TypeVar

from amqtt.abc import Peer
from amqtt.message import Message
from amqtt.wire.packets import Packet


class Event:
    """Something that the Server did; the attributes of each kind say what."""

    __slots__ = ()


class ClientConnected(Event):
    """A Client was accepted: its CONNACK with Success is on the way."""

    __slots__ = ("client_id", "peer", "session_present", "user", "version")

    def __init__(
        self, client_id: str, peer: Peer, version: int, user: str | None, session_present: bool
    ) -> None:
        self.client_id = client_id
        self.peer = peer
        self.version = version
        self.user = user
        self.session_present = session_present


class ConnectionRefused(Event):
    """A Network Connection ended before its Client was accepted; `user` is the name that it stated."""

    __slots__ = ("client_id", "peer", "reason", "reason_code", "user")

    def __init__(
        self, client_id: str, peer: Peer, reason_code: int, reason: str, user: str | None = None
    ) -> None:
        self.client_id = client_id
        self.peer = peer
        self.reason_code = reason_code
        self.reason = reason
        self.user = user


class ClientDisconnected(Event):
    """The Network Connection of an accepted Client ended; `reason` says why, in words."""

    __slots__ = ("client_id", "peer", "reason", "reason_code")

    def __init__(self, client_id: str, peer: Peer, reason_code: int, reason: str) -> None:
        self.client_id = client_id
        self.peer = peer
        self.reason_code = reason_code
        self.reason = reason


class ClientSubscribed(Event):
    """A Subscription was granted; `topic_filter` is as the Client wrote it."""

    __slots__ = ("client_id", "qos", "topic_filter")

    def __init__(self, client_id: str, topic_filter: str, qos: int) -> None:
        self.client_id = client_id
        self.topic_filter = topic_filter
        self.qos = qos


class ClientUnsubscribed(Event):
    """A Subscription was ended by its Client."""

    __slots__ = ("client_id", "topic_filter")

    def __init__(self, client_id: str, topic_filter: str) -> None:
        self.client_id = client_id
        self.topic_filter = topic_filter


class MessageOffered(Event):
    """A Client's PUBLISH arrived; whether it may publish to the topic is not asked yet."""

    __slots__ = ("client_id", "message")

    def __init__(self, client_id: str, message: Message) -> None:
        self.client_id = client_id
        self.message = message


class MessagePublished(Event):
    """A Client's Message was taken and given to everybody who subscribed; it must not be changed."""

    __slots__ = ("client_id", "message")

    def __init__(self, client_id: str, message: Message) -> None:
        self.client_id = client_id
        self.message = message


class MessageRetained(Event):
    """A Message is the retained one of its topic from now on; without payload, the topic has none."""

    __slots__ = ("message",)

    def __init__(self, message: Message) -> None:
        self.message = message


class MessageQueued(Event):
    """A Message waits for a Client that is away."""

    __slots__ = ("client_id", "message")

    def __init__(self, client_id: str, message: Message) -> None:
        self.client_id = client_id
        self.message = message


class PacketReceived(Event):
    """A Control Packet arrived and will be acted on; `client_id` is "" before its CONNECT."""

    __slots__ = ("client_id", "packet", "peer")

    def __init__(self, client_id: str, packet: Packet, peer: Peer) -> None:
        self.client_id = client_id
        self.packet = packet
        self.peer = peer


class PacketSent(Event):
    """A Control Packet was given to the Network Connection."""

    __slots__ = ("client_id", "packet", "peer")

    def __init__(self, client_id: str, packet: Packet, peer: Peer) -> None:
        self.client_id = client_id
        self.packet = packet
        self.peer = peer


class LimitExceeded(Event):
    """A Client asked for more than one of the Limits grants; `limit` is its name there.

    It is told at most once a minute for the same Limit and Client.
    """

    __slots__ = ("client_id", "limit", "peer")

    def __init__(self, limit: str, client_id: str, peer: Peer | None) -> None:
        self.limit = limit
        self.client_id = client_id
        self.peer = peer


class Fault(Event):
    """Something of ours or of an embedder's failed; the Server went on without it."""

    __slots__ = ("exception", "where")

    def __init__(self, where: str, exception: BaseException) -> None:
        self.where = where
        self.exception = exception


SomeEvent = TypeVar("SomeEvent", bound=Event)


class Events:
    """Who wants to know what; an event that nobody wants is never made (ask `wanted` first).

    What would have to be asked for every packet stands in attributes of its own.
    """

    __slots__ = ("_listeners", "wants_messages", "wants_packets", "wants_sent_packets")

    def __init__(self) -> None:
        self.wants_messages = False
        self.wants_packets = False
        self.wants_sent_packets = False
        self._listeners: dict[type[Event], list[Callable[[Event], None]]] = {}

    def on(self, kind: type[SomeEvent], listener: Callable[[SomeEvent], None]) -> None:
        """Have `listener` called at once with each event of this kind; it must not raise or wait."""
        self._listeners.setdefault(kind, []).append(listener)  # type: ignore[arg-type]
        self.wants_messages = self.wants_messages or kind in (MessageOffered, MessagePublished)
        self.wants_packets = self.wants_packets or kind is PacketReceived
        self.wants_sent_packets = self.wants_sent_packets or kind is PacketSent

    def off(self, kind: type[SomeEvent], listener: Callable[[SomeEvent], None]) -> None:
        """Call `listener` no more for this kind; one that is not called is let be."""
        left = [each for each in self._listeners.pop(kind, ()) if each != listener]
        if left:
            self._listeners[kind] = left
        self.wants_messages = MessageOffered in self._listeners or MessagePublished in self._listeners
        self.wants_packets = PacketReceived in self._listeners
        self.wants_sent_packets = PacketSent in self._listeners

    def wanted(self, kind: type[Event]) -> bool:
        """Whether anybody listens for this kind."""
        return kind in self._listeners

    def tell(self, event: Event) -> None:
        """Tell those who listen for it."""
        for listener in self._listeners.get(type(event), ()):
            listener(event)
