"""A Network Connection that is gone leaves nothing to the collector of cycles, which looks seldom.

A crowd that comes and goes would else grow the process, and stop it for as long as such a look takes.
"""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.net.connection import Connection
from amqtt.sessions.link import Link
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Connect, Disconnect, Subscribe, SubscriptionRequest
from support.raw_client import RawClient
from support.raw_websocket import BINARY, RawWebSocket
from support.tls import Authority

OURS = (Connection, Link)
HELLO = encode(Connect("c", MQTT_5), MQTT_5)
ENDS = {
    "says good-bye": HELLO + encode(Subscribe(1, [SubscriptionRequest("t", 1)]), MQTT_5)
    + encode(Disconnect(), MQTT_5),
    "breaks a rule": HELLO + HELLO,
    "is no Client": b"\x10\xff\xff\xff\x7f",
    "goes without a word": HELLO,
}


@pytest.fixture
def unreachable() -> Iterator[Callable[[], list[str]]]:
    """Ask for the Network Connections that only the collector can take away."""

    def found() -> list[str]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        kinds = [type(each).__name__ for each in gc.garbage if isinstance(each, OURS)]
        gc.garbage.clear()
        return kinds

    gc.collect()
    gc.disable()
    yield found
    gc.enable()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def config(tmp_path: Path, authority: Authority) -> dict[str, Any]:
    tls = {"ssl": True, "certfile": authority.certfile, "keyfile": authority.keyfile}
    return {
        "listeners": {
            "tcp": {"bind": "127.0.0.1:0"},
            "tls": {"bind": "127.0.0.1:0", **tls},
            "ws": {"type": "ws", "bind": "127.0.0.1:0"},
            "unix": {"type": "unix", "path": str(tmp_path / "s")},
        }
    }


async def come_and_go(broker: Broker, listener: str, data: bytes, authority: Authority) -> None:
    """Connect, send this, take what comes, and leave."""
    address = broker.listeners[listener].addresses[0]
    if listener == "ws":
        assert isinstance(address, tuple)
        socket = await RawWebSocket.open(address, "mqtt")
        socket.send(BINARY, data)
        await socket.receive()
        await socket.close()
    else:
        client = await RawClient.open(
            address, tls=authority.client_context() if listener == "tls" else None
        )
        client.send(data)
        if data == HELLO:
            await client.receive()
        else:
            await client.read_to_end()
        await client.close()


@pytest.mark.parametrize("listener", ["tcp", "tls", "ws", "unix"])
@pytest.mark.parametrize("end", ENDS)
async def test_it_goes_at_once(
    listener: str,
    end: str,
    config: dict[str, Any],
    authority: Authority,
    unreachable: Callable[[], list[str]],
) -> None:
    async with Broker(config) as broker:
        await come_and_go(broker, listener, ENDS[end], authority)
    # A deadline that it does not need any more may hold it for a while: those are gone now, too.
    assert unreachable() == []


class Streams:
    """What a program gives to `external_connected`."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    async def read(self, n: int = -1) -> bytes:
        data, self._left = self._left[:n], self._left[n:]
        return data

    def feed_eof(self) -> None: ...

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def get_peer_info(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def get_ssl_info(self) -> None:
        return None

    async def close(self) -> None: ...


@pytest.mark.parametrize("end", ENDS)
async def test_so_does_one_that_the_program_brought(end: str, unreachable: Callable[[], list[str]]) -> None:
    async with Broker({"listeners": {"ours": {"type": "external"}}}) as broker:
        streams = Streams(ENDS[end])
        await broker.external_connected(streams, streams, "ours")
    assert unreachable() == []
