"""What a Will Message must keep to before its CONNECT is accepted."""

import pytest

from amqtt.server.limits import Limits
from amqtt.server.wills import is_utf8, will_fault
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, WillFields
from support.raw_client import properties

FAULTS: list[tuple[dict[str, object], WillFields, int, int]] = [
    # limits, the Will Message, the Reason Code for MQTT 5.0, the Reason Code for MQTT 3.1.1 (0: taken)
    ({}, WillFields("w", b"", 2, True), 0, 0),
    ({}, WillFields("", b""), 0x90, 0x90),
    ({}, WillFields("w/+", b""), 0x90, 0x90),
    ({}, WillFields("w/#", b""), 0x90, 0x90),
    ({"maximum_topic_levels": 2}, WillFields("a/b/c", b""), 0x90, 0x90),
    ({"maximum_qos": 1}, WillFields("w", b"", 2), 0x9B, 0),
    ({"maximum_qos": 1}, WillFields("w", b"", 1), 0, 0),
    ({"retain_available": False}, WillFields("w", b"", 0, True), 0x9A, 0),
    ({"retain_available": False}, WillFields("w", b""), 0, 0),
    ({"validate_payload_format": True}, WillFields("w", b"\xff"), 0, 0),
]
TEXT = properties(payload_format_indicator=1)


@pytest.mark.parametrize(("limits", "will", "of_5", "of_3"), FAULTS)
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_will_message_beyond_the_limits_is_refused_or_brought_within_them(
    limits: dict[str, object], will: WillFields, of_5: int, of_3: int, version: int
) -> None:
    granted = Limits(**limits)  # type: ignore[arg-type]
    asked = WillFields(will.topic, will.payload, will.qos, will.retain)
    fault = will_fault(granted, asked, version)
    expected = of_5 if version == MQTT_5 else of_3
    assert (0 if fault is None else fault.reason_code) == expected
    if fault is None:
        assert asked.qos == min(will.qos, granted.maximum_qos)
        assert asked.retain is (will.retain and granted.retain_available)


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("claims", [False, True])
@pytest.mark.parametrize("payload", [b"text", b"\xff"])
def test_a_payload_that_says_it_is_text_is_checked_where_that_is_wanted(
    validated: bool, claims: bool, payload: bytes
) -> None:
    will = WillFields("w", payload, properties=TEXT if claims else None)
    fault = will_fault(Limits(validate_payload_format=validated), will, MQTT_5)
    refused = validated and claims and payload == b"\xff"
    assert (0 if fault is None else fault.reason_code) == (0x99 if refused else 0)


@pytest.mark.parametrize(
    ("payload", "text"),
    [(b"", True), ("é\U0001f600".encode(), True), (b"\xed\xa0\x80", False), (b"\xc0\x80", False)],
)
def test_utf_8_is_what_the_standard_says(payload: bytes, text: bool) -> None:
    assert is_utf8(payload) is text
