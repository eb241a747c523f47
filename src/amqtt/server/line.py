"""How much of one turn those get who send much, and the line of those who go on in the next ones.

Whoever is inside must not wait for it: an idle Client is answered within 100 ms, whatever others send.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from amqtt.server.deadlines import Deadlines
from amqtt.server.state import ConnectionState
from amqtt.sessions.link import Turn
from amqtt.wire.packets import Arrived, Connect, Subscribe, Unsubscribe

FILTERS_PER_TURN: Final = 1_000
"""Topic Filters of SUBSCRIBE and UNSUBSCRIBE packets, of whomever: some 15 ms. One packet may have more,
where `maximum_topic_filters` says so, and then has a turn for itself."""
UNCOUNTED: Final = FILTERS_PER_TURN // 10
"""So few are no reason to look for the end of the turn, nor to stand in line."""
LONGEST_TURN: Final = 0.01
"""Seconds after which a Client that sent more than one packet goes on in the next turn, and one that sends
CONNECT. One read of 64 KiB may hold 7,000 packets of QoS 2, 35 ms, or messages for many receivers, which
has no end at all; a CONNECT may take a Session over and send all again that is in flight. With ten
milliseconds, and as much again to write what came of them, there is room for what cannot be cut."""
UNNOTICED: Final = LONGEST_TURN / 10
"""Seconds of work, of one read or of many short ones, that are no reason to look for the end of the turn. An
event loop may read 2 MiB of one Client before it looks at another, 64 KiB at a time."""


class Line:
    """Who has had enough of this turn, and who goes on in the next ones.

    `go_on` is called for the first in line; who is not done then goes to its end.
    """

    __slots__ = (
        "_deadlines", "_ends", "_is_over", "_line", "_place", "_seen", "_serves", "_serves_first", "_spent",
        "_turn", "_unnoticed", "_watches", "go_on",
    )

    def __init__(
        self, deadlines: Deadlines, turn: Turn, go_on: Callable[[ConnectionState, float], None]
    ) -> None:
        self.go_on = go_on
        self._deadlines = deadlines
        self._turn = turn
        self._line: deque[ConnectionState] = deque()
        self._spent = 0
        self._ends = math.inf
        self._is_over = False
        self._seen = -math.inf
        self._unnoticed = 0.0
        self._place = 0
        self._serves = False
        self._serves_first = False
        self._watches = False

    def __len__(self) -> int:
        return len(self._line)

    def may(self, packet: Arrived) -> bool:
        """Whether a packet may be dealt with in this turn; its Topic Filters count then."""
        if isinstance(packet, Subscribe):
            filters = len(packet.requests)
        elif isinstance(packet, Unsubscribe):
            filters = len(packet.topic_filters)
        else:
            return not isinstance(packet, Connect) or self._may_connect()
        if self._line and filters > UNCOUNTED and not self._serves:
            return False
        if self._spent and self._spent + filters > FILTERS_PER_TURN:
            return False
        self._spent += filters
        if self._spent > UNCOUNTED:
            self._watch()
        return True

    @property
    def is_over(self) -> bool:
        """Whether the turn has lasted so long that who has sent more than one packet must wait."""
        if self._is_over:
            return True
        moment = self._turn.present()
        if self._ends == math.inf:
            self._unnoticed += moment - max(self._turn.now, self._seen)
            self._seen = moment
            if self._unnoticed < UNNOTICED:
                return False
            self._expect_end()
        self._is_over = moment >= self._ends
        return self._is_over

    def wait(self, state: ConnectionState) -> None:
        """Stand in line; the caller sees to it that nothing is read from this Client meanwhile.

        Who came when the turn was over goes on before whoever it was over for.
        """
        if self._turn.now < self._ends:
            self._line.append(state)
        else:
            self._line.insert(self._place, state)
            self._place += 1
        self._watch()

    def _may_connect(self) -> bool:
        """Whether a CONNECT may be dealt with in this turn; whoever goes on first may at any rate."""
        if self._ends == math.inf:
            self._expect_end()
        return self._serves_first or not self.is_over

    def _expect_end(self) -> None:
        self._unnoticed = 0.0
        self._ends = self._turn.now + LONGEST_TURN
        self._watch()

    def _watch(self) -> None:
        if not self._watches:
            self._watches = True
            self._deadlines.at(self._turn.now, self._next_turn)

    def _next_turn(self, now: float) -> None:
        self._watches = False
        self._spent = 0
        self._ends = math.inf
        self._is_over = False
        before, self._line = self._line, deque()
        self._serves = self._serves_first = True
        try:
            while before:
                self.go_on(before.popleft(), now)
                self._serves_first = False
                if self._spent >= FILTERS_PER_TURN or self.is_over:
                    break
        finally:
            self._serves = self._serves_first = False
            self._place = len(before)
            before.extend(self._line)
            self._line = before
        if before:
            self._watch()
