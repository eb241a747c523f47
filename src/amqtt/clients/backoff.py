"""How long to wait before a Network Connection is tried again."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reconnect:
    """When to try again after a Network Connection was lost; times in seconds."""

    first: float = 1.0
    """The longest wait before the first attempt; it doubles with each one that fails."""
    longest: float = 60.0
    """The longest wait of all: a Server that comes back is found within a minute."""
    attempts: int | None = None
    """How many may fail in a row; None: any number."""

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.longest:
            raise ValueError(f"waits are first <= longest and above 0, not {self.first} and {self.longest}")
        if self.attempts is not None and self.attempts < 0:
            raise ValueError(f"attempts are 0 or more, not {self.attempts}")


class Backoff:
    """The waits of one Client: each at random, so that thousands do not come back in the same moment."""

    def __init__(self, reconnect: Reconnect, chance: Callable[[], float] = random.random) -> None:
        self._reconnect = reconnect
        self._chance = chance
        self._failed = 0
        self._connected_at = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether no other attempt is to be made."""
        attempts = self._reconnect.attempts
        return attempts is not None and self._failed >= attempts

    def connected(self, now: float) -> None:
        """The Server has accepted the Client."""
        self._connected_at = now

    def lost(self, now: float) -> None:
        """The Network Connection is over. One that lasted longer than the next wait begins anew."""
        if now - self._connected_at > self._bound():
            self._failed = 0

    def next_wait(self) -> float:
        """Seconds until the next attempt."""
        bound = self._bound()
        self._failed += 1
        return bound * (0.5 + self._chance() / 2)

    def _bound(self) -> float:
        # 2**64 seconds are long enough, and still a float.
        doubled = self._reconnect.first * 2.0 ** min(self._failed, 64)
        return min(self._reconnect.longest, doubled)
