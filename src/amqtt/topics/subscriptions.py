"""Subscriptions, and the tree that knows which of them match a Topic Name."""

from typing import Final, TypeAlias

from mypy_extensions import mypyc_attr

from amqtt.message import Message, MessageRun
from amqtt.topics.filter_tree import FilterTree
from amqtt.topics.names import has_wildcard

MAXIMUM_REMEMBERED: Final = 16_384
"""Topics whose Targets are remembered: as many as there are Topic Names remembered off the wire."""
MAXIMUM_REMEMBERED_LENGTH: Final = 256
"""Longer topics, in characters, are not worth their memory."""
MAXIMUM_REMEMBERED_TARGETS: Final = 500_000
"""Targets of all remembered topics: 4 MB of references. Finding those of a topic that has very many
costs little beside delivering to them."""


class Subscription:
    """A Topic Filter and the options it was granted with (MQTT 5.0, 3.8.3.1).

    `topic_filter` is without any `$share/name/`. `identifier` is the Subscription Identifier,
    0: none.
    """

    __slots__ = ("identifier", "no_local", "qos", "retain_as_published", "topic_filter")

    def __init__(
        self,
        topic_filter: str,
        qos: int = 0,
        no_local: bool = False,
        retain_as_published: bool = False,
        identifier: int = 0,
    ) -> None:
        self.topic_filter = topic_filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.identifier = identifier


@mypyc_attr(allow_interpreted_subclasses=True)
class Subscriber:
    """Anything a Message can be given to: a Session, a shared group, a callback of the program.

    `client_id` is compared with `Message.publisher` for No Local [MQTT-3.8.3-3]; "" for what is
    no Client. `available` says that it can be sent to at once, `connected` that it may be so in a
    moment (a shared group asks both). It is the same Subscriber only when it is the same object.
    """

    __slots__ = ()

    client_id: str = ""

    @property
    def available(self) -> bool:
        """Whether it can be sent to at once, without queuing."""
        return True

    @property
    def connected(self) -> bool:
        """Whether there is somebody to send to, if not at once."""
        return True

    def deliver(self, message: Message, target: "Target") -> bool:
        """Take the Message as `target` says; False when it could be neither sent nor queued."""
        raise TypeError(f"{type(self).__name__} does not say how it takes a Message")

    def deliver_run(self, run: MessageRun, target: "Target") -> None:
        """Take the Messages of a run: as if each had been delivered by itself."""
        for message in run.messages():
            self.deliver(message, target)


class Target:
    """One Subscriber that a topic matches, with its overlapping Subscriptions made one.

    The Server sends a single copy: `qos` is the highest granted [MQTT-3.3.4-2], `identifiers` are
    all Subscription Identifiers [MQTT-3.3.4-4], `retain_as_published` is true when any has it.
    `group` is the shared group that gave it the Message, None for its own Subscriptions.
    `has_no_local` says that a Subscription has No Local: only then is `local` another object.
    """

    __slots__ = (
        "_remaining", "group", "has_no_local", "identifiers", "qos", "retain_as_published", "subscriber",
    )

    def __init__(
        self,
        subscriber: Subscriber,
        qos: int,
        retain_as_published: bool = False,
        identifiers: tuple[int, ...] = (),
        group: Subscriber | None = None,
    ) -> None:
        self.subscriber = subscriber
        self.qos = qos
        self.retain_as_published = retain_as_published
        self.identifiers = identifiers
        self.group = group
        self.has_no_local = False
        self._remaining: Target | None = None

    def is_like(self, other: "Target") -> bool:
        """Whether both have the same Subscriber take a Message in the same way; never with No Local."""
        return (
            self.subscriber is other.subscriber
            and self.qos == other.qos
            and self.retain_as_published == other.retain_as_published
            and self.identifiers == other.identifiers
            and self.group is other.group
            and not (self.has_no_local or other.has_no_local)
        )

    @property
    def local(self) -> "Target | None":
        """What remains for messages that the Subscriber itself published [MQTT-3.8.3-3].

        The same object where no Subscription has No Local, None where all have. To set it says
        that one has.
        """
        # Never a reference to itself: that would keep the Session of a Client that has gone, with
        # all that waits for it, until the collector of cycles comes by.
        return self._remaining if self.has_no_local else self

    @local.setter
    def local(self, remaining: "Target | None") -> None:
        self.has_no_local = True
        self._remaining = remaining


def same_targets(some: list[Target], others: list[Target]) -> bool:
    """Whether both are the same Subscribers, to be given a Message in the same way."""
    if some is others:
        return True
    count = len(some)
    if count != len(others):
        return False
    for at in range(count):
        one, other = some[at], others[at]
        if one is not other and not one.is_like(other):
            return False
    return True


def target_of(subscriber: Subscriber, subscription: Subscription, group: Subscriber | None = None) -> Target:
    """The Target of one Subscription that overlaps with no other."""
    identifier = subscription.identifier
    target = Target(
        subscriber,
        subscription.qos,
        subscription.retain_as_published,
        (identifier,) if identifier else (),
        group,
    )
    if subscription.no_local:
        target.local = None
    return target


Entry: TypeAlias = Target | dict[Subscriber, Target]
"""Who has subscribed to one Topic Filter: mostly one Subscriber, so that one needs no dict."""


class SubscriptionTree:
    """All Subscriptions, and for each Topic Name the Subscribers that they match (MQTT 5.0, 4.7).

    Filters without a wildcard stand in a dict, the others in a FilterTree; what a topic matched
    is remembered until a Subscription that may match it comes or goes. `add` and `remove` cost
    O(levels) however many Subscriptions there are. Topic Filters and Topic Names must be valid,
    without `$share/name/`. Its length is the Subscriptions, a shared group counting as one.
    """

    __slots__ = ("_exact", "_length", "_remembered", "_remembered_targets", "_wildcard")

    def __init__(self) -> None:
        self._exact: dict[str, Entry] = {}
        self._wildcard: FilterTree[Entry] = FilterTree()
        self._length = 0
        self._remembered: dict[str, list[Target]] = {}
        self._remembered_targets = 0

    def __len__(self) -> int:
        return self._length

    @property
    def nodes(self) -> int:
        """Nodes that the filters with wildcards need: at most two for each of them."""
        return self._wildcard.nodes

    @property
    def visits(self) -> int:
        """Nodes visited so far to find what topics match."""
        return self._wildcard.visits

    def add(self, subscriber: Subscriber, subscription: Subscription) -> bool:
        """Subscribe; False when it replaces one with the same Topic Filter [MQTT-3.8.4-3]."""
        topic_filter = subscription.topic_filter
        target = target_of(subscriber, subscription)
        entry = self._entry(topic_filter)
        if isinstance(entry, dict):
            new = subscriber not in entry
            entry[subscriber] = target
        elif entry is None or entry.subscriber is subscriber:
            new = entry is None
            self._set_entry(topic_filter, target)
        else:
            new = True
            self._set_entry(topic_filter, {entry.subscriber: entry, subscriber: target})
        self._forget(topic_filter)
        if new:
            self._length += 1
        return new

    def remove(self, subscriber: Subscriber, topic_filter: str) -> bool:
        """Unsubscribe from exactly this Topic Filter; False: there was none [MQTT-3.10.4-1]."""
        entry = self._entry(topic_filter)
        if isinstance(entry, dict):
            if entry.pop(subscriber, None) is None:
                return False
            if len(entry) == 1:
                for target in entry.values():
                    self._set_entry(topic_filter, target)
        elif entry is None or entry.subscriber is not subscriber:
            return False
        else:
            self._delete_entry(topic_filter)
        self._forget(topic_filter)
        self._length -= 1
        return True

    def match(self, topic: str) -> list[Target]:
        """One Target for each Subscriber with a Subscription that matches the Topic Name.

        The list is shared with later calls: do not change it. It stays as it is when Subscriptions
        come and go while it is walked through.
        """
        targets = self._remembered.get(topic)
        if targets is None:
            targets = self._find(topic)
            self._remember(topic, targets)
        return targets

    def _find(self, topic: str) -> list[Target]:
        entries = self._wildcard.matching(topic)
        exact = self._exact.get(topic)
        if exact is not None:
            entries.append(exact)
        if len(entries) == 1:
            entry = entries[0]
            return list(entry.values()) if isinstance(entry, dict) else [entry]
        return _merged(entries) if entries else []

    def _remember(self, topic: str, targets: list[Target]) -> None:
        if len(topic) > MAXIMUM_REMEMBERED_LENGTH:
            return
        count = self._remembered_targets + len(targets)
        if len(self._remembered) >= MAXIMUM_REMEMBERED or count > MAXIMUM_REMEMBERED_TARGETS:
            self._remembered = {}
            count = len(targets)
        self._remembered[topic] = targets
        self._remembered_targets = count

    def _forget(self, topic_filter: str) -> None:
        """Forget the topics that a change of this filter's Subscriptions may concern.

        To find which topics a wildcard matches would cost more than to match again those that are
        asked for again: where wildcards keep coming, there is never much to forget.
        """
        if not self._remembered:
            return
        if has_wildcard(topic_filter):
            self._remembered = {}
            self._remembered_targets = 0
            return
        targets = self._remembered.pop(topic_filter, None)
        if targets is not None:
            self._remembered_targets -= len(targets)

    def _entry(self, topic_filter: str) -> Entry | None:
        if has_wildcard(topic_filter):
            return self._wildcard.get(topic_filter)
        return self._exact.get(topic_filter)

    def _set_entry(self, topic_filter: str, entry: Entry) -> None:
        if has_wildcard(topic_filter):
            self._wildcard.set(topic_filter, entry)
        else:
            self._exact[topic_filter] = entry

    def _delete_entry(self, topic_filter: str) -> None:
        if has_wildcard(topic_filter):
            self._wildcard.delete(topic_filter)
            return
        del self._exact[topic_filter]
        if not self._exact:
            self._exact = {}  # an emptied dict would keep the memory of its fullest hour


def _merged(entries: list[Entry]) -> list[Target]:
    """The Targets of several filters that match one topic, one for each Subscriber."""
    targets: dict[Subscriber, Target] = {}
    overlapping: dict[Subscriber, list[Target]] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            _gather(entry, targets, overlapping)
        elif targets.keys().isdisjoint(entry):
            targets.update(entry)
        else:
            for target in entry.values():
                _gather(target, targets, overlapping)
    for subscriber, several in overlapping.items():
        targets[subscriber] = _overlapped(several)
    return list(targets.values())


def _gather(
    target: Target, targets: dict[Subscriber, Target], overlapping: dict[Subscriber, list[Target]]
) -> None:
    subscriber = target.subscriber
    first = targets.setdefault(subscriber, target)
    if first is target:
        return
    several = overlapping.get(subscriber)
    if several is None:
        overlapping[subscriber] = [first, target]
    else:
        several.append(target)


def _overlapped(several: list[Target]) -> Target:
    """One Target for the overlapping Subscriptions of one Subscriber (MQTT 5.0, 3.3.4)."""
    target = _united(several)
    without_no_local = [each for each in several if not each.has_no_local]
    if len(without_no_local) == len(several):
        return target
    if len(without_no_local) > 1:
        target.local = _united(without_no_local)
    else:
        target.local = without_no_local[0] if without_no_local else None
    return target


def _united(several: list[Target]) -> Target:
    """Their highest QoS and all their identifiers, equal ones included: the standard wants each."""
    qos = 0
    retain_as_published = False
    identifiers: list[int] = []
    for each in several:
        qos = max(qos, each.qos)
        retain_as_published = retain_as_published or each.retain_as_published
        identifiers += each.identifiers
    return Target(several[0].subscriber, qos, retain_as_published, tuple(identifiers))
