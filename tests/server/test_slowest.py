"""Who is furthest behind, as the Server finds out and `$SYS/broker/clients/slowest` says."""

import json
from dataclasses import replace

from amqtt.message import Message
from amqtt.server.slowest import Slowest
from amqtt.server.sys_topics import ROOT, SLOWEST, SysTopics
from amqtt.wire.packets import Puback
from support.bench_server import Bench, BenchClient


def behind(bench: Bench, client_id: str, queued: int) -> BenchClient:
    """A Client that has not acknowledged its first message, so that `queued` others wait for it."""
    client = bench.connected(client_id, receive_maximum=1)
    client.subscribe(client_id, 1)
    for _ in range(queued + 1):
        bench.server.publish(Message(client_id, b"x", 1))
    return client


def found(bench: Bench, number: int = 5) -> list[tuple[str, int, int]]:
    return [(e.client_id, e.queued, e.unacknowledged) for e in Slowest(bench.server.realm).find(number)]


def test_the_furthest_behind_come_first_and_who_keeps_up_is_not_named() -> None:
    bench = Bench()
    behind(bench, "slow", 2)
    behind(bench, "slower", 7)
    behind(bench, "quick", 0)
    assert found(bench) == [("slower", 7, 1), ("slow", 2, 1)]
    assert found(bench, 1) == [("slower", 7, 1)]


def test_whoever_has_caught_up_is_named_no_more() -> None:
    bench = Bench()
    client = behind(bench, "slow", 1)
    client.send(Puback(1))
    assert found(bench) == []


def test_a_network_connection_that_takes_nothing_is_behind() -> None:
    bench = Bench()
    client = bench.connected("stuck")
    client.link.blocked, client.link.size = True, 1000
    (only,) = Slowest(bench.server.realm).find(5)
    assert (only.client_id, only.queued, only.unsent_bytes) == ("stuck", 0, 1000)


def test_of_many_some_are_looked_at_each_time_and_who_was_found_stays() -> None:
    bench = Bench()
    behind(bench, "a", 1)
    behind(bench, "b", 0)
    behind(bench, "c", 3)
    looking = Slowest(bench.server.realm, looked_at=2)
    rounds = [[each.client_id for each in looking.find(5)] for _ in range(3)]
    assert rounds == [["a"], ["c", "a"], ["c", "a"]]


def published(bench: Bench) -> list[dict[str, object]] | None:
    message = bench.server.retained.get(ROOT + SLOWEST)
    return None if message is None else json.loads(message.payload)


def test_it_is_published_where_the_settings_say_how_many() -> None:
    bench = Bench()
    topics = SysTopics(bench.server.realm, "amqtt", dict)
    behind(bench, "slow", 2)
    topics.begin()
    assert published(bench) is None
    settings = bench.server.realm.settings
    bench.server.adopt(replace(settings, sys_slowest=5))
    bench.pass_time(10)
    expected = {"client_id": "slow", "queued": 2, "unacknowledged": 1, "unsent_bytes": 0}
    assert published(bench) == [expected]
    bench.server.adopt(settings)
    bench.pass_time(10)
    assert published(bench) is None
