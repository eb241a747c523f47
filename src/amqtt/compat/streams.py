"""aMQTT's adapters: one way to read from, and one to write to, whatever bytes come and go by."""

import asyncio
import contextlib
import io
import ssl
from abc import ABC, abstractmethod
from typing import Any


class ReaderAdapter(ABC):
    """Where bytes come from."""

    @abstractmethod
    async def read(self, n: int = -1) -> bytes:
        """Read n bytes, fewer only at the end; -1: everything until the end."""

    @abstractmethod
    def feed_eof(self) -> None:
        """No more will come."""


class WriterAdapter(ABC):
    """Where bytes go."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write them; they may wait for `drain`."""

    @abstractmethod
    async def drain(self) -> None:
        """Send what waits, and return when there is room for more."""

    @abstractmethod
    def get_peer_info(self) -> tuple[str, int] | None:
        """Address and port of the other side, None where they are not known."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """The TLS of the connection, None without it."""
        return None


class StreamReaderAdapter(ReaderAdapter):
    """Reads from an asyncio.StreamReader."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self, n: int = -1) -> bytes:
        """Read n bytes; asyncio.IncompleteReadError when there are fewer."""
        return await (self._reader.read() if n == -1 else self._reader.readexactly(n))

    def feed_eof(self) -> None:
        """No more will come."""
        self._reader.feed_eof()


class StreamWriterAdapter(WriterAdapter):
    """Writes to an asyncio.StreamWriter."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Write them, unless it is closed."""
        if not self.is_closed:
            self._writer.write(data)

    async def drain(self) -> None:
        """Return when there is room for more."""
        if not self.is_closed:
            await self._writer.drain()

    def get_peer_info(self) -> tuple[str, int] | None:
        """Address and port of the other side."""
        name = self._writer.get_extra_info("peername")
        return (name[0], name[1]) if isinstance(name, tuple) else None

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """The TLS of the connection."""
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    async def close(self) -> None:
        """Close the connection when what was written is out."""
        if self.is_closed:
            return
        self.is_closed = True
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class BufferReader(ReaderAdapter):
    """Reads from bytes."""

    def __init__(self, buffer: bytes) -> None:
        self._stream = io.BytesIO(buffer)

    async def read(self, n: int = -1) -> bytes:
        """Read up to n bytes."""
        return self._stream.read(n)

    def feed_eof(self) -> None:
        """It ends anyway."""


class BufferWriter(WriterAdapter):
    """Writes to bytes, which `get_buffer` gives."""

    def __init__(self, buffer: bytes = b"") -> None:
        self._stream = io.BytesIO(buffer)

    def write(self, data: bytes) -> None:
        """Write them."""
        self._stream.write(data)

    async def drain(self) -> None:
        """There is always room."""

    def get_buffer(self) -> bytes:
        """Everything that was written."""
        return self._stream.getvalue()

    def get_peer_info(self) -> tuple[str, int]:
        """Nobody."""
        return "BufferWriter", 0

    async def close(self) -> None:
        """Forget what was written."""
        self._stream.close()


class WebSocketsReader(ReaderAdapter):
    """Reads from a connection of the library websockets: anything with `await recv()`.

    A message may hold any part of the stream, none of it included.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._buffer = bytearray()
        self._ended = False

    async def read(self, n: int = -1) -> bytes:
        """Read n bytes, fewer only when the WebSocket was closed; -1: everything until then."""
        from websockets.exceptions import ConnectionClosed

        while not self._ended and (n == -1 or len(self._buffer) < n):
            try:
                message = await self._protocol.recv()
            except ConnectionClosed:
                self._ended = True
                break
            self._buffer += message.encode() if isinstance(message, str) else message
        end = len(self._buffer) if n == -1 else n
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    def feed_eof(self) -> None:
        """No more will come."""
        self._ended = True


class WebSocketsWriter(WriterAdapter):
    """Writes to a connection of the library websockets: each `drain` sends one binary message."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        """Keep them for `drain`."""
        self._waiting += data

    async def drain(self) -> None:
        """Send what was written."""
        data = bytes(self._waiting)
        self._waiting.clear()
        if data:
            await self._protocol.send(data)

    def get_peer_info(self) -> tuple[str, int] | None:
        """Address and port of the other side."""
        address = self._protocol.remote_address
        return (address[0], address[1]) if address else None

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """The TLS of the connection."""
        found: ssl.SSLObject | None = self._protocol.transport.get_extra_info("ssl_object")
        return found

    async def close(self) -> None:
        """Close the WebSocket."""
        await self._protocol.close()
