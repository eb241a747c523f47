"""How overloaded the Server is, and what it gives up first."""

import pytest

from amqtt.server.arrivals import pause
from amqtt.server.limits import Limits
from amqtt.server.overload import (
    CALM,
    DROPS_QOS_0,
    HOLDS_PUBLISHERS,
    LOOKS,
    RECOVERY,
    REFUSES_CLIENTS,
    Overload,
)
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Arrived, Pingreq, Publish
from support.bench_server import Bench
from support.raw_client import properties

LEVELS = pytest.mark.parametrize(
    ("lag", "memory", "level"),
    [
        (0.0, 0.0, CALM), (0.1, 0.0, HOLDS_PUBLISHERS), (0.5, 0.0, REFUSES_CLIENTS), (2.0, 0.0, DROPS_QOS_0),
        (0.0, 0.99, REFUSES_CLIENTS),
    ],
)


def looked(overload: Overload, lag: float, memory: float = 0.0, times: int = LOOKS, now: float = 0.0) -> int:
    for _ in range(times):
        overload.look(lag, memory, now)
    return overload.level


@LEVELS
def test_a_level_is_reached_by_looks_in_a_row(lag: float, memory: float, level: int) -> None:
    overload = Overload(Limits())
    assert looked(overload, lag, memory, LOOKS - 1) == CALM
    assert overload.is_suspected == (level != CALM)
    assert looked(overload, lag, memory, 1) == level


def test_a_look_between_that_finds_nothing_begins_the_row_anew() -> None:
    overload = Overload(Limits())
    looked(overload, 2.0, times=LOOKS - 1)
    looked(overload, 0.0, times=1)
    assert not overload.is_suspected
    assert looked(overload, 2.0, times=LOOKS - 1) == CALM


def test_a_level_stays_for_a_while_after_the_last_look_that_found_it() -> None:
    overload = Overload(Limits())
    looked(overload, 2.0)
    assert looked(overload, 0.0, times=1, now=RECOVERY - 0.01) == DROPS_QOS_0
    assert looked(overload, 0.0, times=1, now=RECOVERY) == CALM


def test_a_bound_of_zero_is_none() -> None:
    limits = Limits(
        lag_to_hold_publishers=0, lag_to_refuse_clients=0, lag_to_drop_qos_0=0, memory_to_refuse_clients=0
    )
    assert looked(Overload(limits), 60.0, 1.0) == CALM


def test_the_heaviest_are_as_few_as_make_up_half_of_what_came_since() -> None:
    bench = Bench()
    first, second, third = (bench.connected(name).state for name in ("first", "second", "third"))
    overload = Overload(Limits())
    states = [first, second, third]
    overload.heaviest(states)
    first.bytes_received += 10
    second.bytes_received += 60
    third.bytes_received += 40
    assert overload.heaviest(states) == [second]
    first.bytes_received += 30
    third.bytes_received += 30
    second.bytes_received += 30
    assert overload.heaviest(states) == [first, second]
    assert overload.heaviest(states) == []
    first.bytes_received += 1
    overload.forget()
    assert overload.heaviest(states) == [], "there is nothing to compare with"


def test_qos_0_is_dropped_one_by_one_and_in_runs_and_all_else_stays() -> None:
    overload = Overload(Limits())
    alias = Publish("a", b"", 0, properties=properties(topic_alias=1))
    kept: list[Arrived] = [Pingreq(), alias, Publish("a", b"", 1, packet_id=1)]
    assert overload.spared([*kept, Publish("a", b"")]) == kept
    assert overload.dropped == 1
    bench = Bench()
    publisher, subscriber = bench.connected("publisher"), bench.connected("subscriber")
    subscriber.subscribe("#", 1)
    looked(bench.server.realm.overload, 2.0, now=bench.turn.now)
    publisher.send(*[Publish("a", b"x")] * 3)
    publisher.send(*[Publish("a", b"y", 1, packet_id=n) for n in (1, 2)])
    assert bench.server.realm.overload.dropped == 3
    assert [packet.payload for packet in subscriber.received() if isinstance(packet, Publish)] == [b"y", b"y"]


# -- in the Server


def overloaded(bench: Bench, lag: float) -> None:
    for _ in range(LOOKS):
        bench.server.lagged(lag)


def test_the_heaviest_are_not_read_from_for_a_moment_and_lose_nothing() -> None:
    bench = Bench()
    heavy, light, witness = (bench.connected(name) for name in ("heavy", "light", "witness"))
    witness.subscribe("#")
    bench.server.lagged(0.2)
    bench.server.lagged(0.2)
    heavy.publish("t", bytes(1000))
    light.publish("t", b"x")
    witness.received()
    bench.server.lagged(0.2)
    assert (heavy.link.paused, light.link.paused) == (True, False)
    assert bench.turn.congested is heavy.link
    bench.turn.congested = None
    bench.server.received(heavy.state, encode(Publish("t", b"1"), MQTT_5))
    assert bench.turn.congested is heavy.link
    bench.server.received(heavy.state, encode(Publish("t", b"2"), MQTT_5))
    assert witness.received() == []
    pause(bench.server.realm, heavy.state, bench.turn.now + 5)
    bench.pass_time(0.1)
    assert not heavy.link.paused, "for as long as was said first"
    assert [packet.payload for packet in witness.received() if isinstance(packet, Publish)] == [b"1", b"2"]
    assert bench.server.realm.excess.counts == {"lag_to_hold_publishers": 1}


def test_a_client_that_is_gone_when_its_moment_comes_is_no_fault() -> None:
    bench = Bench()
    client = bench.connected("c")
    pause(bench.server.realm, client.state, bench.turn.now + 1)
    bench.server.received(client.state, encode(Publish("t", b"x"), MQTT_5))
    client.lose()
    pause(bench.server.realm, client.state, bench.turn.now + 1)
    bench.pass_time(2)
    assert bench.faults == []


def test_when_it_is_calm_nobody_s_bytes_are_compared() -> None:
    bench = Bench()
    bench.connected("c").publish("t", bytes(1000))
    bench.server.lagged(0.2)
    assert bench.server.realm.overload._bytes
    bench.server.lagged(0.0)
    assert not bench.server.realm.overload._bytes


def test_what_is_given_up_is_counted_for_those_who_sent_it() -> None:
    bench = Bench()
    sender, other = bench.connected("sender"), bench.connected("other")
    overloaded(bench, 3.0)
    sender.send(*(Publish("t", b"x") for _ in range(5)))
    other.send(Publish("t", b"x", 1, packet_id=1), Pingreq())
    assert bench.server.realm.overload.dropped == 5
    assert bench.server.realm.excess.counts.get("lag_to_drop_qos_0") == 1
