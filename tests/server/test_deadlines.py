"""Deadlines: one heap, whatever it is that must be done at a moment."""

import gc
from collections.abc import Callable
from random import Random
from weakref import ref

import pytest

from amqtt.server.deadlines import COMPACT_FROM, Deadline, Deadlines
from support.bench_server import Bench


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


def test_they_are_done_in_the_order_of_their_moments_and_equal_ones_as_they_were_set(
    deadlines: Deadlines
) -> None:
    done: list[tuple[str, float]] = []

    def act(name: str) -> Callable[[float], None]:
        return lambda now: done.append((name, now))

    for name, when in (("c", 3.0), ("a", 1.0), ("b2", 2.0), ("b3", 2.0), ("d", 9.0)):
        deadlines.at(when, act(name))
    assert deadlines.next == 1.0
    assert deadlines.tick(0.5) == 1.0
    assert deadlines.tick(5.0) == 9.0
    assert done == [("a", 5.0), ("b2", 5.0), ("b3", 5.0), ("c", 5.0)]
    assert deadlines.tick(9.0) is None
    assert (len(done), len(deadlines)) == (5, 0)


def test_the_same_order_comes_out_whatever_the_order_they_were_set_in(deadlines: Deadlines) -> None:
    moments = [float(moment) for moment in range(500)]
    Random(1).shuffle(moments)
    done: list[float] = []
    for moment in moments:
        deadlines.at(moment, lambda now, moment=moment: done.append(moment))  # type: ignore[misc]
    deadlines.tick(1_000.0)
    assert done == sorted(moments)


def test_one_that_is_cancelled_is_not_done(deadlines: Deadlines) -> None:
    done: list[float] = []
    first, second = deadlines.at(1.0, done.append), deadlines.at(2.0, done.append)
    deadlines.cancel(first)
    assert (len(deadlines), deadlines.next) == (1, 2.0)
    assert deadlines.tick(5.0) is None
    assert done == [5.0]
    deadlines.cancel(first)
    deadlines.cancel(second)
    deadlines.cancel(None)
    assert len(deadlines) == 0


def test_one_due_deadline_may_cancel_another_of_the_same_tick(deadlines: Deadlines) -> None:
    done: list[float] = []
    later: list[Deadline] = []
    deadlines.at(1.0, lambda now: deadlines.cancel(later[0]))
    later.append(deadlines.at(2.0, done.append))
    assert deadlines.tick(5.0) is None
    assert (done, len(deadlines)) == ([], 0)


def test_what_is_set_while_they_are_done_waits_for_the_next_tick(deadlines: Deadlines) -> None:
    done: list[float] = []

    def again(now: float) -> None:
        done.append(now)
        deadlines.at(now, again)

    deadlines.at(1.0, again)
    assert deadlines.tick(1.0) == 1.0
    assert deadlines.tick(2.0) == 2.0
    assert done == [1.0, 2.0]


def test_whoever_ticks_is_told_when_one_is_earlier_than_all_others(deadlines: Deadlines) -> None:
    told: list[float | None] = []
    deadlines.earlier = lambda: told.append(deadlines.next)
    for when in (5.0, 7.0, 3.0, 3.0, 1.0):
        deadlines.at(when, lambda now: None)
    assert told == [5.0, 3.0, 1.0]


def failing(now: float) -> None:
    raise LookupError(str(now))


def test_an_act_that_raises_is_told_of_and_stops_no_other(deadlines: Deadlines) -> None:
    done: list[float] = []
    faults: list[Exception] = []
    deadlines.fault = faults.append
    deadlines.at(1.0, done.append)
    deadlines.at(2.0, failing)
    deadlines.at(3.0, done.append)
    deadlines.at(9.0, done.append)
    assert deadlines.tick(4.0) == 9.0
    assert done == [4.0, 4.0]
    assert [str(fault) for fault in faults] == ["4.0"]
    assert deadlines.tick(4.0) == 9.0
    assert len(faults) == 1


def test_without_anybody_to_tell_the_exception_is_raised(deadlines: Deadlines) -> None:
    deadlines.at(1.0, failing)
    with pytest.raises(LookupError):
        deadlines.tick(1.0)


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_cancelled_ones_do_not_accumulate(deadlines: Deadlines, kept: int) -> None:
    for _ in range(kept):
        deadlines.at(1e6, lambda now: None)
    for number in range(10_000):
        deadlines.cancel(deadlines.at(1_000.0 + number % 7, lambda now: None))
        assert len(deadlines) == kept
        assert len(deadlines._heap) <= 2 * max(kept, COMPACT_FROM) + 1
    assert deadlines.next == (1e6 if kept else None)


def test_ten_thousand_connects_leave_no_deadline_behind() -> None:
    bench = Bench()
    for number in range(10_000):
        client = bench.connected(f"c{number % 10}", keep_alive=60, session_expiry_interval=number % 2 * 100)
        client.lose()
    bench.server.tick()
    deadlines = bench.server.deadlines
    assert len(deadlines) == 5, "the Session Expiry Intervals of those that are kept"
    assert len(deadlines._heap) < 300
    bench.pass_time(200)
    assert (len(deadlines), bench.server.realm.sessions, bench.faults) == (0, {}, [])


def test_what_a_cancelled_deadline_was_for_is_not_kept_until_its_moment() -> None:
    class Purpose:
        def act(self, now: float) -> None:
            """Do nothing."""

    deadlines = Deadlines()
    purpose = Purpose()
    kept = ref(purpose)
    deadline = deadlines.at(100.0, purpose.act)
    del purpose
    assert kept() is not None
    deadlines.cancel(deadline)
    gc.collect()
    assert kept() is None
