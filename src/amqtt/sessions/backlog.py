"""QoS 1 and 2 messages that wait for a Client: bounded in number and bytes, oldest first."""

from collections import deque
from collections.abc import Iterator

from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import Outgoing
from amqtt.sessions.link import PRESSURE


class Backlog:
    """Messages pending transmission to the Client (MQTT 5.0, 4.1), within bounds.

    A message that would exceed a bound is refused: the newest goes, what waits keeps its place.
    """

    __slots__ = ("_counters", "_waiting", "maximum_bytes", "maximum_messages", "size")

    def __init__(self, maximum_messages: int, maximum_bytes: int, counters: Counters) -> None:
        self._counters = counters
        self.maximum_messages = maximum_messages
        self.maximum_bytes = maximum_bytes
        self.size = 0
        self._waiting: deque[Outgoing] = deque()

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
        size = outgoing.message.size
        if len(self._waiting) >= self.maximum_messages or self.size + size > self.maximum_bytes:
            return False
        self.restore(outgoing)
        return True

    def restore(self, outgoing: Outgoing) -> None:
        """Queue what was promised by an earlier life of the Server, whatever the bounds are now."""
        size = outgoing.message.size
        self._waiting.append(outgoing)
        self.size += size
        self._counters.queued_messages += 1
        self._counters.queued_bytes += size

    def put_back(self, taken: list[Outgoing]) -> None:
        """Put these in front of all that wait, in their order: they were inside before, so they fit."""
        self._waiting.extendleft(reversed(taken))
        size = sum(outgoing.message.size for outgoing in taken)
        self.size += size
        self._counters.queued_messages += len(taken)
        self._counters.queued_bytes += size

    def pop(self) -> Outgoing:
        """Take the oldest; IndexError when it is empty."""
        outgoing = self._waiting.popleft()
        size = outgoing.message.size
        self.size -= size
        self._counters.queued_messages -= 1
        self._counters.queued_bytes -= size
        return outgoing

    def take_group(self, group: object) -> list[Outgoing]:
        """Take out, in order, what this shared group gave."""
        taken = [outgoing for outgoing in self._waiting if outgoing.group is group]
        if taken:
            self._waiting = deque(o for o in self._waiting if o.group is not group)
            size = sum(outgoing.message.size for outgoing in taken)
            self.size -= size
            self._counters.queued_messages -= len(taken)
            self._counters.queued_bytes -= size
        return taken

    def clear(self) -> None:
        """Forget everything that waits."""
        self._counters.queued_messages -= len(self._waiting)
        self._counters.queued_bytes -= self.size
        self._waiting.clear()
        self.size = 0
