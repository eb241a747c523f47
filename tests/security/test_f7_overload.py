"""F7: an overloaded Server slows down those who send most, then refuses newcomers, and drops QoS 0 last."""

import pytest

from amqtt.server.overload import LOOKS, RECOVERY
from amqtt.service import Service
from amqtt.ticking import LAG_INTERVAL
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
)
from support.bench_server import Bench, BenchClient

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def lag(bench: Bench, seconds: float, looks: int = LOOKS, memory: float = 0.0) -> None:
    for _ in range(looks):
        bench.pass_time(LAG_INTERVAL)
        bench.server.lagged(seconds, memory)


def payloads(packets: list[Packet]) -> list[bytes]:
    return [packet.payload for packet in packets if isinstance(packet, Publish)]


def refused(bench: Bench, version: int = MQTT_5) -> int:
    client: BenchClient = bench.client(version)
    return client.connect("newcomer").reason_code


def test_the_heaviest_publishers_wait_and_the_others_do_not() -> None:
    bench = Bench()
    heavy, light, subscriber = (bench.connected(name) for name in ("heavy", "light", "s"))
    subscriber.subscribe("#")
    lag(bench, 0.2, LOOKS - 1)
    heavy.publish("a", bytes(10_000))
    light.publish("a", b"x")
    assert not heavy.link.paused
    lag(bench, 0.2, 1)
    assert heavy.link.paused
    assert not light.link.paused
    heavy.publish("a", b"later")
    light.publish("a", b"now")
    assert payloads(subscriber.received())[-1:] == [b"now"]
    bench.pass_time(0.1)
    assert not heavy.link.paused
    assert payloads(subscriber.received()) == [b"later"]
    assert bench.server.realm.excess.counts["lag_to_hold_publishers"] >= 1
    assert refused(bench) == 0


@BOTH
def test_newcomers_are_refused_when_it_gets_worse_and_who_is_inside_stays(version: int) -> None:
    bench = Bench()
    inside = bench.connected("inside", version)
    lag(bench, 0.6)
    assert refused(bench, version) == (0x89 if version == MQTT_5 else 0x88)
    inside.send(Pingreq())
    assert isinstance(inside.received()[-1], Pingresp)
    bench.pass_time(RECOVERY)
    lag(bench, 0.0, 1)
    assert refused(bench, version) == 0


def test_memory_that_runs_out_refuses_newcomers_too() -> None:
    bench = Bench()
    lag(bench, 0.0, memory=0.95)
    assert refused(bench) == 0x89


@BOTH
def test_in_the_end_qos_0_is_dropped_and_nothing_that_is_acknowledged(version: int) -> None:
    bench = Bench()
    subscriber, publisher = bench.connected("s", version), bench.connected("p", version)
    subscriber.subscribe("#", 1)
    lag(bench, 2.5)
    publisher.send(*(Publish("a", b"%d" % number) for number in range(5)), Publish("b", b"0"))
    publisher.publish("a", b"kept", 1)
    publisher.send(Pingreq())
    bench.pass_time(1)
    assert payloads(subscriber.received()) == [b"kept"]
    assert [type(packet) for packet in publisher.received()] == [Puback, Pingresp]
    assert bench.server.realm.overload.dropped == 6
    bench.pass_time(RECOVERY)
    lag(bench, 0.0, 1)
    publisher.publish("a", b"again")
    assert payloads(subscriber.received()) == [b"again"]


def test_a_dropped_message_does_not_take_its_topic_alias_with_it() -> None:
    bench = Bench()
    subscriber, publisher = bench.connected("s"), bench.connected("p")
    subscriber.subscribe("#")
    lag(bench, 2.5)
    publisher.publish("a", b"sets", topic_alias=1)
    publisher.publish("", b"uses", topic_alias=1)
    bench.pass_time(RECOVERY)
    lag(bench, 0.0, 1)
    publisher.publish("", b"later", topic_alias=1)
    assert payloads(subscriber.received()) == [b"sets", b"later"]
    assert not publisher.state.closed


def test_a_program_that_blocks_its_loop_once_is_no_overload() -> None:
    bench = Bench()
    for _ in range(5):
        lag(bench, 30.0, LOOKS - 1)
        lag(bench, 0.0, 1)
        assert bench.server.realm.overload.level == 0
    assert refused(bench) == 0


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({}, 3), ({"lag_to_drop_qos_0": 0.0}, 2), ({"lag_to_drop_qos_0": 0.0, "lag_to_refuse_clients": 0.0}, 1),
     ({"lag_to_drop_qos_0": 0.0, "lag_to_refuse_clients": 0.0, "lag_to_hold_publishers": 0.0}, 0)],
)
def test_each_level_can_be_switched_off(limits: dict[str, float], expected: int) -> None:
    bench = Bench(**limits)
    lag(bench, 10.0)
    assert bench.server.realm.overload.level == expected


async def test_a_service_looks_at_its_event_loop_and_stops_with_it() -> None:
    service = Service({"listeners": {"a": {"bind": "127.0.0.1:0"}}})
    async with service:
        ticking = service._ticking
        assert ticking._watch is not None
        for _ in range(LOOKS):
            assert service._house is not None
            ticking._watch.cancel()
            ticking._look_at_lag(service._house.clock() - 5.0)
        assert service.server.realm.overload.level == 3
    assert ticking._watch is None
