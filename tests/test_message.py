"""Floor 1: a Message, and the bytes that it is sent as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.message import NEVER, Message, message_of, take_hop_properties
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import LARGEST_PACKET, MQTT_3_1_1, MQTT_5, Publish
from support.packet_cases import present
from support.raw_client import properties
from support.strategies import topic_names

FORWARDED = {
    "payload_format_indicator": 1,
    "content_type": "text/plain",
    "response_topic": "answers",
    "correlation_data": b"\0\1",
    "user_properties": (("b", "2"), ("a", "1"), ("b", "2")),
}


def decoded(data: bytes, version: int = MQTT_5) -> Publish:
    decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
    (packet,) = decoder.feed(data)
    assert isinstance(packet, Publish)
    return packet


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("dup", [False, True])
def test_its_packet_says_what_it_is_asked_to_say(version: int, qos: int, retain: bool, dup: bool) -> None:
    packet_id = 0x1234 if qos else 0
    dup = dup and qos > 0
    data = Message("a/é", b"payload", 2).packet(version, 0.0, qos, retain, dup, packet_id)
    packet = decoded(data, version)
    assert (packet.topic, packet.payload, packet.qos) == ("a/é", b"payload", qos)
    assert (packet.retain, packet.dup, packet.packet_id) == (retain, dup, packet_id)
    assert packet.properties is None


@given(topic=topic_names, payload=st.binary(max_size=300), qos=st.integers(0, 2), retain=st.booleans())
def test_its_packet_is_what_the_encoder_makes(topic: str, payload: bytes, qos: int, retain: bool) -> None:
    packet_id = 7 if qos else 0
    for version in (MQTT_3_1_1, MQTT_5):
        given_ = None if version == MQTT_3_1_1 else properties(**FORWARDED)
        message = Message(topic, payload, qos, retain, given_)
        expected = encode(Publish(topic, payload, qos, retain, False, packet_id, given_), version)
        assert message.packet(version, 0.0, qos, retain, False, packet_id) == expected


@pytest.mark.parametrize("length", [0, 1, 120, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_its_remaining_length_fits_every_payload(length: int) -> None:
    message = Message("t", bytes(length))
    assert len(decoded(message.packet(MQTT_5, 0.0)).payload) == length
    assert len(decoded(message.packet(MQTT_3_1_1, 0.0), MQTT_3_1_1).payload) == length


def test_its_properties_are_forwarded_to_mqtt_5_unaltered_and_in_order() -> None:
    message = Message("t", b"", properties=properties(**FORWARDED))
    packet = decoded(message.packet(MQTT_5, 0.0))
    assert present(packet.properties) == FORWARDED
    assert decoded(message.packet(MQTT_3_1_1, 0.0), MQTT_3_1_1).properties is None


def test_subscription_identifiers_and_an_alias_come_besides() -> None:
    message = Message("t", b"", properties=properties(content_type="c"), expires_at=30.0)
    packet = decoded(message.packet(MQTT_5, 10.0, identifiers=(1, 268_435_455, 1), alias=9))
    assert packet.topic == "t"
    assert present(packet.properties) == {
        "content_type": "c", "message_expiry_interval": 20, "topic_alias": 9,
        "subscription_identifiers": (1, 268_435_455, 1),
    }


def test_the_alias_alone_stands_for_the_topic() -> None:
    packet = decoded(Message("topic", b"p").packet(MQTT_5, 0.0, alias=3, with_topic=False))
    assert (packet.topic, packet.payload) == ("", b"p")
    assert present(packet.properties) == {"topic_alias": 3}


@pytest.mark.parametrize(("now", "left"), [(0.0, 10), (0.4, 10), (1.0, 9), (9.0, 1), (10.0, 0), (99.0, 0)])
def test_what_is_left_of_its_expiry_interval_is_sent_and_never_less_than_nothing(
    now: float, left: int
) -> None:
    message = Message("t", b"", expires_at=10.0)
    for packet in (message.plain(MQTT_5, now), message.packet(MQTT_5, now, 1, packet_id=1)):
        assert decoded(packet).properties.message_expiry_interval == left


def test_the_longest_expiry_interval_fits_its_four_bytes() -> None:
    message = Message("t", b"", expires_at=0.7 + 0xFFFFFFFF)
    assert decoded(message.plain(MQTT_5, 0.7)).properties.message_expiry_interval == 0xFFFFFFFF


@pytest.mark.parametrize(("now", "expired"), [(0.0, False), (9.999, False), (10.0, True), (11.0, True)])
def test_it_expires_at_its_moment(now: float, expired: bool) -> None:
    assert Message("t", b"", expires_at=10.0).is_expired(now) is expired
    assert not Message("t", b"").is_expired(now)


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_receivers_at_qos_0_share_the_same_bytes(version: int) -> None:
    message = Message("t", b"p", 2, True, properties(content_type="c") if version == MQTT_5 else None)
    plain = message.plain(version, 0.0)
    assert message.plain(version, 5.0) is plain
    packet = decoded(plain, version)
    assert (packet.qos, packet.retain, packet.dup) == (0, False, False)


def test_what_counts_down_is_not_shared() -> None:
    message = Message("t", b"p", expires_at=10.0)
    assert message.plain(MQTT_5, 1.0) != message.plain(MQTT_5, 5.0)
    assert message.plain(MQTT_3_1_1, 1.0) is message.plain(MQTT_3_1_1, 5.0)


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_packet_as_it_arrived_is_forwarded_to_clients_of_the_same_version(version: int) -> None:
    wire = Message("t", b"p").packet(version, 0.0)
    packet = decoded(wire, version)
    assert packet.wire == wire
    message = message_of(packet, packet.topic, version, 0.0, "a")
    other = MQTT_5 if version == MQTT_3_1_1 else MQTT_3_1_1
    assert message.plain(version, 0.0) is packet.wire
    assert decoded(message.plain(other, 0.0), other).payload == b"p"


def test_a_message_of_a_packet_has_its_fields_and_its_publisher() -> None:
    packet = Publish("", b"p", 1, True, True, 5, properties(topic_alias=1, content_type="c"))
    message = message_of(packet, "resolved", MQTT_5, 100.0, "client")
    assert (message.topic, message.payload, message.qos) == ("resolved", b"p", 1)
    assert (message.retain, message.expires_at, message.publisher) == (True, NEVER, "client")
    again = decoded(message.packet(MQTT_5, 100.0))
    assert (again.topic, present(again.properties)) == ("resolved", {"content_type": "c"})


def test_what_belongs_to_one_hop_is_taken_out() -> None:
    travelling = properties(
        topic_alias=1, subscription_identifiers=(1,), message_expiry_interval=7, content_type="c"
    )
    assert take_hop_properties(travelling, 100.0) == 107.0
    assert (travelling.topic_alias, travelling.subscription_identifiers) == (None, ())
    assert (travelling.message_expiry_interval, travelling.content_type) == (None, "c")
    assert take_hop_properties(properties(), 100.0) == NEVER
    assert take_hop_properties(properties(message_expiry_interval=0), 100.0) == 100.0


@pytest.mark.parametrize(
    ("message", "size"),
    [
        (Message("", b""), 0),
        (Message("a/b", b"12345"), 8),
        (Message("é", b"x"), 3),
        (Message("t", b"", properties=properties(content_type="text")), 1 + 1 + 2 + 4),
        (Message("t", b"", properties=properties(user_properties=(("k", "v"),))), 1 + 1 + 3 + 3),
    ],
)
def test_its_size_is_that_of_its_topic_payload_and_properties_in_bytes(message: Message, size: int) -> None:
    assert message.size == size


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("published", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("payload", [b"", b"x" * 121, b"x" * 20_000])
def test_what_receivers_share_above_qos_0_gets_the_packet_identifier_of_each(
    published: int, qos: int, payload: bytes
) -> None:
    arrived = decoded(encode(Publish("a/b", payload, qos, packet_id=9), published), published)
    for message in (message_of(arrived, "a/b", published, 0.0, "p"), Message("a/b", payload, qos)):
        for version, sent, packet_id in ((5, 1, 1), (4, 2, 65_535), (5, 2, 256), (5, 2, 7)):
            expected = encode(Publish("a/b", payload, sent, packet_id=packet_id), version)
            assert message.assured(version, 0.0, sent, packet_id) == expected


def test_what_is_left_of_its_expiry_interval_is_sent_above_qos_0_too() -> None:
    message = Message("t", b"p", 1, properties=properties(content_type="c"), expires_at=10.0)
    for now, left in ((0.0, 10), (4.0, 6)):
        packet = decoded(message.assured(MQTT_5, now, 1, 3))
        assert present(packet.properties) == {"content_type": "c", "message_expiry_interval": left}
