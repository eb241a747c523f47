"""Which bounds were exceeded how often, and when somebody should be told of it."""

from typing import Final

QUIET: Final = 60.0
"""Seconds for which the same bound is not told of again for the same Client: whoever floods the Server
must not flood its log."""
MAXIMUM_REMEMBERED: Final = 1_000
"""(Bound, Client) pairs of which it is known when they were told of; with more, all are forgotten."""
EACH_PERIOD: Final = 100
"""Tellings of one bound in QUIET seconds, of however many Clients: their names are theirs to choose."""


class Exceeded:
    """How often each bound was exceeded, by the name that it has in Limits."""

    __slots__ = ("_period_ends", "_told", "_told_in_period", "counts")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._told: dict[tuple[str, int], float] = {}
        self._told_in_period: dict[str, int] = {}
        self._period_ends = 0.0

    def note(self, limit: str, client_id: str, now: float) -> bool:
        """Count it; whether it is time to tell somebody."""
        self.counts[limit] = self.counts.get(limit, 0) + 1
        key = (limit, hash(client_id))  # not itself: it may be as long as a CONNECT
        told = self._told.get(key)
        if told is not None and now < told + QUIET:
            return False
        if now >= self._period_ends:
            self._period_ends = now + QUIET
            self._told_in_period.clear()
        times = self._told_in_period.get(limit, 0)
        if times >= EACH_PERIOD:
            return False
        self._told_in_period[limit] = times + 1
        if len(self._told) >= MAXIMUM_REMEMBERED:
            self._told.clear()
        self._told[key] = now
        return True
