"""Network Connections that the program accepts itself, and a Server that fails, or lets nothing leave yet."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from amqtt.net.external import ExternalConnection
from amqtt.net.listener import Listener
from amqtt.net.settings import ListenerSettings


class Streams:
    """What a program hands in: what the test `feeds` arrives, `written` is what was sent."""

    def __init__(self) -> None:
        self._reader = asyncio.StreamReader()
        self.feed, self.feed_eof = self._reader.feed_data, self._reader.feed_eof
        self.written = b""
        self.news = asyncio.Event()
        self.closed = asyncio.Event()

    async def read(self, n: int = -1) -> bytes:
        return await self._reader.read(n)

    def write(self, data: bytes) -> None:
        self.written += data
        self.news.set()

    async def drain(self) -> None: ...

    def get_peer_info(self) -> tuple[str, int] | None:
        return "127.0.0.1", 1

    def get_ssl_info(self) -> ssl.SSLObject | None:
        return None

    async def close(self) -> None:
        self.closed.set()


@pytest.fixture
def listener() -> Listener:
    return Listener(ListenerSettings("mine", type="external"), None)


@pytest.fixture
async def streams(site, listener: Listener) -> AsyncIterator[Streams]:
    """A connection that is being served."""
    streams = Streams()
    serving = asyncio.create_task(ExternalConnection(site.house, listener, streams, streams).serve())
    await site.server.first()
    yield streams
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def test_nothing_leaves_before_the_commit_that_it_waits_for(site, streams):
    link = site.server.states[0].link
    link.withhold(1)
    link.send(b"CONNACK")
    streams.feed(b"\xc0\x00")  # what comes of this is written behind it, in a later pass of the event loop
    await site.server.until(lambda: link.size > len(b"CONNACK"))
    for _ in range(10):  # time enough to write it too early
        await asyncio.sleep(0)
    assert streams.written == b""
    link.keep_promises(1)
    async with asyncio.timeout(10):
        await streams.news.wait()
    assert streams.written.startswith(b"CONNACK")


async def test_the_last_word_waits_for_the_commit_too(site, streams):
    link = site.server.states[0].link
    link.withhold(1)
    link.send(b"CONNACK")
    site.server.close(site.server.states[0])
    for _ in range(10):
        await asyncio.sleep(0)
    assert (streams.written, streams.closed.is_set()) == (b"", False)
    link.keep_promises(1)
    async with asyncio.timeout(10):
        await streams.closed.wait()
    assert streams.written == b"CONNACK"


async def test_an_authenticator_that_was_cancelled_has_not_answered(site, streams):
    state = site.server.states[0]
    question = asyncio.get_running_loop().create_future()
    state.pending = question
    streams.feed(b"\xc0\x00")
    await site.server.until(lambda: state.arrived != b"")
    question.cancel()
    async with asyncio.timeout(10):
        while b"answered" not in streams.written:
            streams.news.clear()
            await streams.news.wait()
    assert [type(answer) for answer in state.answers] == [TimeoutError]


async def test_a_fault_of_the_server_at_open_or_lost_closes_it_and_leaves_nothing_behind(site, listener):
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    site.server.open = fail
    unheard = Streams()
    await ExternalConnection(site.house, listener, unheard, unheard).serve()
    assert unheard.closed.is_set()
    del site.server.open

    site.server.lost, lost = fail, site.server.lost
    forgotten = Streams()
    forgotten.feed_eof()
    await ExternalConnection(site.house, listener, forgotten, forgotten).serve()
    assert forgotten.closed.is_set()
    lost(site.server.states[0])
    assert [str(fault) for fault in site.faults] == ["a fault of ours"] * 2
    assert (listener.open_connections, len(site.house.connections)) == (0, 0)
    site.faults.clear()
