"""A disk that is slow makes publishers wait, and nobody else: through real sockets."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.wire.packets import Puback
from support.exchange import leave, payloads
from support.gated_store import GatedStore, until
from support.opener import Opener
from support.raw_client import RawClient

MANY = 20_000
"""Messages of a publisher that does not wait: more than may be unwritten, and than sockets hold."""
BODY = bytes(1000)


@pytest.mark.parametrize("version", [4, 5])
async def test_publishers_wait_for_the_disk_and_nobody_else_does(
    version: int, tmp_path: Path, opener: Opener
) -> None:
    config: dict[str, Any] = {
        "listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0,
        "limits": {"maximum-queued-messages": 2 * MANY, "maximum-queued-bytes": 100_000_000},
        "persistence": {"file": str(tmp_path / "amqtt.db"), "maximum-unwritten-records": 500},
    }
    async with Broker(config) as broker:
        away = await opener(broker)
        await away.connect("away", clean_start=False, session_expiry_interval=1000)
        await away.subscribe("t", 1)
        await leave(away)
        disk = GatedStore(broker)
        publisher = await RawClient.open(broker.listeners["test"].addresses[0], version)
        await publisher.connect("publisher", keep_alive=1)
        for number in range(MANY):
            publisher.publish("t", BODY, 1, packet_id=number % 60_000 + 1)
        counters = broker.server.counters
        await until(lambda: counters.published > 256)
        others = await opener.connected(broker, "others")
        await others.subscribe("free")
        seen = counters.published
        for number in range(20):
            others.publish("free", b"%d" % number)
            assert await payloads(others) == [b"%d" % number]
            await asyncio.sleep(0.1)
        assert counters.published - 20 - seen < 200, "it reads on"
        assert counters.published < MANY // 10
        # Nothing is heard of a publisher that is not read from: that must not end it, two seconds or not.
        disk.is_open.set()
        acknowledged = 0
        while acknowledged < MANY:
            packet = await publisher.receive()
            assert isinstance(packet, Puback)
            acknowledged += 1
        await publisher.close()
        assert len(broker.server.realm.sessions["away"].backlog) == MANY
