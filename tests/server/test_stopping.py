"""How the Server stops: what is under way, what is not taken any more, and what becomes of Will Messages."""

from collections.abc import Iterator
from typing import Any

import pytest

from amqtt.server.settings import ServerSettings
from amqtt.server.stopping import DEFER, DROP, FIRE
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    WillFields,
)
from support.bench_server import Bench, BenchClient
from support.durable_server import DurableBench
from support.raw_client import properties

LASTING: dict[str, Any] = {"clean_start": False, "session_expiry_interval": 0xFFFFFFFF}


@pytest.fixture
def bench() -> Iterator[DurableBench]:
    made = DurableBench()
    yield made
    assert made.faults == []


def will(payload: bytes = b"gone", delay: int = 0) -> WillFields:
    return WillFields("w", payload, 1, True, properties(will_delay_interval=delay))


def payloads(client: BenchClient) -> list[bytes]:
    return [packet.payload for packet in client.received() if isinstance(packet, Publish)]


def test_nothing_is_under_way_with_clients_that_have_everything(bench: DurableBench) -> None:
    assert not bench.server.is_busy
    client = bench.connected("c")
    bench.client()  # whose CONNECT has not come
    client.subscribe("t", 1)
    client.publish("t", b"x", 0)
    assert not bench.server.is_busy


def test_a_message_that_its_client_has_not_acknowledged_is_under_way(bench: DurableBench) -> None:
    client = bench.connected("c")
    client.subscribe("t", 1)
    client.publish("t", b"x", 1)
    assert bench.server.is_busy
    client.send(Puback(1))
    assert not bench.server.is_busy


def test_a_qos_2_message_of_a_client_is_under_way_until_its_pubrel(bench: DurableBench) -> None:
    client = bench.connected("c")
    client.publish("t", b"x", 2, packet_id=3)
    assert bench.server.is_busy
    client.send(Pubrel(3))
    assert not bench.server.is_busy


def test_an_acknowledgement_that_waits_for_the_disk_is_under_way(bench: DurableBench) -> None:
    bench.connected("away", **LASTING).subscribe("t", 1)
    bench.server.lost(bench.server.realm.connected["away"])
    client = bench.connected("c")
    bench.commits_at_once = False
    client.publish("t", b"x", 1)
    assert bench.server.is_busy
    bench.commit()
    assert not bench.server.is_busy


def test_a_message_that_has_come_and_stands_in_line_is_under_way() -> None:
    bench = Bench(maximum_publish_rate=1)
    client = bench.connected("c")
    client.send(*[Publish("t", b"x", 1, packet_id=number) for number in (1, 2)])
    assert bench.server.is_busy
    bench.pass_time(2)
    assert not bench.server.is_busy
    assert [type(packet) for packet in client.received()] == [Puback] * 2


def test_what_waits_for_a_client_that_is_away_is_not_under_way(bench: DurableBench) -> None:
    client = bench.connected("away", **LASTING)
    client.subscribe("t", 1)
    client.publish("t", b"x", 1)
    client.lose()
    assert not bench.server.is_busy


def test_a_message_that_comes_too_late_is_not_acknowledged_and_all_else_is(bench: DurableBench) -> None:
    client = bench.connected("c")
    client.subscribe("t", 2)
    client.publish("t", b"in time", 2, packet_id=1)
    assert [type(packet) for packet in client.received()] == [Pubrec, Publish]
    bench.server.take_no_messages()
    late = [Publish("t", b"%d" % qos, qos, packet_id=10 * qos) for qos in (1, 2)]
    client.send(*late, Publish("t", b"0"), Publish("t", b"0"), Pubrec(1), Pubrel(1), Pingreq())
    assert [type(packet) for packet in client.received()] == [Pubrel, Pubcomp, Pingresp]
    client.send(Pubcomp(1))
    assert not bench.server.is_busy


def test_what_waited_for_its_turn_comes_too_late_too() -> None:
    bench = Bench(maximum_publish_rate=1)
    client = bench.connected("c")
    client.send(*[Publish("t", b"x", 1, packet_id=number) for number in (1, 2, 3)])
    bench.server.take_no_messages()
    bench.pass_time(60)
    client.send(Pingreq())
    assert [type(packet) for packet in client.received()] == [Puback, Pingresp]


def test_it_takes_messages_again_when_it_serves_again(bench: DurableBench) -> None:
    bench.server.shut_down()
    bench.server.serve()
    client = bench.connected("c")
    client.publish("t", b"x", 1)
    assert [type(packet) for packet in client.received()] == [Puback]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_clients_are_told_and_closed(bench: DurableBench, version: int) -> None:
    client = bench.connected("c", version)
    bench.server.shut_down()
    told = [packet.reason_code for packet in client.received() if isinstance(packet, Disconnect)]
    assert told == ([0x8B] if version == MQTT_5 else [])
    assert client.closed


class Wills:
    """A Server with this policy, three Clients with a Will and one that hears of it."""

    def __init__(self, policy: str, *, stores: bool) -> None:
        self.bench = DurableBench() if stores else Bench()
        self.bench.server.adopt(ServerSettings(wills_on_shutdown=policy))
        self.hears = self.bench.connected("hears")
        self.hears.subscribe("w", 0)
        self.bench.connected("lasts", will=will(b"lasts", 100), **LASTING)
        self.bench.connected("passes", will=will(b"passes"))
        # It has left before, and has some time to come back.
        self.bench.connected("left", will=will(b"left", 100), **LASTING).lose()
        self.bench.connected("without")

    def published(self) -> list[bytes]:
        """What is heard at the shutdown, before the DISCONNECT."""
        self.bench.server.shut_down()
        assert self.bench.faults == []
        return payloads(self.hears)

    def published_later(self) -> list[bytes]:
        """What is retained long after the next start."""
        assert isinstance(self.bench, DurableBench)
        self.bench.commit()
        again = self.bench.crashed()
        hears = again.connected("hears")
        hears.subscribe("w", 0)
        hears.received()
        again.pass_time(1000)
        return payloads(hears)


def test_wills_of_sessions_that_last_are_put_off_and_the_others_are_published() -> None:
    wills = Wills(DEFER, stores=True)
    assert wills.published() == [b"passes"]
    assert sorted(wills.published_later()) == [b"lasts", b"left"]


def test_without_a_store_no_will_can_be_put_off() -> None:
    assert sorted(Wills(DEFER, stores=False).published()) == [b"lasts", b"left", b"passes"]


@pytest.mark.parametrize("stores", [True, False])
def test_all_wills_are_published_where_the_operator_wants_that(stores: bool) -> None:
    wills = Wills(FIRE, stores=stores)
    assert sorted(wills.published()) == [b"lasts", b"left", b"passes"]
    if stores:
        assert wills.published_later() == []


def test_no_will_is_published_for_a_shutdown_where_the_operator_wants_that() -> None:
    wills = Wills(DROP, stores=True)
    assert wills.published() == []
    # Its Client had gone before: the shutdown is not why.
    assert wills.published_later() == [b"left"]
