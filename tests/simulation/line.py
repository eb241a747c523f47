"""A Network Connection of the simulation: two bounded pipes that deliver in any pieces and break anywhere."""

from amqtt.abc import Peer
from amqtt.server.server import Server
from amqtt.sessions.link import Link, Turn


class Line:
    """What lies between a Client and the Server; bytes in it are lost when it is cut.

    `capacity` is how many bytes the network takes before the Link must wait. The Line treats its
    Link as `net.connection` does.
    """

    def __init__(self, server: Server, turn: Turn, number: int, capacity: int) -> None:
        self.number = number
        self.up = bytearray()
        self.down = bytearray()
        self.cut = False
        self.ended_by_server = False
        self.is_held = False
        self._capacity = capacity
        self._server = server
        self._turn = turn
        self.link = Link(turn, self._flush, server.limits.maximum_unsent_bytes)
        self.state = server.open(self.link, Peer("192.0.2.1", 1024 + number % 60_000, "simulated"))

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more."""
        return self.cut or (self.ended_by_server and not self.down)

    @property
    def carries_up(self) -> bool:
        """Whether the Server would read something from it now."""
        return bool(self.up) and not (self.cut or self.is_held or self.ended_by_server)

    def _flush(self) -> None:
        link = self.link
        if self.cut or self.ended_by_server:
            self._forget_unsent()
            return
        if link.blocked or link.withheld:
            return
        for chunk in link.chunks:
            self.down += chunk
        self._forget_unsent()
        link.blocked = len(self.down) > self._capacity
        if link.closing:
            self.ended_by_server = True

    def _forget_unsent(self) -> None:
        self.link.chunks.clear()
        self.link.size = 0

    def carry_up(self, size: int) -> None:
        """The Server reads so many bytes."""
        data = bytes(self.up[:size])
        del self.up[:size]
        self._turn.congested = None
        self._server.received(self.state, data)
        congested = self._congested()
        if congested is not None and self.state.pending is None:
            self.is_held = True
            congested.waiting.add(self.read_on)

    def _congested(self) -> Link | None:
        return self._turn.congested

    def read_on(self) -> None:
        """The Server reads again what it held back."""
        self.is_held = False

    def carry_down(self, size: int) -> bytes:
        """The Client reads so many bytes."""
        data = bytes(self.down[:size])
        del self.down[:size]
        link = self.link
        if link.blocked and not self.down:
            self._write_on(link)
        return data

    def _write_on(self, link: Link) -> None:
        link.blocked = False
        self._flush()
        if link.blocked:
            return
        was_full, link.full = link.full, False
        link.relieve()
        if was_full and not link.closing and not self.cut:
            self._server.drained(self.state)

    def answer(self, answer: object) -> None:
        """Somebody's plugin has thought long enough."""
        self._server.answered(self.state, answer)

    def die(self) -> None:
        """The Server is no more, and has told nobody."""
        self.cut = True
        self.up.clear()
        self.down.clear()

    def lose(self) -> None:
        """It breaks, now, with whatever it carries."""
        if self.cut:
            return
        self.die()
        self._forget_unsent()
        self.link.relieve()
        self._server.lost(self.state, "cut by the simulation")
