"""How overloaded the Server is, and what it gives up first."""

import pytest

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
from amqtt.wire.packets import Arrived, Pingreq, Publish
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
