"""The owner of a Link whose peer reads, or does not: what `net` does, without a network."""

from collections.abc import Callable

from amqtt.sessions.link import MAXIMUM_UNSENT, Link, Turn
from support.bench_server import Bench, BenchClient


def _nothing() -> None:
    pass


class ReadingPeer:
    """A Link and what its peer has read; with `stop` it reads no more, with `go_on` everything again."""

    def __init__(
        self, turn: Turn | None = None, maximum: int = MAXIMUM_UNSENT, drained: Callable[[], None] = _nothing
    ) -> None:
        self.turn = Turn(_nothing) if turn is None else turn
        self.link = Link(self.turn, self.flush, maximum)
        self.drained = drained
        self.read: list[bytes] = []
        self.flushes = 0
        self.closed = False

    def flush(self) -> None:
        self.flushes += 1
        if not self.link.blocked:
            self.read += self.link.chunks
            self.link.chunks.clear()
            self.link.size = 0
            self.closed = self.link.closing

    def stop(self) -> None:
        self.link.blocked = True

    def go_on(self) -> None:
        self.link.blocked = False
        self.flush()
        was_full, self.link.full = self.link.full, False
        self.link.relieve()
        if was_full:
            self.drained()

    def take(self) -> list[bytes]:
        """What was read since the last time, the turn ended."""
        self.turn.flush()
        read, self.read = self.read, []
        return read


class SlowClient(BenchClient):
    """A Client of a Bench that stops reading and goes on."""

    def __init__(self, bench: Bench, version: int = 5, maximum_unsent: int = 4096) -> None:
        super().__init__(bench, version)
        self.link.maximum = maximum_unsent
        self.link.pressure = maximum_unsent // 4

    def _flush(self) -> None:
        if not self.link.blocked:
            super()._flush()

    def stop_reading(self) -> None:
        self.link.blocked = True

    def go_on_reading(self) -> None:
        """Read what waits, until nothing does."""
        self.link.blocked = False
        self._flush()
        was_full, self.link.full = self.link.full, False
        self.link.relieve()
        if was_full:
            self.bench.server.drained(self.state)
            self.bench.turn.flush()
