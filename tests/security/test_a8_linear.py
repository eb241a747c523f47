"""A8: what a packet holds many of is looked up, and not searched for: the work grows as the packet does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from amqtt.wire.packets import (
    MQTT_5,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench, BenchClient
from support.raw_client import properties
from support.sizes import sized

MANY = sized(800, 10_000)
FEW = MANY // 8


class Work:
    """Calls made, which are the same on every machine; hardly any where it is compiled."""

    def __init__(self) -> None:
        self.calls = 0


@contextmanager
def counting() -> Iterator[Work]:
    work = Work()

    def profile(frame, event, argument):  # type: ignore[no-untyped-def]
        work.calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield work
    finally:
        sys.setprofile(before)


def work_of(client: BenchClient, *packets: Packet) -> int:
    with counting() as work:
        client.send(*packets)
    return work.calls


@pytest.mark.parametrize("pattern", ["f/{0}", "{0}/+/x", "a/+/{0}/#", "$share/g{0}/t"])
def test_subscribing_and_unsubscribing_cost_the_same_for_each_filter(pattern: str) -> None:
    costs = {}
    for count in (FEW, MANY):
        client = Bench(maximum_topic_filters=MANY, maximum_wildcard_levels=4 * MANY).connected("c")
        filters = [pattern.format(number) for number in range(count)]
        first = work_of(client, Subscribe(1, [SubscriptionRequest(each) for each in filters]))
        costs[count] = first + work_of(client, Unsubscribe(1, filters))
        assert [type(packet) for packet in client.received()] == [Suback, Unsuback]
    assert costs[MANY] <= 10 * costs[FEW]


def test_the_same_filter_many_times_is_one_subscription() -> None:
    bench = Bench()
    client = bench.connected("c")
    client.send(Subscribe(1, [SubscriptionRequest("a/+")] * 1000))
    assert len(bench.server.realm.tree) == 1
    client.send(Unsubscribe(1, ["a/+"] * 1000))
    suback, unsuback = client.received()
    assert isinstance(suback, Suback)
    assert isinstance(unsuback, Unsuback)
    assert unsuback.reason_codes == [0] + [0x11] * 999


def test_packet_identifiers_and_topic_aliases_are_looked_up() -> None:
    costs = {}
    for count in (20, 160):
        client = Bench(receive_maximum=1000, topic_alias_maximum=1000).connected("c")
        packets = [
            Publish(f"t/{number}", b"", 2, packet_id=number, properties=properties(topic_alias=number))
            for number in range(1, count + 1)
        ]
        costs[count] = work_of(client, *packets)
    assert costs[160] <= 10 * costs[20]


def test_what_one_client_has_costs_the_others_nothing() -> None:
    costs = []
    for crowd in (0, 2000):
        bench = Bench()
        busy = bench.connected("busy")
        for at in range(0, crowd, 500):
            busy.send(Subscribe(1, [SubscriptionRequest(f"x/{number}/#") for number in range(at, at + 500)]))
        client = bench.connected("c", MQTT_5)
        client.subscribe("mine")
        client.publish("mine", b"warm")
        costs.append(work_of(client, Publish("mine", b"x")))
    assert costs[1] <= costs[0]


def test_who_subscribes_to_very_much_goes_on_in_the_next_turn_and_nobody_waits_for_it() -> None:
    bench = Bench()
    greedy = [bench.connected(f"greedy{number}") for number in range(5)]
    idle = bench.connected("idle")
    for client in greedy:
        client.goes_on = False
        filters = [f"{client.state.client_id}/{number}" for number in range(1000)]
        packets = [Subscribe(1, [SubscriptionRequest(each) for each in filters]), Unsubscribe(2, filters)]
        client.send(*packets, *packets, Pingreq())
    answers: dict[BenchClient, list[type[Packet]]] = {client: [] for client in greedy}
    for _ in range(len(greedy) * 4 + 1):
        before = sum(map(len, answers.values()))
        for client in greedy:
            answers[client] += [type(packet) for packet in client.received()]
        assert sum(map(len, answers.values())) - before <= 3
        most, fewest = (choice(map(len, answers.values())) for choice in (max, min))
        assert most - fewest <= 3
        idle.send(Pingreq())
        assert [type(packet) for packet in idle.received()] == [Pingresp]
        bench.server.tick()
    assert set(map(tuple, answers.values())) == {(Suback, Unsuback, Suback, Unsuback, Pingresp)}
    assert not any(client.link.paused for client in greedy)
    assert len(bench.server.realm.tree) == 0


def test_who_wants_little_does_not_overtake_who_stands_in_line() -> None:
    bench = Bench()
    order = []
    clients = {}
    for name, count in (("first", 600), ("second", 600), ("third", 300)):
        client = clients[name] = bench.connected(name)
        client.goes_on = False
        client.send(Subscribe(1, [SubscriptionRequest(f"{name}/{n}") for n in range(count)]))
        order += [name] if client.received() else []
    for _ in range(3):
        bench.server.tick()
        order += [name for name, client in clients.items() if client.received()]
    assert order == ["first", "second", "third"]


def test_a_packet_that_has_more_filters_than_a_turn_has_one_for_itself() -> None:
    bench = Bench(maximum_topic_filters=3000)
    client = bench.connected("c")
    client.send(*(Subscribe(n, [SubscriptionRequest(f"{n}/{i}") for i in range(2500)]) for n in (1, 2)))
    assert [type(packet) for packet in client.received()] == [Suback, Suback]


def test_a_client_that_leaves_the_line_stops_nobody_behind_it() -> None:
    bench = Bench()
    clients = [bench.connected(f"c{number}") for number in range(3)]
    for client in clients:
        client.goes_on = False
        client.send(Subscribe(1, [SubscriptionRequest(f"{client.state.client_id}/{n}") for n in range(1000)]))
    clients[1].lose()
    for _ in range(3):
        bench.server.tick()
    assert [type(packet) for packet in clients[2].received()] == [Suback]
    assert len(bench.server.realm.tree) == 2000


def test_few_subscriptions_are_made_in_the_turn_in_which_they_are_asked_for() -> None:
    bench = Bench()
    for number in range(900):
        client = bench.connected(f"c{number}")
        client.goes_on = False
        client.send(Subscribe(1, [SubscriptionRequest("a")]))
        assert [type(packet) for packet in client.received()] == [Suback]
