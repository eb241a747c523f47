"""The Will Message as Session State (MQTT 5.0, 3.1.2.5)."""

import pytest

from amqtt.message import NEVER
from amqtt.sessions.will import Will
from amqtt.wire.packets import WillFields
from amqtt.wire.properties import Properties
from support.raw_client import properties


@pytest.mark.parametrize(
    ("given", "delay"),
    [
        (None, 0),
        (properties(), 0),
        (properties(will_delay_interval=0), 0),
        (properties(will_delay_interval=9), 9),
    ],
)
def test_its_delay_is_that_of_its_properties(given: Properties | None, delay: int) -> None:
    assert Will(WillFields("w", b"", properties=given)).delay_interval == delay


def test_its_message_has_its_fields_and_the_publisher() -> None:
    message = Will(WillFields("w", b"gone", 2, True)).message(50.0, "client")
    assert (message.topic, message.payload, message.qos, message.retain) == ("w", b"gone", 2, True)
    assert (message.properties, message.expires_at, message.publisher) == (None, NEVER, "client")


def test_its_expiry_begins_when_it_is_published() -> None:
    given = properties(will_delay_interval=5, message_expiry_interval=7, content_type="c")
    message = Will(WillFields("w", b"gone", properties=given)).message(50.0, "client")
    assert message.expires_at == 57.0
    assert message.properties is not None
    assert (message.properties.content_type, message.properties.message_expiry_interval) == ("c", None)
