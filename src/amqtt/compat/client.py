"""aMQTT's client, MQTT 3.1.1: its names and ways, on our own Client."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit, urlunsplit

from amqtt.clients.backoff import Backoff
from amqtt.clients.client import Client
from amqtt.compat.client_config import ClientConfig, reconnect_of, said, section, tls_of, will_of
from amqtt.compat.contexts import BaseContext
from amqtt.compat.functions import gen_client_id
from amqtt.compat.messages import ApplicationMessage, OutgoingApplicationMessage, ReceivedMessage
from amqtt.compat.session import Session
from amqtt.errors import ClientError, ConnectError, DisconnectedError, SubscribeError
from amqtt.message import Message
from amqtt.topics.names import topic_filter_fault, topic_name_fault
from amqtt.wire.interned import ALL_LEVELS
from amqtt.wire.packets import MQTT_3_1_1, SubscriptionRequest

CONNECTION_ACCEPTED = 0
IDENTIFIER_REJECTED = 2
DEFAULT_URI = "mqtt://127.0.0.1:1883"
REFUSED = 0x80
logger = logging.getLogger("amqtt.client")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class ClientContext(BaseContext):
    """What a plugin of a client was given."""


def mqtt_connected(
    method: Callable[Concatenate["MQTTClient", Arguments], Awaitable[Result]],
) -> Callable[Concatenate["MQTTClient", Arguments], Coroutine[Any, Any, Result]]:
    """Let a method of an MQTTClient wait until it is connected; ClientError when it never will be."""

    @wraps(method)
    async def waiting(self: "MQTTClient", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        await self.until_connected()
        return await method(self, *args, **kwargs)

    return waiting


class MQTTClient:
    """An MQTT 3.1.1 Client with the API of aMQTT; `amqtt.Client` can do more.

    `config` is a dictionary with aMQTT's keys, or a ClientConfig. A `loop` is accepted and not needed.
    """

    def __init__(
        self,
        client_id: str | None = None,
        config: Mapping[str, Any] | ClientConfig | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.logger = logger
        self.config: dict[str, Any] = said(config)
        self.client_id = gen_client_id() if client_id is None else client_id
        self.session: Session | None = None
        self.additional_headers: dict[str, Any] = {}
        self._client: Client | None = None
        self._uri = ""
        self._watcher: asyncio.Task[None] | None = None

    # Coming and going.

    async def connect(
        self,
        uri: str | None = None,
        cleansession: bool | None = None,
        cafile: str | None = None,
        capath: str | None = None,
        cadata: str | bytes | None = None,
        additional_headers: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, Any] | None = None,
    ) -> int:
        """Connect; the CONNACK return code, which is 0. ConnectError when that is not possible.

        Without `uri` it is that of the configuration, or else this machine. With `auto_reconnect` it
        is tried as often as `reconnect_retries` says.
        """
        await self._leave()
        self.additional_headers = dict(additional_headers or extra_headers or {})
        given = {"uri": uri, "cafile": cafile, "capath": capath, "cadata": cadata}
        connection = section(self.config, "broker", "connection")
        connection |= {key: value for key, value in given.items() if value is not None}
        self._uri = connection.get("uri") or self.config.get("uri") or DEFAULT_URI
        if cleansession is None:
            cleansession = connection.get("cleansession", self.config.get("cleansession"))
        clean = True if cleansession is None else bool(cleansession)
        if not clean and not self.client_id:
            self.session = self._new_session(connection, clean)
            nameless = ConnectError("a Session is found again by its Client Identifier: one is needed")
            nameless.return_code = IDENTIFIER_REJECTED
            raise nameless
        self._client = self._new_client(connection, clean)
        self.session = self._new_session(connection, clean)
        return await self._connect(tries_again=bool(self.config.get("auto_reconnect")))

    def _new_client(self, connection: Mapping[str, Any], clean: bool) -> Client:
        config = self.config
        url = _url(self._uri)
        secure = url.startswith(("mqtts", "wss"))
        keep_alive = int(config.get("keep_alive") or 0) - int(config.get("ping_delay") or 0)
        try:
            return Client(
                url, client_id=self.client_id, version=MQTT_3_1_1, clean_start=clean,
                keep_alive=max(0, keep_alive), will=will_of(config),
                connect_timeout=float(config.get("connection_timeout") or 60),
                tls=tls_of(config, connection) if secure else None, headers=self.additional_headers,
                reconnect=reconnect_of(config) if config.get("auto_reconnect") else False,
                resubscribe=False,
            )
        except ValueError as error:
            raise ConnectError(f"connection failed: {error}") from error

    def _new_session(self, connection: Mapping[str, Any], clean: bool) -> Session:
        session = Session()
        session.client_id = self.client_id
        session.broker_uri = self._uri
        session.cafile, session.capath = connection.get("cafile"), connection.get("capath")
        session.cadata = connection.get("cadata")
        session.clean_session = clean
        client = self._client
        if client is None:
            return session
        session.username, session.password = client.address.username, client.address.password
        session.remote_address, session.remote_port = client.address.host, client.address.port
        session.keep_alive = client.settings.keep_alive
        session._show_will(client.settings.will)
        session._stored = client.session.state.session
        return session

    async def _connect(self, tries_again: bool) -> int:
        client = self._client
        assert client is not None
        backoff = Backoff(reconnect_of(self.config))
        while True:
            try:
                await client.connect()
            except ConnectError as error:
                logger.warning("MQTT connection failed: %s", error)
                if not tries_again:
                    raise
                if backoff.exhausted:
                    refused = ConnectError(f"Too many connection attempts failed: {error}")
                    refused.reason_code = error.reason_code
                    refused.return_code = error.return_code
                    raise refused from error
                await asyncio.sleep(backoff.next_wait())
            else:
                break
        self._watcher = asyncio.ensure_future(self.handle_connection_close())
        return CONNECTION_ACCEPTED

    async def disconnect(self) -> None:
        """Say DISCONNECT and close; nothing while not connected."""
        if self._client is None or self._client.is_over:
            logger.warning("Client session is not currently connected, ignoring call")
            return
        await self._leave()

    async def _leave(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and watcher is not asyncio.current_task():
            watcher.cancel()
        if self._client is not None:
            await self._client.disconnect()

    async def cancel_tasks(self) -> None:
        """Nothing has to be cancelled any more before a disconnect."""

    async def reconnect(self, cleansession: bool | None = None) -> int:
        """Connect again, as often as `reconnect_retries` says; the CONNACK return code."""
        if self._client is None or self.session is None:
            raise ClientError("connect first")
        if self._client.is_connected:
            logger.warning("Client already connected")
            return CONNECTION_ACCEPTED
        await self._leave()
        if cleansession:
            connection = section(self.config, "broker", "connection")
            for key in ("cafile", "capath", "cadata"):
                connection[key] = getattr(self.session, key) or connection.get(key)
            self._client = self._new_client(connection, True)
            self.session = self._new_session(connection, True)
        return await self._connect(tries_again=True)

    async def handle_connection_close(self) -> None:
        """Wait until the connection is lost for good; it is tried to be opened again before."""
        client = self._client
        if client is None:
            return
        await client.ended()
        if client.end is not None:
            logger.warning("Disconnected from broker")

    async def until_connected(self) -> None:
        """Wait until it is connected; ClientError when it never will be."""
        client = self._client
        if client is None:
            raise ClientError("Client not connected; connect first")
        try:
            await client.connected()
        except DisconnectedError as error:
            raise ClientError(f"Will not reconnect: {error}") from error

    # What it is for.

    @mqtt_connected
    async def ping(self) -> None:
        """Ask the Server whether it is alive."""
        assert self._client is not None
        await self._client.ping()

    @mqtt_connected
    async def publish(
        self,
        topic: str,
        message: bytes | bytearray | str,
        qos: int | None = None,
        retain: bool | None = None,
        ack_timeout: float | None = None,
    ) -> OutgoingApplicationMessage:
        """Publish; returns when the Server has it. Without QoS and RETAIN they are the configuration's.

        asyncio.TimeoutError when it was not acknowledged within `ack_timeout` seconds. ClientError for a
        QoS that there is not. What is no Topic Name is a ValueError; at QoS 0, where aMQTT said nothing, it
        is not sent, and the log says so.
        """
        assert self._client is not None
        own = section(self.config.get("topics") or {}, topic)
        used_qos = int(own.get("qos", self.config.get("default_qos") or 0)) if qos is None else qos
        if used_qos not in (0, 1, 2):
            raise ClientError(f"QOS '{used_qos}' is not one of QOS_0, QOS_1, QOS_2.")
        used_retain = bool(retain or own.get("retain", self.config.get("default_retain") or False))
        fault = topic_name_fault(topic, ALL_LEVELS) if used_qos == 0 else None
        if fault:
            logger.error("Not published: %s", fault)
        else:
            async with asyncio.timeout(ack_timeout or None):
                await self._client.publish(topic, message, used_qos, used_retain)
        data = message.encode() if isinstance(message, str) else message
        return OutgoingApplicationMessage(None, topic, used_qos, data, used_retain)

    @mqtt_connected
    async def subscribe(self, topics: Sequence[tuple[str, int]]) -> list[int]:
        """Subscribe to pairs of Topic Filter and QoS; a SUBACK return code each, 0x80 for a refusal.

        What is no Topic Filter is refused here: a Server would end the connection.
        """
        assert self._client is not None
        faults = [topic_filter_fault(topic_filter, ALL_LEVELS) for topic_filter, _ in topics]
        valid = [SubscriptionRequest(*pair) for pair, fault in zip(topics, faults, strict=True) if not fault]
        for fault in filter(None, faults):
            self.logger.warning("Not subscribed: %s", fault)
        try:
            granted = iter(await self._client.subscribe(valid) if valid else [])
        except SubscribeError as refused:
            granted = iter([refused.reason_codes[request.topic_filter] for request in valid])
        return [REFUSED if fault else next(granted) for fault in faults]

    @mqtt_connected
    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """End the Subscriptions to these Topic Filters."""
        assert self._client is not None
        await self._client.unsubscribe(list(topics))

    async def deliver_message(
        self, timeout_duration: float | None = None, timeout: float | None = None  # noqa: ASYNC109 - aMQTT's
    ) -> ApplicationMessage:
        """The next message; asyncio.TimeoutError if none comes in so many seconds."""
        if self._client is None:
            raise ClientError("Client not connected; connect first")
        async with asyncio.timeout(timeout if timeout_duration is None else timeout_duration):
            try:
                received = await self._client.messages().get()
            except DisconnectedError as error:
                raise ClientError(f"Connection lost: {error}") from error
        return ReceivedMessage(Message(received.topic, received.payload, received.qos, received.retain))


def _url(uri: str) -> str:
    """The address as our Client reads it: aMQTT let a path of mqtt:// be."""
    parts = urlsplit(uri)
    if parts.scheme in ("mqtt", "mqtts"):
        return urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    return uri
