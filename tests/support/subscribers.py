"""A Subscriber that remembers what it was given, and Topic Filters and Topic Names to try."""

from hypothesis import strategies as st

from amqtt.message import Message
from amqtt.topics.names import topic_filter_fault, topic_name_fault
from amqtt.topics.subscriptions import Subscriber, Target

LEVELS = ["", "a", "b", "$x", "$SYS"]


def _joined(levels: list[str], last: list[str]) -> str:
    return "/".join(levels + last)


topics = st.builds("/".join, st.lists(st.sampled_from(LEVELS), min_size=1, max_size=5)).filter(
    lambda topic: not topic_name_fault(topic, 200)
)
topic_filters = st.builds(
    _joined,
    st.lists(st.sampled_from([*LEVELS, "+", "+"]), max_size=4),
    st.sampled_from([[], [], ["#"], ["+"]]),
).filter(lambda topic_filter: not topic_filter_fault(topic_filter, 200))


class RecordingSubscriber(Subscriber):
    """Takes everything while `takes` is true, and says who it is."""

    def __init__(self, client_id: str = "", available: bool = True, takes: bool = True) -> None:
        self.client_id = client_id
        self.is_there = available
        self.has_gone = False
        self.takes = takes
        self.offers = 0
        self.messages: list[Message] = []
        self.targets: list[Target] = []

    def __repr__(self) -> str:
        return f"<{self.client_id}>"

    @property
    def available(self) -> bool:
        return self.is_there

    @property
    def connected(self) -> bool:
        return not self.has_gone

    def deliver(self, message: Message, target: Target) -> bool:
        self.offers += 1
        if self.takes:
            self.messages.append(message)
            self.targets.append(target)
        return self.takes
