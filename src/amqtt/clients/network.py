"""One Network Connection of a Client: the bytes between its transport and the ClientSession."""

import asyncio
import os
import re
import socket
import ssl
from typing import Protocol, cast

from amqtt.net.outgoing import write_chunks
from amqtt.sessions.link import Link, Turn

CLOSE_TIMEOUT = 5.0
"""Seconds that the Server has to take what was sent before the close; it is aborted then."""
RECEIVE_BUFFER_SIZE = 64 * 1024
_ERRNO = re.compile(r"\[Errno (\d+)\]")


class Receiver(Protocol):
    """Who is told of what happens on a Network Connection."""

    def received(self, data: bytes) -> None:
        """Bytes arrived."""

    def drained(self) -> None:
        """The Link was full, and is no longer."""

    def lost(self, connection: "NetworkConnection", reason: str) -> None:
        """It is gone, whoever ended it."""


class NetworkConnection(asyncio.BufferedProtocol):
    """Owner of one Link, for TCP, TLS and Unix sockets; MQTT over WebSocket builds on it.

    `opened` is done when bytes of MQTT may be sent, `closed` when nothing is left of it.
    """

    def __init__(self, receiver: Receiver, turn: Turn, maximum_unsent: int) -> None:
        self.link = Link(turn, self.flush, maximum_unsent)
        self.loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.transport: asyncio.Transport | None = None
        self._receiver = receiver
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER_SIZE))
        self._reads = True
        self._reason = ""
        self._closer: asyncio.TimerHandle | None = None

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there, its TLS handshake is over."""
        self.transport = cast(asyncio.Transport, transport)
        # Whatever is not taken at once is reported: nothing piles up in the transport.
        secure = transport.get_extra_info("ssl_object") is not None
        self.transport.set_write_buffer_limits(high=int(secure), low=0)
        self.begin()

    def begin(self) -> None:
        """Bytes of MQTT may be sent at once; over WebSocket a handshake comes before."""
        self.opened.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Read into the one buffer of this Network Connection; it is copied out at once."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived."""
        self.take(bytes(self._buffer[:nbytes]))

    def take(self, data: bytes) -> None:
        """Bytes arrived from the transport."""
        if not self.link.closing:
            self._receiver.received(data)

    def eof_received(self) -> None:
        """The Server closed its side; returning None closes ours."""
        self.give_reason("the Server closed the Network Connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The Network Connection is gone, whoever ended it."""
        if self._closer is not None:
            self._closer.cancel()
        if exc is not None:
            self.give_reason(sentence(exc))
        reason = self._reason or "the Network Connection was closed"
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(reason))
            self.opened.exception()  # Whoever waited may have gone.
        if not self.closed.done():
            self.closed.set_result(None)
        self._forget_unsent()
        self._receiver.lost(self, reason)

    def give_reason(self, reason: str) -> None:
        """Say why it ends; the first word counts."""
        self._reason = self._reason or reason

    def pause_writing(self) -> None:
        """The Server does not read as fast as it is sent to: what follows waits in the Link."""
        self.link.blocked = True

    def resume_writing(self) -> None:
        """Go on in a moment: the transport is in the middle of writing."""
        self.loop.call_soon(self._write_on)

    def _write_on(self) -> None:
        link = self.link
        link.blocked = False
        self.flush()
        if link.blocked or self.closed.done():
            return
        was_full, link.full = link.full, False
        link.relieve()
        if was_full:
            self._receiver.drained()

    # The Link's side.

    def flush(self) -> None:
        """End of the turn: write what the Link holds, then close if it is to be closed."""
        link = self.link
        transport = self.transport
        if transport is None or transport.is_closing():
            self._forget_unsent()
            return
        if link.chunks and not link.blocked:
            self.send(link.chunks, link.size)
            self._forget_unsent()
        if link.closing:
            self._close()

    def send(self, chunks: list[bytes], size: int) -> None:
        """Write whole Control Packets to the transport."""
        assert self.transport is not None
        write_chunks(self.transport, chunks, size)

    def _forget_unsent(self) -> None:
        self.link.chunks.clear()
        self.link.size = 0

    def _close(self) -> None:
        if self._closer is None:
            self._closer = self.loop.call_later(CLOSE_TIMEOUT, self.abort)
        if not self.link.blocked:
            self.finish()

    def finish(self) -> None:
        """Everything was given to the transport: close it when it has sent that."""
        assert self.transport is not None
        self.read(True)
        self.transport.close()

    def abort(self) -> None:
        """End it now; what was not sent is lost."""
        if self.transport is not None:
            self.transport.abort()

    def read(self, wanted: bool) -> None:
        """Read from the Server, or let it wait: then TCP makes it wait too."""
        if wanted == self._reads or self.transport is None or self.transport.is_closing():
            return
        self._reads = wanted
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()


_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
"""OpenSSL's numbers for a certificate that signed itself, and for one whose CA is not known."""


def sentence(fault: BaseException) -> str:
    """What went wrong, in words."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        advice = "; name its CA (cafile)" if fault.verify_code in _UNKNOWN_ISSUER else ""
        return f"its certificate is not trusted: {fault.verify_message}{advice}"
    if isinstance(fault, ssl.SSLError) and fault.reason:
        return fault.reason.replace("_", " ").lower()
    if isinstance(fault, socket.gaierror):
        return f"its name cannot be found: {(fault.strerror or '').lower()}"
    text = str(fault)
    if isinstance(fault, OSError):
        # asyncio says the address again, and of several addresses all that happened.
        if isinstance(fault, ConnectionResetError) and not text:
            return "connection reset by peer"
        number = fault.errno or next((int(each) for each in _ERRNO.findall(text)), None)
        text = os.strerror(number) if number else text
    return (text or type(fault).__name__).strip().lower()
