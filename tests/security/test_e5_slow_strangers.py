"""E5: one deadline from accepting to CONNACK, however slowly a stranger gets on and wherever it stops."""

import asyncio
import socket
import ssl

import pytest

from amqtt.broker import Broker
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Pingreq
from support.bench_server import Bench
from support.sizes import sized
from support.tls import Authority

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
DEADLINE = sized(0.4, 10.0)
"""Ten seconds are what a Server gives where nobody says otherwise: a byte each second is too slow then."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def broker(authority):
    tls = {"ssl": True, "certfile": authority.certfile, "keyfile": authority.keyfile}
    here = {"bind": "127.0.0.1:0"}
    listeners = {
        "default": {"type": "tcp"},
        "tcp": here, "ws": {**here, "type": "ws"}, "tls": {**here, **tls},
        "wss": {**here, **tls, "type": "ws"},
        "proxied": {**here, "proxy-from": ["127.0.0.1"]},
        "proxied-tls": {**here, **tls, "proxy-from": ["127.0.0.1"]},
    }
    limits = {"connect-timeout": DEADLINE}
    async with Broker({"listeners": listeners, "sys_interval": 0, "limits": limits}) as broker:
        yield broker


def client_hello(authority: Authority) -> bytes:
    outward = ssl.MemoryBIO()
    client = authority.client_context().wrap_bio(ssl.MemoryBIO(), outward, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outward.read()


@pytest.mark.parametrize(("listener", "said"), [
    ("tcp", b""), ("tcp", CONNECT), ("ws", b""), ("ws", UPGRADE),
    ("ws", UPGRADE + b"\x82\x8f\0\0\0\0" + CONNECT),
    ("tls", b""), ("tls", b"hello"), ("wss", b"hello"), ("proxied", b""), ("proxied", b"PROXY UNKNOWN\r\n"),
    ("proxied-tls", b"PROXY UNKNOWN\r\nhello"),
])
async def test_who_is_not_done_in_time_is_closed_wherever_it_is(broker, authority, listener, said):
    """All but the last byte is sent, one after the other: that would take longer than there is time."""
    sent = said.replace(b"hello", client_hello(authority))[:-1]
    pause = sized(2 * DEADLINE / max(1, len(sent)), 1.0)
    reader, writer = await asyncio.open_connection(*broker.listeners[listener].addresses[0])
    closed = asyncio.ensure_future(reader.read())
    try:
        async with asyncio.timeout(10 + DEADLINE):
            for byte in sent:
                if closed.done():
                    break
                writer.write(bytes((byte,)))
                await asyncio.wait([closed], timeout=pause)
            assert closed.done() or not sent, "no byte gives it more time"
            await asyncio.wait([closed])
    finally:
        closed.cancel()
        writer.transport.abort()
    assert not broker.server.realm.connected
    async with asyncio.timeout(10):
        await broker._house.emptied()


async def test_a_client_that_is_in_is_not_affected_and_dead_peers_are_noticed_by_the_system(broker):
    reader, writer = await asyncio.open_connection(*broker.listeners["tcp"].addresses[0])
    writer.write(CONNECT)
    async with asyncio.timeout(10 + DEADLINE):
        assert await reader.readexactly(4) == b"\x20\x02\0\0"
        stranger_reader, stranger = await asyncio.open_connection(*broker.listeners["tcp"].addresses[0])
        assert await stranger_reader.read() == b""
        writer.write(b"\xc0\0")
        assert await reader.readexactly(2) == b"\xd0\0"
    (state,) = broker.server.realm.connected.values()
    (connection,) = (one for one in broker._house.connections if one.state is state)
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    if hasattr(socket, "TCP_KEEPIDLE"):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 300
    for one in (writer, stranger):
        one.transport.abort()


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize(("keep_alive", "seconds"), [(2, 3), (65_535, 98_302.5)])
def test_a_client_that_is_in_says_something_within_one_and_a_half_keep_alives(
    version: int, keep_alive: int, seconds: float
) -> None:
    bench = Bench()
    client, talking = (bench.connected(name, version, keep_alive=keep_alive) for name in ("c", "t"))
    bench.pass_time(seconds - 0.5)
    talking.send(Pingreq())
    assert not client.state.closed
    bench.pass_time(0.5)
    assert client.state.closed
    assert not talking.state.closed
    if version == MQTT_5:
        assert client.received()[-1].reason_code == 0x8D  # type: ignore[union-attr]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_without_a_keep_alive_a_client_may_be_silent_unless_there_is_a_longest_one(version: int) -> None:
    bench = Bench()
    client = bench.connected("c", version, keep_alive=0)
    bench.pass_time(1e7)
    assert not client.state.closed
    bounded = Bench(maximum_keep_alive=60)
    told = bounded.client(version)
    if told.connect("c", keep_alive=0).reason_code == 0:
        bounded.pass_time(90)
    assert told.state.closed
