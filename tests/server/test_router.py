"""From one Message to everyone whose Subscription it matches."""

import pytest

from amqtt.message import NEVER, Message
from amqtt.server.deadlines import Deadlines
from amqtt.server.events import Events
from amqtt.server.router import Router
from amqtt.sessions.counters import Counters
from amqtt.topics.retained import RetainedMessages
from amqtt.topics.subscriptions import Subscription, SubscriptionTree
from support.subscribers import RecordingSubscriber


@pytest.fixture
def router() -> Router:
    return Router(SubscriptionTree(), RetainedMessages(3, 1_000), Counters(), Deadlines(), Events())


def retained(router: Router) -> dict[str, bytes]:
    return {message.topic: message.payload for message in router.retained}


def test_it_delivers_to_every_subscriber_that_matches_and_says_how_many(router: Router) -> None:
    several = [RecordingSubscriber(name) for name in "abc"]
    for subscriber, topic_filter in zip(several, ("t/#", "t/+", "other"), strict=True):
        router.tree.add(subscriber, Subscription(topic_filter, 1))
    message = Message("t/x", b"p")
    assert router.route(message) == 2
    assert [subscriber.messages for subscriber in several] == [[message], [message], []]
    assert router.route(Message("nobody", b"")) == 0


def test_a_subscriber_that_takes_nothing_counts_as_matched(router: Router) -> None:
    router.tree.add(RecordingSubscriber("a", takes=False), Subscription("t"))
    assert router.route(Message("t", b"")) == 1


def test_it_keeps_what_is_to_be_retained_and_an_empty_one_removes_it(router: Router) -> None:
    router.route(Message("a", b"1", retain=True))
    router.route(Message("b", b"2"))
    router.route(Message("a", b"3", retain=True))
    assert retained(router) == {"a": b"3"}
    router.route(Message("a", b"", retain=True))
    assert retained(router) == {}


def test_what_cannot_be_retained_is_counted_and_delivered_all_the_same(router: Router) -> None:
    subscriber = RecordingSubscriber("a")
    router.tree.add(subscriber, Subscription("#"))
    for number in range(5):
        router.route(Message(f"t/{number}", b"x", retain=True))
    assert len(retained(router)) == 3
    assert router.counters.dropped_full == 2
    assert len(subscriber.messages) == 5


def test_retained_messages_are_removed_at_their_moments(router: Router) -> None:
    deadlines = router.deadlines
    for topic, expires_at in (("a", 30.0), ("b", 10.0), ("c", 20.0)):
        router.route(Message(topic, b"x", retain=True, expires_at=expires_at))
    seen = []
    while (moment := deadlines.next) is not None:
        deadlines.tick(moment)
        seen.append((moment, sorted(retained(router))))
    assert seen == [(10.0, ["a", "c"]), (20.0, ["a"]), (30.0, [])]


def test_there_is_one_deadline_however_many_of_them_expire(router: Router) -> None:
    for number in range(100):
        router.route(Message("a", b"x", retain=True, expires_at=1_000.0 - number))
        assert len(router.deadlines) == 1
    assert router.deadlines.next == 901.0
    router.route(Message("b", b"x", retain=True, expires_at=2_000.0))
    assert (len(router.deadlines), router.deadlines.next) == (1, 901.0)


def test_a_retained_message_that_was_replaced_does_not_expire(router: Router) -> None:
    router.route(Message("a", b"old", retain=True, expires_at=10.0))
    router.route(Message("a", b"new", retain=True))
    router.deadlines.tick(10.0)
    assert retained(router) == {"a": b"new"}
    assert router.deadlines.next is None


def test_what_removes_a_retained_message_has_nothing_to_expire(router: Router) -> None:
    router.route(Message("a", b"", retain=True, expires_at=10.0))
    assert router.deadlines.next is None
    router.route(Message("a", b"x", retain=True))
    router.route(Message("a", b"", retain=True, expires_at=10.0))
    assert router.deadlines.next is None
    assert router.retained.next_expiry == NEVER


def test_a_later_retained_message_expires_although_the_deadline_was_used_before(router: Router) -> None:
    for moment in (10.0, 20.0):
        router.route(Message("a", b"x", retain=True, expires_at=moment))
        assert router.deadlines.tick(moment) is None
        assert retained(router) == {}
