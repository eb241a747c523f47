"""What a program that embeds a Broker publishes and is given, without a socket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from copy import copy
from typing import Any, Self

from amqtt.message import Message, take_hop_properties
from amqtt.publishing import properties_of
from amqtt.server.local import LocalSubscriber
from amqtt.server.server import Server
from amqtt.topics.names import topic_name_fault
from amqtt.wire.properties import Properties

QUEUE_LENGTH = 10_000
"""Messages that may wait for a program's `async for`; as many as for a Session."""


class Publication:
    """A Message that was published; `matched` is how many Subscribers it was routed to.

    That is done when you have it. It may be awaited, which returns `matched` when the Message is durable
    where it must outlast the Broker: at once where it need not. BrokerError: it is not durable yet.
    """

    def __init__(self, matched: int, durable: Callable[[], Awaitable[None]] | None = None) -> None:
        self.matched = matched
        self._durable = durable

    def __await__(self) -> Generator[Any, None, int]:
        if self._durable is not None:
            yield from self._durable().__await__()
        return self.matched


class EmbeddedSubscription:
    """A Subscription of the embedding program: `async for message in subscription`.

    Messages that wait are bounded; `dropped` counts the newest ones that found no room. It ends
    with `close()`, at the end of `async with`, and when the Broker shuts down.
    """

    def __init__(
        self, server: Server, topic_filter: str, qos: int, callback: Callable[[Message], object] | None
    ) -> None:
        self._server = server
        self._topic_filter = topic_filter
        self._waiting: deque[Message] = deque()
        self._news: asyncio.Future[None] | None = None
        self._callback = callback
        self._closed = False
        self.dropped = 0
        self._subscriber: LocalSubscriber = server.subscribe(topic_filter, qos, self._take)

    def _take(self, message: Message, qos: int) -> None:
        if self._callback is not None:
            self._callback(message)
        elif len(self._waiting) >= QUEUE_LENGTH:
            self.dropped += 1
        else:
            self._waiting.append(message)
            self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def close(self) -> None:
        """End the Subscription; what waits can still be iterated over. Idempotent."""
        if not self._closed:
            self._closed = True
            self._server.unsubscribe(self._subscriber, self._topic_filter)
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._callback is not None:
            raise TypeError("this Subscription gives its messages to a callback")
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            # Several tasks may iterate, and one that is cancelled must not take the others with it.
            await asyncio.shield(self._next_news())
        return self._waiting.popleft()

    def _next_news(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        news = self._news
        if news is None or news.done() or news.get_loop() is not loop:
            news = self._news = loop.create_future()
        return news

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()


def message_to_publish(
    server: Server,
    topic: str,
    payload: bytes | bytearray | memoryview | str,
    qos: int,
    retain: bool,
    properties: Properties | Mapping[str, object] | None,
) -> Message:
    """Check what a program publishes; ValueError and TypeError say what is wrong with it."""
    fault = topic_name_fault(topic, server.limits.maximum_topic_levels, server.limits.maximum_topic_length)
    if fault:
        raise ValueError(f"topic {topic!r}: {fault}")
    if qos not in (0, 1, 2):
        raise ValueError(f"qos is 0, 1 or 2, not {qos!r}")
    content = payload.encode() if isinstance(payload, str) else bytes(payload)
    if len(content) > server.limits.maximum_packet_size:
        most = server.limits.maximum_packet_size
        raise ValueError(f"the payload is longer than limits.maximum-packet-size, {most} bytes")
    carried = copy(properties) if isinstance(properties, Properties) else properties_of(properties or {})
    expires_at = take_hop_properties(carried, server.turn.now)
    return Message(topic, content, qos, retain, carried, expires_at)
