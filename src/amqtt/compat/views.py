"""Live views of what a Broker holds, in the shapes that aMQTT's users know."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from amqtt import clock
from amqtt.compat.messages import RetainedApplicationMessage
from amqtt.compat.session import Session, SessionViews
from amqtt.server.disconnect import close
from amqtt.server.realm import Realm
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from amqtt.net.listener import Listener


class ClientConnection:
    """What stands beside a Session in `broker.sessions`: its Network Connection, if it has one."""

    def __init__(self, realm: Realm, session: Session, client_id: str) -> None:
        self._realm = realm
        self._client_id = client_id
        self.session = session

    async def stop(self) -> None:
        """Close the Network Connection; an MQTT 5.0 Client is told that it is an administrative action."""
        state = self._realm.connected.get(self._client_id)
        if state is not None:
            self._realm.turn.now = clock.now()
            close(self._realm, state, ReasonCode.ADMINISTRATIVE_ACTION, "the program closed it")

    async def handle_connection_closed(self) -> None:
        """The same as `stop`."""
        await self.stop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientConnection) and self.session is other.session

    def __hash__(self) -> int:
        return id(self.session)


class Sessions(Mapping[str, tuple[Session, ClientConnection]]):
    """Client Identifier → Session and Network Connection, of Clients that are away too."""

    def __init__(self, realm: Realm, views: SessionViews) -> None:
        self._realm = realm
        self._views = views

    def __getitem__(self, client_id: str) -> tuple[Session, ClientConnection]:
        if client_id not in self._realm.sessions:
            raise KeyError(client_id)
        session = self._views.of(client_id)
        return session, ClientConnection(self._realm, session, client_id)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._realm.sessions))

    def __len__(self) -> int:
        return len(self._realm.sessions)

    def __repr__(self) -> str:
        return f"Sessions({list(self)})"


class Subscriptions(Mapping[str, list[tuple[Session, int]]]):
    """Topic Filter as Clients wrote it → the Sessions that subscribed, each with the QoS granted.

    For one that nobody subscribed to, or nobody any more, that is an empty list.
    """

    def __init__(self, realm: Realm, views: SessionViews) -> None:
        self._realm = realm
        self._views = views

    def __getitem__(self, topic_filter: str) -> list[tuple[Session, int]]:
        return [
            (self._views.of(client_id), session.subscriptions[topic_filter].qos)
            for client_id, session in list(self._realm.sessions.items())
            if topic_filter in session.subscriptions
        ]

    def get(self, topic_filter: str, default: Any = None) -> Any:
        """Those who subscribed to it, or the default where there are none."""
        return self[topic_filter] or default

    def __contains__(self, topic_filter: object) -> bool:
        return topic_filter in self._filters()

    def _filters(self) -> dict[str, None]:
        return {
            topic_filter: None
            for session in self._realm.sessions.values()
            for topic_filter in session.subscriptions
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._filters())

    def __len__(self) -> int:
        return len(self._filters())

    def __repr__(self) -> str:
        return f"Subscriptions({dict(self)})"


class RetainedView(MutableMapping[str, RetainedApplicationMessage]):
    """Topic Name → its retained message; `retain` is called with what a program puts in or takes out."""

    def __init__(
        self,
        realm: Realm,
        views: SessionViews,
        retain: Callable[[Session | None, str, bytes | bytearray, int | None], object],
    ) -> None:
        self._realm = realm
        self._views = views
        self._retain = retain

    def __getitem__(self, topic: str) -> RetainedApplicationMessage:
        message = self._realm.retained.get(topic)
        if message is None or message.is_expired(clock.now()):
            raise KeyError(topic)
        publisher = self._views.of(message.publisher) if message.publisher else None
        return RetainedApplicationMessage(publisher, topic, message.payload, message.qos)

    def __setitem__(self, topic: str, message: RetainedApplicationMessage) -> None:
        self._retain(message.source_session, topic, message.data, message.qos)

    def __delitem__(self, topic: str) -> None:
        if topic not in self:
            raise KeyError(topic)
        self._retain(None, topic, b"", None)

    def __iter__(self) -> Iterator[str]:
        now = clock.now()
        return iter([message.topic for message in self._realm.retained if not message.is_expired(now)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"RetainedView({list(self)})"


class OpenSocket:
    """Where a Listener listens; `getsockname` tells the address as a socket does."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int] | str:
        """Address and port, or the path of a Unix socket."""
        return self._address


class Instance:
    """What listens, as far as programs asked aMQTT's for its sockets: the port that 0 became."""

    def __init__(self, listener: "Listener") -> None:
        self.sockets = tuple(OpenSocket(address) for address in listener.addresses)


class Server:
    """A Listener as aMQTT shows it: its name, how many are connected through it, and how many may be."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self.instance = Instance(listener)
        self.listener_name = listener.name

    @property
    def conn_count(self) -> int:
        """Network Connections that are open."""
        return self._listener.open_connections

    @property
    def max_connections(self) -> int:
        """Network Connections that may be; -1: no limit."""
        return self._listener.settings.max_connections or -1

    def __repr__(self) -> str:
        return f"Server({self.listener_name!r}, {self.conn_count} connections)"
