"""Retained messages: the last one of each topic, for Subscriptions yet to come (MQTT 5.0, 3.3.1.3)."""

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

from amqtt.message import NEVER, Message

NODES_PER_MESSAGE: Final = 8
"""Nodes allowed for each message allowed, on the average. Real topics share most of their levels;
topics made of 200 levels that no other has would cost 50 KB each, which `size` does not count."""
FREE_NODES: Final = 2_048
"""Nodes allowed however few messages are: enough for a handful of topics of very many levels."""
VISITS_PER_MESSAGE: Final = 8
"""Nodes that a cursor visits at most for each message it is asked for, found or not."""
EVERYTHING: Final = -1
"""Stands for the place in a Topic Filter from which on all matches: behind its `#`."""
STALE_EXPIRIES: Final = 64
"""Expiries of messages that are gone, remembered besides as many as there are of the others."""


class Node:
    """One level of the topics that begin alike: the message of the topic that ends here, the levels below.

    A cursor may hold a Node that has left the tree: it is empty then.
    """

    __slots__ = ("children", "message")

    def __init__(self) -> None:
        self.children: dict[str, Node] | None = None
        self.message: Message | None = None


class RetainedMessages:
    """The retained messages, at most `maximum_messages` of `maximum_bytes` together.

    `size` is their topics, payloads and properties in bytes, `nodes` the levels of their topics,
    equal beginnings counted once. `keep`, `remove` and `get` cost O(levels). Its length is the
    messages, expired ones included until they are removed. `on_expired` is told of each topic whose
    message is removed because it has expired.
    """

    __slots__ = (
        "_dollar", "_expiries", "_expiring", "_length", "_maximum_bytes", "_maximum_messages",
        "_maximum_nodes", "_plain", "nodes", "on_expired", "size",
    )

    def __init__(self, maximum_messages: int, maximum_bytes: int) -> None:
        self._maximum_messages = maximum_messages
        self._maximum_bytes = maximum_bytes
        self._maximum_nodes = FREE_NODES + NODES_PER_MESSAGE * maximum_messages
        self._plain = Node()
        self._dollar = Node()
        self._length = 0
        self._expiries: list[tuple[float, str]] = []
        self._expiring = 0
        self.nodes = 0
        self.size = 0
        self.on_expired: Callable[[str], None] | None = None

    def bound(self, maximum_messages: int, maximum_bytes: int) -> None:
        """Keep no more than so many from now on; what is there beyond stays until it is replaced."""
        self._maximum_messages = maximum_messages
        self._maximum_bytes = maximum_bytes
        self._maximum_nodes = FREE_NODES + NODES_PER_MESSAGE * maximum_messages

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Message]:
        messages: list[Message] = []
        nodes = [self._dollar, self._plain]
        while nodes:
            node = nodes.pop()
            if node.message is not None:
                messages.append(node.message)
            if node.children is not None:
                nodes.extend(node.children.values())
        return iter(messages)

    @property
    def next_expiry(self) -> float:
        """The moment at which it is worth calling `remove_expired` again; NEVER: not at all."""
        return self._expiries[0][0] if self._expiries else NEVER

    def keep(self, message: Message, whatever_the_bounds: bool = False) -> bool:
        """Retain the Message instead of the last one of its topic [MQTT-3.3.1-5].

        One without payload removes the last one and is not kept itself [MQTT-3.3.1-6]
        [MQTT-3.3.1-7]. False: there is no room, and nothing was changed. What is kept is a copy
        without the wire forms of the Message, which would cost its payload twice more.
        """
        topic = message.topic
        if not message.payload:
            self.remove(topic)
            return True
        levels = topic.split("/")
        node, missing = self._reach(levels)
        old = None if missing else node.message
        if not whatever_the_bounds and not self._has_room(message, old, missing):
            return False
        for level in levels[len(levels) - missing:]:
            node = _child(node, level)
        self.nodes += missing
        if old is not None:
            self._take_from(node, old)
        self._put_into(node, _bare(message))
        return True

    def excess(self, message: Message) -> str:
        """The bound for which `keep` has no room for the Message, as Limits calls it; "": none."""
        node, missing = self._reach(message.topic.split("/"))
        old = None if missing else node.message
        if self.size + message.size - (0 if old is None else old.size) > self._maximum_bytes:
            return "maximum_retained_bytes"
        return "" if self._has_room(message, old, missing) else "maximum_retained_messages"

    def remove(self, topic: str) -> bool:
        """Retain nothing for this topic; False: there was nothing."""
        levels = topic.split("/")
        path = [self._root(topic)]
        for level in levels:
            children = path[-1].children
            child = None if children is None else children.get(level)
            if child is None:
                return False
            path.append(child)
        node = path[-1]
        if node.message is None:
            return False
        self._take_from(node, node.message)
        self._free(path, levels)
        return True

    def get(self, topic: str) -> Message | None:
        """The retained message of this topic, expired or not; None: there is none."""
        node, missing = self._reach(topic.split("/"))
        return None if missing else node.message

    def match(self, topic_filter: str) -> "RetainedCursor":
        """A cursor over the messages that a valid Topic Filter (without `$share/name/`) matches."""
        return RetainedCursor(self, self._root(topic_filter), topic_filter.split("/"))

    def remove_expired(self, now: float) -> int:
        """Remove what must not be sent any more [MQTT-3.3.2-5]; how many there were."""
        removed = 0
        while self._expiries and self._expiries[0][0] <= now:
            topic = heappop(self._expiries)[1]
            message = self.get(topic)
            if message is not None and message.is_expired(now):
                self.expire(topic)
                removed += 1
        return removed

    def expire(self, topic: str) -> None:
        """Retain nothing for this topic any more: its message has expired."""
        self.remove(topic)
        if self.on_expired is not None:
            self.on_expired(topic)

    def _root(self, topic: str) -> Node:
        """Topics that begin with $ stand apart: no wildcard leads there [MQTT-4.7.2-1]."""
        return self._dollar if topic.startswith("$") else self._plain

    def _reach(self, levels: list[str]) -> tuple[Node, int]:
        """The deepest node there is on the way to a topic, and how many of its levels are missing."""
        node = self._root(levels[0])
        missing = len(levels)
        for level in levels:
            child = None if node.children is None else node.children.get(level)
            if child is None:
                break
            node = child
            missing -= 1
        return node, missing

    def _has_room(self, message: Message, old: Message | None, missing: int) -> bool:
        size = self.size + message.size
        length = self._length + 1
        if old is not None:
            size -= old.size
            length -= 1
        if length > self._maximum_messages or size > self._maximum_bytes:
            return False
        return self.nodes + missing <= self._maximum_nodes

    def _put_into(self, node: Node, message: Message) -> None:
        node.message = message
        self._length += 1
        self.size += message.size
        if message.expires_at != NEVER:
            self._expiring += 1
            heappush(self._expiries, (message.expires_at, message.topic))
            if len(self._expiries) > 2 * self._expiring + STALE_EXPIRIES:
                self._drop_stale_expiries()

    def _take_from(self, node: Node, message: Message) -> None:
        node.message = None
        self._length -= 1
        self.size -= message.size
        if message.expires_at != NEVER:
            self._expiring -= 1
            if self._expiring == 0:
                self._expiries = []

    def _drop_stale_expiries(self) -> None:
        """Forget the expiries of messages that were replaced or removed since."""
        current: dict[str, float] = {}
        for expires_at, topic in self._expiries:
            message = self.get(topic)
            if message is not None and message.expires_at == expires_at:
                current[topic] = expires_at
        self._expiries = [(expires_at, topic) for topic, expires_at in current.items()]
        heapify(self._expiries)

    def _free(self, path: list[Node], levels: list[str]) -> None:
        """Free the nodes of this path, from its end, that lead to no message any more."""
        for at in range(len(levels) - 1, -1, -1):
            node = path[at + 1]
            if node.message is not None or node.children is not None:
                return
            parent = path[at]
            assert parent.children is not None
            del parent.children[levels[at]]
            self.nodes -= 1
            if not parent.children:
                parent.children = None


class RetainedCursor:
    """The retained messages that match one Topic Filter, a slice at a time.

    What is retained may change between two slices: each topic comes with the message that it has
    when its turn comes, and not at all when that is gone. A topic that is new since the cursor
    began may come or not. A cursor costs nothing until it is used, then 8 bytes for each node that
    it has still to visit.
    """

    __slots__ = ("_levels", "_places", "_retained", "_runs")

    def __init__(self, retained: RetainedMessages, root: Node, levels: list[str]) -> None:
        self._retained = retained
        self._levels = levels
        self._runs: list[list[Node]] = [[root]]
        self._places: list[int] = [0]

    @property
    def done(self) -> bool:
        """Whether all of them have been taken."""
        return not self._runs

    def take(self, maximum: int, now: float) -> list[Message]:
        """The next messages, at most `maximum` (1 or more).

        Fewer, even none, does not mean the end: a slice is bounded in the topics that it looks at,
        too; ask `done`. Expired messages are skipped and removed [MQTT-3.3.2-5].
        """
        messages: list[Message] = []
        runs = self._runs
        visits = maximum * VISITS_PER_MESSAGE
        while runs and visits > 0 and len(messages) < maximum:
            visits -= 1
            message = self._visit_next()
            if message is None:
                continue
            if message.is_expired(now):
                self._retained.expire(message.topic)
            else:
                messages.append(message)
        return messages

    def _visit_next(self) -> Message | None:
        """Visit one node: note which of those below it are to be visited, say what matches here."""
        run = self._runs[-1]
        place = self._places[-1]
        node = run.pop()
        if not run:
            self._runs.pop()
            self._places.pop()
        levels = self._levels
        if place == len(levels):
            return node.message
        if place == EVERYTHING or levels[place] == "#":
            self._note_all(node, EVERYTHING)
            return node.message
        if levels[place] == "+":
            self._note_all(node, place + 1)
        elif node.children is not None:
            child = node.children.get(levels[place])
            if child is not None:
                self._runs.append([child])
                self._places.append(place + 1)
        return None

    def _note_all(self, node: Node, place: int) -> None:
        if node.children is not None:
            run = list(node.children.values())
            run.reverse()  # they are taken from its end, and the oldest shall come first
            self._runs.append(run)
            self._places.append(place)


def _child(node: Node, level: str) -> Node:
    """A new node below this one."""
    child = Node()
    if node.children is None:
        node.children = {level: child}
    else:
        node.children[level] = child
    return child


def _bare(message: Message) -> Message:
    return Message(
        message.topic,
        message.payload,
        message.qos,
        True,
        message.properties,
        message.expires_at,
        message.publisher,
        message.owner,
    )
