"""The formats of mosquitto_sub -F."""

import json
from datetime import UTC, datetime

import pytest

from amqtt.cli.message_format import MessageFormat
from amqtt.client_session.received import ReceivedMessage
from amqtt.wire.packets import Publish
from support.raw_client import properties

MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
GIVEN = properties(
    content_type="text/plain", response_topic="r", correlation_data=b"\xff", payload_format_indicator=1,
    message_expiry_interval=9, topic_alias=3, user_properties=(("a", "b"), ("c", "d"), ("a", "e")),
    subscription_identifiers=(7, 8),
)
MESSAGE = ReceivedMessage(Publish("a/b", b"h\xc3\xa9\xff", 1, True, False, 12, GIVEN), "a/b")
BARE = ReceivedMessage(Publish("t", b""), "t")


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("%t %p", b"a/b h\xc3\xa9\xff"),
        ("%q %r %l %m %%", b"1 1 4 12 %"),
        ("%x %X", b"68c3a9ff 68C3A9FF"),
        ("%C %R %D %E %F %A", b"text/plain r \xff 9 1 3"),
        ("%P|%S", b"a:b c:d a:e|7 8"),
        ("%5q|%-5q|%05q|%.2t|%6.1t", b"    1|1    |00001|a/|     a"),
        ("\\n\\t\\\\\\0\\a\\e\\r\\v\\q", b"\n\t\\\0\a\x1b\r\v\\q"),
        ("@Y-@m-@d @H:@M:@S.@N @@", b"2026-02-03 04:05:06.789000000 @"),
        ("%I", b"2026-02-03T04:05:06+0000"),
        ("%U", b"1770091506.789000034"),
        ("", b""),
        ("ü@", "ü@".encode()),
    ],
)
def test_conversions_are_written(form: str, written: bytes) -> None:
    assert MessageFormat(form).write(MESSAGE, MOMENT) == written


def test_what_a_message_does_not_have_is_empty() -> None:
    assert MessageFormat("%C|%R|%D|%E|%F|%A|%P|%S|%m").write(BARE, MOMENT) == b"||||||||0"


def test_json_has_everything() -> None:
    assert json.loads(MessageFormat("%j").write(MESSAGE, MOMENT)) == {
        "tst": "2026-02-03T04:05:06.789000Z+0000", "topic": "a/b", "qos": 1, "retain": 1, "payloadlen": 4,
        "mid": 12, "payload": "hé\ufffd",
        "properties": {
            "content-type": "text/plain", "response-topic": "r", "payload-format-indicator": 1,
            "message-expiry-interval": 9, "topic-alias": 3, "correlation-data": "\ufffd",
            "user-properties": {"a": ["b", "e"], "c": "d"}, "subscription-identifier": [7, 8],
        },
    }
    assert "properties" not in json.loads(MessageFormat("%j").write(BARE, MOMENT))


def test_json_has_one_subscription_identifier_as_the_number_that_it_is() -> None:
    message = ReceivedMessage(Publish("t", b"", properties=properties(subscription_identifiers=(7,))), "t")
    found = json.loads(MessageFormat("%j").write(message, MOMENT))
    assert found["properties"] == {"subscription-identifier": 7}


def test_json_may_be_pretty_and_its_payload_parsed() -> None:
    message = ReceivedMessage(Publish("t", b'{"a": 1}'), "t")
    written = MessageFormat("%J", pretty=True).write(message, MOMENT)
    assert b'\n\t\t"a": 1' in written
    with pytest.raises(ValueError, match="no JSON"):
        MessageFormat("%J").write(BARE, MOMENT)


@pytest.mark.parametrize("form", ["%Z", "%", "%5", "%1234567q", "%@"])
def test_what_is_no_conversion_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=r"conversion|digits"):
        MessageFormat(form)
