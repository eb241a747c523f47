"""F1: a Client that does not read costs a bounded amount of memory, and nobody else his time."""

import asyncio
import socket

import pytest

from amqtt.broker import Broker
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connect, Puback, Subscribe, SubscriptionRequest
from support.bench_server import Bench
from support.loopback import Brokers
from support.opener import Opener

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_what_waits_for_one_link_is_bounded_and_the_rest_is_counted(version: int, qos: int) -> None:
    bench = Bench(maximum_queued_messages=100, maximum_queued_bytes=200_000)
    slow, publisher = bench.connected("slow", version), bench.connected("p")
    slow.subscribe("a", qos)
    slow.link.flush = lambda: None
    slow.link.blocked = True
    for number in range(5_000):
        publisher.publish("a", bytes(1000), qos, packet_id=number % 60_000 + 1 if qos else 0)
    session = bench.server.realm.sessions["slow"]
    assert slow.link.size <= slow.link.maximum + 2000
    assert session.backlog.size <= 200_000
    counters = bench.server.counters
    assert counters.dropped_full > 3_000
    assert counters.delivered + counters.dropped_full + len(session.backlog) == 5_000
    ((limit, times),) = bench.server.realm.excess.counts.items()
    assert limit in ({"maximum_queued_messages", "maximum_queued_bytes"} if qos else {"maximum_unsent_bytes"})
    assert times == counters.dropped_full


@BOTH
async def test_the_others_are_served_while_one_never_reads(
    version: int, broker_with: Brokers, opener: Opener
) -> None:
    broker: Broker = await broker_with(maximum_unsent_bytes=65_536)
    address = broker.listeners["test"].addresses[0]
    assert isinstance(address, tuple)
    idle, publisher = await opener.connected(broker, "idle"), await opener.connected(broker, "p")
    await idle.subscribe("other", 1)
    loop = asyncio.get_running_loop()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await loop.sock_connect(deaf, address)
        hello = encode(Connect("deaf", version), version)
        await loop.sock_sendall(deaf, hello + encode(Subscribe(1, [SubscriptionRequest("a")]), version))
        while "deaf" not in broker.server.realm.connected:
            await idle.sync()
        for number in range(40):
            for _ in range(10):
                publisher.publish("a", bytes(20_000))
            publisher.publish("other", b"%d" % number, 1, packet_id=number + 1)
            await publisher.expect(Puback)
            (packet,) = [each for each in await idle.sync() if type(each).__name__ == "Publish"]
            assert packet.payload == b"%d" % number  # type: ignore[union-attr]
        link = broker.server.realm.connected["deaf"].link
        assert link.size <= 65_536 + 2 * 20_100
    assert broker.server.counters.dropped_full > 0
