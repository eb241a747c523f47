"""Everything that the Server must do at a moment: one heap, however many Sessions."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

COMPACT_FROM: Final = 64
"""Cancelled deadlines that the heap may hold before their share in it is looked at."""


class Deadline:
    """One thing to do at `when` (seconds); `act` is called with the moment at which it is done."""

    __slots__ = ("act", "done", "queued", "when")

    def __init__(self, when: float, act: Callable[[float], None]) -> None:
        self.when = when
        self.act = act
        self.done = False
        self.queued = True


def _forgotten(now: float) -> None:
    """What a cancelled deadline does."""


def _nobody() -> None:
    """Nobody needs to know of an earlier deadline until someone says so."""


def _unheard(fault: Exception) -> None:
    raise fault


class Deadlines:
    """Keep Alive, connect timeouts, Session and Will deadlines, message expiry, in time order.

    `earlier` is called when a deadline before all others is set, so that whoever calls `tick` can
    come sooner. `fault` is told of an exception that an act raised; without one it is raised.
    """

    __slots__ = ("_cancelled", "_heap", "_sequence", "earlier", "fault")

    def __init__(self) -> None:
        self.earlier: Callable[[], None] = _nobody
        self.fault: Callable[[Exception], None] = _unheard
        self._heap: list[tuple[float, int, Deadline]] = []
        self._sequence = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    @property
    def next(self) -> float | None:
        """The moment of the next deadline, None without one."""
        heap = self._heap
        while heap and heap[0][2].done:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def at(self, when: float, act: Callable[[float], None]) -> Deadline:
        """Have `act` called at `when`."""
        deadline = Deadline(when, act)
        self._sequence += 1
        heappush(self._heap, (when, self._sequence, deadline))
        if self._heap[0][2] is deadline:
            self.earlier()
        return deadline

    def cancel(self, deadline: Deadline | None) -> None:
        """Forget one; done and cancelled ones, and None, are let be."""
        if deadline is None or deadline.done:
            return
        deadline.done = True
        deadline.act = _forgotten  # what it was for need not wait for its moment, too
        if not deadline.queued:
            return
        self._cancelled += 1
        if self._cancelled > COMPACT_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if not entry[2].done]
            heapify(self._heap)
            self._cancelled = 0

    def tick(self, now: float) -> float | None:
        """Do what is due at `now`; the moment of the next deadline, None without one.

        What is set for `now` while this runs waits for the next tick, so a tick ends.
        """
        for deadline in self._take_due(now):
            if not deadline.done:
                deadline.done = True
                try:
                    deadline.act(now)
                except Exception as fault:
                    self.fault(fault)
        return self.next

    def _take_due(self, now: float) -> list[Deadline]:
        due = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            deadline = heappop(heap)[2]
            deadline.queued = False
            if deadline.done:
                self._cancelled -= 1
            else:
                due.append(deadline)
        return due
