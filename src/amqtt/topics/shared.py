"""Shared Subscriptions: groups of which one member gets each Message (MQTT 5.0, 4.8.2)."""

from typing import Final

from amqtt.message import Message
from amqtt.topics.subscriptions import Subscriber, Subscription, SubscriptionTree, Target, target_of

MAXIMUM_MEMBERS: Final = 1_000
"""Members of one group: when none is available, each Message asks every one of them."""
HIGHEST_QOS: Final = 2


class SharedGroupFull(ValueError):
    """A shared group has as many members as it may have; Reason Code 0x97 (Quota exceeded) says so."""


class SharedGroup(Subscriber):
    """The Sessions that share one Subscription: itself a Subscriber, and its members take turns.

    `share_name` and `topic_filter` name it. Each member keeps the options of its own SUBSCRIBE
    [MQTT-4.8.2-3].
    """

    __slots__ = ("_members", "_next", "_places", "share_name", "topic_filter")

    def __init__(self, share_name: str, topic_filter: str) -> None:
        self.share_name = share_name
        self.topic_filter = topic_filter
        self._members: list[Target] = []
        self._places: dict[Subscriber, int] = {}
        self._next = 0

    @property
    def subscribers(self) -> list[Subscriber]:
        """Its members."""
        return list(self._places)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._places

    @property
    def name(self) -> str:
        """The Shared Subscription as a Client writes it [MQTT-4.8.2-1]."""
        return f"$share/{self.share_name}/{self.topic_filter}"

    def deliver(self, message: Message, target: Target) -> bool:
        """Give the Message to one member; False when none takes it."""
        return self.pass_on(message)

    def pass_on(self, message: Message) -> bool:
        """Give the Message to the next available member that takes it, else to one that queues it.

        Who is connected and merely busy comes before who is away, and may stay so. A Session that ends,
        or leaves, gives back here what it was not sent yet; what it was sent must not come
        [MQTT-4.8.2-5]. False when no member takes it.
        """
        return (
            self._offer(message, True, True)
            or self._offer(message, False, True)
            or self._offer(message, False, False)
        )

    def put(self, subscriber: Subscriber, subscription: Subscription) -> bool:
        """Make it a member with these options; False when it was one and has new options now."""
        target = target_of(subscriber, subscription, self)
        place = self._places.get(subscriber)
        if place is not None:
            self._members[place] = target
            return False
        self._places[subscriber] = len(self._members)
        self._members.append(target)
        return True

    def take_out(self, subscriber: Subscriber) -> bool:
        """End its membership; the last member moves to its place. False: it was no member."""
        place = self._places.pop(subscriber, None)
        if place is None:
            return False
        last = self._members.pop()
        if last.subscriber is not subscriber:
            self._members[place] = last
            self._places[last.subscriber] = place
        return True

    def _offer(self, message: Message, available: bool, connected: bool) -> bool:
        """Ask each member once of which this is true; a member may leave meanwhile."""
        members = self._members
        for _ in range(len(members)):
            if not members:
                return False
            if self._next >= len(members):
                self._next = 0
            target = members[self._next]
            self._next += 1
            subscriber = target.subscriber
            if subscriber.available != available or subscriber.connected != connected:
                continue
            if subscriber.deliver(message, target):
                return True
        return False


class SharedSubscriptions:
    """All shared groups by (ShareName, Topic Filter), each one Subscriber in the SubscriptionTree.

    `join` and `leave` cost O(1), and O(levels) for the first and the last member. Its length is
    the groups.
    """

    __slots__ = ("_groups", "_maximum_members", "_tree")

    def __init__(self, tree: SubscriptionTree, maximum_members: int = MAXIMUM_MEMBERS) -> None:
        self._tree = tree
        self._maximum_members = maximum_members
        self._groups: dict[tuple[str, str], SharedGroup] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def group(self, share_name: str, topic_filter: str) -> SharedGroup | None:
        """The group with at least one member that has this name; None: there is none."""
        return self._groups.get((share_name, topic_filter))

    def join(self, share_name: str, subscriber: Subscriber, subscription: Subscription) -> bool:
        """Share the Subscription; False when the member was one already: its options are replaced.

        The Subscription is without No Local, which must not be set on a Shared Subscription
        [MQTT-3.8.3-4]. SharedGroupFull when the group has `maximum_members` others.
        """
        topic_filter = subscription.topic_filter
        group = self._groups.get((share_name, topic_filter))
        if group is None:
            group = SharedGroup(share_name, topic_filter)
            self._groups[(share_name, topic_filter)] = group
            self._tree.add(group, Subscription(topic_filter, HIGHEST_QOS, False, True))
        elif len(group) >= self._maximum_members and subscriber not in group:
            raise SharedGroupFull(f"{self._maximum_members} members share this Subscription already.")
        return group.put(subscriber, subscription)

    def leave(self, share_name: str, topic_filter: str, subscriber: Subscriber) -> bool:
        """Stop sharing it; the group ends with its last member. False: it was no member."""
        key = (share_name, topic_filter)
        group = self._groups.get(key)
        if group is None or not group.take_out(subscriber):
            return False
        if not group:
            del self._groups[key]
            self._tree.remove(group, topic_filter)
        return True
