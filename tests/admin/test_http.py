"""HTTP as it comes: in pieces, too large, too slow, too many, or none."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from amqtt.admin import http as subject
from amqtt.admin.http import LARGEST_REQUEST, MOST_CONNECTIONS, HttpListener
from amqtt.admin.pages import Answer, Pages
from support.tls import Authority

REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"
Ask = Callable[[bytes], Awaitable[bytes]]


def broken() -> Answer:
    raise RuntimeError("canary")


@pytest.fixture
async def listener() -> AsyncIterator[HttpListener]:
    pages = Pages({"/page": lambda: Answer(body="hällo\n"), "/broken": broken}, frozenset())
    listener = HttpListener("h", pages, [socket.create_server(("127.0.0.1", 0))])
    await listener.open()
    yield listener
    await listener.close()
    assert not listener.connections


@pytest.fixture
async def ask(listener: HttpListener) -> Ask:
    async def send(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer

    return send


async def unanswered(reader: asyncio.StreamReader) -> bool:
    """Whether the connection ends without an answer."""
    try:
        return not await reader.read()
    except ConnectionResetError:
        return True


async def test_a_request_is_answered_and_the_connection_closed(ask: Ask) -> None:
    head, _, body = (await ask(REQUEST)).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {b"Content-Length: 7", b"Connection: close", b"Cache-Control: no-store"} <= set(lines)
    assert body.decode() == "hällo\n"


async def test_head_has_no_body(ask: Ask) -> None:
    answer = await ask(REQUEST.replace(b"GET", b"HEAD"))
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 7" in answer


async def test_a_request_may_come_byte_by_byte(listener: HttpListener) -> None:
    reader, writer = await asyncio.open_connection(*listener.addresses[0])
    for byte in REQUEST:
        writer.write(bytes((byte,)))
        await writer.drain()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n", b"GET\r\n\r\n", b"GET /page HTTP/2.0\r\n\r\n", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\n",
        b"GET /page HTTP/1.1\r\nno colon\r\n\r\n", b"GET /p\xff HTTP/1.1\r\n\r\n",
        b"GET /page HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd",
        b"GET /page HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /" + b"a" * 20_000, b"GET /page HTTP/1.1\r\n" + b"a: b\r\n" * 2_000,
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused(ask: Ask, data: bytes) -> None:
    assert (await ask(data)).startswith(b"HTTP/1.1 4")


async def test_two_hosts_are_none(ask: Ask) -> None:
    answer = await ask(b"GET /page HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_no_more_is_read_than_a_request_may_have(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LARGEST_REQUEST", 100)
    answer = await ask(b"GET /page HTTP/1.1\r\n" + b"a: b\r\n" * 50)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert LARGEST_REQUEST > 100


async def test_who_is_too_slow_is_dropped(listener: HttpListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "DEADLINE", 0.01)
    reader, writer = await asyncio.open_connection(*listener.addresses[0])
    writer.write(REQUEST[:5])
    assert await unanswered(reader)
    writer.close()


async def test_more_than_a_bounded_number_are_not_served_and_who_asks_nothing_makes_room(
    listener: HttpListener, ask: Ask
) -> None:
    idle = [await asyncio.open_connection(*listener.addresses[0]) for _ in range(MOST_CONNECTIONS)]
    assert (await ask(REQUEST)).startswith(b"HTTP/1.1 200 ")
    assert await unanswered(idle[0][0])
    reader, writer = idle[-1]
    writer.write(REQUEST)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    assert len(listener.connections) < MOST_CONNECTIONS
    for _, each in idle:
        each.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
async def test_who_is_in_a_tls_handshake_counts_as_anybody_else(authority: Authority, said: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certfile, authority.keyfile)
    pages = Pages({"/page": Answer}, frozenset())
    listener = HttpListener("h", pages, [socket.create_server(("127.0.0.1", 0))])
    await listener.open(context)
    strangers = [await asyncio.open_connection(*listener.addresses[0]) for _ in range(3 * MOST_CONNECTIONS)]
    for _, writer in strangers:
        writer.write(said)
    tls = authority.client_context()
    address = listener.addresses[0]
    reader, writer = await asyncio.open_connection(*address, ssl=tls, server_hostname="localhost")
    assert said.startswith(b"GET") or len(listener.connections) == MOST_CONNECTIONS
    writer.write(REQUEST)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    assert len(listener.connections) <= MOST_CONNECTIONS
    await listener.close()
    for _, each in [*strangers, (reader, writer)]:
        each.transport.abort()
    assert not listener.connections
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_page_that_fails_says_nothing_of_why(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(REQUEST.replace(b"/page", b"/broken"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"canary" not in answer
    assert "canary" in caplog.text
