"""From one Message to everyone whose Subscription it matches: a look-up and straight calls."""

from collections.abc import Callable
from typing import Final

from amqtt.message import NEVER, Message, MessageRun
from amqtt.server.deadlines import Deadline, Deadlines
from amqtt.server.events import Events, MessageRetained
from amqtt.sessions.counters import Counters
from amqtt.sessions.journal import Journal
from amqtt.topics.retained import RetainedMessages
from amqtt.topics.subscriptions import SubscriptionTree, Target

SYS: Final = "$SYS/"
"""What the Server says of itself is new in each life of it: it is not stored."""


class Router:
    """Retains what is to be retained and delivers to whoever subscribed (MQTT 5.0, 4.5).

    `on_full` is told the publisher of a Message that found no room, and the Limit.
    """

    __slots__ = ("_events", "_expiry", "_journal", "counters", "deadlines", "on_full", "retained", "tree")

    def __init__(
        self,
        tree: SubscriptionTree,
        retained: RetainedMessages,
        counters: Counters,
        deadlines: Deadlines,
        events: Events,
    ) -> None:
        self._events = events
        self.tree = tree
        self.retained = retained
        self.counters = counters
        self.deadlines = deadlines
        self._expiry: Deadline | None = None
        self._journal: Journal | None = None
        self.on_full: Callable[[str, str], None] | None = None

    def outlast(self, journal: Journal) -> None:
        """Note in this Journal what is retained from now on."""
        self._journal = journal
        self.retained.on_expired = self._expired

    def route(self, message: Message, owner: str | None = None) -> int:
        """Deliver the Message to every matching Subscriber [MQTT-4.5.0-1]; how many matched.

        `owner` is that of the Session which publishes it.
        """
        targets = self.targets(message, owner)
        for target in targets:
            target.subscriber.deliver(message, target)
        return len(targets)

    def targets(self, message: Message, owner: str | None) -> list[Target]:
        """Retain the Message, if it is to be, and say to whom it is to be delivered."""
        if message.retain:
            message.owner = owner
            self.retain(message)
        return self.tree.match(message.topic)

    def route_run(self, run: MessageRun, targets: list[Target]) -> None:
        """Deliver Messages that came in one go and matched these, none of them to be retained."""
        for target in targets:
            target.subscriber.deliver_run(run, target)

    def retain(self, message: Message) -> None:
        """Keep it for future Subscriptions, until it expires [MQTT-3.3.1-5] [MQTT-3.3.2-5]."""
        # What the Server says of itself is of a bounded number, and says that there is no room.
        is_ours = not message.publisher and message.topic.startswith(SYS)
        if not self.retained.keep(message, is_ours):
            self.counters.dropped_full += 1
            if self.on_full is not None:
                self.on_full(message.publisher, self.retained.excess(message))
            return
        if self._journal is not None and not message.topic.startswith(SYS):
            self._journal.retain(message.topic, message if message.payload else None)
        if self._events.wanted(MessageRetained):
            self._events.tell(MessageRetained(message))
        if message.expires_at != NEVER:
            self._expect_expiry()

    def _expect_expiry(self) -> None:
        when = self.retained.next_expiry
        expiry = self._expiry
        if when == NEVER or (expiry is not None and not expiry.done and expiry.when <= when):
            return
        self.deadlines.cancel(expiry)
        self._expiry = self.deadlines.at(when, self._remove_expired)

    def restore(self, message: Message) -> None:
        """Retain what was retained in an earlier life of the Server."""
        if self.retained.keep(message):
            self._expect_expiry()
        else:
            self.counters.dropped_full += 1

    def _expired(self, topic: str) -> None:
        if self._journal is not None:
            self._journal.retain(topic, None)

    def _remove_expired(self, now: float) -> None:
        self.retained.remove_expired(now)
        self._expect_expiry()
