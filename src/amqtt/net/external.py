"""Network Connections that the program accepts itself and hands in, as a reader and a writer of bytes."""

import asyncio
import contextlib
import ssl
from typing import Protocol

from amqtt.abc import Peer
from amqtt.net.connection import CLOSE_TIMEOUT, HOLD, PAUSE
from amqtt.net.house import ConnectionState, House
from amqtt.net.listener import Listener
from amqtt.sessions.link import Link

CHUNK = 64 * 1024
"""Bytes that are asked of a reader at once."""


class Reader(Protocol):
    """Where the bytes of a Client come from."""

    async def read(self, n: int = -1) -> bytes:
        """Read n bytes, fewer only when no more will come."""


class Writer(Protocol):
    """Where the bytes for a Client go."""

    def write(self, data: bytes) -> None:
        """Write them; they may wait for `drain`."""

    async def drain(self) -> None:
        """Send what waits, and return when there is room for more."""

    def get_peer_info(self) -> tuple[str, int] | None:
        """Address and port of the Client, None where they are not known."""

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """Its TLS, None without it."""

    async def close(self) -> None:
        """Close it."""


class ExternalConnection:
    """Owner of one Link, for a connection that is not ours; it lives as long as `serve` runs.

    A reader is never asked for more bytes than the Control Packet has that it is in, because it
    may wait until it has all of them.
    """

    def __init__(self, house: House, listener: Listener, reader: Reader, writer: Writer) -> None:
        self.house = house
        self.listener = listener
        self.state: ConnectionState
        self._reader = reader
        self._writer = writer
        self._link = Link(house.turn, self._flush, house.limits.maximum_unsent_bytes)
        self.peer = _peer(listener, writer)
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self) -> None:
        """Serve the Client until its connection ends; it is closed then."""
        try:
            if self._enter():
                await self._until_one_ends()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                self._leave()
            await self._close()

    def _enter(self) -> bool:
        """Come in; False: there are enough, or the Server has failed."""
        house = self.house
        is_full = house.is_full
        if not self.listener.admit(is_full):
            if is_full:
                house.turn_away(self.peer)
            return False
        house.turn.now = house.clock()
        try:
            self.state = house.server.open(self._link, self.peer)
        except Exception as fault:
            self.listener.leave()
            house.report(fault, self)
            return False
        house.entered(self)
        self._tasks = [house.loop.create_task(self._read()), house.loop.create_task(self._write())]
        return True

    def _leave(self) -> None:
        """It is over, whoever ended it."""
        # What a task raised knows where, and so this: it would wait for the collector of cycles.
        self._tasks = []
        house = self.house
        house.turn.now = house.clock()
        try:
            house.server.lost(self.state, "the connection was closed")
        except Exception as fault:
            house.report(fault, self)
        self._link.abandon()
        self.listener.leave()
        house.left(self)

    def abort(self, reason: str) -> None:
        """End it now; what was not sent is lost."""
        for task in self._tasks:
            task.cancel()

    async def _until_one_ends(self) -> None:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._link.closing and self._tasks[1] not in done:
            # It was read to its end, and the last word to the Client is on its way.
            await asyncio.wait(self._tasks[1:], timeout=CLOSE_TIMEOUT)
        for task in self._tasks:
            fault = task.exception() if task.done() and not task.cancelled() else None
            if fault is not None and not isinstance(fault, OSError | EOFError | TimeoutError):
                self.house.report(fault, self)

    async def _close(self) -> None:
        # It may be gone already, or refuse to go; nobody waits for it then.
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._writer.close()

    def _flush(self) -> None:
        self._news.set()

    # From the Client.

    async def _read(self) -> None:
        while not self.state.closed:
            left = await self._read_header()
            while left and not self.state.closed:
                data = await self._reader.read(min(left, CHUNK))
                if not data:
                    return
                left -= len(data)
                await self._take(data)

    async def _read_header(self) -> int:
        """Read a fixed header; how many bytes follow it."""
        await self._take(await self._byte())
        length = shift = 0
        while not self.state.closed:
            byte = await self._byte()
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            await self._take(byte)
            if not byte[0] & 0x80:
                break
        return length

    async def _byte(self) -> bytes:
        data = await self._reader.read(1)
        if not data:
            raise EOFError
        return data

    async def _take(self, data: bytes) -> None:
        """Give the Server bytes, and wait for whatever has to be waited for."""
        house, state = self.house, self.state
        house.turn.begin(house.clock())
        house.server.received(state, data)
        if state.pending is None:
            await self._hold_back(house.turn.congested)
        while state.pending is not None:
            try:
                answer: object = await asyncio.wait_for(state.pending, house.limits.authentication_timeout)
            except asyncio.CancelledError:
                reading = asyncio.current_task()
                if reading is None or reading.cancelling():
                    raise
                answer = TimeoutError("the Authenticator was cancelled")
            except Exception as fault:
                answer = fault
            house.turn.now = house.clock()
            house.server.answered(state, answer)

    async def _hold_back(self, receiver: Link | None) -> None:
        """Read no more until a congested receiver has caught up, or HOLD has passed."""
        if receiver is None:
            return
        await self._relieved(receiver, HOLD)
        while self._link.paused and not self.state.closed:
            await self._relieved(self._link, PAUSE)

    async def _relieved(self, receiver: Link, seconds: float) -> None:
        caught_up = asyncio.Event()
        receiver.waiting.add(caught_up.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await caught_up.wait()
        receiver.waiting.discard(caught_up.set)

    # To the Client.

    async def _write(self) -> None:
        link = self._link
        while not link.closing or link.chunks:
            await self._news.wait()
            self._news.clear()
            while link.chunks and not link.withheld:
                await self._write_chunks(link)
            if link.chunks:
                continue
            was_full, link.full = link.full, False
            link.relieve()
            if was_full and not link.closing:
                self.house.turn.now = self.house.clock()
                self.house.server.drained(self.state)

    async def _write_chunks(self, link: Link) -> None:
        turn = self.house.turn
        turn.packets_sent += len(link.chunks) + link.joined
        link.joined = 0
        turn.bytes_sent += link.size
        data = b"".join(link.chunks)
        link.chunks.clear()
        link.size = 0
        link.blocked = True
        try:
            async with asyncio.timeout(self.house.limits.stall_timeout):
                self._writer.write(data)
                await self._writer.drain()
        except TimeoutError:
            self.house.give_up_on(self, "stall_timeout", "the peer took no bytes for too long")
            raise
        finally:
            link.blocked = False


def _peer(listener: Listener, writer: Writer) -> Peer:
    address, port = writer.get_peer_info() or ("", 0)
    tls = writer.get_ssl_info()
    peer = Peer(address, port, listener.name, listener.settings.type, secure=tls is not None, tls=tls)
    certificate = None if tls is None else tls.getpeercert()
    peer.certificate = dict(certificate) if certificate else None
    return peer
