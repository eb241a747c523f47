"""Retained messages: kept, replaced, removed, found, expired, bounded (MQTT 5.0, 3.3.1.3)."""

import gc
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.message import NEVER, Message
from amqtt.topics.names import matches
from amqtt.topics.retained import (
    FREE_NODES,
    NODES_PER_MESSAGE,
    STALE_EXPIRIES,
    VISITS_PER_MESSAGE,
    RetainedMessages,
)
from amqtt.wire.properties import Properties
from support.subscribers import topic_filters, topics


def message(topic: str, payload: bytes = b"x", expires_at: float = NEVER) -> Message:
    return Message(topic, payload, 1, True, None, expires_at, "publisher")


def all_of(retained: RetainedMessages, topic_filter: str, now: float = 0.0, slice_size: int = 3) -> list[str]:
    cursor = retained.match(topic_filter)
    taken: list[str] = []
    while not cursor.done:
        some = cursor.take(slice_size, now)
        assert len(some) <= slice_size
        taken += [each.topic for each in some]
    assert cursor.take(slice_size, now) == []
    return taken


@pytest.fixture
def retained() -> RetainedMessages:
    return RetainedMessages(1_000, 100_000)


def test_the_last_message_of_a_topic_is_kept(retained: RetainedMessages) -> None:
    assert retained.keep(message("a/b", b"first"))
    assert retained.keep(message("a/b", b"second"))
    kept = retained.get("a/b")
    assert kept is not None
    assert (kept.payload, kept.qos, kept.retain, kept.publisher) == (b"second", 1, True, "publisher")
    assert len(retained) == 1
    assert retained.get("a") is retained.get("a/b/c") is retained.get("x") is None


def test_what_is_kept_has_the_properties_but_not_the_wire_forms() -> None:
    retained = RetainedMessages(10, 10_000)
    properties = Properties()
    properties.content_type = "text/plain"
    original = Message("a", b"payload", 2, True, properties, 50.0, "me")
    original.keep(4, 0, b"wire")
    retained.keep(original)
    kept = retained.get("a")
    assert kept is not None
    assert kept.plain(4, 0.0) != b"wire"
    assert (kept.properties, kept.expires_at, kept.qos) == (properties, 50.0, 2)
    assert kept.packet(5, 0.0) == original.packet(5, 0.0)


def test_an_empty_payload_removes_the_message_and_is_not_kept(retained: RetainedMessages) -> None:
    retained.keep(message("a/b"))
    assert retained.keep(message("a/b", b"")) is True
    assert retained.keep(message("never/there", b"")) is True
    assert retained.get("a/b") is None
    assert (len(retained), retained.size, retained.nodes) == (0, 0, 0)


def test_remove_says_whether_there_was_one(retained: RetainedMessages) -> None:
    retained.keep(message("a/b"))
    assert retained.remove("a") is False
    assert retained.remove("a/b/c") is False
    assert retained.remove("x") is False
    assert retained.remove("a/b") is True
    assert retained.remove("a/b") is False


def test_more_messages_than_allowed_are_refused_but_replacing_is_not() -> None:
    retained = RetainedMessages(2, 1_000)
    assert retained.keep(message("a"))
    assert retained.keep(message("b"))
    assert retained.keep(message("c")) is False
    assert retained.get("c") is None
    assert retained.keep(message("a", b"new")) is True
    assert retained.keep(message("b", b"")) is True
    assert retained.keep(message("c")) is True


def test_more_bytes_than_allowed_are_refused_and_the_old_message_stays() -> None:
    retained = RetainedMessages(10, 20)
    assert retained.keep(message("a", b"x" * 10))
    assert retained.keep(message("b", b"y" * 8))
    assert retained.size == 20
    assert retained.keep(message("c", b"z")) is False
    assert retained.keep(message("a", b"x" * 11)) is False
    kept = retained.get("a")
    assert kept is not None
    assert kept.payload == b"x" * 10
    assert retained.keep(message("a", b"x")) is True
    assert retained.keep(message("b", b"y" * 17)) is True
    assert retained.size == 20


def test_a_refused_message_leaves_no_nodes() -> None:
    retained = RetainedMessages(1, 1_000)
    retained.keep(message("a/b"))
    nodes = retained.nodes
    assert not retained.keep(message("a/x/y/z"))
    assert retained.nodes == nodes == 2


def test_topics_of_very_many_levels_of_their_own_are_bounded() -> None:
    retained = RetainedMessages(1_000, 10**9)
    kept = 0
    for number in range(1_000):
        kept += retained.keep(message(f"{number}" + "/x" * 199))
    allowed = FREE_NODES + 1_000 * NODES_PER_MESSAGE
    assert kept == allowed // 200
    assert retained.nodes <= allowed
    assert not retained.keep(message("other" + "/x" * 199))
    assert retained.keep(message("0" + "/x" * 199, b"replaced"))
    assert retained.keep(message("0" + "/x" * 198 + "/y"))


@given(st.dictionaries(topics, st.booleans(), max_size=25), topic_filters, st.integers(1, 7))
def test_a_cursor_finds_what_matches_and_has_not_expired(
    kept: dict[str, bool], topic_filter: str, slice_size: int
) -> None:
    retained = RetainedMessages(100, 10_000)
    for topic, expires in kept.items():
        retained.keep(message(topic, b"x", 10.0 if expires else NEVER))
    at_first = [topic for topic in kept if matches(topic_filter, topic)]
    assert sorted(all_of(retained, topic_filter, 9.9, slice_size)) == sorted(at_first)
    left = [topic for topic in at_first if not kept[topic]]
    assert sorted(all_of(retained, topic_filter, 10.0, slice_size)) == sorted(left)
    assert len(retained) == len(kept) - len(at_first) + len(left)


step = st.tuples(
    st.sampled_from(["keep", "keep", "clear", "expire", "later"]), topics, st.sampled_from([1.0, 3.0, NEVER])
)


@given(st.lists(step, max_size=60), topic_filters)
def test_it_is_the_same_as_a_dict_after_any_changes(
    steps: list[tuple[str, str, float]], topic_filter: str
) -> None:
    retained = RetainedMessages(100, 10_000)
    model: dict[str, Message] = {}
    now = 0.0
    for number, (what, topic, lifetime) in enumerate(steps):
        if what == "keep":
            model[topic] = message(topic, b"%d" % number, now + lifetime)
            assert retained.keep(model[topic])
        elif what == "clear":
            model.pop(topic, None)
            assert retained.keep(message(topic, b""))
        elif what == "later":
            now += 1.0
        else:
            gone = [each for each, kept in model.items() if kept.is_expired(now)]
            for each in gone:
                del model[each]
            assert retained.remove_expired(now) == len(gone)
            assert retained.next_expiry > now
        assert {each.topic: each.payload for each in retained} == {
            each.topic: each.payload for each in model.values()
        }
        assert len(retained) == len(model)
        assert retained.size == sum(each.size for each in model.values())
        assert retained.next_expiry <= min((each.expires_at for each in model.values()), default=NEVER)
    valid = [each for each, kept in model.items() if not kept.is_expired(now)]
    assert sorted(all_of(retained, topic_filter, now)) == sorted(
        each for each in valid if matches(topic_filter, each)
    )
    for topic in model:
        retained.remove(topic)
    assert (len(retained), retained.size, retained.nodes, retained.next_expiry) == (0, 0, 0, NEVER)


@given(
    st.lists(topics, max_size=20, unique=True),
    topic_filters,
    st.lists(st.tuples(topics, st.booleans()), max_size=20),
)
def test_what_changes_while_a_cursor_is_used_neither_breaks_it_nor_comes_stale(
    at_first: list[str], topic_filter: str, changes: list[tuple[str, bool]]
) -> None:
    retained = RetainedMessages(100, 10_000)
    for topic in at_first:
        retained.keep(message(topic))
    untouched = set(at_first) - {topic for topic, _ in changes}
    cursor = retained.match(topic_filter)
    taken: list[str] = []
    left = list(changes)
    while not cursor.done:
        for each in cursor.take(1, 0.0):
            taken.append(each.topic)
            assert each is retained.get(each.topic)
        if left:
            topic, stays = left.pop()
            retained.keep(message(topic, b"new" if stays else b""))
    assert {topic for topic in untouched if matches(topic_filter, topic)} <= set(taken)
    assert all(matches(topic_filter, topic) for topic in taken)
    if not {topic for topic, stays in changes if not stays}:
        assert len(taken) == len(set(taken))


def test_a_message_replaced_before_its_turn_comes_in_its_new_form(retained: RetainedMessages) -> None:
    for topic in ("a", "b", "c"):
        retained.keep(message(topic, b"old"))
    cursor = retained.match("+")
    assert [each.topic for each in cursor.take(1, 0.0)] == ["a"]
    retained.keep(message("b", b"new"))
    retained.keep(message("c", b""))
    assert [(each.topic, each.payload) for each in cursor.take(5, 0.0)] == [("b", b"new")]
    assert cursor.done


def test_topics_come_in_the_order_in_which_they_were_first_kept(retained: RetainedMessages) -> None:
    names = [f"device/{number}/state" for number in (3, 1, 2)]
    for topic in names:
        retained.keep(message(topic))
    assert all_of(retained, "#") == all_of(retained, "device/+/state") == names


def test_wildcards_find_nothing_that_begins_with_a_dollar(retained: RetainedMessages) -> None:
    for topic in ("$SYS/x", "$foo", "a/$x"):
        retained.keep(message(topic))
    assert all_of(retained, "#") == all_of(retained, "+/#") == all_of(retained, "+/+") == ["a/$x"]
    assert all_of(retained, "$SYS/#") == ["$SYS/x"]
    assert all_of(retained, "$foo") == ["$foo"]
    assert sorted(each.topic for each in retained) == ["$SYS/x", "$foo", "a/$x"]


def test_one_slice_looks_at_a_bounded_number_of_topics() -> None:
    retained = RetainedMessages(10_000, 10**7)
    for number in range(5_000):
        retained.keep(message(f"device/{number}/state"))
    cursor = retained.match("+/+/nothing")
    slices = 0
    while not cursor.done:
        assert cursor.take(10, 0.0) == []
        slices += 1
    assert slices >= 5_000 // (10 * VISITS_PER_MESSAGE)


def test_an_exact_filter_costs_its_levels_however_much_is_retained() -> None:
    retained = RetainedMessages(10_000, 10**7)
    for number in range(5_000):
        retained.keep(message(f"device/{number}"))
    cursor = retained.match("device/77")
    assert [each.topic for each in cursor.take(1, 0.0)] == ["device/77"]
    assert cursor.done


def test_a_cursor_costs_nothing_before_it_is_used() -> None:
    retained = RetainedMessages(10_000, 10**7)
    for number in range(5_000):
        retained.keep(message(str(number)))
    cursor = retained.match("#")
    assert sum(sys.getsizeof(each) for each in gc.get_referents(cursor) if isinstance(each, list)) < 1_000
    assert len(cursor.take(5_000, 0.0)) == 5_000


def test_expired_messages_are_removed_when_they_are_due(retained: RetainedMessages) -> None:
    retained.keep(message("a", expires_at=5.0))
    retained.keep(message("b", expires_at=7.0))
    retained.keep(message("c"))
    assert retained.next_expiry == 5.0
    assert retained.remove_expired(4.9) == 0
    assert retained.remove_expired(5.0) == 1
    assert retained.get("a") is None
    retained.keep(message("b"))
    assert retained.remove_expired(100.0) == 0
    assert retained.next_expiry == NEVER
    assert len(retained) == 2


def test_a_topic_kept_again_and_again_does_not_collect_old_expiries(retained: RetainedMessages) -> None:
    retained.keep(message("other", expires_at=1e9))
    most = 0
    for second in range(10 * STALE_EXPIRIES):
        retained.keep(message("a", expires_at=1000.0 + second))
        most = max(most, len(retained._expiries))
    assert most <= 2 * 2 + STALE_EXPIRIES + 1
    assert retained.remove_expired(1000.0 + 10 * STALE_EXPIRIES) == 1
    assert retained.get("a") is None
    assert retained.get("other") is not None


def test_no_message_outlives_its_expiry_however_often_its_topic_is_kept(retained: RetainedMessages) -> None:
    random = Random(7)
    expiries: dict[str, float] = {}
    for _ in range(40 * STALE_EXPIRIES):
        topic = random.choice("abcdefghij")
        expiries[topic] = random.uniform(1.0, 1000.0)
        retained.keep(message(topic, expires_at=expiries[topic]))
        assert retained.next_expiry <= min(expiries.values())
    for topic in sorted(expiries, key=expiries.__getitem__):
        assert retained.get(topic) is not None
        assert retained.remove_expired(expiries[topic]) == 1
        assert retained.get(topic) is None


def test_the_longest_topic_can_be_retained_found_and_removed() -> None:
    retained = RetainedMessages(100_000, 10**7)
    longest = "/" * 65_535
    assert retained.keep(message(longest))
    assert retained.nodes == 65_536
    assert all_of(retained, longest) == all_of(retained, "#", slice_size=1_000) == [longest]
    assert all_of(retained, longest[1:] + "#") == [longest]
    assert retained.remove(longest)
    assert retained.nodes == 0


def test_a_deep_tree_that_is_dropped_whole_does_not_overflow_the_stack() -> None:
    retained = RetainedMessages(100_000, 10**7)
    retained.keep(message("/" * 65_535))
    kept = next(iter(retained))
    del retained
    gc.collect()
    assert kept.topic == "/" * 65_535


def test_memory_returns_when_everything_is_removed(retained: RetainedMessages) -> None:
    original = message("only/one")
    retained.keep(original)
    names = [f"a/{number % 7}/{number}" for number in range(900)]
    for topic in names:
        assert retained.keep(message(topic))
    for topic in [*names, "only/one"]:
        assert retained.keep(message(topic, b""))
    assert (len(retained), retained.size, retained.nodes) == (0, 0, 0)
    assert list(retained) == []
    assert retained._plain.children is None


def test_the_original_message_is_not_held() -> None:
    retained = RetainedMessages(10, 100)
    original = message("a")
    references = sys.getrefcount(original)
    retained.keep(original)
    assert sys.getrefcount(original) == references
    assert retained.get("a") is not None
