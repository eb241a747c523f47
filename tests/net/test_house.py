import asyncio
import resource

import pytest

from amqtt.net import acceptor
from amqtt.net.house import _descriptors


async def test_accepting_waits_while_too_many_strangers_are_inside(open_site, monkeypatch):
    monkeypatch.setattr(acceptor, "CROWDED_PAUSE", 0.01)
    site = await open_site(maximum_unauthenticated=3)
    port = await site.port()
    opened = site.server.open

    def open_stranger(link, peer):
        state = opened(link, peer)
        state.accepted = False
        return state

    site.server.open = open_stranger
    peers = [await site.connect(port) for _ in range(5)]
    await site.server.until(lambda: len(site.server.states) == 3)
    assert site.house.is_crowded
    peers[0][1].write(b"still served")
    assert await asyncio.wait_for(peers[0][0].readexactly(12), 10) == b"still served"
    assert len(site.server.states) == 3
    site.server.states[0].accepted = True
    await site.server.until(lambda: len(site.server.states) == 4)
    peers[1][1].close()
    await site.server.until(lambda: len(site.server.states) == 5)
    peers[4][1].write(b"me too")
    assert await asyncio.wait_for(peers[4][0].readexactly(6), 10) == b"me too"


async def test_without_a_bound_nobody_is_a_stranger_too_many(open_site):
    site = await open_site(maximum_unauthenticated=0)
    assert not site.house.is_crowded


async def test_connections_beyond_those_of_all_listeners_are_closed_at_once(open_site):
    site = await open_site(maximum_connections=2)
    first, second = await site.port(), await site.port()
    inside = [await site.connect(port) for port in (first, second)]
    await site.server.until(lambda: len(site.server.states) == 2)
    reader, _ = await site.connect(second)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    assert site.listeners[1].refused == 1
    assert site.server.excesses == [("maximum_connections", "127.0.0.1", None)]
    left, gone = site.house.left, asyncio.Event()
    site.house.left = lambda connection: (left(connection), gone.set())
    inside[0][1].close()
    await asyncio.wait_for(gone.wait(), 10)
    assert not site.house.is_full
    reader, writer = await site.connect(second)
    writer.write(b"in")
    assert await asyncio.wait_for(reader.readexactly(2), 10) == b"in"


@pytest.mark.parametrize(("most", "ours"), [(1024, 1024 - 128), (64, 32)])
def test_file_descriptors_are_left_for_everything_else(monkeypatch, most, ours):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (most, most))
    assert _descriptors() == ours


def test_a_system_without_a_bound_sets_none(monkeypatch):
    infinity = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda which: (infinity, infinity))
    assert _descriptors() > 1 << 30
