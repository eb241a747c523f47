"""A Subscriber inside the embedding program: a callback in place of a Network Connection."""

from collections.abc import Callable

from amqtt.message import Message
from amqtt.server.events import Events, Fault
from amqtt.topics.subscriptions import Subscriber, Target


class LocalSubscriber(Subscriber):
    """Gives each Message to `callback`, with the QoS it is delivered at.

    The callback runs within the turn that routes the Message: it must be quick. What it raises is
    told as a Fault and hurts nobody else.
    """

    __slots__ = ("_callback", "_events")

    def __init__(self, callback: Callable[[Message, int], None], events: Events) -> None:
        self._callback = callback
        self._events = events

    def deliver(self, message: Message, target: Target) -> bool:
        """Call the program; always taken."""
        try:
            self._callback(message, min(message.qos, target.qos))
        except Exception as fault:
            self._events.tell(Fault("a subscriber of the embedding program", fault))
        return True
