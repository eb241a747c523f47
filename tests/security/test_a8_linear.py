"""A8: what a packet holds many of is looked up, and not searched for: the work grows as the packet does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from amqtt.wire.packets import (
    MQTT_5,
    Packet,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench, BenchClient


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
    for count in (100, 800):
        client = Bench().connected("c")
        filters = [pattern.format(number) for number in range(count)]
        first = work_of(client, Subscribe(1, [SubscriptionRequest(each) for each in filters]))
        costs[count] = first + work_of(client, Unsubscribe(1, filters))
        assert [type(packet) for packet in client.received()] == [Suback, Unsuback]
    assert costs[800] <= 10 * costs[100]


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
        packets = [Publish(f"t/{number}", b"", 2, packet_id=number) for number in range(1, count + 1)]
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
