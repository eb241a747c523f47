"""F3: very many retained messages are kept within bounds and sent a slice at a time."""

import gc
import tracemalloc

import pytest

from amqtt.message import Message
from amqtt.sessions.session import RETAINED_PER_TURN
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from support.bench_server import Bench

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
COUNT = 20_000


def full() -> Bench:
    bench = Bench()
    for number in range(COUNT):
        bench.server.publish(Message(f"r/{number % 100}/{number}", b"x", 0, True))
    return bench


@BOTH
def test_one_turn_sends_a_slice_and_others_are_answered_between(version: int) -> None:
    bench = full()
    greedy, idle = bench.connected("greedy", version), bench.connected("idle", version)
    greedy.subscribe("#")
    arrived = len(greedy.received())
    turns = 0
    assert 0 < arrived <= RETAINED_PER_TURN
    while arrived < COUNT:
        bench.server.tick()
        turns += 1
        more = len(greedy.received())
        assert more <= RETAINED_PER_TURN
        arrived += more
        idle.send(Pingreq())
        assert [type(packet) for packet in idle.received()] == [Pingresp]
    assert arrived == COUNT
    assert turns >= COUNT // RETAINED_PER_TURN - 1


@BOTH
def test_a_turn_has_one_slice_for_a_client_however_often_it_subscribes_in_it(version: int) -> None:
    bench = full()
    greedy = bench.connected("greedy", version)
    greedy.send(*(Subscribe(number, [SubscriptionRequest("#")]) for number in range(1, 501)))
    arrived = greedy.received()
    assert sum(isinstance(packet, Suback) for packet in arrived) == 500
    assert sum(isinstance(packet, Publish) for packet in arrived) <= RETAINED_PER_TURN
    topics = {packet.topic for packet in arrived if isinstance(packet, Publish)}
    for _ in range(COUNT // RETAINED_PER_TURN + 2):
        bench.server.tick()
        topics |= {packet.topic for packet in greedy.received() if isinstance(packet, Publish)}
    assert len(topics) == COUNT


def test_what_a_subscription_is_owed_costs_a_cursor_and_not_a_list() -> None:
    bench = full()
    clients = [bench.connected(f"c{number}") for number in range(50)]
    gc.collect()
    tracemalloc.start()
    try:
        for client in clients:
            client.subscribe("#")
            client.received_bytes()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 50 * 30_000
    finally:
        tracemalloc.stop()


def test_subscribing_again_and_again_owes_it_once() -> None:
    bench = full()
    client = bench.connected("c")
    for _ in range(100):
        client.subscribe("#")
        client.received_bytes()
    assert len(bench.server.realm.sessions["c"].retained) == 1


@BOTH
@pytest.mark.parametrize(
    "limits",
    [{"maximum_retained_messages": 10}, {"maximum_retained_bytes": 10 * (3 + 100)}],
    ids=["count", "bytes"],
)
def test_retained_messages_are_bounded_and_those_beyond_are_delivered_all_the_same(
    version: int, limits: dict[str, int]
) -> None:
    bench = Bench(**limits)
    subscriber, publisher = bench.connected("s", version), bench.connected("p", version)
    subscriber.subscribe("#")
    for number in range(15):
        publisher.publish(f"{number:03}", bytes(100), 0, retain=True)
    assert len([each for each in subscriber.received() if isinstance(each, Publish)]) == 15
    assert len(bench.server.realm.retained) == 10
    assert bench.server.counters.dropped_full == 5
    assert bench.server.realm.excess.counts == {"maximum_retained_messages": 5}
    publisher.publish("000", b"", 0, retain=True)
    publisher.publish("new", b"x", 0, retain=True)
    assert len(bench.server.realm.retained) == 10
