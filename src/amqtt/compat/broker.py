"""The names that aMQTT's Broker has."""

import logging
from asyncio import AbstractEventLoop, StreamReader, StreamWriter, wait_for
from collections.abc import Awaitable, Coroutine, Generator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from amqtt import clock
from amqtt.compat.functions import TopicMatcher
from amqtt.compat.plugins.deliveries import Deliveries
from amqtt.compat.session import Session, SessionViews
from amqtt.compat.transitions import Transitions
from amqtt.compat.views import ClientConnection, RetainedView, Server, Sessions, Subscriptions
from amqtt.embedded import Publication, message_to_publish
from amqtt.errors import BrokerError
from amqtt.server.disconnect import settle_session
from amqtt.server.events import Fault
from amqtt.server.subscribe import check, grant
from amqtt.service import SHUTDOWN_TIMEOUT, Service
from amqtt.sessions.permissions import Permissions
from amqtt.topics.names import split_shared
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import SubscriptionRequest
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

    from amqtt.compat.plugins.options import Written
    from amqtt.compat.typed_config import BrokerConfig
    from amqtt.config import Config
    from amqtt.net.external import Reader, Writer

logger = logging.getLogger("amqtt.broker")
PLUGIN_NAMESPACE = "amqtt.broker.plugins"
"""The group of entry points under which aMQTT's plugins are registered."""
EACH_ITS_OWN = 2
"""A QoS that nobody chose: each Subscriber then has the QoS that it subscribed with, as in aMQTT."""
REFUSED = 0x80
"""What `add_subscription` answers when it does not subscribe."""


class Done(Coroutine[Any, Any, None]):
    """Something that is done already, and may still be awaited or be given to a task: it is durable then."""

    def __init__(self, publication: Publication) -> None:
        self._steps = _awaited(publication)

    def send(self, value: object) -> Any:
        """Go on waiting until it is durable."""
        return self._steps.send(None)

    def throw(self, *exception: Any) -> Any:
        """Raise this in whoever awaits."""
        return self._steps.throw(*exception)

    def close(self) -> None:
        """Nobody waits any more."""
        self._steps.close()

    def __await__(self) -> Generator[Any, None, None]:
        yield from self._steps


def _awaited(publication: Publication) -> Generator[Any, None, None]:
    yield from publication.__await__()


class BrokerNames(Service):
    """What aMQTT's users call on a Broker, beside our own.

    `config` may also be aMQTT's `BrokerConfig`. `loop` is not needed: `start` binds the Broker to
    the event loop it runs in. `plugin_namespace` is the group of entry points of its plugins.
    """

    states: ClassVar[list[str]] = [
        "new", "starting", "started", "not_started", "stopping", "stopped", "not_stopped",
    ]

    config: "Config"
    session_views: SessionViews
    deliveries: Deliveries

    def __init__(
        self,
        config: "BrokerConfig | Config | Mapping[str, Any] | str | Path | None" = None,
        loop: AbstractEventLoop | None = None,
        plugin_namespace: str | None = None,
    ) -> None:
        self.plugin_namespace = plugin_namespace or PLUGIN_NAMESPACE
        self.transitions = Transitions(self.states, self._state)
        self._phase = "new"
        super().__init__(_as_ours(config))

    def _read_config(self, source: "Config | Mapping[str, object] | str | Path | None") -> "Config":
        from amqtt.compat.legacy_config import LegacyConfig

        return LegacyConfig(super()._read_config(source))

    # -- life

    def _state(self) -> str:
        if self._phase == "starting" and self.is_running:
            return "started"
        # A shutdown whose caller was cancelled goes on by itself.
        if self._phase == "stopping" and self._house is None:
            return "stopped"
        return self._phase

    async def start(self) -> None:
        """Open every Listener; `transitions.state` is "started" then, or "not_started" if it raises.

        Raises BrokerError when a Listener cannot be opened or the Broker runs already.
        """
        if self._phase in ("starting", "started"):
            raise BrokerError("Broker instance can't be started: the Broker is running already")
        self._phase = "starting"
        try:
            await super().start()
        except BaseException:
            # It may be the plugins' greeting that was cancelled.
            self._phase = "started" if self.is_running else "not_started"
            raise
        self._phase = "started" if self.is_running else "stopped"

    async def shutdown(self, timeout: float = SHUTDOWN_TIMEOUT) -> None:  # noqa: ASYNC109
        """Stop serving; `transitions.state` is "stopped" then. Idempotent; see Service.shutdown."""
        if self.is_running:
            self._phase = "stopping"
        try:
            await super().shutdown(timeout)
        except Exception:
            self._phase = "not_stopped"
            raise
        # It may have been starting when it was asked, or have failed to stop before: nothing is left of it.
        if self._phase in ("started", "stopping", "not_stopped") and self._house is None:
            self._phase = "stopped"
            logger.info("Broker closed")

    # -- messages

    async def internal_message_broadcast(
        self, topic: str, data: bytes | bytearray | str, qos: int | None = None, retain: bool = False
    ) -> None:
        """Publish from the program; without `qos` each Subscriber has the QoS it subscribed with.

        It returns when the message is durable where it must outlast the Broker; before the start and
        after the end nobody waits for that. Our own `publish` says how many Subscribers there were, and
        takes properties.
        """
        if self._house is not None:
            await self._wait(self.deliveries.of_topic(topic))
        publication = self.publish(topic, data, EACH_ITS_OWN if qos is None else qos, retain)
        if self._house is not None:
            await publication

    def retain_message(
        self,
        source_session: Session | None,
        topic_name: str,
        data: bytes | bytearray | str | None,
        qos: int | None = None,
    ) -> Done:
        """Retain a message for Subscriptions yet to come, without sending it to those there are.

        Without data, the topic has no retained message any more. It is done when this returns; the
        result may be awaited, but need not be: it is durable then. ValueError for an invalid Topic Name
        or QoS.
        """
        self._turn.now = clock.now()
        message = message_to_publish(
            self._server, topic_name, data or b"", EACH_ITS_OWN if qos is None else qos, True, None
        )
        message.publisher = "" if source_session is None else source_session.client_id or ""
        kept = self._kept(lambda: self._server.realm.router.retain(message))
        return Done(Publication(0) if self._house is None else kept)

    async def external_connected(self, reader: "Reader", writer: "Writer", listener_name: str) -> None:
        """Serve a Client whose connection the program accepted; returns when it is closed.

        `listener_name` is a Listener of type `external`, `reader` and `writer` are adapters like
        those of `amqtt.adapters`. Raises BrokerError when the Broker does not run or there is no
        such Listener.
        """
        listener = self._listeners.get(listener_name)
        if listener is None or self._house is None or self._stopping is not None:
            raise BrokerError(f"Invalid listener name '{listener_name}': it is not open")
        from amqtt.net.external import ExternalConnection

        await ExternalConnection(self._house, listener, reader, writer).serve()

    async def stream_connected(
        self, reader: StreamReader, writer: StreamWriter, listener_name: str
    ) -> None:
        """The same for the streams of asyncio."""
        from amqtt.compat.streams import StreamReaderAdapter, StreamWriterAdapter

        await self.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), listener_name)

    async def ws_connected(self, websocket: Any, listener_name: str) -> None:
        """The same for a connection of the library websockets."""
        from amqtt.compat.streams import WebSocketsReader, WebSocketsWriter

        await self.external_connected(WebSocketsReader(websocket), WebSocketsWriter(websocket), listener_name)

    def matches(self, topic: str, a_filter: str) -> bool:
        """Whether a Topic Filter matches a Topic Name; False for what is neither."""
        return TopicMatcher.is_topic_allowed(topic, a_filter)

    _matches = matches

    # -- what the broker holds

    @property
    def sessions(self) -> Sessions:
        """Client Identifier → (Session, its connection); a live view."""
        return Sessions(self._server.realm, self.session_views)

    @property
    def subscriptions(self) -> Subscriptions:
        """Topic Filter → [(Session, QoS)]; a live view."""
        return Subscriptions(self._server.realm, self.session_views)

    @property
    def retained_messages(self) -> RetainedView:
        """Topic Name → retained message; a live view, which may be written to, too."""
        return RetainedView(self._server.realm, self.session_views, self.retain_message)

    @property
    def listeners_config(self) -> "Written":
        """What the configuration says of each Listener, with what it takes from `default`."""
        from amqtt.compat.legacy_config import listeners_config

        return listeners_config(self.config)

    @property
    def _servers(self) -> dict[str, Server]:
        return {name: Server(listener) for name, listener in self.listeners.items()}

    @property
    def _loop(self) -> AbstractEventLoop | None:
        return None if self._house is None else self._house.loop

    _sessions = sessions
    _subscriptions = subscriptions
    _retained_messages = retained_messages

    # -- Clients that are away

    def create_offline_session(self, client_id: str) -> tuple[ClientConnection, Session]:
        """Begin the Session of a Client that is away, or take the one there is; what comes for it waits.

        It lasts as long as one of MQTT 3.1.1 does after its Client has gone. BrokerError: there
        are as many Sessions as may be.
        """
        realm = self._server.realm
        if client_id not in realm.sessions:
            if len(realm.sessions) >= realm.limits.maximum_sessions:
                raise BrokerError("there are as many Sessions as limits.maximum-sessions allows")
            self._turn.now = clock.now()
            stored = realm.new_session(client_id, Permissions())
            stored.expiry_interval = min(
                realm.limits.session_expiry_3_1_1, realm.limits.maximum_session_expiry
            )
            settle_session(realm, stored)
        session, connection = self.sessions[client_id]
        return connection, session

    async def add_subscription(self, subscription: tuple[str, int], session: Session | None) -> int:
        """Subscribe a Client, there or away: the QoS granted, or 0x80 when it is refused.

        Its Permissions are asked as if it had subscribed itself.
        """
        realm = self._server.realm
        request = SubscriptionRequest(*subscription)
        stored = None if session is None else realm.sessions.get(session.client_id or "")
        if stored is None or request.qos not in (0, 1, 2):
            return REFUSED
        try:
            check(realm, request)
        except ProtocolError:
            return REFUSED
        await self._prepare(stored.permissions, request)
        self._turn.now = clock.now()
        if realm.sessions.get(stored.client_id) is not stored:
            return REFUSED
        granted = grant(realm, stored, request)
        realm.pump(stored)
        return granted if granted < ReasonCode.UNSPECIFIED_ERROR else REFUSED

    async def _prepare(self, permissions: Permissions, request: SubscriptionRequest) -> None:
        """Let Permissions that must wait for something wait for it; they must have an answer all the same."""
        if permissions.asks:
            await self._wait(permissions.prepare_subscribe([split_shared(request.topic_filter)[1]]))

    async def _wait(self, pending: Awaitable[object] | None) -> None:
        if pending is not None:
            try:
                await wait_for(pending, self._server.limits.authentication_timeout)
            except Exception as fault:
                self._server.events.tell(Fault("Permissions", fault))


def _as_ours(config: Any) -> Any:
    """What aMQTT's `BrokerConfig` says, as it would be written; everything else as it is."""
    from pathlib import Path

    from amqtt.config import Config

    if config is None or isinstance(config, (Config, Mapping, str, Path)):
        return config
    # Those who have one have loaded it.
    from amqtt.compat.typed_config import BrokerConfig

    return config.written() if isinstance(config, BrokerConfig) else config
