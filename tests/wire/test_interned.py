"""Topic Names are validated and remembered."""

import pytest

from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.interned import MAXIMUM_REMEMBERED, MAXIMUM_REMEMBERED_LENGTH, TopicNames, topic_name
from amqtt.wire.reasons import ReasonCode


def field(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def test_a_topic_name_that_comes_again_is_the_same_object() -> None:
    topics = TopicNames()
    first = topics.decode(field("sensors/µ".encode()))
    assert first == "sensors/µ"
    assert topics.decode(field("sensors/µ".encode())) is first
    assert len(topics) == 1


@pytest.mark.parametrize("raw", [b"#", b"+", b"a/+/b", b"a/#", b"a+b"])
def test_wildcard_characters_are_refused_each_time(raw: bytes) -> None:
    topics = TopicNames()
    for decode, given in ((topic_name, raw), (topics.decode, field(raw)), (topics.decode, field(raw))):
        with pytest.raises(MalformedPacket) as caught:
            decode(given)
        assert caught.value.reason_code == 0x90
    assert len(topics) == 0


@pytest.mark.parametrize("raw", [b"a\0", b"\xff", b"\xed\xa0\x80"])
def test_what_is_no_utf_8_string_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        TopicNames().decode(field(raw))
    assert caught.value.reason_code == 0x81


def test_an_empty_topic_name_is_a_string() -> None:
    assert TopicNames().decode(field(b"")) == ""


def test_long_topic_names_are_not_remembered() -> None:
    topics = TopicNames()
    topics.decode(field(b"a" * MAXIMUM_REMEMBERED_LENGTH))
    assert len(topics) == 1
    long = "a" * (MAXIMUM_REMEMBERED_LENGTH + 1)
    assert topics.decode(field(long.encode())) == long
    assert len(topics) == 1


def test_all_are_forgotten_when_there_are_too_many() -> None:
    topics = TopicNames()
    for number in range(MAXIMUM_REMEMBERED):
        topics.decode(field(b"%d" % number))
    assert len(topics) == MAXIMUM_REMEMBERED
    assert topics.decode(field(b"one more")) == "one more"
    assert len(topics) == 1
    assert topics.decode(field(b"0")) == "0"


def test_a_topic_name_of_too_many_levels_is_refused_and_not_remembered() -> None:
    topics = TopicNames(maximum_levels=3)
    assert topics.decode(field(b"a/b/c")) == "a/b/c"
    with pytest.raises(ProtocolError) as raised:
        topics.decode(field(b"a/b/c/d"))
    assert raised.value.reason_code == ReasonCode.TOPIC_NAME_INVALID
    assert len(topics) == 1
