"""The Client: what a program publishes and subscribes with."""

import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Self, Unpack

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.client_session import ClientSession
from amqtt.client_session.ending import named
from amqtt.client_session.publish import check_message
from amqtt.client_session.receipt import ANSWERED, UNKNOWN, Receipt
from amqtt.client_session.settings import ClientSettings
from amqtt.client_session.subscribe import check_request
from amqtt.clients.address import parse_address
from amqtt.clients.backoff import Reconnect
from amqtt.clients.lifeline import Lifeline
from amqtt.clients.opening import Door
from amqtt.clients.options import ClientOptions, settings_of
from amqtt.clients.publications import Publications, message_of
from amqtt.clients.streams import MessageStream
from amqtt.clients.tls import TlsOptions
from amqtt.errors import ClientError, DisconnectedError, SubscribeError
from amqtt.topics.names import topic_filter_fault
from amqtt.wire.interned import ALL_LEVELS
from amqtt.wire.packets import MQTT_5, Connack, SubscriptionRequest
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode

Filters = str | SubscriptionRequest | Sequence[str | SubscriptionRequest]


class Client:
    """An MQTT Client for asyncio.

    `url` names the Server: `mqtt://`, `mqtts://`, `ws://`, `wss://` with host and port, or
    `unix:///path`; user name and password may stand in it. `options` are the fields of
    ClientSettings, or come as `settings`. `tls` is for mqtts and wss. `headers` go with a WebSocket
    handshake.

    It connects with `async with` or `connect()`. A Network Connection that is lost is opened again
    as `reconnect` says, False for never, and the Session resumed: what was not acknowledged is sent
    again, and where the Server has lost the Session its Subscriptions are made again, unless
    `resubscribe` is False. What is asked meanwhile waits.
    """

    def __init__(
        self,
        url: str = "mqtt://localhost",
        settings: ClientSettings | None = None,
        *,
        tls: ssl.SSLContext | TlsOptions | None = None,
        authentication: ClientAuthentication | None = None,
        reconnect: Reconnect | bool = True,
        resubscribe: bool = True,
        headers: Mapping[str, str] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self.address = parse_address(url)
        made = settings_of(self.address, options, settings)
        if not made.client_id:
            # An identifier of our own, so that the Session is found again where the first CONNACK is lost.
            options["client_id"] = f"amqtt-{secrets.token_hex(8)}"
            made = settings_of(self.address, options, settings)
        if authentication is not None and made.version != MQTT_5:
            raise ValueError("enhanced authentication needs MQTT 5.0; use version 5")
        self.settings = made
        again = Reconnect() if reconnect is True else reconnect or None
        door = Door(self.address, tls, headers or {})
        self._lifeline = Lifeline(door, made, authentication, again, resubscribe)
        self._publications = Publications(self._lifeline)

    # What there is.

    @property
    def client_id(self) -> str:
        """Its Client Identifier; the one that the Server assigned, if it did."""
        return self.session.client_id

    @property
    def is_connected(self) -> bool:
        """Whether the Server has accepted it on a Network Connection that is still there."""
        return self.session.is_connected

    @property
    def is_over(self) -> bool:
        """Whether no more messages will come: never connected, disconnected, or given up."""
        return self._lifeline.is_over

    @property
    def end(self) -> Exception | None:
        """Why the Client has given up; None while it has not, and when the program disconnected."""
        return self._lifeline.end

    @property
    def connack(self) -> Connack | None:
        """The CONNACK of the present Network Connection, or of the last one."""
        return self._lifeline.connack

    @property
    def session(self) -> ClientSession:
        """The Client without input and output: its counters, Subscriptions, what the Server allows."""
        return self._lifeline.session

    @property
    def dropped(self) -> int:
        """QoS 0 messages that found no room because the program did not read."""
        return self._lifeline.inbox.dropped

    # Coming and going.

    async def connect(self) -> Connack:
        """Connect; ConnectError says why that was not possible. Nothing is done while connected."""
        connack = self.connack
        if connack is not None and not self.is_over:
            return connack
        return await self._lifeline.connect()

    async def disconnect(
        self,
        reason_code: int = ReasonCode.NORMAL_DISCONNECTION,
        user_properties: Mapping[str, str] | None = None,
    ) -> None:
        """Say DISCONNECT and close. Idempotent; what is not acknowledged by now is given up.

        With Reason Code 0x04 the Server publishes the Will Message all the same (MQTT 5.0).
        """
        await self._lifeline.disconnect(reason_code, tuple((user_properties or {}).items()))

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()

    async def connected(self) -> None:
        """Wait until the Server has accepted the Client, again if need be; DisconnectedError: never more."""
        await self._lifeline.until(lambda: self.is_connected)

    async def ended(self) -> None:
        """Wait until it is over: the program has disconnected, or the Client has given up; see `end`."""
        while not self.is_over:
            await self._lifeline.news()

    # Publishing and subscribing.

    async def publish(
        self,
        topic: str,
        payload: bytes | bytearray | memoryview | str = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | Mapping[str, object] | None = None,
    ) -> int:
        """Publish an Application Message; returns when the Server has it, with its Reason Code.

        At QoS 0 that is when it was sent. Where there is no Network Connection, or no room, it
        waits; `asyncio.timeout` bounds that. PublishError says why it was refused. A message of QoS
        1 or 2 whose publishing is cancelled may still be published. `properties` is for MQTT 5.0,
        like `{"content_type": "text/plain"}`.
        """
        message = message_of(topic, payload, qos, retain, properties, self._lifeline.now())
        check_message(self.settings.version, message)
        return await self._publications.publish(message)

    async def subscribe(
        self,
        filters: Filters,
        qos: int = 0,
        *,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifier: int = 0,
        user_properties: Mapping[str, str] | None = None,
    ) -> list[int]:
        """Subscribe to one Topic Filter or to several; the granted QoS of each.

        SubscribeError says which were refused; the others are granted. A SubscriptionRequest has
        options of its own. `no_local` and what follows it is for MQTT 5.0; `identifier` comes back
        with each message, 0 is none.
        """
        several = [filters] if isinstance(filters, str | SubscriptionRequest) else list(filters)
        requests = [
            SubscriptionRequest(each, qos, no_local, retain_as_published, retain_handling)
            if isinstance(each, str) else each
            for each in several
        ]
        for request in requests:
            check_request(self.settings.version, request, identifier)
        pairs = tuple((user_properties or {}).items())
        names = [request.topic_filter for request in requests]
        codes = await self._ask(lambda: self.session.subscribe(requests, identifier, pairs))
        return _granted("subscribe to", names, codes)

    async def unsubscribe(
        self, filters: str | Sequence[str], *, user_properties: Mapping[str, str] | None = None
    ) -> list[int]:
        """End the Subscriptions to these Topic Filters; the Server's Reason Code for each."""
        names = [filters] if isinstance(filters, str) else list(filters)
        for name in names:
            check_request(self.settings.version, SubscriptionRequest(name), 0)
        pairs = tuple((user_properties or {}).items())
        codes = await self._ask(lambda: self.session.unsubscribe(names, pairs))
        return _granted("unsubscribe from", names, codes)

    def messages(self, topic_filter: str | None = None) -> MessageStream:
        """Messages as they come: `async for message in client.messages()`.

        With a Topic Filter, those that match it, from now on: they come to every such stream that
        there is. Without one, those that come to no other stream. A stream does not subscribe.
        """
        if topic_filter is None:
            return self._lifeline.inbox.main
        fault = topic_filter_fault(topic_filter, ALL_LEVELS)
        if fault:
            raise ValueError(f"topic filter {topic_filter!r}: {fault}")
        return self._lifeline.inbox.stream(topic_filter)

    async def ping(self) -> float:
        """Ask the Server whether it is alive; the seconds that its answer took."""
        lifeline = self._lifeline
        await self.connected()
        answered_at: list[float] = []
        began = lifeline.now()
        connack = self.connack
        self.session.ping(lambda: answered_at.append(lifeline.now()))
        lifeline.tend()
        while not answered_at:
            if not self.is_connected or self.connack is not connack:
                raise DisconnectedError("the Network Connection was lost before the answer to PINGREQ")
            await lifeline.news()
        return answered_at[0] - began

    async def reauthenticate(self) -> None:
        """Authenticate anew on the same Network Connection (MQTT 5.0, 4.12.1)."""
        if self.session.authentication is None:
            raise ValueError("this Client has no enhanced authentication to repeat")
        await self._lifeline.until(lambda: self.is_connected and not self.session.is_reauthenticating)
        self._lifeline.now()
        receipt = self.session.reauthenticate()
        self._lifeline.tend()
        await self._lifeline.settled(receipt)
        if receipt.outcome != ANSWERED:
            raise DisconnectedError(f"the Server did not authenticate the Client anew: {receipt.reason}")

    async def _ask(self, send: Callable[[], Receipt]) -> list[int]:
        """Send a SUBSCRIBE or UNSUBSCRIBE until it is answered; it may be sent twice."""
        while True:
            await self.connected()
            self._lifeline.now()
            receipt = send()
            self._lifeline.tend()
            await self._lifeline.settled(receipt)
            if receipt.outcome == ANSWERED:
                return receipt.reason_codes
            if receipt.outcome != UNKNOWN:
                raise ClientError(f"not asked for: {receipt.reason}")


def _granted(what: str, names: list[str], codes: list[int]) -> list[int]:
    refused = [(name, code) for name, code in zip(names, codes, strict=True) if code >= 0x80]
    if refused:
        told = ", ".join(f"{name!r} ({named(code)})" for name, code in refused)
        raise SubscribeError(f"the Server does not {what} {told}", dict(zip(names, codes, strict=True)))
    return codes
