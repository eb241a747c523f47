"""Shutdown and take-over while messages pour in: nothing that was promised is lost, and nothing hangs."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.wire.packets import Disconnect, Packet, Puback, Publish
from support.exchange import lasting
from support.raw_client import RawClient

PUBLISHERS = 4
WINDOW = 20
ENOUGH = 3_000
"""Acknowledged messages before the shutdown: a second of load."""
LIMITS = {"maximum-queued-messages": 100_000, "maximum-queued-bytes": 100_000_000}


async def next_of(client: RawClient) -> Packet | None:
    """The next packet; None when the broker, or another Network Connection, has ended this one."""
    try:
        packet = await client.receive()
    except (AssertionError, ConnectionError):
        packet = Disconnect()
    if not isinstance(packet, Disconnect):
        return packet
    await client.close()
    return None


class Load:
    """Publishers that never stop, and what the broker acknowledged of theirs."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.acknowledged: set[bytes] = set()
        self.enough = asyncio.Event()

    async def publish(self, broker: Broker, name: int) -> None:
        """Keep WINDOW messages under way until the broker ends it."""
        client = await RawClient.open(broker.listeners["test"].addresses[0], self.version)
        await client.connect(f"publisher-{name}")
        under_way: deque[bytes] = deque()
        number = 0
        while True:
            while len(under_way) < WINDOW:
                number += 1
                under_way.append(b"%d %d" % (name, number))
                client.publish("load", under_way[-1], 1, packet_id=number % 60_000 + 1)
            packet = await next_of(client)
            if packet is None:
                return
            assert isinstance(packet, Puback)
            self.acknowledged.add(under_way.popleft())
            if len(self.acknowledged) >= ENOUGH:
                self.enough.set()


async def take_all(client: RawClient, received: list[bytes]) -> None:
    """Acknowledge whatever comes, until the broker or another Connection ends it, or b"end" came."""
    while (packet := await next_of(client)) is not None:
        assert isinstance(packet, Publish)
        received.append(packet.payload)
        client.send(Puback(packet.packet_id))
        if packet.payload == b"end":
            await client.close()
            return


@pytest.mark.parametrize("version", [4, 5])
async def test_what_was_acknowledged_before_a_shutdown_is_there_after_it(
    version: int, tmp_path: Path
) -> None:
    config: dict[str, Any] = {
        "listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0, "limits": LIMITS,
        "persistence": {"file": str(tmp_path / "amqtt.db")},
    }
    load = Load(version)
    received: list[bytes] = []

    async def subscriber(broker: Broker) -> asyncio.Task[None]:
        """Come, or come in place of the one who is there."""
        client = await RawClient.open(broker.listeners["test"].addresses[0], version)
        await client.connect("kept", **lasting(version))
        return asyncio.create_task(take_all(client, received))

    broker = Broker(config)
    await broker.start()
    first = await RawClient.open(broker.listeners["test"].addresses[0], version)
    await first.connect("kept", **lasting(version))
    await first.subscribe("load", 1)
    await first.close()
    publishers = [asyncio.create_task(load.publish(broker, name)) for name in range(PUBLISHERS)]
    takers = [await subscriber(broker) for _ in range(3)]
    async with asyncio.timeout(60):
        await load.enough.wait()
        await broker.shutdown()
        await asyncio.gather(*publishers, *takers)
    async with Broker(config) as again:
        taker = await subscriber(again)
        last = await RawClient.open(again.listeners["test"].addresses[0], version)
        await last.connect("last")
        last.publish("load", b"end", 1, packet_id=1)
        await last.expect(Puback)
        await last.close()
        async with asyncio.timeout(60):
            await taker
    assert load.acknowledged - set(received) == set()
    for name in range(PUBLISHERS):
        mine = [payload for payload in dict.fromkeys(received) if payload.startswith(b"%d " % name)]
        assert mine == sorted(mine, key=lambda payload: int(payload.split()[1]))
