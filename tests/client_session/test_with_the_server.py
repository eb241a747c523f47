"""Our Client and our Server, bytes between them, Network Connections that break anywhere.

Whatever breaks, and wherever a packet is cut: QoS 1 comes at least once, QoS 2 exactly once, both in
the order in which they were published.
"""

import random

import pytest

from amqtt.abc import Peer
from amqtt.client_session.client_session import ClientSession
from amqtt.client_session.receipt import ANSWERED, Receipt
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.client_session.state import AcceptedSubscription, Ending
from amqtt.message import Message
from amqtt.server.state import ConnectionState
from amqtt.sessions.link import Link, Turn
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connack, SubscriptionRequest
from support.bench_server import Bench

MESSAGES = 60


class Wire:
    """One Network Connection: bytes on their way in both directions, in pieces of any size."""

    def __init__(self, bench: Bench, client: "Program") -> None:
        self.to_server = bytearray()
        self.to_client = bytearray()
        self._client_link = Link(client.turn, lambda: self._collect(self._client_link, self.to_server))
        self._server_link = Link(bench.turn, lambda: self._collect(self._server_link, self.to_client))
        self._bench = bench
        self._client = client
        self.state: ConnectionState = bench.server.open(self._server_link, Peer("192.0.2.1", 1, "bench"))
        client.session.open(self._client_link)

    def _collect(self, link: Link, bytes_: bytearray) -> None:
        bytes_ += b"".join(link.chunks)
        link.chunks.clear()
        link.size = 0

    def carry(self, chance: random.Random) -> None:
        """Let some of what is on its way arrive."""
        self._client.turn.flush()
        count = chance.randint(0, 40)
        data, self.to_server = bytes(self.to_server[:count]), self.to_server[count:]
        if data:
            self._bench.server.received(self.state, data)
        self._bench.turn.flush()
        count = chance.randint(0, 40)
        data, self.to_client = bytes(self.to_client[:count]), self.to_client[count:]
        if data:
            self._client.session.received(data)

    def cut(self) -> None:
        """It breaks; what is on its way is lost. Who hears of it first is left open."""
        self._bench.server.lost(self.state)
        self._client.session.lost("cut")


class Program:
    """Publishes to itself, and takes what comes when it likes."""

    def __init__(self, bench: Bench, version: int) -> None:
        self.turn = Turn(lambda: None, 1000.0)
        settings = ClientSettings("it", version, clean_start=version == MQTT_5, keep_alive=0)
        self.session = ClientSession(settings, self, self.turn)
        self.bench = bench
        self.waiting: list[ReceivedMessage] = []
        self.taken: list[bytes] = []
        self.receipts: list[Receipt] = []
        self.endings: list[Ending] = []
        self.subscribed: Receipt | None = None

    def accepted(self, connack: Connack, lost_subscriptions: list[AcceptedSubscription]) -> None:
        if "t" not in self.session.subscriptions:
            self.subscribed = self.session.subscribe([SubscriptionRequest("t", 2)])

    def deliver(self, message: ReceivedMessage) -> None:
        message.hold()
        self.waiting.append(message)

    def closed(self, ending: Ending) -> None:
        self.endings.append(ending)

    def take(self) -> None:
        message = self.waiting.pop(0)
        self.taken.append(message.payload)
        self.session.take(message)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("version", "qos"), [(MQTT_5, 1), (MQTT_5, 2), (MQTT_3_1_1, 1), (MQTT_3_1_1, 2)])
def test_nothing_is_lost_and_qos_2_comes_once(seed: int, version: int, qos: int) -> None:
    chance = random.Random(f"{seed} {version} {qos}")
    bench = Bench(maximum_inflight=chance.randint(1, 20), receive_maximum=chance.randint(1, 20))
    program = Program(bench, version)
    wire: Wire | None = None
    published = 0
    for step in range(20_000):
        quiet = step > 1_500
        if wire is None:
            wire = Wire(bench, program)
        elif not quiet and chance.random() < 0.02:
            wire.cut()
            wire = None
            continue
        wire.carry(chance)
        subscribed = "t" in program.session.subscriptions
        if subscribed and published < MESSAGES and chance.random() < 0.1:
            message = Message("t", str(published).encode(), qos)
            if program.session.has_room(message):
                program.receipts.append(program.session.publish(message))
                published += 1
        if program.waiting and chance.random() < 0.2:
            program.take()
        done = len(program.receipts) == MESSAGES and all(r.outcome == ANSWERED for r in program.receipts)
        if done and not program.waiting and len(set(program.taken)) == MESSAGES and quiet:
            break
    expected = [str(number).encode() for number in range(MESSAGES)]
    first_seen = list(dict.fromkeys(program.taken))
    assert first_seen == expected
    if qos == 2:
        assert program.taken == expected
    assert {ending.reason for ending in program.endings} <= {"cut"}
    assert bench.faults == []
