"""QoS 1 and 2 messages that wait for a Client: bounded in number and bytes, oldest first."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from amqtt.message import Message
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import Outgoing
from amqtt.sessions.link import PRESSURE

NOBODY: Final[deque[Outgoing]] = deque(maxlen=0)
"""What waits in a Backlog in which nothing has waited yet: an empty deque of its own takes 760 bytes."""
PLACE: Final = 200
"""Bytes that a place in a Backlog costs, beside the message that waits there."""


class Backlog:
    """Messages pending transmission to the Client (MQTT 5.0, 4.1), within bounds.

    A message that would exceed a bound is refused: the newest goes, what waits keeps its place.
    `maximum_in_all` bounds what all Backlogs with these Counters hold, in bytes; 0: nothing does. There
    a message counts once, however many wait for it.
    """

    __slots__ = ("_counters", "_waiting", "maximum_bytes", "maximum_in_all", "maximum_messages", "size")

    def __init__(self, maximum_messages: int, maximum_bytes: int, counters: Counters) -> None:
        self._counters = counters
        self.maximum_messages = maximum_messages
        self.maximum_bytes = maximum_bytes
        self.maximum_in_all = 0
        self.size = 0
        self._waiting = NOBODY

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Outgoing]:
        return iter(self._waiting)

    @property
    def presses(self) -> bool:
        """Whether so much waits that publishers should hold back while the Client is connected."""
        return (
            len(self._waiting) * PRESSURE > self.maximum_messages
            or self.size * PRESSURE > self.maximum_bytes
        )

    def put(self, outgoing: Outgoing) -> bool:
        """Queue it; False when a bound would be exceeded."""
        if self.excess(outgoing):
            return False
        self.restore(outgoing)
        return True

    def excess(self, outgoing: Outgoing) -> str:
        """The bound that would be exceeded if it were queued, as Limits calls it; "": none."""
        message = outgoing.message
        if len(self._waiting) >= self.maximum_messages:
            return "maximum_queued_messages"
        if self.size + message.size > self.maximum_bytes:
            return "maximum_queued_bytes"
        if self.maximum_in_all:
            more = PLACE if message.waiting else PLACE + message.size
            if self._counters.held_bytes + more > self.maximum_in_all:
                return "maximum_queued_bytes_in_all"
        return ""

    def restore(self, outgoing: Outgoing) -> None:
        """Queue what was promised by an earlier life of the Server, whatever the bounds are now."""
        self._own().append(outgoing)
        self._count(outgoing.message)

    def put_back(self, taken: list[Outgoing]) -> None:
        """Put these in front of all that wait, in their order: they were inside before, so they fit."""
        self._own().extendleft(reversed(taken))
        for outgoing in taken:
            self._count(outgoing.message)

    def _count(self, message: Message) -> None:
        size = message.size
        counters = self._counters
        self.size += size
        counters.queued_messages += 1
        counters.queued_bytes += size
        counters.held_bytes += PLACE if message.waiting else PLACE + size
        message.waiting += 1

    def _discount(self, message: Message) -> None:
        size = message.size
        counters = self._counters
        self.size -= size
        counters.queued_messages -= 1
        counters.queued_bytes -= size
        message.waiting -= 1
        counters.held_bytes -= PLACE if message.waiting else PLACE + size

    def _own(self) -> deque[Outgoing]:
        if self._waiting is NOBODY:
            self._waiting = deque()
        return self._waiting

    def pop(self) -> Outgoing:
        """Take the oldest; IndexError when it is empty."""
        outgoing = self._waiting.popleft()
        self._discount(outgoing.message)
        return outgoing

    def take_group(self, group: object) -> list[Outgoing]:
        """Take out, in order, what this shared group gave."""
        taken = [outgoing for outgoing in self._waiting if outgoing.group is group]
        if taken:
            self._waiting = deque([o for o in self._waiting if o.group is not group])
            for outgoing in taken:
                self._discount(outgoing.message)
        return taken

    def clear(self) -> None:
        """Forget everything that waits."""
        for outgoing in self._waiting:
            self._discount(outgoing.message)
        self._waiting = NOBODY
