"""A Meter lets through so many in a second, and those of one second at once."""

import pytest

from amqtt.server.rates import Meter
from amqtt.wire.packets import Pingreq, Publish


def taken(meter: Meter, now: float) -> int:
    count = 0
    while meter.take(now):
        count += 1
    return count


@pytest.mark.parametrize("rate", [1, 3, 100])
def test_those_of_one_second_come_at_once_then_so_many_in_each_second(rate: int) -> None:
    meter = Meter(rate, 50.0)
    assert taken(meter, 50.0) == rate
    assert taken(meter, 50.0) == 0
    assert taken(meter, 51.0) == rate
    assert taken(meter, 1000.0) == rate


@pytest.mark.parametrize("rate", [1, 3, 7, 100])
def test_at_the_moment_that_it_names_there_is_one_more(rate: int) -> None:
    meter = Meter(rate, 1e9)
    taken(meter, 1e9)
    now = 1e9
    for _ in range(10 * rate):
        now = meter.ready_at
        assert taken(meter, now) == 1
    assert now == pytest.approx(1e9 + 10, abs=0.01)


def test_only_publish_packets_count() -> None:
    meter = Meter(2, 0.0)
    packet = Publish("a", b"")
    assert meter.fitting([Pingreq(), packet, Pingreq(), packet, Pingreq(), packet], 0.0) == 5
    assert meter.fitting([Pingreq(), packet], 0.0) == 1
    assert meter.fitting([Pingreq()], 0.0) == 1


def test_a_meter_that_is_full_says_what_a_new_one_would() -> None:
    meter = Meter(2, 0.0)
    assert meter.is_full(0.0)
    meter.take(0.0)
    assert not meter.is_full(0.0)
    meter.put_back(1)
    assert meter.is_full(0.0)
    meter.take(0.0)
    assert meter.is_full(0.5)
