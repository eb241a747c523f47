"""What a Session sees of a Network Connection: a list of bytes to send, and whether it is full.

A Link is data. Whoever owns the Network Connection empties it at the end of the turn, so every
Connection is written once per turn, and a test reads `link.chunks`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from amqtt.sessions.session import Session

MAXIMUM_UNSENT: Final = 1024 * 1024
"""Bytes that may wait in a Link where nobody says otherwise."""
PRESSURE: Final = 4
"""A Link begins to press back on publishers when this part of what may wait does wait."""
SLICE: Final = 1_000
"""Links that are written in one pass of the event loop: the kernel needs some 5 µs for each."""
RETAINED_PER_TURN: Final = 100
"""Looks for a retained message to send to one Client, per turn, where nobody says otherwise: a `#` over
100,000 of them must not stop the others. A look costs little, whether it finds one or not."""


class Turn:
    """One pass of the event loop: its moment, and the Links that have something to write.

    `now` is in seconds and never runs backwards. `wake` is called once per turn, when the first
    Link has something to write. `present` tells the present moment, which `now` is behind in a long
    turn; where nobody sets it, no turn is ever long. `congested` is a Link that takes more than its
    peer reads: whoever made it so should read no more for a moment. `bytes_sent` and `packets_sent`
    count what the owners of the Links wrote.

    Of very many Links only a SLICE is written; `late` are the others, and `wake` is called once more.
    `retained_per_turn` is how many retained messages are looked for in it to send to one Session.
    """

    __slots__ = (
        "bytes_sent", "congested", "late", "links", "now", "packets_sent", "present", "retained_per_turn",
        "wake",
    )

    def __init__(self, wake: Callable[[], object], now: float = 0.0) -> None:
        self.wake = wake
        self.now = now
        self.present: Callable[[], float] = _long_ago
        self.links: list[Link] = []
        self.late: list[Link] = []
        self.congested: Link | None = None
        self.bytes_sent = 0
        self.packets_sent = 0
        self.retained_per_turn = RETAINED_PER_TURN

    def begin(self, now: float) -> None:
        """Bytes arrived, at this moment; nobody has been congested by them yet."""
        self.now = now
        self.congested = None

    def flush(self) -> None:
        """End the turn: let the owner of each Link write what it holds."""
        links = self.links
        self.links = []
        if self.late or len(links) > SLICE:
            links = self._sliced(links)
        for link in links:
            link.dirty = False
            link.flush()

    def forget(self) -> None:
        """Nobody will write any more what the Links hold."""
        for link in self.links + self.late:
            link.dirty = False
        self.links = []
        self.late = []

    def _sliced(self, links: "list[Link]") -> "list[Link]":
        """Those to write now: half of them came last, and so need not wait for all others, half first."""
        late = self.late
        late.extend(links[: -SLICE // 2])
        now = links[-SLICE // 2 :]
        room = SLICE - len(now)
        now.extend(late[:room])
        del late[:room]
        if late:
            self.wake()
        return now


def _long_ago() -> float:
    """The present moment where there is no clock."""
    return 0.0


def _into_nothing() -> None:
    """Nobody writes what the Link holds."""


class Link:
    """The sending side of one Network Connection.

    `chunks` are the bytes of whole Control Packets in order, `size` their length together, `joined` how
    many more packets than chunks there are. The owner sets `blocked` while the peer does not read as fast
    as it is sent to; the chunks then wait here. With more than `maximum` bytes waiting the Link is `full`,
    until the owner has emptied it. `waiting` are those who want to be called when it presses back no more.
    `paused` says that nothing more may be read from the peer: the owner looks again when it is called.

    `session` is the Session that writes to it, None before CONNACK and in the end.

    What was promised waits apart until it may leave. `withheld` is the number of the Batch before whose
    commit nothing at all may leave, 0: none; the owner writes nothing before. `held` says that the
    Journal looks at this Link after each commit.
    """

    __slots__ = (
        "_owed", "_promises", "_promises_size", "_waiting", "blocked", "chunks", "closing", "dirty", "flush",
        "full", "held", "joined", "maximum", "paused", "pressure", "session", "size", "turn", "withheld",
    )

    def __init__(self, turn: Turn, flush: Callable[[], None], maximum: int = MAXIMUM_UNSENT) -> None:
        self.turn = turn
        self.flush = flush
        self.maximum = maximum
        self.pressure = maximum // PRESSURE
        self.chunks: list[bytes] = []
        self.size = 0
        self.joined = 0
        self.blocked = False
        self.full = False
        self.closing = False
        self.dirty = False
        self.paused = False
        self.session: Session | None = None
        self._waiting: set[Callable[[], None]] | None = None
        self.withheld = 0
        self.held = False
        self._promises: list[tuple[int, bytes, int]] | None = None
        self._promises_size = 0
        self._owed = 0

    @property
    def owes(self) -> int:
        """Packets that wait for a commit, or for their turn after one that does."""
        return self._owed

    @property
    def waiting(self) -> set[Callable[[], None]]:
        """Whom to call when it presses back no more."""
        if self._waiting is None:
            self._waiting = set()
        return self._waiting

    @property
    def has_waiting(self) -> bool:
        """Whether somebody waits for that."""
        return bool(self._waiting)

    def send(self, packet: bytes) -> None:
        """Send one whole Control Packet at the end of this turn."""
        self.chunks.append(packet)
        self.size += len(packet)
        if not self.dirty:
            self._mark()
        if self.size > self.pressure:
            self._press()

    def bring_forward(self, place: int) -> None:
        """Have what was sent last leave before what was sent since there were `place` chunks.

        A publisher that receives its own message is so acknowledged first: the standard leaves the order
        open, and programs that wait for one and then for the other do not.
        """
        self.chunks.insert(place, self.chunks.pop())

    def promise(self, batch: int, packets: bytes, count: int = 1) -> None:
        """Send `count` packets when the Batch of this number is committed, after what was promised before."""
        promises = self._promises
        if promises is None:
            promises = self._promises = []
        promises.append((batch, packets, count))
        self._owed += count
        self._promises_size += len(packets)
        if self.size + self._promises_size > self.pressure:
            self.turn.congested = self
            self.full = self.size + self._promises_size > self.maximum

    def follow(self, packets: bytes, count: int = 1) -> None:
        """Send `count` packets now, but not before what was promised before [MQTT-4.6.0-2] [MQTT-4.6.0-3]."""
        if self._promises is None:
            self.joined += count - 1
            self.send(packets)
        else:
            self.promise(0, packets, count)

    def withhold(self, batch: int) -> None:
        """Let nothing leave before the Batch of this number is committed."""
        self.withheld = batch

    def keep_promises(self, batch: int) -> None:
        """The Batch of this number is committed: send what was promised for it."""
        promises = self._promises
        if promises is not None:
            kept = 0
            for number, packets, count in promises:
                if number > batch or self.closing:
                    break
                kept += 1
                self._owed -= count
                self._promises_size -= len(packets)
                self.send_run(packets, count)
            if kept == len(promises) or self.closing:
                self._promises = None
                self._promises_size = self._owed = 0
                self.full = self.full and self.blocked
            else:
                del promises[:kept]
        if 0 < self.withheld <= batch:
            self.withheld = 0
            self.full = self.full and self.blocked
            if not self.dirty:
                self._mark()

    def send_run(self, packets: bytes, count: int) -> None:
        """Send `count` whole Control Packets at the end of this turn."""
        self.joined += count - 1
        self.send(packets)

    def close(self) -> None:
        """Close the Network Connection at the end of this turn, after what was sent before."""
        self.closing = True
        if not self.dirty:
            self._mark()

    def abandon(self) -> None:
        """Nothing more is written: drop what it holds, press back no more, and know its owner no more.

        Without that each would wait for the collector of cycles, which looks seldom and then for long.
        """
        self.chunks.clear()
        self.size = 0
        self.joined = 0
        self.flush = _into_nothing
        self.relieve()

    def relieve(self) -> None:
        """Press back no more: call those who wait for it."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            for resume in waiting:
                resume()

    def _mark(self) -> None:
        self.dirty = True
        links = self.turn.links
        links.append(self)
        if len(links) == 1 and not self.turn.late:
            self.turn.wake()

    def _press(self) -> None:
        """Much waits: write it before the turn ends, or else hold back who publishes it."""
        if not self.blocked and not self.withheld:
            self.flush()
        if self.size > self.pressure:
            self.turn.congested = self
            self.full = self.size > self.maximum
