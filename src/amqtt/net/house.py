"""What the Network Connections of one broker share."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from amqtt.abc import Peer
from amqtt.net.intake import RECEIVE_BUFFER_SIZE, Intake
from amqtt.sessions.link import Link, Turn

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from amqtt.net.listener import Listener
    from amqtt.server.limits import Limits

SPARE_DESCRIPTORS = 128
"""File descriptors that no Network Connection gets: listening sockets, files, the store."""


class ConnectionState(Protocol):
    """What the Server tells about one Network Connection."""

    @property
    def closed(self) -> bool:
        """Whether the Server has closed it: further input is ignored."""

    @property
    def accepted(self) -> bool:
        """Whether its Client has been accepted, or it is over."""

    @property
    def pending(self) -> Awaitable[object] | None:
        """What an Authenticator is still thinking about; nothing is read until it is answered."""


class Server(Protocol):
    """What a Network Connection calls of floor 5's Server.

    The state is typed Any where it is given back: it is always the object that `open` returned.
    """

    @property
    def limits(self) -> "Limits":
        """The bounds of every Network Connection."""

    def open(self, link: Link, peer: Peer) -> ConnectionState:
        """A Network Connection was accepted."""

    def received(self, state: Any, data: bytes) -> None:
        """Bytes arrived."""

    @property
    def turn_is_over(self) -> bool:
        """Whether whoever has brought much must let the others go first."""

    def stand_in_line(self, state: Any) -> None:
        """More of it has arrived than there was room for: its Link is paused until it may go on."""

    def answered(self, state: Any, answer: object) -> None:
        """What `state.pending` gave, or the exception it raised."""

    def lost(self, state: Any, reason: str = "") -> None:
        """The Network Connection is gone."""

    def drained(self, state: Any) -> None:
        """`link.full` was set and is cleared again."""

    def exceeded(self, limit: str, peer: Peer, state: Any = None, reason: str = "") -> None:
        """A Limit was exceeded: `lost` follows, or (without a state) the peer was not let in."""


class Connection(Protocol):
    """A Network Connection, as far as the House is concerned."""

    state: ConnectionState
    peer: Peer
    listener: "Listener"

    def abort(self, reason: str) -> None:
        """End it now; what was not sent is lost."""


class House:
    """The Server, the Turn, the event loop and the clock; the receive buffer; who is connected.

    It must be made inside the running event loop, and takes over `turn.present` and `turn.wake`: the
    first Link of a turn that has something to write schedules `turn.flush` once. `report` is given every
    exception that is ours (never a peer's fault) and the Network Connection that was closed for it, None
    when none could be accepted.
    """

    def __init__(
        self,
        server: Server,
        turn: Turn,
        report: Callable[[BaseException, Connection | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self.limits = server.limits
        self.turn = turn
        self.intake = Intake(server.received, turn, clock)
        self.loop = asyncio.get_running_loop()
        self.buffer = memoryview(self.intake.buffer)
        self.records = memoryview(bytearray(RECEIVE_BUFFER_SIZE))
        """The same for what TLS has not decrypted yet."""
        self.connections: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}
        """Those that were not accepted when it was last looked."""
        self._most_connections = self.limits.maximum_connections or _descriptors()
        self._report = report
        self._emptied: asyncio.Future[None] | None = None
        # What this turn sends is written when the callbacks that are ready now have run.
        turn.wake = partial(self.loop.call_soon, turn.flush)
        turn.present = clock

    def report(self, fault: BaseException, connection: Connection | None) -> None:
        """Tell the broker of a fault of ours; it must not do more harm than it has done."""
        try:
            self._report(fault, connection)
        except Exception as second:
            self.loop.call_exception_handler(
                {"message": "reporting a fault of a Network Connection failed", "exception": second}
            )

    def clock(self) -> float:
        """The present moment."""
        return self.intake.clock()

    @property
    def is_full(self) -> bool:
        """Whether there are as many Network Connections as there may be."""
        return len(self.connections) >= self._most_connections

    @property
    def is_crowded(self) -> bool:
        """Whether nobody should be accepted until some of the strangers are known."""
        most = self.limits.maximum_unauthenticated
        if not most or len(self._strangers) < most:
            return False
        self._strangers = {one: None for one in self._strangers if not one.state.accepted}
        return len(self._strangers) >= most

    def turn_away(self, peer: Peer) -> None:
        """A Network Connection was not let in because the House is full."""
        self.turn.now = self.clock()
        try:
            self.server.exceeded("maximum_connections", peer)
        except Exception as fault:
            self.report(fault, None)

    def give_up_on(self, connection: Connection, limit: str, reason: str) -> None:
        """It exceeds a Limit: end it now."""
        self.turn.now = self.clock()
        try:
            self.server.exceeded(limit, connection.peer, connection.state, reason)
        except Exception as fault:
            self.report(fault, connection)
        connection.abort(reason)

    def entered(self, connection: Connection) -> None:
        """A Network Connection was accepted."""
        self.connections.add(connection)
        self._strangers[connection] = None

    def left(self, connection: Connection) -> None:
        """A Network Connection is gone, to its last byte."""
        self.connections.discard(connection)
        self._strangers.pop(connection, None)
        if not self.connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def emptied(self) -> None:
        """Wait until no Network Connection is left; the caller sets the deadline."""
        while self.connections:
            if self._emptied is None or self._emptied.done():
                self._emptied = self.loop.create_future()
            await asyncio.shield(self._emptied)

    def dismiss(self) -> None:
        """Drop those Network Connections whose Clients the Server never accepted."""
        for connection in list(self.connections):
            if not connection.state.closed:
                connection.abort("the broker stops")

    def abort(self) -> None:
        """Drop every Network Connection that is left, with whatever it has not sent."""
        for connection in list(self.connections):
            connection.abort("the broker stops")


def _descriptors() -> int:
    """How many Network Connections the system lets us have; there is no more than that to say."""
    if sys.platform == "win32":
        return sys.maxsize
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(most - SPARE_DESCRIPTORS, most // 2)
