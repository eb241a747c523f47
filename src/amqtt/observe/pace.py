"""How many lines of a kind the log takes: whoever floods the broker must not flood its log."""

from typing import Final

EACH: Final = (10, 6.0)
"""Lines of one kind for one address at once, and seconds until it may have another."""
ALL: Final = (100, 0.1)
"""The same for one kind, of however many addresses."""
MOST_ADDRESSES: Final = 1000
"""(kind, address) pairs of which it is known what they had; with more, all are forgotten."""


class Bucket:
    """Takes `size` at once, and one more each `seconds`."""

    __slots__ = ("_last", "_left", "_seconds", "_size")

    def __init__(self, size: int, seconds: float, now: float) -> None:
        self._size = size
        self._seconds = seconds
        self._left = float(size)
        self._last = now

    def take(self, now: float) -> bool:
        """Whether there is room for one more."""
        self._left = min(self._size, self._left + (now - self._last) / self._seconds)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Pace:
    """Lets so many lines pass, and counts the others by their kind."""

    def __init__(self) -> None:
        self._each: dict[tuple[str, str], Bucket] = {}
        self._all: dict[str, Bucket] = {}
        self._left_out: dict[str, int] = {}

    def allows(self, kind: str, address: str, now: float) -> bool:
        """Whether a line of this kind, about this address, may be written."""
        if len(self._each) >= MOST_ADDRESSES and (kind, address) not in self._each:
            self._each.clear()
        each = self._each.setdefault((kind, address), Bucket(*EACH, now))
        every = self._all.setdefault(kind, Bucket(*ALL, now))
        if each.take(now) and every.take(now):
            return True
        self._left_out[kind] = self._left_out.get(kind, 0) + 1
        return False

    def left_out(self, kind: str) -> int:
        """How many of this kind were not written since this was asked."""
        return self._left_out.pop(kind, 0)
