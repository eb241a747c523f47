"""An honest stand-in for floor 5's Server: it records what net tells it and echoes what arrives.

While `turn_is_over` says so, who brings much stands in `line` until the test calls `go_on`.
`b"close"` is answered and closes the Network Connection, `b"fault"` raises, `b"ask"` makes an
Authenticator think until the test answers `question`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from amqtt.abc import Peer
from amqtt.server.limits import Limits
from amqtt.sessions.link import Link


class EchoState:
    """One Network Connection as the stand-in sees it."""

    def __init__(self, link: Link, peer: Peer) -> None:
        self.link = link
        self.peer = peer
        self.closed = False
        self.accepted = True
        self.pending: Awaitable[object] | None = None
        self.arrived = b""
        self.answers: list[object] = []
        self.drains = 0
        self.reason: str | None = None


class EchoServer:
    """The interface of floor 5's Server that net calls; `changed` is set whenever it was called."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.states: list[EchoState] = []
        self.excesses: list[tuple[str, str, EchoState | None]] = []
        self.changed = asyncio.Event()
        self.echoes = True
        self.question: asyncio.Future[object] | None = None
        self.turn_is_over = False
        self.line: list[EchoState] = []
        self.on_drained: Callable[[EchoState], None] | None = None

    def open(self, link: Link, peer: Peer) -> EchoState:
        state = EchoState(link, peer)
        self.states.append(state)
        self.changed.set()
        return state

    def received(self, state: EchoState, data: bytes) -> None:
        assert not state.closed
        assert type(data) is bytes
        state.arrived += data
        self.changed.set()
        if data == b"fault":
            raise RuntimeError("a fault of ours")
        if data == b"ask":
            self.question = asyncio.get_running_loop().create_future()
            state.pending = self.question
        elif data.startswith(b"close"):
            state.link.send(b"close")
            self.close(state)
        elif self.echoes:
            state.link.send(data)

    def stand_in_line(self, state: EchoState) -> None:
        state.link.paused = True
        self.line.append(state)
        self.changed.set()

    def go_on(self) -> None:
        """The next turn: whoever stands in line may go on."""
        line, self.line = self.line, []
        for state in line:
            state.link.paused = False
            state.link.relieve()

    def close(self, state: EchoState) -> None:
        state.closed = True
        state.link.close()

    def answered(self, state: EchoState, answer: object) -> None:
        state.pending = None
        state.answers.append(answer)
        state.link.send(b"answered")
        self.changed.set()

    def lost(self, state: EchoState, reason: str = "") -> None:
        assert state.reason is None, "lost() comes once"
        state.closed = True
        state.reason = reason
        self.changed.set()

    def drained(self, state: EchoState) -> None:
        state.drains += 1
        self.changed.set()
        if self.on_drained is not None:
            self.on_drained(state)

    def exceeded(self, limit: str, peer: Peer, state: EchoState | None = None, reason: str = "") -> None:
        self.excesses.append((limit, peer.address, state))
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a call from net brings about."""
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def first(self) -> EchoState:
        """The state of the first Network Connection, once there is one."""
        await self.until(lambda: bool(self.states))
        return self.states[0]
