"""What aMQTT's plugins are given of the Broker: a context each, made at its start."""

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

from amqtt.compat.session import Session


class Action(StrEnum):
    """What a Client wants to do with a topic; aMQTT 0.10 wrote the names small."""

    SUBSCRIBE = "subscribe"
    PUBLISH = "publish"
    RECEIVE = "receive"
    subscribe = SUBSCRIBE
    publish = PUBLISH


class LegacyBroker(Protocol):
    """A Broker under aMQTT's names, as far as plugins reach it through their context."""

    @property
    def sessions(self) -> Mapping[str, tuple[Session, Any]]:
        """Client Identifier → its Session and whatever serves it."""

    @property
    def subscriptions(self) -> Mapping[str, Any]:
        """Topic Filter → the Sessions that subscribe, with their QoS."""

    @property
    def retained_messages(self) -> Mapping[str, Any]:
        """Topic Name → its retained message."""

    async def internal_message_broadcast(self, topic: str, data: bytes, qos: int | None = None) -> Any:
        """Publish as the Server."""

    def retain_message(
        self, source_session: Any, topic_name: str, data: bytes, qos: int | None = None
    ) -> Awaitable[None]:
        """Retain a message without publishing it."""

    def create_offline_session(self, client_id: str) -> tuple[Any, Session]:
        """Begin the Session of a Client that is away, or take the one there is."""

    async def add_subscription(self, subscription: tuple[str, int], session: Session | None) -> int:
        """Subscribe a Client."""


class BaseContext:
    """What every plugin is given: the event loop (None before the start), a logger, a configuration."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.logger: logging.Logger = logging.getLogger(__name__)
        self.config: Any = None


class BrokerContext(BaseContext):
    """What a plugin of a Broker is given; each has a copy, with a logger of its own.

    `config` is the whole configuration; for a plugin with options of its own, its inner `Config`.
    """

    def __init__(self, broker: LegacyBroker) -> None:
        super().__init__()
        self._broker_instance = broker

    async def broadcast_message(self, topic: str, data: bytes, qos: int | None = None) -> None:
        """Publish to everybody who subscribed."""
        await self._broker_instance.internal_message_broadcast(topic, data, qos)

    def retain_message(self, topic_name: str, data: bytes, qos: int | None = None) -> Awaitable[None]:
        """Retain a message for Subscriptions to come; it is done at the call, and may be awaited."""
        return self._broker_instance.retain_message(None, topic_name, data, qos)

    async def add_subscription(self, client_id: str, topic: str | None, qos: int | None) -> None:
        """Subscribe a Client, known or not yet; without topic and QoS it only begins its Session."""
        _, session = self._broker_instance.create_offline_session(client_id)
        if topic is not None and qos is not None:
            await self._broker_instance.add_subscription((topic, qos), session)

    @property
    def sessions(self) -> Iterator[Session]:
        """The Sessions there are."""
        for session, _ in list(self._broker_instance.sessions.values()):
            yield session

    def get_session(self, client_id: str) -> Session | None:
        """The Session of this Client, None without one."""
        entry = self._broker_instance.sessions.get(client_id)
        return None if entry is None else entry[0]

    @property
    def retained_messages(self) -> Mapping[str, Any]:
        """Topic Name → its retained message."""
        return self._broker_instance.retained_messages

    @property
    def subscriptions(self) -> Mapping[str, Any]:
        """Topic Filter → the Sessions that subscribe, with their QoS."""
        return self._broker_instance.subscriptions
