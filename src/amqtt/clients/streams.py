"""Messages as a program reads them: one after the other, bounded, acknowledged as they are taken."""

import asyncio
from collections import deque
from typing import Protocol, Self

from amqtt.client_session.received import ReceivedMessage
from amqtt.errors import DisconnectedError
from amqtt.topics.names import matches, split_shared


class Source(Protocol):
    """The Client that a stream belongs to."""

    @property
    def end(self) -> Exception | None:
        """Why no more messages will come; None while some may."""

    @property
    def is_over(self) -> bool:
        """Whether no more messages will come."""

    def taken(self, message: ReceivedMessage) -> None:
        """The program has taken a message out of a stream."""

    def give_back(self, stream: "MessageStream", waiting: list[ReceivedMessage]) -> None:
        """A stream is closed; somebody else may want what waits in it."""


class MessageStream:
    """Messages of one Client: `async for message in stream`, or `await stream.get()`.

    It ends when the program disconnects, and raises what ended the Client otherwise; messages that
    came before are given first. `dropped` counts QoS 0 messages that found no room. Of several
    tasks that read one stream, each gets other messages.
    """

    def __init__(self, source: Source, topic_filter: str | None) -> None:
        self.topic_filter = topic_filter
        self.dropped = 0
        self._source = source
        self._real_filter = None if topic_filter is None else split_shared(topic_filter)[1]
        self._waiting: deque[ReceivedMessage] = deque()
        self._readers: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def matches(self, topic: str) -> bool:
        """Whether messages of this Topic Name come here."""
        return self._real_filter is not None and matches(self._real_filter, topic)

    def put(self, message: ReceivedMessage) -> None:
        """A message for this stream, which holds it already."""
        self._waiting.append(message)
        self.wake()

    def wake(self) -> None:
        """Somebody who reads may have something, or know that nothing comes any more."""
        while self._readers:
            reader = self._readers.popleft()
            if not reader.done():
                reader.set_result(None)
                return

    def wake_all(self) -> None:
        """Everybody who reads is told that the end is there."""
        while self._readers:
            self.wake()

    async def get(self) -> ReceivedMessage:
        """The next message, which is acknowledged by this; DisconnectedError at the end."""
        message = await self._next()
        if message is None:
            raise DisconnectedError("no more messages come: the stream is closed, or the client disconnected")
        return message

    async def _next(self) -> ReceivedMessage | None:
        """The next message, None at the end that the program wanted."""
        while not self._waiting:
            if self._closed:
                return None
            if self._source.is_over:
                if self._source.end is not None:
                    raise self._source.end
                return None
            reader = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            try:
                await reader
            except asyncio.CancelledError:
                if reader.done() and not reader.cancelled():
                    self.wake()
                raise
        message = self._waiting.popleft()
        if self._waiting:
            self.wake()
        self._source.taken(message)
        return message

    def get_nowait(self) -> ReceivedMessage | None:
        """The next message if one waits, else None."""
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        self._source.taken(message)
        return message

    def close(self) -> None:
        """End it; what waits in it goes to `Client.messages()`. Idempotent."""
        if self._closed or self.topic_filter is None:
            return
        self._closed = True
        waiting = list(self._waiting)
        self._waiting.clear()
        self._source.give_back(self, waiting)
        self.wake_all()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedMessage:
        message = await self._next()
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
