"""Topic Aliases in both directions (MQTT 5.0, 3.3.2.3.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.sessions.aliases import CANDIDATES_PER_ALIAS, IncomingAliases, OutgoingAliases
from amqtt.wire.errors import ProtocolError


def test_a_topic_beside_an_alias_sets_it_and_the_alias_alone_stands_for_it() -> None:
    aliases = IncomingAliases(3)
    assert aliases.resolve(3, "a") == "a"
    assert aliases.resolve(1, "b") == "b"
    assert [aliases.resolve(3, ""), aliases.resolve(1, "")] == ["a", "b"]
    assert aliases.resolve(3, "c") == "c"
    assert aliases.resolve(3, "") == "c"


@pytest.mark.parametrize("topic", ["", "a"])
@pytest.mark.parametrize(("maximum", "alias"), [(0, 1), (3, 4), (3, 65_535)])
def test_an_alias_above_the_maximum_is_not_valid(maximum: int, alias: int, topic: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        IncomingAliases(maximum).resolve(alias, topic)
    assert refusal.value.reason_code == 0x94


def test_an_alias_that_was_never_set_is_a_protocol_error() -> None:
    aliases = IncomingAliases(3)
    aliases.resolve(1, "a")
    with pytest.raises(ProtocolError) as refusal:
        aliases.resolve(2, "")
    assert refusal.value.reason_code == 0x82


def test_a_topic_gets_a_free_alias_at_its_first_use() -> None:
    aliases = OutgoingAliases(2)
    assert [aliases.use("a") for _ in range(3)] == [(1, True), (1, False), (1, False)]
    assert [aliases.use("b") for _ in range(2)] == [(2, True), (2, False)]
    assert aliases.use("c") == (0, True)


def test_a_topic_that_is_used_twice_as_often_takes_the_place_of_the_least_used() -> None:
    aliases = OutgoingAliases(1)
    for _ in range(3):
        aliases.use("old")
    uses = [aliases.use("new") for _ in range(7)]
    assert uses == [(0, True)] * 6 + [(1, True)]
    assert aliases.use("new") == (1, False)
    assert aliases.use("old") == (0, True)


def test_what_was_not_sent_is_forgotten_and_its_alias_is_free() -> None:
    aliases = OutgoingAliases(1)
    assert aliases.use("a") == (1, True)
    aliases.forget("a")
    aliases.forget("never had one")
    assert aliases.use("b") == (1, True)
    assert aliases.use("b") == (1, False)
    assert aliases.use("a") == (0, True)


def test_the_topics_that_are_counted_are_bounded() -> None:
    aliases = OutgoingAliases(4)
    for number in range(10_000):
        aliases.use(f"t/{number}")
    assert len(aliases._candidates) <= 4 * CANDIDATES_PER_ALIAS + 1


def test_times_change_and_so_does_who_is_used_most() -> None:
    aliases = OutgoingAliases(1)
    for _ in range(1_000):
        aliases.use("yesterday")
    for number in range(200):
        aliases.use("today")
        aliases.use(f"once/{number}")
    assert aliases.use("today")[0] == 1


@given(
    maximum=st.integers(1, 4),
    topics=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=200),
)
def test_whoever_follows_the_aliases_reads_every_topic(maximum: int, topics: list[tuple[str, bool]]) -> None:
    aliases, reader = OutgoingAliases(maximum), IncomingAliases(maximum)
    for topic, fits in topics:
        alias, with_topic = aliases.use(topic)
        if alias and with_topic and not fits:
            aliases.forget(topic)
        elif alias:
            assert reader.resolve(alias, topic if with_topic else "") == topic
        else:
            assert with_topic
