"""topic_acl: aMQTT's comparison as a table, and that it never grants more than is listed."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.access import acl as subject
from amqtt.access.acl import AccessControlList, AllowedTopics, covers
from amqtt.topics.names import matches

LISTED = ["repositories/+/master", "calendar/#", "data/memes"]
REQUESTS = [
    ("repositories/a/master", True),
    ("repositories/+/master", True),
    ("calendar/#", True),
    ("calendar/1/2", True),
    ("calendar/+", True),
    ("calendar/", True),
    ("data/memes", True),
    ("repositories/#", False),
    ("repositories/a/b/master", False),
    ("repositories/#/master", False),
    ("calendar", False),
    ("data", False),
    ("data/memes/x", False),
    ("data/+", False),
    ("#", False),
    ("+/+", False),
    ("+/memes", False),
    ("$SYS/#", False),
    ("", False),
]


@pytest.mark.parametrize(("requested", "granted"), REQUESTS)
def test_a_list_grants_what_it_granted_in_amqtt(requested: str, granted: bool) -> None:
    rules = AccessControlList({"u": LISTED}).rules("u")
    assert rules.subscribe(requested) is granted


ONE_TO_ONE = [
    ("a/+", "a/b", True),
    ("a/+", "a/+", True),
    ("a/+", "a/#", False),
    ("+", "#", False),
    ("+", "+", True),
    ("a/+", "a", False),
    ("a/+", "a/b/c", False),
    ("#", "#", True),
    ("#", "a/b", True),
    ("#", "$SYS/#", True),
    ("+/#", "a/#", True),
    ("+/#", "#", False),
    ("+/b", "#/b", False),
    ("a/#", "a/#", True),
    ("a/#", "#", False),
    ("a", "+", False),
    ("a/b", "a/+", False),
    ("/", "/", True),
    ("/+", "/", True),
    ("+/+", "/", True),
]


@pytest.mark.parametrize(("allowed", "requested", "granted"), ONE_TO_ONE)
def test_one_filter_covers_another(allowed: str, requested: str, granted: bool) -> None:
    assert covers(allowed.split("/"), requested.split("/")) is granted


level = st.sampled_from(["a", "b", "+", ""])
filters = st.builds(
    lambda levels, end: "/".join([*levels, *end]) or "a",
    st.lists(level, max_size=3),
    st.sampled_from([[], ["#"]]),
)
topics = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4).map("/".join).filter(bool)


@given(st.lists(filters, max_size=3), filters, topics)
def test_a_granted_filter_matches_nothing_that_no_listed_filter_matches(
    allowed: Sequence[str], requested: str, topic: str
) -> None:
    if AllowedTopics(allowed).cover(requested) and matches(requested, topic):
        assert any(matches(listed, topic) for listed in allowed)


@given(st.lists(st.text("ab+#/", max_size=6), max_size=4), st.text("ab+#/", max_size=6))
def test_an_answer_that_is_remembered_is_the_same(allowed: Sequence[str], requested: str) -> None:
    topics = AllowedTopics(allowed)
    assert topics.cover(requested) is topics.cover(requested) is AllowedTopics(allowed).cover(requested)


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_MOST_REMEMBERED", 10)
    topics = AllowedTopics(["a/#"])
    for number in range(100):
        assert topics.cover(f"a/{number}")
        assert topics.cover("a/" + "x" * 1000 + str(number))
        assert len(topics._answers) <= 10


@pytest.mark.parametrize(
    "user", ["+", "#", "a/b", ".*", "^|x", "", "nobody", "u\0", "anonymous/", "*", "%u", "${username}"]
)
def test_a_user_name_is_compared_and_never_interpreted(user: str) -> None:
    rules = AccessControlList({"u": ["#"], "a": ["#"]}, {"u": ["#"]}, {"u": ["#"]}).rules(user)
    assert not rules.subscribe("t")
    assert not rules.publish("t")
    assert not rules.receive("t")


@pytest.mark.parametrize("user", [None, ""])
def test_a_client_without_a_name_has_the_entry_anonymous(user: str | None) -> None:
    rules = AccessControlList({"anonymous": ["a"]}).rules(user)
    assert rules.subscribe("a")
    assert not rules.subscribe("b")


def test_publishing_and_receiving_are_free_without_a_list() -> None:
    rules = AccessControlList({}).rules("u")
    assert rules.publish("anything")
    assert rules.receive("anything")
    assert rules.receives_everything


def test_a_list_for_publishing_is_only_for_publishing() -> None:
    rules = AccessControlList({"u": ["s"]}, {"u": ["p/+"]}).rules("u")
    assert rules.publish("p/1")
    assert not rules.publish("s")
    assert not rules.subscribe("p/1")


def test_a_list_for_receiving_is_asked_on_delivery() -> None:
    rules = AccessControlList({"u": ["#"]}, None, {"u": ["r"]}).rules("u")
    assert not rules.receives_everything
    assert rules.receive("r")
    assert not rules.receive("s")
