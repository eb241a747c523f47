"""Topic Names and Topic Filters: sections 4.7 and 4.8.2, with their examples as data."""

import re
from itertools import product

import pytest
from hypothesis import given

from amqtt.topics.names import (
    covers,
    has_wildcard,
    matches,
    shared_fault,
    split_shared,
    topic_filter_fault,
    topic_name_fault,
)
from support.subscribers import topic_filters, topics

EXAMPLES = [
    # 4.7.1.2
    ("sport/tennis/player1/#", "sport/tennis/player1", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
    ("sport/tennis/player1/#", "sport/tennis/player2", False),
    ("sport/tennis/player1/#", "sport/tennis", False),
    ("sport/#", "sport", True),
    ("sport/#", "sports", False),
    ("#", "sport/tennis", True),
    ("#", "/", True),
    # 4.7.1.3
    ("sport/tennis/+", "sport/tennis/player1", True),
    ("sport/tennis/+", "sport/tennis/player2", True),
    ("sport/tennis/+", "sport/tennis/player1/ranking", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("+/tennis/#", "sport/tennis", True),
    ("+/tennis/#", "/tennis/x/y", True),
    ("sport/+/player1", "sport/tennis/player1", True),
    ("sport/+/player1", "sport/tennis/player2", False),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "/finance", False),
    # 4.7.2
    ("#", "$SYS/monitor/Clients", False),
    ("+/monitor/Clients", "$SYS/monitor/Clients", False),
    ("$SYS/#", "$SYS/monitor/Clients", True),
    ("$SYS/#", "$SYS", True),
    ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
    ("+/#", "$SYS/x", False),
    ("+", "$foo", False),
    ("#", "$share/g/x", False),
    ("+/+/+", "$CONTROL/dynamic-security/v1", False),
    ("a/+", "a/$x", True),
    ("a/#", "a/$x", True),
    # 4.7.3
    ("ACCOUNTS", "Accounts", False),
    ("Accounts payable", "Accounts payable", True),
    ("/finance", "finance", False),
    ("finance/", "finance", False),
    ("finance", "finance/", False),
    ("/", "/", True),
    ("a//b", "a/b", False),
    ("a/+/b", "a//b", True),
    # 4.7.3-4: no normalization, whatever looks alike
    ("caf\u00e9", "cafe\u0301", False),
    (" a", "a", False),
    ("a/../b", "b", False),
    ("%61", "a", False),
    ("a.b", "axb", False),
    ("\ufeffa", "a", False),
]


@pytest.mark.parametrize(("topic_filter", "topic", "expected"), EXAMPLES)
def test_a_filter_matches_as_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert topic_filter_fault(topic_filter, 200) == ""
    assert topic_name_fault(topic, 200) == ""
    assert matches(topic_filter, topic) is expected


def as_regular_expression(topic_filter: str) -> str:
    """Another way to say what a filter matches, to check the first one."""
    start = r"(?!\$)" if topic_filter[0] in "+#" else ""
    if topic_filter == "#":
        return start + ".*"
    body, rest = (topic_filter[:-2], "(/.*)?") if topic_filter.endswith("/#") else (topic_filter, "")
    return start + re.escape(body).replace(r"\+", "[^/]*") + rest


@given(topic_filters, topics)
def test_a_filter_matches_what_its_regular_expression_matches(topic_filter: str, topic: str) -> None:
    expected = re.fullmatch(as_regular_expression(topic_filter), topic, re.DOTALL) is not None
    assert matches(topic_filter, topic) is expected


@pytest.mark.parametrize(
    ("topic_filter", "mark"),
    [
        ("", "MQTT-4.7.3-1"),
        ("a\0b", "MQTT-4.7.3-2"),
        ("x" * 65_536, "MQTT-4.7.3-3"),
        ("\u20ac" * 21_846, "MQTT-4.7.3-3"),
        ("a\ud800", "MQTT-1.5.4-1"),
        ("sport/tennis#", "MQTT-4.7.1-1"),
        ("sport/tennis/#/ranking", "MQTT-4.7.1-1"),
        ("#/a", "MQTT-4.7.1-1"),
        ("##", "MQTT-4.7.1-1"),
        ("#/", "MQTT-4.7.1-1"),
        ("a/#+", "MQTT-4.7.1-1"),
        ("sport+", "MQTT-4.7.1-2"),
        ("a/+b/c", "MQTT-4.7.1-2"),
        ("++", "MQTT-4.7.1-2"),
        ("$share//finance", "MQTT-4.8.2-1"),
        ("$share/", "MQTT-4.8.2-1"),
        ("$share//", "MQTT-4.8.2-1"),
        ("$share/consumer", "MQTT-4.8.2-2"),
        ("$share/consumer/", "MQTT-4.8.2-2"),
        ("$share/con+sumer/a", "MQTT-4.8.2-2"),
        ("$share/#/a", "MQTT-4.8.2-2"),
        ("$share/consumer/a#", "MQTT-4.7.1-1"),
        ("$share/consumer/\0", "MQTT-4.7.3-2"),
        ("$share/" + "x" * 65_527 + "/a", "MQTT-4.7.3-3"),
        ("$share/\ud800/ab", "MQTT-1.5.4-1"),
        ("$share/con\0sumer/a", "MQTT-4.7.3-2"),
    ],
)
def test_an_invalid_filter_is_refused_with_the_statement_that_it_breaks(topic_filter: str, mark: str) -> None:
    assert mark in topic_filter_fault(topic_filter, 200)


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#", "+", "+/tennis/#", "sport/+/player1", "sport/tennis/#", "/", "//", "+/+", "$SYS/#",
        "Accounts payable", "x" * 65_535, "\u20ac" * 21_845, "\U0001f600", "$share", "$shared/a",
        "$share/consumer1//finance", "$share/consumer1/sport/tennis/+", "$share/g/#", "$share/g//",
        "$share/" + "x" * 65_526 + "/a",
    ],
)
def test_a_valid_filter_has_no_fault(topic_filter: str) -> None:
    assert topic_filter_fault(topic_filter, 200) == ""


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("", "MQTT-4.7.3-1"),
        ("sport/+", "MQTT-4.7.0-1"),
        ("sport/#", "MQTT-4.7.0-1"),
        ("a+b", "MQTT-4.7.0-1"),
        ("a\0", "MQTT-4.7.3-2"),
        ("x" * 65_536, "MQTT-4.7.3-3"),
        ("\ud83d", "MQTT-1.5.4-1"),
    ],
)
def test_an_invalid_name_is_refused_with_the_statement_that_it_breaks(name: str, mark: str) -> None:
    assert mark in topic_name_fault(name, 200)


@pytest.mark.parametrize("name", ["/", "a", "$SYS/x", "/finance", "a b", "x" * 65_535, "\u20ac" * 21_845])
def test_a_valid_name_has_no_fault(name: str) -> None:
    assert topic_name_fault(name, 200) == ""


def test_levels_are_bounded_and_those_of_the_share_do_not_count() -> None:
    assert topic_name_fault("a/b/c", 3) == ""
    assert "4 levels" in topic_name_fault("a/b/c/", 3)
    assert topic_filter_fault("$share/g/a/b/c", 3) == ""
    assert "4 levels" in topic_filter_fault("a/b/c/#", 3)
    assert "65536 levels" in topic_name_fault("/" * 65_535, 200)
    assert "65536 levels" in topic_filter_fault("/" * 65_535, 65_535)
    assert topic_filter_fault("/" * 65_535, 65_536) == ""


@pytest.mark.parametrize(
    ("topic_filter", "expected"),
    [
        ("$share/consumer1//finance", ("consumer1", "/finance")),
        ("$share/consumer1/sport/tennis/+", ("consumer1", "sport/tennis/+")),
        ("$share/consumer1/#", ("consumer1", "#")),
        ("$share/a/$share/b/c", ("a", "$share/b/c")),
        ("$share", ("", "$share")),
        ("$shared/g/x", ("", "$shared/g/x")),
        ("sport/$share/g/x", ("", "sport/$share/g/x")),
        ("#", ("", "#")),
    ],
)
def test_a_shared_filter_comes_apart_into_its_share_name_and_filter(
    topic_filter: str, expected: tuple[str, str]
) -> None:
    assert shared_fault(topic_filter) == ""
    assert split_shared(topic_filter) == expected


@given(topic_filters)
def test_only_filters_without_wildcards_are_topic_names(topic_filter: str) -> None:
    assert has_wildcard(topic_filter) is bool(topic_name_fault(topic_filter, 200))


def every_filter() -> list[str]:
    plain = [[*levels] for count in range(4) for levels in product(["", "a", "$x", "+"], repeat=count)]
    filters = ["/".join(levels) for levels in plain] + ["/".join([*levels, "#"]) for levels in plain]
    return [each for each in filters if not topic_filter_fault(each, 200)]


def test_covers_says_the_same_as_trying_every_topic() -> None:
    levels = ["", "a", "$x", "other"]
    tried = ["/".join(each) for count in range(1, 6) for each in product(levels, repeat=count)]
    tried = [topic for topic in tried if topic]
    matched = {each: {topic for topic in tried if matches(each, topic)} for each in every_filter()}
    assert len(matched) > 150
    for wide, narrow in product(matched, repeat=2):
        assert covers(wide, narrow) is (matched[narrow] <= matched[wide]), (wide, narrow)


@given(topic_filters, topic_filters, topics)
def test_a_covered_filter_never_matches_more(wide: str, narrow: str, topic: str) -> None:
    if covers(wide, narrow) and matches(narrow, topic):
        assert matches(wide, topic)
