"""What a run shows, and what is made of many runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.verification import Delivery, Faults


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed. Times of one unit (a message, a cycle, …) are in microseconds, memory in bytes.

    A figure that the shape does not have is 0.
    """

    count: int
    rate: float
    broker_cpu: float
    generator_cpu: float
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    memory: float = 0.0
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Summary:
    """The median of the runs of one broker under one shape; count and faults are those of all together."""

    count: int
    rate: float
    broker_cpu: float
    lowest_broker_cpu: float
    generator_cpu: float
    p50: float
    p99: float
    p999: float
    memory: float
    faults: Faults


def summary(results: Sequence[Result]) -> Summary:
    """One figure of each kind, from all runs."""
    return Summary(
        count=sum(r.count for r in results),
        rate=median(r.rate for r in results),
        broker_cpu=median(r.broker_cpu for r in results),
        lowest_broker_cpu=min(r.broker_cpu for r in results),
        generator_cpu=median(r.generator_cpu for r in results),
        p50=median(r.p50 for r in results),
        p99=median(r.p99 for r in results),
        p999=median(r.p999 for r in results),
        memory=median(r.memory for r in results),
        faults=sum((r.faults for r in results), Faults()),
    )


class Latencies:
    """Times from writing a message to having it, in whole microseconds, counted."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self._reached: dict[Delivery, tuple[int, int]] = {}

    def note(self, delivery: Delivery, sendings: Sequence[tuple[int, float]], now: float) -> None:
        """Count the messages that `delivery` has got since the last time; for `sendings` see Publisher."""
        index, counted = self._reached.get(delivery, (0, 0))
        while counted < delivery.expected:
            end, moment = sendings[index]
            upto = min(end, delivery.expected)
            self.counts[int((now - moment) * 1e6)] += upto - counted
            counted = upto
            if upto == end:
                index += 1
        self._reached[delivery] = index, counted

    def quantile(self, share: float) -> float:
        """The time that this share of the messages did not exceed."""
        wanted = share * self.counts.total()
        for latency in sorted(self.counts):
            wanted -= self.counts[latency]
            if wanted <= 0:
                return float(latency)
        return 0.0
