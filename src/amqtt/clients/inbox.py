"""Messages that a program has not read yet: in which stream each waits, and how much may."""

from collections.abc import Callable
from typing import Final
from weakref import WeakSet

from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.clients.streams import MessageStream

READ_SHARE: Final = 2
"""Nothing more is read from the Server while this part of what may wait to be read does wait."""


class Inbox:
    """The streams of one Client. `take` is told of each message that the program has taken.

    `is_over` and `end` say that no more messages come, and what the Client has given up for. QoS 0
    messages that exceed a bound are dropped; the others are not acknowledged until they are read.
    """

    def __init__(self, settings: ClientSettings, take: Callable[[ReceivedMessage], None]) -> None:
        self.is_over = True
        self.end: Exception | None = None
        self.main = MessageStream(self, None)
        self.unread = 0
        self._settings = settings
        self._take = take
        self._streams: WeakSet[MessageStream] = WeakSet()
        self._unread_bytes = 0
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """QoS 0 messages that found no room because the program did not read."""
        return self._dropped + sum(stream.dropped for stream in (self.main, *self._streams))

    @property
    def is_full(self) -> bool:
        """Whether so much waits that no more should be read from the Server."""
        settings = self._settings
        return (
            self.unread * READ_SHARE >= settings.maximum_queued_messages
            or self._unread_bytes * READ_SHARE >= settings.maximum_queued_bytes
        )

    def stream(self, topic_filter: str) -> MessageStream:
        """A stream of the messages that match, from now on."""
        stream = MessageStream(self, topic_filter)
        self._streams.add(stream)
        return stream

    def deliver(self, message: ReceivedMessage) -> None:
        """A message arrived: it goes to all streams that want it, else to `main`."""
        wanted = [stream for stream in self._streams if stream.matches(message.topic)] or [self.main]
        for stream in wanted:
            if message.qos == 0 and not self._has_room(message):
                stream.dropped += 1
                continue
            message.hold()
            self.unread += 1
            self._unread_bytes += message.size
            stream.put(message)

    def _has_room(self, message: ReceivedMessage) -> bool:
        settings = self._settings
        fits = self._unread_bytes + message.size <= settings.maximum_queued_bytes
        return fits and self.unread < settings.maximum_queued_messages

    def open(self) -> None:
        """Messages may come."""
        self.is_over, self.end = False, None

    def finish(self, end: Exception | None) -> None:
        """No more messages come; `end` is raised where they are read, after the last one."""
        self.is_over, self.end = True, end
        for stream in (self.main, *self._streams):
            stream.wake_all()

    # What a stream tells.

    def taken(self, message: ReceivedMessage) -> None:
        """The program has taken a message out of a stream."""
        self.unread -= 1
        self._unread_bytes -= message.size
        self._take(message)

    def give_back(self, stream: MessageStream, waiting: list[ReceivedMessage]) -> None:
        """A stream is closed: what waits in it is for whoever reads all that nobody else wants."""
        self._streams.discard(stream)
        self._dropped += stream.dropped
        for message in waiting:
            self.main.put(message)
