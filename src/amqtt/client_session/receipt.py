"""What comes of a packet that the Server answers: a PUBLISH, SUBSCRIBE, UNSUBSCRIBE or AUTH."""

from collections.abc import Callable
from typing import Final

from amqtt.wire.properties import Properties

PENDING: Final = 0
ANSWERED: Final = 1
"""The Server has answered; a Reason Code of 0x80 or greater says that it refused."""
DROPPED: Final = 2
"""It was not sent, and never will be."""
UNKNOWN: Final = 3
"""The Session was lost with it: whether the Server had it cannot be known."""


class Receipt:
    """The answer to one packet, once there is one; `settled` is then called, at once.

    `reason_codes` are as many as were asked for: one for a PUBLISH, one for each Topic Filter.
    `reason` says in words why it was dropped or cannot be known.
    """

    __slots__ = ("outcome", "properties", "reason", "reason_codes", "settled")

    def __init__(self) -> None:
        self.outcome = PENDING
        self.reason_codes: list[int] = []
        self.properties: Properties | None = None
        self.reason = ""
        self.settled: Callable[[], None] | None = None

    def settle(self, outcome: int, reason_codes: list[int], reason: str = "") -> None:
        """Say what came of it; the first word counts."""
        if self.outcome != PENDING:
            return
        self.outcome = outcome
        self.reason_codes = reason_codes
        self.reason = reason
        if self.settled is not None:
            self.settled()
