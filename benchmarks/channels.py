"""What a byte goes through on its way to a broker: plain TCP, TLS, WebSocket over TLS."""

import base64
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Protocol

HANDSHAKE_SECONDS = 30.0
_READ = memoryview(bytearray(256 * 1024))
_BINARY = 0x82


class Closed(Exception):
    """The broker closed a connection."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens, and what is spoken there: "tcp", "tls" or "wss"."""

    port: int
    transport: str = "tcp"
    trust: ssl.SSLContext | None = None
    host: str = "127.0.0.1"


class Channel(Protocol):
    """Bytes to a broker and back; after the handshake nothing blocks."""

    @property
    def socket(self) -> socket.socket:
        """What it goes through."""

    def read(self) -> bytes:
        """Everything that has arrived, or a large piece of it."""

    def write(self, data: bytes) -> int:
        """How many of these bytes, from the first on, were taken."""


def _waited_for(connected: socket.socket) -> bytes:
    """What comes next in a handshake; these may run in threads, and have no buffer in common."""
    piece = connected.recv(65536)
    if not piece:
        raise Closed
    return piece


class PlainChannel:
    """A TCP connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.socket = socket.create_connection((endpoint.host, endpoint.port), HANDSHAKE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self) -> bytes:
        """Everything that has arrived, or a large piece of it."""
        if self.socket.gettimeout():
            return _waited_for(self.socket)
        try:
            size = self.socket.recv_into(_READ)
        except BlockingIOError:
            return b""
        if not size:
            raise Closed
        return bytes(_READ[:size])

    def write(self, data: bytes) -> int:
        """How many of these bytes, from the first on, were taken."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0


class TlsChannel:
    """TLS over TCP."""

    def __init__(self, endpoint: Endpoint) -> None:
        assert endpoint.trust is not None
        plain = PlainChannel(endpoint)
        self.socket: ssl.SSLSocket = endpoint.trust.wrap_socket(plain.socket, server_hostname="localhost")

    def read(self) -> bytes:
        """Everything that has arrived, or a large piece of it: what is decrypted wakes nobody up."""
        if self.socket.gettimeout():
            return _waited_for(self.socket)
        size = 0
        try:
            while size + 16384 <= len(_READ):
                piece = self.socket.recv_into(_READ[size:])
                if not piece:
                    raise Closed
                size += piece
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        return bytes(_READ[:size])

    def write(self, data: bytes) -> int:
        """How many of these bytes, from the first on, were taken."""
        try:
            return self.socket.send(data)
        except (ssl.SSLWantWriteError, BlockingIOError):
            return 0


class WebSocketChannel:
    """WebSocket over TLS. What is written has to be framed already (`frame`); what is read is unframed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._tls = TlsChannel(endpoint)
        self.socket = self._tls.socket
        self._rest = b""
        self._upgrade(endpoint)

    def _upgrade(self, endpoint: Endpoint) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /mqtt HTTP/1.1\r\nHost: localhost:{endpoint.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += _waited_for(self.socket)
        head, _, self._rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise OSError(f"no WebSocket: {head[:100]!r}")

    def read(self) -> bytes:
        """The payloads of the frames that have arrived whole."""
        data = self._rest + self._tls.read()
        found, at = unframed(data)
        self._rest = data[at:]
        return found

    def write(self, data: bytes) -> int:
        """How many of these bytes, from the first on, were taken."""
        return self._tls.write(data)


def frame(payload: bytes) -> bytes:
    """One binary frame of a client, masked as the standard asks."""
    mask = os.urandom(4)
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")
    if len(payload) < 126:
        return bytes((_BINARY, 0x80 | len(payload))) + mask + masked
    return bytes((_BINARY, 0xFE)) + len(payload).to_bytes(2, "big") + mask + masked


def unframed(data: bytes) -> tuple[bytes, int]:
    """The payloads of the whole frames of a server that `data` begins with, and where these end."""
    chunks, at, end = [], 0, len(data)
    while end - at >= 2:
        begin, length = at + 2, data[at + 1]
        if length > 125:
            begin += 2 if length == 126 else 8
            length = int.from_bytes(data[at + 2 : begin], "big")
        if begin > end or begin + length > end:
            break
        if data[at] & 0x0F in {0, 2}:
            chunks.append(data[begin : begin + length])
        elif data[at] & 0x0F == 8:
            raise Closed
        at = begin + length
    return b"".join(chunks), at


def opened(endpoint: Endpoint) -> Channel:
    """A channel to a broker, its handshakes done."""
    match endpoint.transport:
        case "tls":
            return TlsChannel(endpoint)
        case "wss":
            return WebSocketChannel(endpoint)
        case _:
            return PlainChannel(endpoint)
