"""Who matches a topic, and as what: the SubscriptionTree against a dict, and its memory."""

import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.message import Message
from amqtt.topics import subscriptions
from amqtt.topics.names import matches
from amqtt.topics.subscriptions import Subscriber, Subscription, SubscriptionTree, Target, same_targets
from support.subscribers import RecordingSubscriber, topic_filters, topics

Model = dict[tuple[RecordingSubscriber, str], Subscription]
Outcome = tuple[int, bool, tuple[int, ...]]


@pytest.fixture
def tree() -> SubscriptionTree:
    return SubscriptionTree()


@pytest.fixture
def alice() -> RecordingSubscriber:
    return RecordingSubscriber("alice")


@pytest.fixture
def bob() -> RecordingSubscriber:
    return RecordingSubscriber("bob")


def who(targets: list[Target]) -> list[str]:
    return sorted(target.subscriber.client_id for target in targets)


def outcome(target: Target | None) -> Outcome | None:
    if target is None:
        return None
    return target.qos, target.retain_as_published, tuple(sorted(target.identifiers))


def expected_outcome(several: list[Subscription]) -> Outcome | None:
    if not several:
        return None
    return (
        max(each.qos for each in several),
        any(each.retain_as_published for each in several),
        tuple(sorted(each.identifier for each in several if each.identifier)),
    )


def assert_same(tree: SubscriptionTree, model: Model, topic: str) -> None:
    by_subscriber: dict[str, list[Subscription]] = {}
    for (subscriber, topic_filter), subscription in model.items():
        if matches(topic_filter, topic):
            by_subscriber.setdefault(subscriber.client_id, []).append(subscription)
    targets = tree.match(topic)
    assert who(targets) == sorted(by_subscriber)
    for target in targets:
        several = by_subscriber[target.subscriber.client_id]
        assert outcome(target) == expected_outcome(several)
        assert target.group is None
        no_local = [each for each in several if each.no_local]
        assert target.has_no_local is bool(no_local)
        if no_local:
            assert outcome(target.local) == expected_outcome([each for each in several if not each.no_local])
        else:
            assert target.local is target


subscribers = [RecordingSubscriber(name) for name in "xyz"]
popular = st.sampled_from(["#", "+/b", "a/#", "a/b", "a/+"])
granted = st.builds(
    Subscription, popular | topic_filters, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 3)
)
change = st.tuples(st.booleans(), st.sampled_from(subscribers), granted)


@given(st.lists(change, max_size=40), st.lists(topics, min_size=1, max_size=4))
def test_it_is_the_same_as_a_dict_while_topics_are_matched_between_changes(
    changes: list[tuple[bool, RecordingSubscriber, Subscription]], tried: list[str]
) -> None:
    tree = SubscriptionTree()
    model: Model = {}
    for comes, subscriber, subscription in changes:
        key = (subscriber, subscription.topic_filter)
        if comes:
            assert tree.add(subscriber, subscription) is (key not in model)
            model[key] = subscription
        else:
            assert tree.remove(subscriber, subscription.topic_filter) is (model.pop(key, None) is not None)
        assert len(tree) == len(model)
        for topic in tried:
            assert_same(tree, model, topic)
    for subscriber, topic_filter in model:
        assert tree.remove(subscriber, topic_filter)
    assert len(tree) == tree.nodes == 0


def test_a_topic_matched_twice_is_found_once(tree: SubscriptionTree, alice: RecordingSubscriber) -> None:
    tree.add(alice, Subscription("a/+"))
    first = tree.match("a/b")
    visits = tree.visits
    assert tree.match("a/b") is first
    assert tree.visits == visits > 0


def test_an_exact_subscription_forgets_its_own_topic_only(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    tree.add(alice, Subscription("#"))
    other = tree.match("a/other")
    assert who(tree.match("a/b")) == ["alice"]
    tree.add(bob, Subscription("a/b"))
    assert who(tree.match("a/b")) == ["alice", "bob"]
    assert tree.match("a/other") is other
    tree.remove(bob, "a/b")
    assert who(tree.match("a/b")) == ["alice"]
    assert tree.match("a/other") is other


def test_a_wildcard_subscription_forgets_every_topic(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    tree.add(alice, Subscription("a/b"))
    before = tree.match("a/b")
    tree.add(bob, Subscription("x/#"))
    assert tree.match("a/b") is not before
    assert who(tree.match("a/b")) == ["alice"]


def test_what_matches_no_one_is_remembered_until_somebody_comes(
    tree: SubscriptionTree, alice: RecordingSubscriber
) -> None:
    assert tree.match("a/b") is tree.match("a/b")
    assert tree.match("a/b") == []
    tree.add(alice, Subscription("a/b", 1))
    assert who(tree.match("a/b")) == ["alice"]


def test_a_list_of_targets_stays_as_it_is_when_subscriptions_change_meanwhile(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    tree.add(alice, Subscription("a"))
    tree.add(bob, Subscription("a"))
    walked = []
    for target in tree.match("a"):
        walked.append(target.subscriber)
        tree.remove(alice, "a")
        tree.remove(bob, "a")
    assert walked == [alice, bob]
    assert tree.match("a") == []


def test_remembered_topics_are_bounded(tree: SubscriptionTree, alice: RecordingSubscriber) -> None:
    tree.add(alice, Subscription("#"))
    first = tree.match("0")
    for number in range(1, subscriptions.MAXIMUM_REMEMBERED):
        tree.match(str(number))
    assert tree.match("0") is first
    tree.match("one more")
    assert tree.match("0") is not first


def test_topics_with_very_many_targets_are_bounded_together(tree: SubscriptionTree) -> None:
    for number in range(100):
        tree.add(RecordingSubscriber(str(number)), Subscription("#"))
    at_most = subscriptions.MAXIMUM_REMEMBERED_TARGETS // 100
    first = tree.match("0")
    for number in range(1, at_most):
        tree.match(str(number))
    assert tree.match("0") is first
    tree.match("one more")
    assert tree.match("0") is not first


def test_forgotten_topics_make_room_for_others(tree: SubscriptionTree, alice: RecordingSubscriber) -> None:
    for number in range(100):
        tree.add(RecordingSubscriber(str(number)), Subscription("#"))
    first = tree.match("stays")
    for _ in range(subscriptions.MAXIMUM_REMEMBERED_TARGETS // 100):
        assert len(tree.match("comes and goes")) == 100
        tree.add(alice, Subscription("comes and goes"))
        assert len(tree.match("comes and goes")) == 101
        tree.remove(alice, "comes and goes")
    assert tree.match("stays") is first


def test_topics_forgotten_for_a_wildcard_make_room_for_others(
    tree: SubscriptionTree, alice: RecordingSubscriber
) -> None:
    for number in range(100):
        tree.add(RecordingSubscriber(str(number)), Subscription("#"))
    at_most = subscriptions.MAXIMUM_REMEMBERED_TARGETS // 100
    for number in range(at_most - 1):
        tree.match(str(number))
    tree.add(alice, Subscription("elsewhere/#"))
    first = tree.match("0")
    for number in range(at_most):
        tree.match(str(number))
    assert tree.match("0") is first


def test_a_long_topic_is_not_remembered(tree: SubscriptionTree, alice: RecordingSubscriber) -> None:
    tree.add(alice, Subscription("#"))
    longest = "x" * subscriptions.MAXIMUM_REMEMBERED_LENGTH
    assert tree.match(longest) is tree.match(longest)
    assert tree.match(longest + "x") is not tree.match(longest + "x")


def test_overlapping_subscriptions_give_the_highest_qos_and_every_identifier(
    tree: SubscriptionTree, alice: RecordingSubscriber
) -> None:
    tree.add(alice, Subscription("a/#", 1, identifier=5))
    tree.add(alice, Subscription("a/+", 2, identifier=5))
    tree.add(alice, Subscription("a/b", 0, retain_as_published=True))
    tree.add(alice, Subscription("#", 0, identifier=7))
    (target,) = tree.match("a/b")
    assert (target.qos, target.retain_as_published) == (2, True)
    assert sorted(target.identifiers) == [5, 5, 7]
    assert target.local is target


def test_each_subscriber_of_several_filters_with_many_subscribers_gets_one_copy(
    tree: SubscriptionTree,
) -> None:
    everyone = [RecordingSubscriber(str(number)) for number in range(30)]
    for topic_filter, step in (("a/b", 2), ("a/+", 3), ("#", 5), ("a/#", 30)):
        for subscriber in everyone[::step]:
            tree.add(subscriber, Subscription(topic_filter, identifier=step))
    targets = tree.match("a/b")
    assert who(targets) == sorted(str(at) for at in range(30) if at % 2 == 0 or at % 3 == 0 or at % 5 == 0)
    for target in targets:
        at = int(target.subscriber.client_id)
        assert sorted(target.identifiers) == [step for step in (2, 3, 5, 30) if at % step == 0]


def test_a_subscriber_that_says_nothing_of_itself_is_available_and_no_client() -> None:
    class Callback(Subscriber):
        """Only what a Subscriber must say."""

        def deliver(self, message: Message, target: Target) -> bool:
            return True

    callback = Callback()
    assert (callback.available, callback.client_id) == (True, "")


def test_no_local_leaves_what_the_other_subscriptions_grant(
    tree: SubscriptionTree, alice: RecordingSubscriber
) -> None:
    tree.add(alice, Subscription("a/#", 2, no_local=True, identifier=1))
    assert [target.local for target in tree.match("a/b")] == [None]
    tree.add(alice, Subscription("a/b", 1, identifier=2))
    (target,) = tree.match("a/b")
    assert (target.qos, sorted(target.identifiers)) == (2, [1, 2])
    assert target.local is not None
    assert (target.local.qos, target.local.identifiers) == (1, (2,))
    assert target.local.local is target.local
    tree.add(alice, Subscription("#", 0, no_local=True))
    (target,) = tree.match("a/c")
    assert target.local is None


def test_a_second_subscribe_to_a_filter_replaces_its_options(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    for topic_filter in ("a/b", "a/+"):
        assert tree.add(alice, Subscription(topic_filter, 2)) is True
        assert tree.add(alice, Subscription(topic_filter, 0)) is False
        assert [target.qos for target in tree.match("a/b")] == [0]
        tree.add(bob, Subscription(topic_filter, 0))
        assert tree.add(bob, Subscription(topic_filter, 1)) is False
        assert sorted(target.qos for target in tree.match("a/b")) == [0, 1]
        assert tree.remove(alice, topic_filter)
        assert tree.remove(bob, topic_filter)
        assert not tree.remove(bob, topic_filter)


def test_unsubscribing_what_another_subscribed_to_removes_nothing(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    carol = RecordingSubscriber("carol")
    tree.add(alice, Subscription("a/+"))
    assert not tree.remove(bob, "a/+")
    tree.add(bob, Subscription("a/+"))
    assert not tree.remove(carol, "a/+")
    assert not tree.remove(alice, "a/b")
    assert who(tree.match("a/b")) == ["alice", "bob"]


def test_wildcards_never_match_what_begins_with_a_dollar(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    for topic_filter in ("#", "+/#", "+/x", "+", "+/g/x", "+/+"):
        tree.add(alice, Subscription(topic_filter))
    tree.add(bob, Subscription("$SYS/#"))
    for topic in ("$SYS/x", "$SYS", "$foo", "$share/g/x", "$CONTROL/x", "$amqtt/x", "$", "$/x"):
        assert who(tree.match(topic)) == (["bob"] if topic.startswith("$SYS") else [])


def test_everything_is_freed_when_everybody_unsubscribes(tree: SubscriptionTree) -> None:
    everyone = [RecordingSubscriber(str(number)) for number in range(2_000)]
    shapes = ["state/{}", "device/{}/#", "device/{}/+/x", "+/{}", "shared/by/all", "all/#", "deep/{}/a/b/c/+"]
    filters = [(each, shape.format(each.client_id)) for each in everyone for shape in shapes]
    for subscriber, topic_filter in filters:
        tree.add(subscriber, Subscription(topic_filter))
        tree.match(topic_filter)
    assert len(tree) == len(filters)
    for subscriber, topic_filter in filters:
        assert tree.remove(subscriber, topic_filter)
    assert len(tree) == tree.nodes == 0
    assert tree.match("device/7/a/x") == []
    assert sys.getsizeof(tree._exact) < 1_000


def test_a_subscriber_that_left_is_freed_at_once_without_the_collector_of_cycles() -> None:
    gc.disable()
    try:
        tree = SubscriptionTree()
        alice = RecordingSubscriber("alice")
        references = sys.getrefcount(alice)
        for topic_filter in ("a/b", "a/+", "#"):
            tree.add(alice, Subscription(topic_filter, no_local=topic_filter == "#"))
        assert len(tree.match("a/b")) == 1
        for topic_filter in ("a/b", "a/+", "#"):
            tree.remove(alice, topic_filter)
        assert sys.getrefcount(alice) == references
    finally:
        gc.enable()


def test_the_longest_topic_can_be_subscribed_to_and_matched(
    tree: SubscriptionTree, alice: RecordingSubscriber, bob: RecordingSubscriber
) -> None:
    longest = "/" * 65_535
    carol = RecordingSubscriber("carol")
    tree.add(alice, Subscription(longest))
    tree.add(bob, Subscription(longest[1:] + "#"))
    tree.add(carol, Subscription(longest[1:] + "+"))
    assert who(tree.match(longest)) == ["alice", "bob"]
    assert who(tree.match(longest[1:])) == ["bob", "carol"]
    assert tree.remove(alice, longest)
    assert who(tree.match(longest)) == ["bob"]
    assert tree.remove(bob, longest[1:] + "#")
    assert tree.remove(carol, longest[1:] + "+")
    assert tree.match(longest) == []
    assert tree.nodes == 0


# -- the same receivers


def test_targets_are_the_same_where_each_subscriber_takes_a_message_in_the_same_way() -> None:
    one, other = RecordingSubscriber("a"), RecordingSubscriber("b")
    assert same_targets([], [])
    assert same_targets([Target(one, 1), Target(other, 0)], [Target(one, 1), Target(other, 0)])
    assert not same_targets([Target(one, 1)], [Target(one, 1), Target(other, 0)])
    assert not same_targets([Target(one, 1)], [])


@pytest.mark.parametrize(
    "different", ["subscriber", "qos", "retain_as_published", "identifiers", "group"]
)
def test_what_differs_in_anything_is_not_the_same(different: str) -> None:
    some, another = RecordingSubscriber("a"), RecordingSubscriber("a")
    values = {
        "subscriber": another, "qos": 2, "retain_as_published": True, "identifiers": (7,), "group": another,
    }
    other = Target(some, 1)
    setattr(other, different, values[different])
    assert not same_targets([Target(some, 1)], [other])
    assert not same_targets([other], [Target(some, 1)])


def test_no_local_tells_targets_apart() -> None:
    some = RecordingSubscriber("a")
    one, other = Target(some, 1), Target(some, 1)
    one.local = other.local = None
    assert same_targets([one], [one])
    assert not same_targets([one], [other])
    assert not same_targets([one], [Target(some, 1)])
    assert not same_targets([Target(some, 1)], [one])
