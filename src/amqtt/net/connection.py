"""One Network Connection: the bytes between its transport and the Server (MQTT 5.0, 4.2).

Its way from the first handshake to the end; what passes meanwhile is Traffic. The only asyncio
protocol that speaks with the Server.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from typing import cast

from amqtt.abc import Peer
from amqtt.net.house import House
from amqtt.net.listener import Listener
from amqtt.net.outgoing import taken
from amqtt.net.tcp import set_tcp_options
from amqtt.net.traffic import Traffic
from amqtt.sessions.link import Link

CLOSE_TIMEOUT = 5.0
"""Seconds that a peer has to take what was sent before the close; it is aborted then."""
LINGER = 1.0
"""Seconds that a peer has to close its side: closing ours with its bytes unread would reset the
connection, and the DISCONNECT that says why would be lost with it."""
HOLD = 0.05
"""Seconds for which one receiver that does not keep up may hold back a publisher, between two reads:
enough for one that is merely slower, and nothing that one which never reads can stop the others with."""
PAUSE = 1.0
"""Seconds after which a Connection that the Server has paused looks whether it still is."""


class Connection(Traffic, asyncio.BufferedProtocol):
    """Owner of one Link, for TCP, TLS and Unix sockets; MQTT over WebSocket builds on it.

    The Server's state is opened when the Network Connection is accepted, before any handshake of
    TLS or WebSocket, so the Server's one deadline from there to CONNACK covers them all.
    """

    __slots__ = (
        "_asking", "_beneath", "_closer", "_connected", "_ended", "_finished", "_handshake", "_hold",
        "_question", "_stall", "_unmoved", "_writable", "listener", "peer",
    )

    def __init__(self, house: House, listener: Listener) -> None:
        super().__init__(house)
        self.listener = listener
        self.peer = Peer(listener=listener.name, transport=listener.settings.type)
        self._connected = False
        """Whether the transport is there."""
        self._ended = False
        self._writable = True
        self._finished = False
        self._beneath: asyncio.Transport | None = None
        """What TLS runs on, from before its handshake."""
        self._handshake: asyncio.Task[None] | None = None
        self._question: asyncio.Future[object] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._closer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._unmoved = 0
        self._hold: asyncio.TimerHandle | None = None

    # The transport's side.

    def enter(self, accepted: socket.socket) -> bool:
        """Come in; False: there are enough, or the Server has failed."""
        is_full = self.house.is_full
        if not self.listener.admit(is_full):
            if is_full:
                self._read_peer(accepted)
                self.house.turn_away(self.peer)
            return False
        self._read_peer(accepted)
        self.house.turn.now = self.house.clock()
        try:
            self.state = self.house.server.open(self.link, self.peer)
        except Exception as fault:
            self.listener.leave()
            self.house.report(fault, self)
            return False
        self.known = True
        self.house.entered(self)
        return True

    def connect_by(self, handshake: asyncio.Task[None]) -> None:
        """Know the task that makes the transport; cancelling it gives up."""
        self._handshake = handshake
        handshake.add_done_callback(self._handshake_done)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there, the TLS handshake over that it may begin with."""
        self.transport = cast(asyncio.Transport, transport)
        self._connected = self.flowing = True
        # Whatever is not taken at once is reported: nothing piles up in a transport.
        self.transport.set_write_buffer_limits(high=0)
        self.peer.certificate = transport.get_extra_info("peercert") or None
        self.peer.tls = transport.get_extra_info("ssl_object")
        if self.known:
            self.flush()
        else:
            self.transport.abort()

    def _handshake_done(self, handshake: asyncio.Task[None]) -> None:
        self._handshake = None
        if handshake.cancelled():
            self._lose("it was closed before its handshake was complete")
            self.connection_lost(None)
            return
        failed = handshake.exception()
        if failed is None:
            return
        if not isinstance(failed, OSError):
            self.house.report(failed, self)
        self.connection_lost(cast(Exception, failed))

    def accepted(self, transport: asyncio.Transport) -> None:
        """The Network Connection is there, and something precedes its Control Packets."""
        self._beneath = transport
        if not self.known:
            transport.abort()

    def handshake_failed(self, failed: OSError) -> None:
        """Its TLS did not come about."""
        self._lose(f"its TLS handshake failed: {_sentence(failed)}")

    def eof_received(self) -> None:
        """The peer closed its side; returning None closes ours when what was sent is out."""
        self.flush()
        self._lose("the peer closed the Network Connection")
        self._close_within(CLOSE_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        """The Network Connection is gone, whoever ended it."""
        if self._ended:
            return
        self._ended = True
        self.flowing = False
        for pending in (self._closer, self._stall, self._question, self._asking, self._hold):
            if pending is not None:
                pending.cancel()
        self._lose("the Network Connection was closed" if exc is None else _sentence(exc))
        self.link.abandon()
        self.listener.leave()
        self.house.left(self)

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is sent to: what follows waits in the Link."""
        self._writable = False
        self.link.blocked = True
        self._watch()

    def resume_writing(self) -> None:
        """The kernel has taken everything; go on in a moment.

        Not now: asyncio's transport is in the middle of writing, and one that is aborted or closed
        there tells its end twice.
        """
        self._writable = True
        self.house.loop.call_soon(self._write_on)

    def _write_on(self) -> None:
        """Send what waited, then let the Server send more."""
        if self._ended or not self._writable:
            return
        link = self.link
        self._unblock()
        if link.blocked:
            return
        was_full, link.full = link.full, False
        link.relieve()
        if link.closing or not self.known or not was_full:
            return
        self.house.turn.now = self.house.clock()
        try:
            self.house.server.drained(self.state)
        except Exception as fault:
            self.fault(fault)

    # The Link's side.

    def abort(self, reason: str) -> None:
        """End it now; what was not sent is lost."""
        self._lose(reason)
        if self._connected:
            self.transport.abort()
        elif self._beneath is not None:
            self._beneath.abort()
        elif self._handshake is not None:
            self._handshake.cancel()

    def flush_nowhere(self) -> None:
        """Its transport is not there yet, or nothing more is sent on it."""
        if self._connected:
            self.link.abandon()
        elif self.link.closing:
            self.abort("it was closed before its handshake was complete")

    def close(self) -> None:
        """Close it when everything was sent, or when that takes too long."""
        if self._closer is None:
            self._close_within(CLOSE_TIMEOUT)
        if not self.link.blocked and not self.link.chunks:
            self._finish()

    def _finish(self) -> None:
        """Everything was sent: close our side, and wait a little for the peer to close its own."""
        self._finished = True
        self.flowing = False
        if self._is_held_back:
            for pending in (self._question, self._asking, self._hold):
                if pending is not None:
                    pending.cancel()
            self.transport.resume_reading()
        self._close_within(LINGER)
        try:
            self.transport.write_eof()
        except OSError:
            # The peer was faster, and reset it.
            self.transport.abort()

    def _close_within(self, seconds: float) -> None:
        if self._closer is not None:
            self._closer.cancel()
        self._closer = self.house.loop.call_later(seconds, self.transport.abort)

    # What a WebSocket does differently.

    def _unblock(self) -> None:
        """Write again, what waits first."""
        self.link.blocked = False
        self.flush()

    def _read_on_now(self) -> None:
        """Nothing holds it back any more: read what comes, what has come already first."""
        self.transport.resume_reading()

    # The Server's side.

    @property
    def _is_held_back(self) -> bool:
        """Whether nothing is read at present."""
        return self._hold is not None or self._asking is not None

    def wait_for(self, congested: Link | None) -> None:
        """Read no more until an Authenticator has answered, or a congested Link has been emptied."""
        if self.state.pending is not None and self._asking is None:
            self.transport.pause_reading()
            self._question = _begun(self.state.pending)
            self._asking = self.house.loop.create_task(self._ask(self._question))
        else:
            self._hold_back(congested)

    def _hold_back(self, receiver: Link | None) -> None:
        """Read no more until a congested receiver has caught up, or HOLD has passed.

        A peer that does not read its own acknowledgements is not read from until it does, nor one
        that is ahead of the disk.
        """
        if receiver is None or self._hold is not None or self._finished or self.transport.is_closing():
            return
        self.transport.pause_reading()
        seconds = HOLD
        if self.link.paused:
            receiver = self.link
        elif self.link.full or (receiver is self.link and receiver.held):
            seconds, receiver = self.house.limits.stall_timeout, self.link
        self._hold = self.house.loop.call_later(seconds, self._read_on)
        receiver.waiting.add(self._read_on)

    def _read_on(self) -> None:
        if self._hold is None:
            return
        self._hold.cancel()
        if self.link.paused and not self._ended:
            # The Server calls when it goes on; until then it is merely not forgotten.
            self._hold = self.house.loop.call_later(PAUSE, self._read_on)
            self.link.waiting.add(self._read_on)
            return
        self._hold = None
        if self._asking is not None or self._ended or self.transport.is_closing():
            return
        if self.state.pending is not None:
            # What it was held back with, a CONNECT or a PUBLISH, is a question now.
            self.wait_for(None)
        else:
            self._read_on_now()

    async def _ask(self, question: asyncio.Future[object] | None) -> None:
        """Await what an Authenticator still thinks about; nothing is read meanwhile."""
        while question is not None:
            pending = self.state.pending
            answer = await self._answer(question)
            if not self.known:
                break
            self.house.turn.now = self.house.clock()
            try:
                self.house.server.answered(self.state, answer)
                if self.state.pending is pending:
                    raise RuntimeError("the Server took an answer and still waits for it")
            except Exception as fault:
                self.fault(fault)
                break
            question = self._question = None if self.state.pending is None else _begun(self.state.pending)
        self._question = self._asking = None
        if self._hold is None:
            self._read_on_now()

    async def _answer(self, question: asyncio.Future[object]) -> object:
        try:
            return await asyncio.wait_for(question, self.house.limits.authentication_timeout)
        except asyncio.CancelledError:
            if self._ended or self._finished:
                raise
            return TimeoutError("the Authenticator was cancelled")
        except Exception as fault:
            return fault

    def _lose(self, reason: str) -> None:
        """Tell the Server, once, that the Network Connection is gone."""
        if not self.known:
            return
        self.known = False
        self.house.turn.now = self.house.clock()
        try:
            self.house.server.lost(self.state, reason)
        except Exception as fault:
            self.house.report(fault, self)

    def fault(self, fault: Exception) -> None:
        """A fault of ours costs this one Network Connection and nothing else."""
        self.house.report(fault, self)
        self._lose("a fault of the broker")
        if self._ended or self._finished:
            return
        self.link.close()

    def give_up(self, fault: Exception) -> None:
        """What cannot be written costs no other Network Connection its turn."""
        self.house.report(fault, self)
        self.abort("a fault of the broker")

    # Who is there, and whether it still listens.

    def _read_peer(self, accepted: socket.socket) -> None:
        self.peer.secure = self.listener.tls is not None
        if accepted.family in (socket.AF_INET, socket.AF_INET6):
            try:
                self.peer.address, self.peer.port = accepted.getpeername()[:2]
                set_tcp_options(accepted)
            except OSError:
                # It is gone already; reading from it will say so.
                return

    def _watch(self) -> None:
        """Bytes wait: see after a while whether the peer has taken any."""
        if self._stall is None and not self._ended:
            self._unmoved = taken(self.transport)
            self._stall = self.house.loop.call_later(self.house.limits.stall_timeout, self._check)

    def _check(self) -> None:
        self._stall = None
        if not self.transport.get_write_buffer_size():
            return
        if taken(self.transport) == self._unmoved:
            self.house.give_up_on(self, "stall_timeout", "the peer took no bytes for too long")
        else:
            self._watch()


def _begun(pending: Awaitable[object]) -> asyncio.Future[object]:
    """Begin to await it, whether or not there is somebody left to hear what comes of it."""
    question = asyncio.ensure_future(pending)
    question.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return question


def _sentence(fault: BaseException) -> str:
    if isinstance(fault, ssl.SSLError) and fault.reason:
        return fault.reason.replace("_", " ").lower()
    text = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return text or type(fault).__name__
