"""What a Session sees of a Network Connection: a list of bytes to send, and whether it is full.

A Link is data. Whoever owns the Network Connection empties it at the end of the turn, so every
Connection is written once per turn, and a test reads `link.chunks`.
"""

from collections.abc import Callable


class Turn:
    """One pass of the event loop: its moment, and the Links that have something to write.

    `now` is in seconds and never runs backwards. `wake` is called once per turn, when the first
    Link has something to write.
    """

    __slots__ = ("links", "now", "wake")

    def __init__(self, wake: Callable[[], None], now: float = 0.0) -> None:
        self.wake = wake
        self.now = now
        self.links: list[Link] = []

    def flush(self) -> None:
        """End the turn: let the owner of each Link write what it holds."""
        links = self.links
        self.links = []
        for link in links:
            link.dirty = False
            link.flush()


class Link:
    """The sending side of one Network Connection.

    `chunks` are the bytes of whole Control Packets in order, `size` their length together.
    `full` is set and cleared by the owner: the peer does not read as fast as it is sent to.
    """

    __slots__ = ("chunks", "closing", "dirty", "flush", "full", "size", "turn")

    def __init__(self, turn: Turn, flush: Callable[[], None]) -> None:
        self.turn = turn
        self.flush = flush
        self.chunks: list[bytes] = []
        self.size = 0
        self.full = False
        self.closing = False
        self.dirty = False

    def send(self, packet: bytes) -> None:
        """Send one whole Control Packet at the end of this turn."""
        self.chunks.append(packet)
        self.size += len(packet)
        if not self.dirty:
            self._mark()

    def close(self) -> None:
        """Close the Network Connection at the end of this turn, after what was sent before."""
        self.closing = True
        if not self.dirty:
            self._mark()

    def _mark(self) -> None:
        self.dirty = True
        links = self.turn.links
        links.append(self)
        if len(links) == 1:
            self.turn.wake()
