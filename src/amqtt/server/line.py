"""Subscribing is dear, and whoever is inside must not wait for it: how much of it there is in one turn."""

from collections import deque
from collections.abc import Callable
from typing import Final

from amqtt.server.deadlines import Deadlines
from amqtt.server.state import ConnectionState
from amqtt.wire.packets import Arrived, Subscribe, Unsubscribe

FILTERS_PER_TURN: Final = 1_000
"""Topic Filters of SUBSCRIBE and UNSUBSCRIBE packets, of whomever: some 15 ms. One packet may have more,
where `maximum_topic_filters` says so, and then has a turn for itself."""
UNCOUNTED: Final = FILTERS_PER_TURN // 10
"""So few are no reason to look for the end of the turn."""


class Subscribing:
    """Who has subscribed how much in this turn, and the line of those who go on in the next ones.

    `go_on` is called for the first in line; who is not done then goes to its end.
    """

    __slots__ = ("_deadlines", "_go_on", "_is_serving", "_line", "_spent", "_watches")

    def __init__(self, deadlines: Deadlines, go_on: Callable[[ConnectionState, float], None]) -> None:
        self._deadlines = deadlines
        self._go_on = go_on
        self._line: deque[ConnectionState] = deque()
        self._spent = 0
        self._is_serving = False
        self._watches = False

    def __len__(self) -> int:
        return len(self._line)

    def may(self, packet: Arrived, now: float) -> bool:
        """Whether a packet may be dealt with in this turn; its Topic Filters count then."""
        if isinstance(packet, Subscribe):
            filters = len(packet.requests)
        elif isinstance(packet, Unsubscribe):
            filters = len(packet.topic_filters)
        else:
            return True
        if self._line and not self._is_serving:
            return False
        if self._spent and self._spent + filters > FILTERS_PER_TURN:
            return False
        self._spent += filters
        if self._spent > UNCOUNTED:
            self._watch(now)
        return True

    def wait(self, state: ConnectionState, now: float) -> None:
        """Stand in line; the caller sees to it that nothing is read from this Client meanwhile."""
        self._line.append(state)
        self._watch(now)

    def _watch(self, now: float) -> None:
        if not self._watches:
            self._watches = True
            self._deadlines.at(now, self._next_turn)

    def _next_turn(self, now: float) -> None:
        self._watches = False
        self._spent = 0
        before, self._line = self._line, deque()
        self._is_serving = True
        try:
            while before and self._spent < FILTERS_PER_TURN:
                self._go_on(before.popleft(), now)
        finally:
            self._is_serving = False
            before.extend(self._line)
            self._line = before
        if before:
            self._watch(now)
