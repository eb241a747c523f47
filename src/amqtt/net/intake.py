"""What the Network Connections of one event loop read with."""

import mmap
from collections.abc import Callable
from typing import Any, Final

from amqtt.sessions.link import Turn

RECEIVE_BUFFER_SIZE: Final = 64 * 1024
"""Larger ones lose more to the allocator than they gain (measured); one serves a whole event loop."""


class Intake:
    """The buffer to read into, the moment of it, and who takes what was read.

    It is what a House has for each read, apart because mypyc compiles it. A slice of a memory map is
    bytes of their own: one copy, where that of a bytearray takes a view, and then the copy.
    """

    __slots__ = ("buffer", "clock", "received", "turn")

    def __init__(
        self, received: Callable[[Any, bytes], None], turn: Turn, clock: Callable[[], float]
    ) -> None:
        self.received = received
        self.turn = turn
        self.clock = clock
        self.buffer = mmap.mmap(-1, RECEIVE_BUFFER_SIZE)
