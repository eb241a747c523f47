"""A tree of Topic Filters that finds those which match a Topic Name without looking at the others."""

from typing import Generic, TypeVar

Value = TypeVar("Value")


class Node(Generic[Value]):
    """A run of levels that filters have in common, one or more; only the root has none.

    `children` are by the first level of their run. `ending` is the value of the filter that ends
    with this run, `rest` that of the filter that goes on with `/#`. A node other than the root
    has a value or at least two children, so there are at most twice as many nodes as filters,
    however many levels these have.
    """

    __slots__ = ("children", "ending", "levels", "rest")

    def __init__(self, levels: tuple[str, ...]) -> None:
        self.levels = levels
        self.children: dict[str, Node[Value]] | None = None
        self.ending: Value | None = None
        self.rest: Value | None = None


class FilterTree(Generic[Value]):
    """A mapping from valid Topic Filters to values, asked with a Topic Name for all that match it.

    `get`, `set` and `delete` cost O(levels), `matching` as much as the nodes that it visits: those
    whose levels match the first levels of the topic. `nodes` is how many there are besides the
    root, `visits` how many all calls of `matching` have visited so far.
    """

    __slots__ = ("_root", "nodes", "visits")

    def __init__(self) -> None:
        self._root: Node[Value] = Node(())
        self.nodes = 0
        self.visits = 0

    def get(self, topic_filter: str) -> Value | None:
        """The value of exactly this filter; None: it has none."""
        levels = topic_filter.split("/")
        wants_rest = _drop_multi_level(levels)
        node = self._find(levels)[1]
        if node is None:
            return None
        return node.rest if wants_rest else node.ending

    def set(self, topic_filter: str, value: Value) -> None:
        """Give the filter this value, instead of the one that it may have."""
        levels = topic_filter.split("/")
        wants_rest = _drop_multi_level(levels)
        node = self._grow(levels)
        if wants_rest:
            node.rest = value
        else:
            node.ending = value

    def delete(self, topic_filter: str) -> None:
        """Take the filter out, and the nodes that only it needed."""
        levels = topic_filter.split("/")
        wants_rest = _drop_multi_level(levels)
        parent, node = self._find(levels)
        if node is None:
            return
        if wants_rest:
            node.rest = None
        else:
            node.ending = None
        self._shrink(parent, node)

    def matching(self, topic: str) -> list[Value]:
        """The values of all filters that match a valid Topic Name, in no order."""
        levels = topic.split("/")
        found: list[Value] = []
        nodes: list[Node[Value]] = []
        places: list[int] = []
        self._start(levels, found, nodes, places)
        visits = 0
        while nodes:
            visits += 1
            node = nodes.pop()
            at = places.pop()
            if node.rest is not None:
                found.append(node.rest)
            if at == len(levels):
                if node.ending is not None:
                    found.append(node.ending)
            elif node.children is not None:
                child = node.children.get(levels[at])
                if child is not None:
                    _enter(child, levels, at, nodes, places)
                child = node.children.get("+")
                if child is not None:
                    _enter(child, levels, at, nodes, places)
        self.visits += visits
        return found

    def _start(
        self, levels: list[str], found: list[Value], nodes: list[Node[Value]], places: list[int]
    ) -> None:
        """The step from the root, where wildcards do not match what begins with $ [MQTT-4.7.2-1]."""
        root = self._root
        wildcards_match = not levels[0].startswith("$")
        if wildcards_match and root.rest is not None:
            found.append(root.rest)
        if root.children is None:
            return
        child = root.children.get(levels[0])
        if child is not None:
            _enter(child, levels, 0, nodes, places)
        child = root.children.get("+") if wildcards_match else None
        if child is not None:
            _enter(child, levels, 0, nodes, places)

    def _find(self, levels: list[str]) -> tuple[Node[Value], Node[Value] | None]:
        """The node where these levels end, with its parent; None for a node that there is not."""
        parent = node = self._root
        at = 0
        while at < len(levels):
            child = None if node.children is None else node.children.get(levels[at])
            if child is None or _same_levels(child.levels, levels, at) < len(child.levels):
                return node, None
            parent = node
            node = child
            at += len(child.levels)
        return parent, node

    def _grow(self, levels: list[str]) -> Node[Value]:
        """The node where these levels end, made if need be."""
        node = self._root
        at = 0
        while at < len(levels):
            if node.children is None:
                node.children = {}
            child = node.children.get(levels[at])
            if child is None:
                child = Node(tuple(levels[at:]))
                node.children[levels[at]] = child
                self.nodes += 1
            same = _same_levels(child.levels, levels, at)
            if same < len(child.levels):
                self._split(child, same)
            node = child
            at += same
        return node

    def _split(self, node: Node[Value], at: int) -> None:
        """Let the node end after `at` of its levels, and a new child of it bear the others."""
        lower: Node[Value] = Node(node.levels[at:])
        lower.children = node.children
        lower.ending = node.ending
        lower.rest = node.rest
        node.levels = node.levels[:at]
        node.children = {lower.levels[0]: lower}
        node.ending = None
        node.rest = None
        self.nodes += 1

    def _shrink(self, parent: Node[Value], node: Node[Value]) -> None:
        """Free what a node that lost a value leaves without a purpose."""
        if _has_value(node) or node is self._root:
            return
        if node.children is None:
            siblings = parent.children
            assert siblings is not None
            del siblings[node.levels[0]]
            if not siblings:
                parent.children = None
            self.nodes -= 1
            node = parent
        self._join(node)

    def _join(self, node: Node[Value]) -> None:
        """Make one node of a node without a value and its only child."""
        children = node.children
        if children is None or len(children) != 1 or _has_value(node) or node is self._root:
            return
        for child in children.values():
            node.levels += child.levels
            node.children = child.children
            node.ending = child.ending
            node.rest = child.rest
        self.nodes -= 1


def _drop_multi_level(levels: list[str]) -> bool:
    """Whether the last level is `#`, which is taken off: it is the `rest` of the level before."""
    if levels[-1] == "#":
        levels.pop()
        return True
    return False


def _has_value(node: Node[Value]) -> bool:
    return node.ending is not None or node.rest is not None


def _same_levels(run: tuple[str, ...], levels: list[str], at: int) -> int:
    """How many levels of the run are the same, character by character, as `levels` from `at`."""
    same = 0
    end = min(len(run), len(levels) - at)
    while same < end and run[same] == levels[at + same]:
        same += 1
    return same


def _enter(
    child: Node[Value], levels: list[str], at: int, nodes: list[Node[Value]], places: list[int]
) -> None:
    """Have the child visited if its whole run matches the topic's levels from `at`.

    The caller found it by its first level, which therefore matches.
    """
    run = child.levels
    end = at + len(run)
    if end > len(levels):
        return
    if len(run) > 1:
        for level in run[1:]:
            at += 1
            if level != "+" and level != levels[at]:
                return
    nodes.append(child)
    places.append(end)
