"""A Subscriber inside the embedding program."""

import pytest

from amqtt.message import Message
from amqtt.server.events import Events, Fault
from amqtt.server.local import LocalSubscriber
from amqtt.topics.subscriptions import Target
from support.bench_server import Bench

Taken = list[tuple[bytes, int]]


@pytest.fixture
def taken() -> Taken:
    return []


def subscribed(bench: Bench, taken: Taken, topic_filter: str = "a/#", qos: int = 1) -> LocalSubscriber:
    def take(message: Message, qos: int) -> None:
        taken.append((message.payload, qos))

    return bench.server.subscribe(topic_filter, qos, take)


@pytest.mark.parametrize(("published", "granted", "delivered"), [(0, 2, 0), (1, 2, 1), (2, 1, 1), (2, 2, 2)])
def test_it_is_given_each_message_and_the_qos_of_its_delivery(
    published: int, granted: int, delivered: int
) -> None:
    taken: Taken = []
    subscriber = LocalSubscriber(lambda message, qos: taken.append((message.payload, qos)), Events())
    assert subscriber.deliver(Message("t", b"p", published), Target(subscriber, granted))
    assert taken == [(b"p", delivered)]


def test_what_it_raises_is_told_as_a_fault_and_hurts_nobody_else() -> None:
    bench = Bench()
    fault = LookupError("no")

    def failing(message: Message, qos: int) -> None:
        raise fault

    told: list[Fault] = []
    bench.server.events.on(Fault, told.append)
    bench.server.subscribe("a", 0, failing)
    client = bench.connected("c")
    client.subscribe("a")
    assert bench.server.publish(Message("a", b"1")) == 2
    assert [packet.payload for packet in client.received()] == [b"1"]
    assert bench.faults == [fault]
    assert "embedding program" in told[0].where


def test_it_is_given_retained_messages_first_and_then_live_ones(taken: Taken) -> None:
    bench = Bench()
    for number in range(1_500):
        bench.server.publish(Message(f"a/{number}", b"%d" % number, 1, True))
    bench.server.publish(Message("other", b"x", 1, True))
    subscriber = subscribed(bench, taken)
    assert taken == [(b"%d" % number, 1) for number in range(1_500)]
    bench.server.publish(Message("a/new", b"new", 2))
    assert taken[-1] == (b"new", 1)
    bench.server.unsubscribe(subscriber, "a/#")
    assert bench.server.publish(Message("a/new", b"newer", 2)) == 0
    assert taken[-1] == (b"new", 1)


def test_two_subscriptions_of_a_program_are_two_subscribers(taken: Taken) -> None:
    bench = Bench()
    first = subscribed(bench, taken)
    subscribed(bench, taken)
    bench.server.publish(Message("a", b"1"))
    bench.server.unsubscribe(first, "a/#")
    bench.server.publish(Message("a", b"2"))
    assert taken == [(b"1", 0), (b"1", 0), (b"2", 0)]


@pytest.mark.parametrize(
    "topic_filter", ["", "a#", "+a", "a\0", "$share/g/a", "$share//a", "$share/g", "/" * 300]
)
def test_a_topic_filter_that_is_not_valid_or_shared_is_refused(topic_filter: str, taken: Taken) -> None:
    bench = Bench()
    with pytest.raises(ValueError, match=r"."):
        subscribed(bench, taken, topic_filter)
    assert len(bench.server.realm.tree) == 0
