import asyncio
import contextlib
import ssl

import pytest

from amqtt.net.listeners import ListenerError
from amqtt.net.proxied import network, proxies
from amqtt.net.proxy_protocol import MAXIMUM_HEADER, SIGNATURE
from amqtt.net.settings import TlsSettings

LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883\r\n"
LOOPBACK = ["127.0.0.0/8", "::1"]


async def ended(site, reason: str) -> None:
    """Wait until nobody is left, and the only one that was is gone for this reason."""
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert reason in site.server.states[0].reason
    assert site.server.states[0].arrived == b""


@pytest.mark.parametrize("size", [1, 20, 1000])
async def test_the_announced_client_takes_the_place_of_the_proxy(site, size):
    reader, writer = await site.connect(await site.port(proxy_from=LOOPBACK))
    sent = LINE + b"hello"
    for at in range(0, len(sent), size):
        writer.write(sent[at : at + size])
        await asyncio.sleep(0)
    assert await asyncio.wait_for(reader.readexactly(5), 10) == b"hello"
    peer = site.server.states[0].peer
    assert (peer.address, peer.port, peer.transport) == ("192.0.2.7", 50000, "tcp")
    writer.write(bytes(200_000))
    assert await asyncio.wait_for(reader.readexactly(200_000), 10) == bytes(200_000)


@pytest.mark.parametrize("flags", [0, 1])
async def test_the_peer_is_as_secure_as_the_proxy_says(site, flags):
    reader, writer = await site.connect(await site.port(proxy_from=LOOPBACK))
    body = bytes((127, 0, 0, 1, 127, 0, 0, 1, 0, 1, 0, 1)) + b"\x20\0\x05" + bytes((flags, 0, 0, 0, 0))
    writer.write(SIGNATURE + b"\x21\x11\0" + bytes((len(body),)) + body + b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), 10) == b"hello"
    peer = site.server.states[0].peer
    assert (peer.address, peer.proxied, peer.secure) == ("127.0.0.1", True, bool(flags))


async def test_a_proxy_that_speaks_for_itself_is_the_peer(site):
    reader, writer = await site.connect(await site.port(proxy_from=LOOPBACK))
    writer.write(SIGNATURE + b"\x20\0\0\0" + b"health")
    assert await asyncio.wait_for(reader.readexactly(6), 10) == b"health"
    assert site.server.states[0].peer.address == "127.0.0.1"


async def test_the_header_comes_before_tls(site, authority):
    tls = TlsSettings(authority.certfile, authority.keyfile)
    port = await site.port(proxy_from=LOOPBACK, tls=tls)
    reader, writer = await site.connect(port)
    writer.write(LINE)
    async with asyncio.timeout(10):
        await writer.start_tls(authority.client_context(), server_hostname="localhost")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
    peer = site.server.states[0].peer
    assert peer.secure
    assert peer.address == "192.0.2.7"


async def test_header_and_client_hello_may_arrive_together(site, authority):
    port = await site.port(proxy_from=LOOPBACK, tls=TlsSettings(authority.certfile, authority.keyfile))
    reader, writer = await site.connect(port)
    context = authority.client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(inward, outward, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    writer.write(LINE + outward.read())
    inward.write(await asyncio.wait_for(reader.read(65536), 10))
    client.do_handshake()
    assert client.version() in {"TLSv1.2", "TLSv1.3"}


async def test_a_websocket_may_be_behind_a_proxy(site):
    reader, writer = await site.connect(await site.port(type="ws", proxy_from=LOOPBACK))
    writer.write(
        LINE + b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b" 101 " in await asyncio.wait_for(reader.readline(), 10)
    assert site.server.states[0].peer.address == "192.0.2.7"


async def test_whoever_may_write_to_the_unix_socket_may_be_a_proxy(site, tmp_path):
    path = str(tmp_path / "mqtt")
    await site.listen(type="unix", path=path, proxy_from=["unix"])
    reader, writer = await asyncio.open_unix_connection(path)
    site.writers.append(writer)
    writer.write(LINE + b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), 10) == b"hello"
    assert site.server.states[0].peer.address == "192.0.2.7"


async def test_from_anywhere_else_a_header_is_bytes_like_any_other(site):
    reader, writer = await site.connect(await site.port(proxy_from=["192.0.2.0/24", "unix"]))
    writer.write(LINE)
    assert await asyncio.wait_for(reader.readexactly(len(LINE)), 10) == LINE
    state = site.server.states[0]
    assert state.peer.address == "127.0.0.1"
    assert state.arrived == LINE


async def test_a_proxy_without_a_header_is_closed(site):
    reader, writer = await site.connect(await site.port(proxy_from=LOOPBACK))
    writer.write(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    await ended(site, "there is no PROXY header")


async def test_a_proxy_that_leaves_within_its_header_is_closed(site):
    _, writer = await site.connect(await site.port(proxy_from=LOOPBACK))
    writer.write(LINE[:20])
    writer.write_eof()
    await ended(site, "it was closed before its PROXY header was complete")


async def test_a_header_that_never_ends_is_closed(site):
    reader, writer = await site.connect(await site.port(proxy_from=LOOPBACK))
    writer.write(SIGNATURE + b"\x21\x11\xff\xff" + bytes(2 * MAXIMUM_HEADER))
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 10) == b""
    await ended(site, "bytes of vectors")


async def test_a_header_that_does_not_come_in_time_is_closed(open_site):
    site = await open_site(proxy_timeout=0.05)
    reader, _ = await site.connect(await site.port(proxy_from=LOOPBACK))
    assert await asyncio.wait_for(reader.read(), 10) == b""
    await ended(site, "its PROXY header did not come within 0.05 seconds")
    assert site.server.excesses == [("proxy_timeout", "127.0.0.1", site.server.states[0])]


async def test_the_server_may_close_before_the_header_is_there(site):
    reader, _ = await site.connect(await site.port(proxy_from=LOOPBACK))
    state = await site.server.first()
    site.server.close(state)
    assert await asyncio.wait_for(reader.read(), 10) == b""


def test_a_network_is_written_in_the_usual_ways():
    is_proxy = proxies(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])
    found = [is_proxy(a) for a in ("10.1.2.3", "11.1.2.3", "2001:db8::5", "192.0.2.7", "192.0.2.8", "")]
    assert found == [True, False, True, True, False, False]
    assert proxies(["unix"])("")
    assert not proxies([])("127.0.0.1")
    assert str(network("10.1.2.3/8")) == "10.0.0.0/8"


async def test_a_network_that_is_none_is_said(site):
    with pytest.raises(ListenerError, match=r"proxy-from: '10\.0\.0\.0/99' is no network"):
        await site.listen(proxy_from=["10.0.0.0/99"])
