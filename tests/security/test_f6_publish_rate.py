"""F6: a Client that publishes more than its rate is slowed down, or told to go; the others notice nothing."""

import itertools

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
)
from support.bench_server import Bench, BenchClient
from support.loopback import Brokers
from support.opener import Opener

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
RATE = 100


def flood(client: BenchClient, count: int, qos: int = 1, then: bytes = b"") -> None:
    """PUBLISH packets numbered in their payload, in one piece."""
    packets = [Publish("a", b"%d" % n, qos, packet_id=n + 1 if qos else 0) for n in range(count)]
    client.send(b"".join(encode(packet, client.version) for packet in packets) + then)


def numbers(packets: list[Packet]) -> list[int]:
    return [int(packet.payload) for packet in packets if isinstance(packet, Publish)]


@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_ten_thousand_messages_pass_at_a_hundred_a_second_and_none_is_lost(version: int, qos: int) -> None:
    bench = Bench(maximum_publish_rate=RATE)
    subscriber, publisher, idle = (bench.connected(name, version) for name in ("s", "p", "idle"))
    subscriber.subscribe("a")
    flood(publisher, 10_000, qos, encode(Pingreq(), version))
    arrived = numbers(subscriber.received())
    assert len(arrived) == RATE
    seconds = 0
    while len(arrived) < 10_000:
        bench.pass_time(1)
        seconds += 1
        arrived += numbers(subscriber.received())
        idle.send(Pingreq())
        assert [type(packet) for packet in idle.received()] == [Pingresp]
        assert len(arrived) == pytest.approx(RATE * (seconds + 1), rel=0.05)
        assert not publisher.state.closed
    assert arrived == list(range(10_000))
    answers = publisher.received()
    assert sum(isinstance(packet, Puback) for packet in answers) == (10_000 if qos else 0)
    assert isinstance(answers[-1], Pingresp)
    assert not publisher.link.paused
    assert bench.server.realm.excess.counts["maximum_publish_rate"] > 0


@BOTH
def test_while_it_is_paused_nothing_more_is_read_and_afterwards_everything_in_order(version: int) -> None:
    bench = Bench(maximum_publish_rate=2)
    subscriber, publisher = bench.connected("s", version), bench.connected("p", version)
    subscriber.subscribe("a")
    flood(publisher, 3, 0)
    assert publisher.link.paused
    assert bench.turn.congested is publisher.link
    called: list[bool] = []
    publisher.link.waiting.add(lambda: called.append(publisher.link.paused))
    for number in (3, 4):
        publisher.publish("a", b"%d" % number)
    assert numbers(subscriber.received()) == [0, 1]
    bench.pass_time(10)
    assert numbers(subscriber.received()) == [2, 3, 4]
    assert called == [False]
    assert not publisher.link.paused


@BOTH
def test_a_fault_behind_what_waits_is_found_when_its_turn_comes(version: int) -> None:
    bench = Bench(maximum_publish_rate=1)
    subscriber, publisher = bench.connected("s", version), bench.connected("p", version)
    subscriber.subscribe("a")
    flood(publisher, 3, 0, b"\xf1")
    assert not publisher.state.closed
    bench.pass_time(10)
    assert publisher.state.closed
    assert numbers(subscriber.received()) == [0, 1, 2]


def test_a_client_that_waits_does_not_lose_its_keep_alive_and_may_be_lost_meanwhile() -> None:
    bench = Bench(maximum_publish_rate=1)
    patient, gone = bench.connected("p", keep_alive=2), bench.connected("g")
    flood(patient, 8, 0)
    flood(gone, 8, 0)
    gone.lose()
    bench.pass_time(7)
    assert not patient.state.closed
    assert bench.faults == []


def test_an_mqtt_5_client_may_be_told_instead() -> None:
    bench = Bench(maximum_publish_rate=RATE, disconnect_above_publish_rate=True)
    publisher, old = bench.connected("p"), bench.connected("o", MQTT_3_1_1)
    flood(publisher, RATE + 1)
    *acknowledged, last = publisher.received()
    assert len(acknowledged) == RATE
    assert isinstance(last, Disconnect)
    assert last.reason_code == 0x96
    flood(old, RATE + 1)
    assert not old.state.closed
    assert old.link.paused


@BOTH
def test_what_comes_together_with_connect_counts(version: int) -> None:
    bench = Bench(maximum_publish_rate=RATE)
    publisher = bench.client(version)
    publisher.send(Connect("p", version), *(Publish("a", b"x") for _ in range(1000)))
    assert bench.server.counters.published == RATE
    assert publisher.link.paused


def test_there_is_no_rate_unless_it_is_asked_for() -> None:
    bench = Bench()
    publisher = bench.connected("p")
    flood(publisher, 5_000, 0)
    assert not publisher.link.paused
    assert bench.server.counters.published == 5_000


class Slow(Permissions):
    """Has something to find out before each PUBLISH."""

    asks = True

    def prepare_publish(self, topic: str):  # type: ignore[no-untyped-def]
        return itertools.count()


class SlowAuthenticator(Authenticator):
    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Slow())


def test_permissions_that_ask_and_a_rate_go_together() -> None:
    bench = Bench(SlowAuthenticator(), maximum_publish_rate=2)
    publisher = bench.connected("p")
    flood(publisher, 4, 0)
    for _ in range(50):
        if publisher.state.pending is not None:
            bench.server.answered(publisher.state, None)
        else:
            bench.pass_time(0.5)
    assert bench.server.counters.published == 4
    assert publisher.state.waiting == publisher.state.held == []
    assert not publisher.link.paused


# -- through sockets


@BOTH
async def test_a_flood_is_left_in_the_senders_socket(
    version: int, broker_with: Brokers, opener: Opener
) -> None:
    broker = await broker_with(maximum_publish_rate=10)
    idle, publisher = await opener.connected(broker, "idle"), await opener(broker)
    publisher.version = version
    publisher._decoder.version = version
    await publisher.connect("p")
    block = encode(Publish("a", bytes(1000), 1, packet_id=1), version)
    publisher.send(block * 5_000)
    for _ in range(20):
        await idle.sync()
    state = broker.server.realm.connected["p"]
    assert state.link.paused
    held = sum(map(len, state.held))
    assert held <= 3 * 64 * 1024
    assert broker._house is not None
    (connection,) = [each for each in broker._house.connections if each.state is state]
    for _ in range(3):
        connection._read_on()  # type: ignore[attr-defined]  # as when its time is over
        assert connection._hold is not None  # type: ignore[attr-defined]
        await idle.sync()
    assert sum(map(len, state.held)) == held
    publisher.abort()
    await broker.shutdown()


@BOTH
async def test_when_it_goes_on_everything_is_acknowledged(
    version: int, broker_with: Brokers, opener: Opener
) -> None:
    broker = await broker_with(maximum_publish_rate=100)
    publisher = await opener(broker)
    publisher.version = version
    publisher._decoder.version = version
    await publisher.connect("p")
    publisher.send(*(Publish("a", bytes(1000), 1, packet_id=number) for number in range(1, 221)))
    answers = await publisher.sync()
    assert [packet.packet_id for packet in answers if isinstance(packet, Puback)] == list(range(1, 221))
