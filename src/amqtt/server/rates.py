"""How much of something there may be in a second."""

from collections.abc import Sequence
from typing import Final

from amqtt.wire.packets import Publish

NEARLY_ONE: Final = 0.999
"""Of a token: rounding must not make a moment that was waited for a moment too early."""


class Meter:
    """A token bucket: `rate` in a second, of which those of one second may come at once."""

    __slots__ = ("_burst", "_last", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._tokens = self._burst
        self._last = now

    def take(self, now: float) -> bool:
        """Take one; False: there were too many."""
        self._fill(now)
        if self._tokens < NEARLY_ONE:
            return False
        self._tokens -= 1.0
        return True

    def fitting(self, packets: Sequence[object], now: float) -> int:
        """How many of these packets, from the first on, may be acted on now: PUBLISH is what counts."""
        for at, packet in enumerate(packets):
            if isinstance(packet, Publish) and not self.take(now):
                return at
        return len(packets)

    def put_back(self, count: int) -> None:
        """So many of those taken were not used."""
        self._tokens += count

    def is_full(self, now: float) -> bool:
        """Whether it may be forgotten: a new one would say the same."""
        self._fill(now)
        return self._tokens >= self._burst

    @property
    def ready_at(self) -> float:
        """The moment at which there will be the next one."""
        return self._last + max(0.0, 1.0 - self._tokens) / self._rate

    def _fill(self, now: float) -> None:
        passed = now - self._last
        if passed > 0:
            self._tokens = min(self._burst, self._tokens + passed * self._rate)
            self._last = now
