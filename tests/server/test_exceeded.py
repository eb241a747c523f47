"""What was exceeded is counted always, and told seldom."""

from sys import getsizeof

from amqtt.server.events import LimitExceeded
from amqtt.server.exceeded import EACH_PERIOD, MAXIMUM_REMEMBERED, QUIET, Exceeded
from support.bench_server import Bench


def test_the_same_client_is_told_of_once_a_minute() -> None:
    excess = Exceeded()
    told = [excess.note("a", "c", now) for now in (0.0, 1.0, QUIET - 1, QUIET, QUIET + 1)]
    assert told == [True, False, False, True, False]
    assert excess.counts == {"a": 5}


def test_other_clients_and_other_limits_are_told_of_by_themselves() -> None:
    excess = Exceeded()
    assert [excess.note(limit, client, 0.0) for limit in "ab" for client in "cd"] == [True] * 4


def test_a_crowd_of_clients_is_told_of_so_often_a_minute_and_remembered_within_bounds() -> None:
    excess = Exceeded()
    crowd = 3 * MAXIMUM_REMEMBERED
    assert sum(excess.note("a", str(number), 0.0) for number in range(crowd)) == EACH_PERIOD
    assert len(excess._told) <= MAXIMUM_REMEMBERED
    assert excess.note("b", "1", 0.0)
    assert excess.note("a", "another", QUIET)
    assert excess.counts["a"] == crowd + 1


def test_what_is_remembered_of_who_was_told_of_is_small_however_long_its_name_is() -> None:
    excess = Exceeded()
    for number in range(10 * EACH_PERIOD):
        assert excess.note("maximum_client_id_length", f"{number}" * 10_000, number // EACH_PERIOD * QUIET)
    assert sum(getsizeof(part) for key in excess._told for part in key) < 200 * len(excess._told)


def test_an_event_tells_which_limit_whose_client_and_from_where() -> None:
    bench = Bench(maximum_subscriptions=1, maximum_sessions=1)
    told: list[tuple[str, str, bool]] = []
    bench.server.events.on(
        LimitExceeded, lambda event: told.append((event.limit, event.client_id, event.peer is not None))
    )
    client = bench.connected("c")
    client.subscribe("a")
    client.subscribe("b")
    client.subscribe("d")
    bench.client().connect("another")
    assert told == [("maximum_subscriptions", "c", False), ("maximum_sessions", "another", True)]
