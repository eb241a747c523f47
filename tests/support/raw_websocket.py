"""A bare WebSocket client (RFC 6455): every frame is made by hand, also those that no client should send."""

import asyncio
import base64
import contextlib
import hashlib
import os
from typing import Self

from support.raw_client import WAIT

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_ACCEPT_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RawWebSocket:
    """One Network Connection to a WebSocket listener on loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    @classmethod
    async def open(
        cls, address: tuple[str, int], *subprotocols: str, path: str = "/mqtt", extensions: str = ""
    ) -> Self:
        """Open one and ask for a WebSocket; `status` and `headers` are the answer."""
        reader, writer = await asyncio.open_connection(*address)
        opened = cls(reader, writer)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
        ]
        if subprotocols:
            lines.append("Sec-WebSocket-Protocol: " + ", ".join(subprotocols))
        if extensions:
            lines.append(f"Sec-WebSocket-Extensions: {extensions}")
        opened.write("\r\n".join([*lines, "", ""]).encode())
        await opened._read_response(key)
        return opened

    async def _read_response(self, key: str) -> None:
        async with asyncio.timeout(WAIT):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split()[1])
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        if self.status == 101:
            digest = hashlib.sha1((key + _ACCEPT_KEY).encode()).digest()
            assert self.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    def send(self, opcode: int, payload: bytes, *, last: bool = True) -> None:
        """Send one frame, as a client should; see `frame` for others."""
        self.write(frame(opcode, payload, last=last))

    async def receive(self) -> tuple[int, bytes]:
        """The next frame: its opcode and what it carries. Frames of a server are whole and not masked."""
        async with asyncio.timeout(WAIT):
            first, second = await self._reader.readexactly(2)
            assert first & 0x80
            assert not first & 0x70
            assert not second & 0x80
            length = second
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2), "big")
            elif length == 127:
                length = int.from_bytes(await self._reader.readexactly(8), "big")
            return first & 0x0F, await self._reader.readexactly(length)

    async def receive_packets(self, size: int) -> bytes:
        """So many bytes of Control Packets, in however many binary frames they come."""
        collected = b""
        while len(collected) < size:
            opcode, payload = await self.receive()
            assert opcode == BINARY
            collected += payload
        return collected

    async def expect_close(self) -> tuple[bytes, int]:
        """Control Packets until the Close frame, and its status code; then the connection is closed."""
        collected = b""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                break
            assert opcode == BINARY
            collected += payload
        self.send(CLOSE, payload)
        assert await self.read_to_end() == b""
        return collected, int.from_bytes(payload[:2], "big")

    async def read_to_end(self) -> bytes:
        """Every byte until the broker closes the Network Connection; a reset is an end, too."""
        collected = b""
        try:
            async with asyncio.timeout(WAIT):
                while data := await self._reader.read(65536):
                    collected += data
        except ConnectionError:
            pass
        return collected

    async def close(self) -> None:
        """Drop the Network Connection."""
        self._writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


def frame(opcode: int, payload: bytes, *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame as a client sends it, unless told otherwise (RFC 6455, 5.2)."""
    head = bytes(((0x80 if last else 0) | reserved << 4 | opcode,))
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes((mask_bit | len(payload),))
    elif len(payload) < 65_536:
        head += bytes((mask_bit | 126,)) + len(payload).to_bytes(2, "big")
    else:
        head += bytes((mask_bit | 127,)) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
