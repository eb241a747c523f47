"""F2: one PUBLISH to very many Subscribers keeps nobody else waiting until all of them were written."""

import asyncio
import gc
import select
import tracemalloc
from collections.abc import Callable

import pytest

from amqtt.abc import Peer
from amqtt.broker import Broker
from amqtt.sessions.link import SLICE, Link
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Pingreq,
    Pingresp,
    Publish,
    Subscribe,
    SubscriptionRequest,
)
from support.bench_server import Bench
from support.opener import Opener

SLICES = 4


class Member:
    """One of a crowd of Subscribers, without a socket; it tells when its Link is written."""

    def __init__(self, broker: Broker, number: int, written: Callable[["Member"], None]) -> None:
        self._written = written
        self.link = Link(broker.server.turn, self._flush)
        self.state = broker.server.open(self.link, Peer("192.0.2.1", 40_000, "test"))
        self._server = broker.server
        self.payloads: list[bytes] = []
        self._hear(encode(Connect(f"member-{number}", MQTT_5), MQTT_5))

    async def subscribe(self) -> None:
        await self._is_read_from()
        while self.state.pending is not None:
            self._server.answered(self.state, await self.state.pending)
        self._hear(encode(Subscribe(1, [SubscriptionRequest("crowd")]), MQTT_5))
        await self._is_read_from()

    async def _is_read_from(self) -> None:
        """Wait for its turn, if there are too many in this one."""
        if self.link.paused:
            again = asyncio.Event()
            self.link.waiting.add(again.set)
            await again.wait()

    def _hear(self, data: bytes) -> None:
        self._server.turn.begin(self._server.turn.present())
        self._server.received(self.state, data)

    def _flush(self) -> None:
        chunks, self.link.size = self.link.chunks[:], 0
        self.link.chunks.clear()
        if chunks and chunks[-1].endswith(b"to all"):
            self._written(self)

    def leave(self) -> None:
        self._server.lost(self.state)


async def test_an_idle_peer_is_answered_before_the_last_slice_is_written(
    broker: Broker, opener: Opener
) -> None:
    idle, publisher = await opener.connected(broker, "idle"), await opener.connected(broker, "p")
    order: list[str] = []
    all_written = asyncio.Event()
    ours = broker.server.realm.connected["idle"].link
    assert ours is not None
    write = ours.flush
    ours_socket = write.__self__.transport.get_extra_info("socket")  # type: ignore[attr-defined]

    def note(who: str) -> None:
        order.append(who)
        if len(order) > len(crowd):
            all_written.set()

    def written(member: Member) -> None:
        if not order:
            idle.send(Pingreq())
            assert select.select([ours_socket], [], [], 10)[0], "it has arrived before the next slice"
        note("member")

    def answered() -> None:
        note("idle")
        write()

    crowd = [Member(broker, number, written) for number in range(SLICES * SLICE)]
    for member in crowd:
        await member.subscribe()
    await idle.sync()
    ours.flush = answered
    publisher.publish("crowd", b"to all")
    async with asyncio.timeout(30):
        await idle.expect(Pingresp)
        await all_written.wait()
    assert order.count("idle") == 1
    assert SLICE <= order.index("idle") <= (SLICES - 1) * SLICE
    assert order.count("member") == len(crowd), "each once"
    for member in crowd:
        member.leave()


PAYLOAD = 1024 * 1024


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("are", ["there", "away"])
def test_a_message_to_a_hundred_is_in_memory_once(version: int, qos: int, are: str) -> None:
    """Its payload: in flight or queued, and at QoS 0 written, it is the same bytes for everybody."""
    bench = Bench()
    more = {"session_expiry_interval": 1000} if version == MQTT_5 else {}
    for number in range(100):
        client = bench.connected(f"c{number}", version, clean_start=False, **more)
        client.subscribe("t", qos)
        if are == "away":
            client.lose()
        else:
            client.link.blocked, client.link.maximum, client.link.pressure = True, 1 << 40, 1 << 40
            client.link.flush = lambda: None
    publisher = bench.connected("p", version)
    data = encode(Publish("t", bytes(PAYLOAD), qos, packet_id=1 if qos else 0), version)
    gc.collect()
    tracemalloc.start()
    try:
        publisher.send(data)
        if qos == 0 or are == "away":
            assert tracemalloc.get_traced_memory()[1] < 6 * PAYLOAD
    finally:
        tracemalloc.stop()
    realm = bench.server.realm
    held = [
        outgoing.message
        for session in realm.sessions.values()
        for outgoing in [*session.backlog, *session.inflight.entries.values()]
    ]
    assert len(held) == (100 if qos else 0)
    assert len({id(message.payload) for message in held}) == min(qos, 1)


async def test_what_waits_for_its_slice_when_a_broker_stops_does_not_silence_the_next_start(
    broker: Broker, opener: Opener
) -> None:
    turn = broker.server.turn
    turn.late.append(Link(turn, lambda: None))
    await broker.shutdown()
    await broker.start()
    await opener.connected(broker, "back")
