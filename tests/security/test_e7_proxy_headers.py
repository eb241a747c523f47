"""E7 and D13: a PROXY header is believed where the configuration says so only, and gives no rights."""

import asyncio

import pytest

from amqtt.broker import Broker

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"
HERE = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 1883\r\n"
ELSEWHERE = b"PROXY TCP4 192.0.2.7 127.0.0.1 1 1883\r\n"


async def answer(broker: Broker, listener: str, said: bytes) -> bytes:
    address = broker.listeners[listener].addresses[0]
    if isinstance(address, str):
        reader, writer = await asyncio.open_unix_connection(address)
    else:
        reader, writer = await asyncio.open_connection(*address)
    writer.write(said)
    try:
        return await asyncio.wait_for(reader.read(4), 10)
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


@pytest.fixture
async def broker(tmp_path):
    path = str(tmp_path / "mqtt")
    listeners = {
        "default": {"type": "tcp"}, "plain": {"bind": "127.0.0.1:0"},
        "others": {"bind": "127.0.0.1:0", "proxy-from": ["192.0.2.0/24"]},
        "proxied": {"bind": "127.0.0.1:0", "proxy-from": ["127.0.0.1"]},
        "socket": {"type": "unix", "path": path, "proxy-from": ["unix"]},
        "web": {"type": "ws", "bind": "127.0.0.1:0"},
    }
    config = {"listeners": listeners, "sys_interval": 0, "auth": {"allow-anonymous": True}}
    async with Broker(config) as broker:
        yield broker


@pytest.mark.parametrize("header", [HERE, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"])
async def test_a_header_from_anyone_else_is_a_protocol_error(broker, header):
    assert await answer(broker, "plain", CONNECT) == b"\x20\x02\0\0"
    assert await answer(broker, "plain", header + CONNECT) == b""
    assert await answer(broker, "others", header + CONNECT) == b""
    assert await answer(broker, "others", CONNECT) == b"\x20\x02\0\0"
    assert await answer(broker, "web", header + b"GET / HTTP/1.1\r\n\r\n") in {b"", b"HTTP"}


@pytest.mark.parametrize(("size", "taken"), [(107, True), (108, False), (4000, False)])
async def test_a_line_has_at_most_107_bytes_whatever_it_says(broker, size, taken):
    line = b"PROXY UNKNOWN ".ljust(size - 2, b"x") + b"\r\n"
    assert (await answer(broker, "proxied", line + CONNECT) == b"\x20\x02\0\0") is taken


@pytest.mark.parametrize(("vectors", "taken"), [(4096, True), (4097, False), (60_000, False)])
async def test_vectors_have_at_most_4_kib(broker, vectors, taken):
    """One after the other of a type that nobody knows, as large as they may be together."""
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + (12 + vectors).to_bytes(2, "big")
    address = bytes((192, 0, 2, 7, 127, 0, 0, 1, 0, 1, 7, 91))
    vector = b"\xee" + (vectors - 3).to_bytes(2, "big") + bytes(vectors - 3)
    assert (await answer(broker, "proxied", header + address + vector + CONNECT) == b"\x20\x02\0\0") is taken


@pytest.mark.parametrize("listener", ["proxied", "socket"])
async def test_a_proxy_must_send_a_header(broker, listener):
    assert await answer(broker, listener, CONNECT) == b""
    for header in (HERE, ELSEWHERE):
        assert await answer(broker, listener, header + CONNECT) == b"\x20\x02\0\0"


async def test_an_address_of_this_machine_is_no_right(tmp_path):
    """The same Client is refused over loopback, a Unix socket, and a proxy that says either address."""
    path = str(tmp_path / "mqtt")
    listeners = {
        "default": {"type": "tcp"}, "plain": {"bind": "127.0.0.1:0"},
        "proxied": {"bind": "127.0.0.1:0", "proxy-from": ["127.0.0.1"]},
        "socket": {"type": "unix", "path": path},
    }
    config = {"listeners": listeners, "sys_interval": 0, "auth": {"allow-anonymous": False}}
    async with Broker(config) as broker:
        said = [("plain", b""), ("socket", b""), ("proxied", HERE), ("proxied", ELSEWHERE)]
        answers = {await answer(broker, listener, header + CONNECT) for listener, header in said}
    assert answers == {b"\x20\x02\x00\x05"}
