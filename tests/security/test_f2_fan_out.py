"""F2: one PUBLISH to very many Subscribers keeps nobody else waiting until all of them were written."""

import asyncio
import select
from collections.abc import Callable

from amqtt.abc import Peer
from amqtt.broker import Broker
from amqtt.sessions.link import SLICE, Link
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Connect, Pingreq, Pingresp, Subscribe, SubscriptionRequest
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
        while self.state.pending is not None:
            self._server.answered(self.state, await self.state.pending)
        self._hear(encode(Subscribe(1, [SubscriptionRequest("crowd")]), MQTT_5))

    def _hear(self, data: bytes) -> None:
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


async def test_what_waits_for_its_slice_when_a_broker_stops_does_not_silence_the_next_start(
    broker: Broker, opener: Opener
) -> None:
    turn = broker.server.turn
    turn.late.append(Link(turn, lambda: None))
    await broker.shutdown()
    await broker.start()
    await opener.connected(broker, "back")
