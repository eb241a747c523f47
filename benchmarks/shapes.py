"""Who publishes to whom: the shapes of load that are measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A number of publishers and receivers, and how many messages of a publisher may be under way.

    `paired`: publisher n publishes to receiver n alone; else every receiver gets every message.
    """

    name: str
    title: str
    publishers: int
    receivers: int
    qos: int
    window: int
    paired: bool = False
    payload_size: int = 64

    @property
    def batch(self) -> int:
        """How much of the window has to be free before a publisher sends again."""
        return max(1, self.window // 4)

    @property
    def slots(self) -> int:
        """The size of a publisher's Ring: with four windows no slot can be taken for another."""
        return max(16, 1 << (4 * self.window - 1).bit_length())


SHAPES = (
    Shape("flood", "QoS 0, 1 to 1, 2000 under way", 1, 1, 0, 2000),
    Shape("fan-out", "QoS 0, 1 to 100, 200 under way", 1, 100, 0, 200),
    Shape("fan-in", "QoS 0, 100 to 1, 20 each under way", 100, 1, 0, 20),
    Shape("ping", "QoS 0, 100 pairs, 1 each under way", 100, 100, 0, 1, paired=True),
    Shape("qos1", "QoS 1, 10 pairs, 100 each under way", 10, 10, 1, 100, paired=True),
    Shape("qos2", "QoS 2, 10 pairs, 100 each under way", 10, 10, 2, 100, paired=True),
)
