"""The encoder against the packet cases, what it refuses, and what it gives up to fit."""

import pytest

from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode, encode_within, properties_bytes
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    MQTT_3_1,
    MQTT_3_1_1,
    MQTT_5,
    PUBLISH,
    SUBSCRIBE,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    WillFields,
)
from amqtt.wire.properties import WILL, Properties
from amqtt.wire.reasons import RETURN_CODES, ReasonCode
from support.packet_cases import VALID, PacketCase, described, properties_of

EVERYTHING = properties_of(reason_string="e", user_properties=(("k", "v"),))
RESPONSES: list[Packet] = [
    Connack(properties=EVERYTHING), Puback(1, 0, EVERYTHING), Pubrec(1, 0, EVERYTHING),
    Pubrel(1, 0, EVERYTHING), Pubcomp(1, 0, EVERYTHING), Suback(1, [0], EVERYTHING),
    Unsuback(1, [0], EVERYTHING),
    Disconnect(0x81, EVERYTHING),
    Auth(0x18, properties_of(authentication_method="m", reason_string="e", user_properties=(("k", "v"),))),
]
USER_PROPERTY = properties_of(user_properties=(("k", "v"),))
REQUESTS: list[Packet] = [
    Connect("a", properties=USER_PROPERTY), Publish("t", b"", properties=USER_PROPERTY),
    Subscribe(1, [SubscriptionRequest("a")], USER_PROPERTY), Unsubscribe(1, ["a"], USER_PROPERTY),
]


def read(data: bytes, version: int = MQTT_5) -> Packet:
    (packet,) = Decoder(TopicNames(), 1 << 20, 1 << 20, version).feed(data)
    return packet


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_a_packet_is_written_as_its_case_says(case: PacketCase) -> None:
    assert encode(case.packet, case.version or MQTT_5) == case.data


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1])
def test_before_5_0_properties_and_reason_codes_are_left_out(version: int) -> None:
    properties = properties_of(reason_string="e", content_type="t")
    for packet, data in (
        (Puback(1, 0x10, properties), "40020001"),
        (Pubrel(1, 0x92, properties), "62020001"),
        (Disconnect(0x04, properties), "e000"),
        (Unsuback(1, [0x11], properties), "b0020001"),
        (Suback(1, [0, 1, 2, 0x80, 0x87, 0xA2], properties), "900800010001028080" + "80"),
        (Publish("a", b"", properties=properties), "3003000161"),
        (Subscribe(1, [SubscriptionRequest("a", 1, True, True, 2)], properties), "8206000100016101"),
        (Unsubscribe(1, ["a"], properties), "a2050001000161"),
        (Connack(False, 0, properties), "20020000"),
    ):
        assert encode(packet, version).hex() == data


def test_3_1_has_no_session_present() -> None:
    assert encode(Connack(True), MQTT_3_1) == b"\x20\x02\x00\x00"
    assert encode(Connack(True), MQTT_3_1_1) == b"\x20\x02\x01\x00"


@pytest.mark.parametrize("reason_code", sorted(set(ReasonCode)))
def test_connack_before_5_0_says_the_return_code_or_nothing(reason_code: int) -> None:
    if reason_code in RETURN_CODES:
        data = encode(Connack(False, reason_code), MQTT_3_1_1)
        assert data == bytes((0x20, 2, 0, RETURN_CODES[reason_code]))
    else:
        with pytest.raises(ValueError, match="no return code"):
            encode(Connack(False, reason_code), MQTT_3_1_1)


@pytest.mark.parametrize(
    "packet",
    [
        Publish("t", b"", 3, packet_id=1),
        Publish("t", b"", -1),
        Publish("t", b"", dup=True),
        Publish("t", b"", 1),
        Publish("t", b"", 1, packet_id=65_536),
        Publish("t\0", b""),
        Publish("t" * 65_536, b""),
        Puback(0),
        Connect("a", 6),
        Connect("a", 2),
        Connect("a", MQTT_3_1_1, password=b"p"),
        Connect("a", keep_alive=65_536),
        Connect("a", will=WillFields("w", b"", 3)),
        Connect("a", will=WillFields("w", b"x" * 65_536)),
        Subscribe(1, [SubscriptionRequest("a", 3)]),
        Subscribe(1, [SubscriptionRequest("a", retain_handling=3)]),
        Suback(1, [256]),
        Publish("t", b"", properties=properties_of(topic_alias=0)),
        Publish("t", b"", properties=properties_of(payload_format_indicator=2)),
        Publish("t", b"", properties=properties_of(message_expiry_interval=-1)),
        Publish("t", b"", properties=properties_of(subscription_identifiers=(0,))),
        Connect("a", properties=properties_of(receive_maximum=65_536)),
    ],
    ids=lambda packet: type(packet).__name__,
)
def test_what_the_standard_cannot_represent_is_a_value_error(packet: Packet) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(packet, MQTT_5)


def test_there_is_no_auth_before_5_0() -> None:
    with pytest.raises(ValueError, match="AUTH"):
        encode(Auth(), MQTT_3_1_1)


def test_a_connect_is_written_in_its_own_version() -> None:
    connect = Connect("a", MQTT_3_1, bridge=True)
    assert encode(connect, MQTT_5) == encode(connect, MQTT_3_1)
    assert encode(Connect("a", MQTT_5, bridge=True), MQTT_5) == encode(Connect("a", MQTT_5), MQTT_5)


def test_properties_that_the_bearer_may_not_bear_are_left_out() -> None:
    properties = properties_of(will_delay_interval=5, content_type="t", topic_alias=2, reason_string="e")
    assert properties_bytes(properties, PUBLISH).hex() == "03000174230002"
    assert properties_bytes(properties, WILL).hex() == "030001741800000005"
    assert properties_bytes(properties, SUBSCRIBE) == b""


def test_properties_are_written_in_the_order_of_their_identifiers() -> None:
    properties = Properties()
    properties.user_properties = (("b", ""), ("a", ""))
    properties.subscription_identifiers = (300, 2)
    properties.payload_format_indicator = 0
    assert properties_bytes(properties, PUBLISH).hex() == "01000bac020b02260001620000" + "260001610000"


@pytest.mark.parametrize("packet", RESPONSES, ids=lambda packet: type(packet).__name__)
def test_a_response_gives_up_its_reason_string_and_then_its_user_properties(packet: Packet) -> None:
    assert not isinstance(packet, (Connect, Publish))
    whole = encode(packet, MQTT_5)
    before = described(packet)
    assert encode_within(packet, MQTT_5, len(whole)) == whole
    without_reason = encode_within(packet, MQTT_5, len(whole) - 1)
    assert without_reason is not None
    assert len(without_reason) == len(whole) - 4
    assert b"\x26\x00\x01k" in without_reason
    assert b"\x1f" not in without_reason
    without_both = encode_within(packet, MQTT_5, len(without_reason) - 1)
    assert without_both is not None
    assert b"\x26" not in without_both
    assert type(read(without_both)) is type(packet)
    assert encode_within(packet, MQTT_5, len(without_both) - 1) is None
    assert described(packet) == before


@pytest.mark.parametrize("packet", REQUESTS, ids=lambda packet: type(packet).__name__)
def test_a_request_or_a_message_gives_up_nothing(packet: Packet) -> None:
    whole = encode(packet, MQTT_5)
    assert encode_within(packet, MQTT_5, len(whole)) == whole
    assert encode_within(packet, MQTT_5, len(whole) - 1) is None


def test_before_5_0_there_is_nothing_to_give_up() -> None:
    assert encode_within(Suback(1, [0], EVERYTHING), MQTT_3_1_1, 5) == b"\x90\x03\x00\x01\x00"
    assert encode_within(Suback(1, [0], EVERYTHING), MQTT_3_1_1, 4) is None


def test_a_disconnect_without_room_for_its_reasons_is_two_or_three_bytes() -> None:
    assert encode_within(Disconnect(0x81, EVERYTHING), MQTT_5, 3) == b"\xe0\x01\x81"
    assert encode_within(Disconnect(0, EVERYTHING), MQTT_5, 2) == b"\xe0\x00"
