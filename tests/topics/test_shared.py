"""Shared Subscriptions: one member gets each Message (MQTT 5.0, 4.8.2)."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.message import Message
from amqtt.topics.shared import SharedGroup, SharedGroupFull, SharedSubscriptions
from amqtt.topics.subscriptions import Subscription, SubscriptionTree, Target
from support.subscribers import RecordingSubscriber


class Groups:
    """A tree with Shared Subscriptions, and what the Router does with it."""

    def __init__(self, maximum_members: int = 1_000) -> None:
        self.tree = SubscriptionTree()
        self.shared = SharedSubscriptions(self.tree, maximum_members)

    def join(self, *members: RecordingSubscriber, topic_filter: str = "a/+", share_name: str = "g") -> None:
        for member in members:
            self.shared.join(share_name, member, Subscription(topic_filter, 1))

    def publish(self, count: int = 1, topic: str = "a/b") -> list[bool]:
        taken = []
        for number in range(count):
            message = Message(topic, b"%d" % number)
            taken += [target.subscriber.deliver(message, target) for target in self.tree.match(topic)]
        return taken


@pytest.fixture
def groups() -> Groups:
    return Groups()


def members(count: int, available: bool = True, takes: bool = True) -> list[RecordingSubscriber]:
    return [RecordingSubscriber(f"member {number}", available, takes) for number in range(count)]


def counts(several: list[RecordingSubscriber]) -> list[int]:
    return [len(member.messages) for member in several]


def test_available_members_take_turns(groups: Groups) -> None:
    several = members(3)
    groups.join(*several)
    assert groups.publish(6) == [True] * 6
    assert [[message.payload for message in member.messages] for member in several] == [
        [b"0", b"3"], [b"1", b"4"], [b"2", b"5"],
    ]


def test_a_member_that_is_not_available_is_passed_over(groups: Groups) -> None:
    several = members(3)
    several[1].is_there = False
    groups.join(*several)
    groups.publish(10)
    assert counts(several) == [5, 0, 5]
    assert several[1].offers == 0


def test_a_member_that_refuses_is_followed_by_the_next(groups: Groups) -> None:
    several = members(3)
    several[0].takes = False
    groups.join(*several)
    assert groups.publish(4) == [True] * 4
    assert counts(several) == [0, 2, 2]


def test_members_that_are_away_queue_in_turn_when_nobody_is_there(groups: Groups) -> None:
    several = members(3, available=False)
    groups.join(*several)
    assert groups.publish(6) == [True] * 6
    assert counts(several) == [2, 2, 2]


def test_members_that_are_busy_queue_in_turn_before_one_that_is_away(groups: Groups) -> None:
    several = members(3, available=False)
    several[1].has_gone = True
    groups.join(*several)
    groups.publish(6)
    assert counts(several) == [3, 0, 3]
    assert several[1].offers == 0
    several[0].takes = several[2].takes = False
    groups.publish(2)
    assert counts(several) == [3, 2, 3]


def test_members_that_are_away_are_asked_when_those_who_are_there_refuse(groups: Groups) -> None:
    there, away = RecordingSubscriber("there", takes=False), RecordingSubscriber("away", available=False)
    groups.join(there, away)
    assert groups.publish(3) == [True] * 3
    assert (there.offers, len(away.messages)) == (3, 3)


def test_a_message_that_nobody_takes_is_refused_after_each_was_asked_once(groups: Groups) -> None:
    several = [*members(3, takes=False), *members(2, available=False, takes=False)]
    groups.join(*several)
    assert groups.publish() == [False]
    assert [member.offers for member in several] == [1] * 5


def test_each_member_is_given_its_own_options_and_the_group(groups: Groups) -> None:
    alice, bob = RecordingSubscriber("alice"), RecordingSubscriber("bob")
    groups.shared.join("g", alice, Subscription("a/+", 2, identifier=7))
    groups.shared.join("g", bob, Subscription("a/+", 0, retain_as_published=True))
    groups.publish(2)
    group = groups.shared.group("g", "a/+")
    (first,), (second,) = alice.targets, bob.targets
    assert (first.subscriber, first.qos, first.identifiers, first.group) == (alice, 2, (7,), group)
    assert (second.qos, second.identifiers, second.retain_as_published) == (0, (), True)
    assert first.retain_as_published is False


def test_joining_again_replaces_the_options(groups: Groups) -> None:
    alice, bob = RecordingSubscriber("alice"), RecordingSubscriber("bob")
    assert groups.shared.join("g", alice, Subscription("a/+", 2)) is True
    assert groups.shared.join("g", bob, Subscription("a/+", 2)) is True
    assert groups.shared.join("g", alice, Subscription("a/+", 1, identifier=3)) is False
    groups.publish(2)
    assert [(target.qos, target.identifiers) for target in alice.targets] == [(1, (3,))]
    assert len(bob.targets) == 1


def test_groups_of_another_name_or_filter_get_their_own_copy(groups: Groups) -> None:
    alice, bob, carol, dave = (RecordingSubscriber(name) for name in "abcd")
    groups.join(alice, share_name="consumer1", topic_filter="sport/tennis/+")
    groups.join(bob, share_name="consumer2", topic_filter="sport/tennis/+")
    groups.join(carol, share_name="consumer1", topic_filter="#")
    groups.tree.add(dave, Subscription("sport/tennis/+"))
    groups.publish(2, "sport/tennis/player1")
    assert counts([alice, bob, carol, dave]) == [2, 2, 2, 2]
    assert len(groups.shared) == 3


def test_a_client_with_both_a_shared_and_its_own_subscription_gets_both(groups: Groups) -> None:
    alice = RecordingSubscriber("alice")
    groups.join(alice, topic_filter="/finance")
    groups.tree.add(alice, Subscription("/finance"))
    groups.publish(1, "/finance")
    assert sorted(target.group is None for target in alice.targets) == [False, True]


def test_a_shared_wildcard_does_not_match_what_begins_with_a_dollar(groups: Groups) -> None:
    alice = RecordingSubscriber("alice")
    groups.join(alice, topic_filter="#")
    assert groups.publish(1, "$SYS/x") == []


def test_a_full_group_refuses_another_member_but_not_one_of_its_own() -> None:
    groups = Groups(maximum_members=2)
    several = members(3)
    groups.join(*several[:2])
    with pytest.raises(SharedGroupFull, match="2 members"):
        groups.join(several[2])
    groups.join(several[0])
    assert groups.shared.leave("g", "a/+", several[0])
    groups.join(several[2])
    groups.publish(4)
    assert counts(several) == [0, 2, 2]


def test_a_member_that_left_gets_nothing_and_leaves_once(groups: Groups) -> None:
    several = members(4)
    groups.join(*several)
    assert groups.shared.leave("g", "a/+", several[1]) is True
    assert groups.shared.leave("g", "a/+", several[1]) is False
    assert groups.shared.leave("h", "a/+", several[0]) is False
    assert groups.shared.leave("g", "a/b", several[0]) is False
    groups.publish(6)
    assert counts(several) == [2, 0, 2, 2]


def test_the_group_ends_with_its_last_member_and_may_begin_again(groups: Groups) -> None:
    several = members(2)
    groups.join(*several)
    assert len(groups.tree) == len(groups.shared) == 1
    for member in several:
        groups.shared.leave("g", "a/+", member)
    assert len(groups.tree) == len(groups.shared) == groups.tree.nodes == 0
    assert groups.shared.group("g", "a/+") is None
    assert groups.publish() == []
    groups.join(several[0])
    assert groups.publish() == [True]


def test_a_member_joining_does_not_forget_what_topics_matched(groups: Groups) -> None:
    alice, bob = members(2)
    groups.join(alice)
    before = groups.tree.match("a/b")
    groups.join(bob)
    assert groups.tree.match("a/b") is before


def test_a_session_that_ends_passes_on_what_it_was_not_sent(groups: Groups) -> None:
    alice, bob = members(2)
    groups.join(alice, bob)
    groups.publish(1)
    (target,), (message,) = alice.targets, alice.messages
    groups.shared.leave("g", "a/+", alice)
    assert target.group is not None
    assert target.group.deliver(message, target)
    assert bob.messages == [message]
    groups.shared.leave("g", "a/+", bob)
    assert isinstance(target.group, SharedGroup)
    assert target.group.pass_on(message) is False


class Leaver(RecordingSubscriber):
    """Leaves the group, or has all others leave it, while it is asked; takes nothing."""

    def __init__(self, groups: Groups, leaving: list[RecordingSubscriber]) -> None:
        super().__init__("leaver")
        self.groups = groups
        self.leaving = leaving

    def deliver(self, message: Message, target: Target) -> bool:
        for member in self.leaving:
            self.groups.shared.leave("g", "a/+", member)
        return False


def test_members_may_leave_while_they_are_asked(groups: Groups) -> None:
    others = members(2)
    leaver = Leaver(groups, [])
    leaver.leaving.append(leaver)
    groups.join(leaver, *others)
    assert groups.publish() == [True]
    assert sum(counts(others)) == 1


def test_a_group_may_end_while_its_members_are_asked(groups: Groups) -> None:
    others = members(2)
    leaver = Leaver(groups, list(others))
    leaver.leaving.append(leaver)
    groups.join(leaver, *others)
    assert groups.publish() == [False]
    assert counts(others) == [0, 0]
    assert len(groups.shared) == len(groups.tree) == 0


step = st.tuples(st.sampled_from(["join", "leave", "away", "back", "publish"]), st.integers(0, 4))


@given(st.lists(step, max_size=60))
def test_every_message_goes_to_one_member_that_is_available_if_any_is(steps: list[tuple[str, int]]) -> None:
    groups = Groups(maximum_members=3)
    several = members(5)
    joined: set[int] = set()
    for step, number in steps:
        member = several[number]
        if step == "join":
            if number not in joined and len(joined) == 3:
                with pytest.raises(SharedGroupFull):
                    groups.join(member)
                continue
            assert groups.shared.join("g", member, Subscription("a/+")) is (number not in joined)
            joined.add(number)
        elif step == "leave":
            assert groups.shared.leave("g", "a/+", member) is (number in joined)
            joined.discard(number)
        elif step in ("away", "back"):
            member.is_there = step == "back"
        else:
            before = counts(several)
            assert groups.publish() == ([True] if joined else [])
            got = [at for at, count in enumerate(counts(several)) if count != before[at]]
            assert len(got) == (1 if joined else 0)
            there = {at for at in joined if several[at].is_there}
            assert set(got) <= (there or joined)
    group = groups.shared.group("g", "a/+")
    assert (0 if group is None else len(group)) == len(joined)


def test_distribution_stays_even_when_members_come_and_go(groups: Groups) -> None:
    several = members(20)
    groups.join(*several)
    for number in range(0, 20, 2):
        groups.shared.leave("g", "a/+", several[number])
    groups.publish(100)
    assert Counter(counts(several)) == Counter({0: 10, 10: 10})
