"""TLS between a plain transport and its Network Connection, without a buffer for each of them.

The event loops bring a TLS of their own. It holds a quarter of a megabyte for each connection that
does nothing (decision 0017).
"""

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from amqtt.net.connection import Connection

RECORD_SIZE = 16 * 1024
"""The most that one TLS record carries (RFC 8446, 5.1). OpenSSL's memory never has to hold more than
one, and so does not grow: what it once took it keeps."""
MAXIMUM_UNTAKEN = 64 * 1024
"""Bytes that TLS itself may have to say to a peer that reads nothing: alerts and new keys."""


class TlsTransport(asyncio.Transport, asyncio.BufferedProtocol):
    """What `above` takes for its transport; to the plain transport beneath it is the protocol.

    `above` is connected when the handshake is over, and told of its failure by `handshake_failed`.
    Whoever limits the time to a CONNACK limits that of the handshake too.
    """

    __slots__ = (
        "_above", "_beneath", "_blocked", "_ended", "_inward", "_outward", "_parted", "_reading",
        "_tls", "_up",
    )

    def __init__(self, context: ssl.SSLContext, above: "Connection") -> None:
        super().__init__()
        self._above = above
        self._beneath: asyncio.Transport
        self._inward = ssl.MemoryBIO()
        self._outward = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._inward, self._outward, server_side=True)
        self._up = False
        """Whether the handshake is over."""
        self._reading = True
        self._blocked = False
        self._ended = False
        """Whether nothing more is read: the peer said so, or what it says is no TLS."""
        self._parted = False
        """Whether we have said our last word: what still arrives is dropped."""

    # The plain transport's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The Network Connection is there: the Client begins its handshake."""
        self._beneath = cast(asyncio.Transport, transport)
        self._beneath.set_write_buffer_limits(high=0)
        self._above.accepted(self._beneath)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Read records into the buffer that all of the event loop's TLS share."""
        return self._above.house.records

    def buffer_updated(self, nbytes: int) -> None:
        """Records arrived, or parts of one."""
        records = self._above.house.records
        for at in range(0, nbytes, RECORD_SIZE):
            if self._ended or self._parted:
                return
            self._inward.write(records[at : min(at + RECORD_SIZE, nbytes)])
            self._advance()

    def eof_received(self) -> bool:
        """The peer closed its side, with or without a close_notify."""
        if self._parted:
            self._end()
        elif not self._ended:
            self._inward.write_eof()
            self._advance()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The Network Connection is gone."""
        self._ended = True
        self._up = False
        self._above.connection_lost(exc)
        # Two that know each other would wait for the collector of cycles.
        del self._above

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is sent to."""
        self._blocked = True
        if self._up:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        """The kernel has taken everything."""
        self._blocked = False
        self._send_records()
        if self._up and not self._blocked:
            self._above.resume_writing()

    # Within.

    def _advance(self) -> None:
        """Go on with what has arrived, as far as it leads."""
        try:
            if not self._up:
                self._tls.do_handshake()
                self._up = True
                self._above.connection_made(self)
            while self._reading and not self._ended:
                self._read()
        except ssl.SSLWantReadError:
            pass
        except OSError as failed:
            self._fail(failed)
            return
        self._send_records()
        if self._ended and self._reading:
            self._end()

    def _read(self) -> None:
        """Give what arrived to whom it is for, as much at once as its buffer holds."""
        buffer = self._above.house.buffer
        filled = 0
        try:
            while filled < len(buffer):
                # Into a buffer, it returns how many bytes these are.
                count = cast(int, self._tls.read(len(buffer) - filled, buffer[filled:]))
                if not count:
                    self._ended = True
                    return
                filled += count
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._ended = True
        finally:
            if filled:
                self._above.buffer_updated(filled)

    def _end(self) -> None:
        """The peer has said its last word."""
        if not self._beneath.is_closing():
            self._above.eof_received()
            self.close()

    def _fail(self, failed: OSError) -> None:
        """What arrives is no TLS, or none that we speak: say so in an alert, and end it."""
        self._ended = True
        self._send_records()
        if not self._up:
            self._above.handshake_failed(failed)
        self._beneath.close()

    def _send_records(self) -> None:
        if not self._outward.pending or self._beneath.is_closing():
            return
        if not self._blocked:
            self._beneath.write(self._outward.read())
        elif self._outward.pending > MAXIMUM_UNTAKEN:
            self._beneath.abort()

    # The Network Connection's transport.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt it and write it, all at once."""
        self.writelines((data,))

    def writelines(self, list_of_data: Any) -> None:
        """Encrypt these chunks and write them, all at once."""
        if self._beneath.is_closing():
            return
        records: list[bytes] = []
        outward, encrypt = self._outward, self._tls.write
        for data in list_of_data:
            if len(data) <= RECORD_SIZE:
                encrypt(data)
                continue
            view = memoryview(data)
            at = 0
            while at < len(view):
                at += encrypt(view[at : at + RECORD_SIZE])
                records.append(outward.read())
        records.append(outward.read())
        self._beneath.write(records[0] if len(records) == 1 else b"".join(records))

    def can_write_eof(self) -> bool:
        """Whether one side can be closed alone: yes, by a close_notify."""
        return True

    def write_eof(self) -> None:
        """Say that nothing more will come: to the peer a close_notify is the end (RFC 8446, 6.1).

        The side beneath stays open: uvloop's TLS drops what it has not passed on when that closes.
        """
        self._say_goodbye()

    def close(self) -> None:
        """Say that nothing more will come, and close it when that is out."""
        if not self._beneath.is_closing():
            self._say_goodbye()
            self._beneath.close()

    def abort(self) -> None:
        """Close it now."""
        self._beneath.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be in a moment."""
        return self._beneath.is_closing()

    def is_reading(self) -> bool:
        """Whether what arrives is passed on."""
        return self._reading

    def pause_reading(self) -> None:
        """Pass on nothing more until `resume_reading`."""
        self._reading = False
        self._beneath.pause_reading()

    def resume_reading(self) -> None:
        """Pass on again what arrives, and in a moment what did meanwhile: bytes, and that it was the end."""
        if not self._reading:
            self._reading = True
            self._beneath.resume_reading()
            self._above.house.loop.call_soon(self._read_on)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent, as they are on their way."""
        return self._beneath.get_write_buffer_size() + self._outward.pending

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set from which size on what waits to be sent is too much."""
        self._beneath.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell about the TLS what asyncio's transport would, and of the rest what is beneath."""
        if name == "ssl_object":
            return self._tls
        if name == "peercert":
            return self._tls.getpeercert()
        return self._beneath.get_extra_info(name, default)

    def _read_on(self) -> None:
        if self._up and self._reading and not self._beneath.is_closing():
            self._advance()

    def _say_goodbye(self) -> None:
        if not self._up or self._parted:
            return
        # What is raised waits for the peer's own close_notify, or misses it: nobody needs that.
        with contextlib.suppress(OSError):
            self._tls.unwrap()
        self._send_records()
        self._parted = True
