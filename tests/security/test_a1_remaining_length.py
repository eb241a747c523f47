"""A1: whoever announces very much before it has said who it is costs nothing, and nobody waits for it."""

import asyncio
import gc
import socket
import tracemalloc

import pytest

from amqtt.broker import Broker
from amqtt.wire.decoder import Decoder
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import MQTT_5, Pingresp, Publish
from amqtt.wire.primitives import variable_byte_integer
from support.bench_server import Bench
from support.loopback import Clients, connect_bytes
from support.raw_client import RawClient
from support.sizes import sized

HUGE = b"\x10\xff\xff\xff\x7f"
"""A CONNECT of 256 MiB."""
LARGEST = 64 * 1024


async def test_a_huge_connect_is_closed_at_its_header_and_the_rest_is_not_kept(
    broker: Broker, client: Clients
) -> None:
    """500 sockets, in two crowds: a process may have a thousand, and both ends are in this one."""
    idle = await client.connected("idle")
    for crowd in (250, 500):
        strangers = [await client() for _ in range(250)]
        gc.collect()
        tracemalloc.start()
        try:
            for stranger in strangers:
                stranger.send(HUGE + bytes(10_000))
            for stranger in strangers:
                assert await stranger.read_to_end() == b""
            await idle.sync()
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 1024 * 1024
        finally:
            tracemalloc.stop()
        for stranger in strangers:
            await stranger.close()
        assert broker.server.realm.excess.counts["maximum_connect_size"] == crowd


async def test_who_goes_on_with_what_it_announced_is_not_kept_either(broker: Broker, client: Clients) -> None:
    """Megabyte by megabyte, until it finds that nobody listens."""
    idle = await client.connected("idle")
    loop, megabyte = asyncio.get_running_loop(), bytes(1_000_000)
    with socket.socket() as stranger:
        stranger.setblocking(False)
        await loop.sock_connect(stranger, broker.listeners["test"].addresses[0])
        tracemalloc.start()
        try:
            await loop.sock_sendall(stranger, HUGE)
            for _ in range(sized(2, 10)):
                await loop.sock_sendall(stranger, megabyte)
                assert await idle.sync() == []
        except ConnectionError:
            assert broker.server.realm.excess.counts["maximum_connect_size"] == 1
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert most < 1024 * 1024


@pytest.mark.parametrize("first", [b"\x30" + HUGE[1:], b"\x82" + HUGE[1:], b"\xf0" + HUGE[1:], b"GET / HTTP"])
def test_what_does_not_begin_as_a_connect_is_closed_at_its_first_byte(first: bytes) -> None:
    bench = Bench()
    client = bench.client()
    client.send(first[:1])
    assert client.state.closed
    client.send(first[1:])
    assert client.received_bytes() == b""


@pytest.mark.parametrize(("size", "closed"), [(LARGEST, False), (LARGEST + 1, True)])
def test_a_connect_may_be_so_large_whatever_is_announced(size: int, closed: bool) -> None:
    bench = Bench()
    client = bench.client()
    client.send(b"\x10" + variable_byte_integer(size - 4))
    assert client.state.closed is closed


def test_a_buffer_grows_with_what_has_arrived_and_not_with_what_is_announced() -> None:
    bench = Bench(maximum_connect_size=200 * 1024 * 1024)
    client = bench.client()
    tracemalloc.start()
    try:
        client.send(HUGE[:1] + variable_byte_integer(100 * 1024 * 1024))
        for _ in range(100):
            client.send(bytes(100))
        assert tracemalloc.get_traced_memory()[1] < 256 * 1024
    finally:
        tracemalloc.stop()
    assert not client.state.closed


def test_a_buffer_takes_more_without_copying_what_it_has() -> None:
    """Which would cost its square: whoever sends a megabyte in small pieces has it held once throughout."""
    decoder = Decoder(TopicNames(), 10_000_000, 10_000_000, MQTT_5)
    piece, size = bytes(100), 1_000_000
    header = b"\x30" + variable_byte_integer(size)
    tracemalloc.start()
    try:
        decoder.feed(header)
        for _ in range(size // len(piece) - 1):
            decoder.feed(piece)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * size
    finally:
        tracemalloc.stop()
    assert decoder.error is None


@pytest.mark.parametrize(("size", "closed"), [(1000, False), (1001, True)])
@pytest.mark.parametrize("qos", [0, 1])
def test_a_connected_client_may_send_packets_of_so_many_bytes(size: int, closed: bool, qos: int) -> None:
    """The fixed header included; by itself, and where it could be one of a run."""
    header = 1 + 2 + (2 + len("a")) + 2 * (qos > 0) + 1
    for number in (1, 3):
        client = Bench(maximum_packet_size=1000).connected("c")
        payload = bytes(size - header)
        client.send(*(Publish("a", payload, qos, packet_id=n if qos else 0) for n in range(1, number + 1)))
        assert client.state.closed is closed


def test_once_it_is_known_a_client_may_send_more_but_not_everything() -> None:
    bench = Bench(maximum_packet_size=100_000)
    client = bench.connected("c")
    client.publish("a", bytes(99_000))
    assert not client.state.closed
    client.publish("a", bytes(100_000))
    assert client.received()[-1].reason_code == 0x95  # type: ignore[union-attr]
    assert client.state.closed
    assert bench.server.realm.excess.counts == {"maximum_packet_size": 1}


async def test_a_connect_that_comes_byte_by_byte_is_taken(client: Clients) -> None:
    slow: RawClient = await client()
    for byte in connect_bytes():
        slow.send(bytes((byte,)))
    await slow.receive()
    assert not [packet for packet in await slow.sync() if isinstance(packet, Pingresp)]
