"""F3: very many retained messages are kept within bounds and sent a slice at a time."""

import dataclasses
import gc
import sys
import tracemalloc

import pytest

from amqtt.message import Message
from amqtt.server.limits import Limits
from amqtt.server.sys_topics import SysTopics
from amqtt.sessions.link import RETAINED_PER_TURN
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
from support.sizes import sized

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
COUNT = 20_000


def full(count: int = COUNT) -> Bench:
    bench = Bench(maximum_retained_messages=count)
    for number in range(count):
        bench.server.publish(Message(f"r/{number % 100}/{number}", b"x", 0, True))
    return bench


@BOTH
def test_one_turn_sends_a_slice_and_others_are_answered_between(version: int) -> None:
    """And nothing stays of what was sent: not one piece of memory for two messages."""
    count = sized(COUNT, 1_000_000)
    bench = full(count)
    greedy, idle = bench.connected("greedy", version), bench.connected("idle", version)
    greedy.subscribe("#")
    arrived = len(greedy.received())
    turns, pieces = 0, sys.getallocatedblocks()
    assert 0 < arrived <= RETAINED_PER_TURN
    while arrived < count:
        bench.server.tick()
        turns += 1
        more = len(greedy.received())
        assert more <= RETAINED_PER_TURN
        arrived += more
        idle.send(Pingreq())
        assert [type(packet) for packet in idle.received()] == [Pingresp]
    assert arrived == count
    assert turns >= count // RETAINED_PER_TURN - 1
    assert sys.getallocatedblocks() - pieces < count // 2


@BOTH
@pytest.mark.parametrize("slice_", [1, 7, 100])
def test_a_slice_is_as_large_as_it_was_made(version: int, slice_: int) -> None:
    bench = Bench(retained_per_turn=slice_)
    for number in range(1000):
        bench.server.publish(Message(f"r/{number}", b"x", 0, True))
    client = bench.connected("c", version)
    client.subscribe("#")
    client.received()
    for _ in range(3):
        bench.server.tick()
        assert slice_ - 1 <= len(client.received()) <= slice_
    bench.server.adopt(dataclasses.replace(bench.server.realm.settings, limits=Limits(retained_per_turn=50)))
    bench.server.tick()
    assert 49 <= len(client.received()) <= 50


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


@BOTH
def test_how_much_is_retained_is_no_work_for_who_subscribes(version: int) -> None:
    """The first message comes with the SUBACK, whether 200 are retained or all that there may be."""
    work = {}
    for count in (200, sized(Limits().maximum_retained_messages, 1_000_000)):
        bench = Bench(maximum_retained_messages=count)
        for number in range(count):
            bench.server.publish(Message(f"r/{number % 100}/{number}", b"x", 0, True))
        client = bench.connected("c", version)
        calls = 0

        def counts(frame, event, argument) -> None:  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(counts)
        try:
            client.send(Subscribe(1, [SubscriptionRequest("#")]))
        finally:
            sys.setprofile(None)
        suback, first, *_ = client.received()
        assert isinstance(suback, Suback)
        assert isinstance(first, Publish)
        work[count] = calls
    few, many = work.values()
    assert many <= 2 * few


def test_without_a_word_a_hundred_thousand_are_retained_and_a_quarter_of_a_gibibyte() -> None:
    limits = Limits()
    bench = Bench()
    for number in range(limits.maximum_retained_messages + 10):
        bench.server.publish(Message(f"r/{number % 100}/{number}", b"x", 0, True, publisher="c"))
    assert len(bench.server.retained) == limits.maximum_retained_messages
    assert bench.server.realm.excess.counts == {"maximum_retained_messages": 10}
    bench = Bench()
    large = bytes(limits.maximum_retained_bytes // 16 - 2)  # its topic has two bytes
    for number in range(18):
        bench.server.publish(Message(f"{number:02}", large, 0, True, publisher="c"))
    assert len(bench.server.retained) == 16
    assert bench.server.retained.size == limits.maximum_retained_bytes
    assert bench.server.realm.excess.counts == {"maximum_retained_bytes": 2}


@pytest.mark.parametrize(("size", "kept"), [(97, True), (98, False)])
def test_the_bytes_that_may_be_retained_are_those_of_topic_and_payload(size: int, kept: bool) -> None:
    bench = Bench(maximum_retained_bytes=100)
    publisher = bench.connected("p")
    publisher.publish("abc", bytes(size), retain=True)
    assert len(bench.server.retained) == int(kept)
    publisher.publish("abc", b"x", retain=True)
    publisher.publish("abc", bytes(size), retain=True)
    (message,) = bench.server.retained
    assert len(message.payload) == (size if kept else 1), "what it replaces makes room"


def test_what_the_server_says_of_itself_is_retained_though_there_is_no_room() -> None:
    """Else who looks would not see that there is none."""
    bench = Bench(maximum_retained_messages=1, maximum_retained_bytes=100)
    publisher = bench.connected("p")
    publisher.publish("a", b"x", retain=True)
    publisher.publish("b", b"x", retain=True)
    SysTopics(bench.server.realm, "test", dict).begin()
    late = bench.connected("late")
    late.subscribe("$SYS/broker/limits/#")
    (packet,) = [each for each in late.received() if isinstance(each, Publish)]
    assert (packet.topic, packet.payload) == (
        "$SYS/broker/limits/maximum-retained-messages/exceeded", b"1",
    )
    publisher.publish("$SYS/broker/connection/p/state", b"1", retain=True)
    assert bench.server.retained.get("$SYS/broker/connection/p/state") is None, "that is a Client's"


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
    assert bench.server.realm.excess.counts == dict.fromkeys(limits, 5)
    publisher.publish("000", b"", 0, retain=True)
    publisher.publish("new", b"x", 0, retain=True)
    assert len(bench.server.realm.retained) == 10
