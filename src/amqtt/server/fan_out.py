"""One Application Message to very many Subscribers, given to them in slices: others are served in between."""

from amqtt.message import Message
from amqtt.topics.subscriptions import SubscriptionTree, Target
from amqtt.wire.packets import Publish


class FanOut:
    """A message that some of its Subscribers have been given, while the others are `left`.

    It came in `packet`, which is to be acknowledged when all have it; `changes` see `answer`. `matched` is
    how many Subscribers there were when it came. Its Client is not read from until it is `done`, on whatever
    Network Connection: so its messages keep their order [MQTT-4.6.0-5].
    """

    __slots__ = ("_at", "_known", "_targets", "changes", "done", "matched", "message", "packet")

    def __init__(self, message: Message, packet: Publish, targets: list[Target], changes: int) -> None:
        self.message = message
        self.packet = packet
        self.changes = changes
        self.matched = len(targets)
        self.done = False
        self._known = targets
        self._targets = targets
        self._at = 0

    @property
    def left(self) -> int:
        """How many Subscribers have not been given it."""
        return len(self._targets) - self._at

    def deliver(self, most: int) -> None:
        """Give it to the next ones, so many at most."""
        message = self.message
        first = self._at
        self._at = min(first + most, len(self._targets))
        for target in self._targets[first : self._at]:
            target.subscriber.deliver(message, target)

    def give_up(self) -> None:
        """Nobody else is given it."""
        self.done = True
        self._targets = []
        self._at = 0

    def look_again(self, tree: SubscriptionTree) -> None:
        """Go on with those who are left and still subscribed, in the way in which they are now.

        Who has unsubscribed is given no new message [MQTT-3.10.4-2], and who has subscribed only now was
        none of them when it came.
        """
        targets = tree.match(self.message.topic)
        if targets is not self._known:
            self._known = targets
            subscribed = {target.subscriber: target for target in targets}
            left = [target.subscriber for target in self._targets[self._at :]]
            self._targets = [subscribed[subscriber] for subscriber in left if subscriber in subscribed]
            self._at = 0
