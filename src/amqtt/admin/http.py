"""Serving pages over HTTP/1.1: one request for each connection, within a deadline, of a bounded size."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, cast

from websockets.exceptions import SecurityError
from websockets.http11 import Request
from websockets.streams import StreamReader

from amqtt.admin.pages import Answer, Pages, Question
from amqtt.admin.tls import TlsInMemory

logger = logging.getLogger("amqtt.broker")

DEADLINE: Final = 10.0
"""Seconds from the acceptance of a connection to its end: who is slow holds a socket no longer."""
MOST_CONNECTIONS: Final = 64
"""At a time, those in their TLS handshake among them; one more has the oldest closed, so that nobody
keeps the others out by asking nothing. Prometheus needs one."""
LARGEST_REQUEST: Final = 64 * 1024
"""Bytes that are read of a request; browsers send less than a tenth."""


class HttpListener:
    """Pages on some listening sockets, from `open` to `close`; `addresses` are the real ones."""

    def __init__(self, name: str, pages: Pages, sockets: Sequence[socket.socket]) -> None:
        self.name = name
        self.addresses: list[tuple[str, int]] = [each.getsockname()[:2] for each in sockets]
        self.connections: dict[HttpConnection, None] = {}
        self._pages = pages
        self._sockets = sockets
        self._servers: list[asyncio.Server] = []
        self._tls: ssl.SSLContext | None = None

    async def open(self, tls: ssl.SSLContext | None = None) -> None:
        """Answer from now on."""
        self._tls = tls
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            self._servers.append(await loop.create_server(self._connect, sock=each))

    def _connect(self) -> "HttpConnection":
        return HttpConnection(
            self._pages, self.connections, None if self._tls is None else TlsInMemory(self._tls)
        )

    async def close(self) -> None:
        """Answer no more, and end what is going on."""
        for server in self._servers:
            server.close()
        for each in self._sockets:
            each.close()
        for connection in list(self.connections):
            connection.abort()
            await connection.gone.wait()
        for server in self._servers:
            await server.wait_closed()


class HttpConnection(asyncio.Protocol):
    """One connection: its one request is read, answered, and it is over."""

    def __init__(
        self, pages: Pages, connections: "dict[HttpConnection, None]", tls: TlsInMemory | None
    ) -> None:
        self.gone = asyncio.Event()
        self._pages = pages
        self._connections = connections
        self._tls = tls
        self._reader = StreamReader()
        self._request = Request.parse(self._reader.read_line)
        self._read = 0
        self._answered = False
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was accepted."""
        # uvloop's transports are none of asyncio's by class.
        self._transport = cast("asyncio.Transport", transport)
        while len(self._connections) >= MOST_CONNECTIONS:
            next(iter(self._connections)).abort()
        self._connections[self] = None
        self._deadline = asyncio.get_running_loop().call_later(DEADLINE, self.abort)

    def abort(self) -> None:
        """End it now."""
        self._connections.pop(self, None)
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Some of the request arrived, or of the TLS handshake before it."""
        if self._answered:
            return
        if self._tls is not None:
            data = self._opened(self._tls, data)
        if data:
            self._take(data)

    def _opened(self, tls: TlsInMemory, data: bytes) -> bytes:
        said = b""
        try:
            said = tls.opened(data)
        except OSError:
            self._answered = True
        if self._transport is not None:
            self._transport.write(tls.to_send())
            if self._answered:
                self._transport.close()
        return said

    def _take(self, data: bytes) -> None:
        self._read += len(data)
        self._reader.feed_data(data)
        try:
            next(self._request)
        except StopIteration as complete:
            self._answer(_question(complete.value))
            return
        except (ValueError, EOFError, NotImplementedError, SecurityError):
            self._send(Answer(HTTPStatus.BAD_REQUEST, "this is no request that is understood here\n"), "GET")
            return
        if self._read > LARGEST_REQUEST:
            self._send(Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "it is too large\n"), "GET")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._connections.pop(self, None)
        self.gone.set()
        if self._deadline is not None:
            self._deadline.cancel()

    def _answer(self, question: Question) -> None:
        try:
            answer = self._pages.answer(question)
        except Exception:
            logger.exception("the page %r failed", question.target)
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the log says what went wrong\n")
        self._send(answer, question.method)

    def _send(self, answer: Answer, method: str) -> None:
        if self._transport is None:
            return
        self._answered = True
        body = answer.body.encode()
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'",
            "Connection": "close",
            **answer.headers,
        }
        lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        said = head if method == "HEAD" else head + body
        self._transport.write(said if self._tls is None else self._tls.closed(said))
        self._transport.close()


def _question(request: Request) -> Question:
    """What counts of a request. A header that is there more than once counts as none."""

    def header(name: str) -> str:
        values = request.headers.get_all(name)
        return values[0] if len(values) == 1 else ""

    method = getattr(request, "method", "GET")
    return Question(method, request.path, header("Host"), header("Authorization"))
