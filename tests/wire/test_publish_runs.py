"""PUBLISH packets that may be sent on as they are, and acknowledgements, are read as runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.wire.bounds import PacketBounds
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_3_1_1,
    MQTT_5,
    AcknowledgementRun,
    Arrived,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    PublishRun,
    Pubrec,
    Pubrel,
)
from amqtt.wire.runs import identifiers_at, largest_of, packets_of, pieces_of
from support.packet_cases import described, properties_of
from support.runs import one_by_one
from support.strategies import cut, packet_ids, packets, spoiled

by_version = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def decoder(version: int, maximum: int = LARGEST_PACKET) -> Decoder:
    return Decoder(TopicNames(), maximum, maximum, version)


def shape(arrived: list[Arrived]) -> list[object]:
    """What arrived: the length of each run, and the type of each other packet."""
    return [
        each.count if isinstance(each, PublishRun)
        else [each.first_id, each.count] if isinstance(each, AcknowledgementRun) else type(each)
        for each in arrived
    ]


def forwarded(version: int) -> st.SearchStrategy[Publish]:
    """Packets of few topics, mostly such as make runs."""
    names = st.sampled_from(["a", "b/c", "ü", "a" * 300])
    given = st.none() | st.sampled_from(PROPERTIES) if version == MQTT_5 else st.none()
    at_qos_0 = st.builds(Publish, names, st.binary(max_size=300), properties=given)
    return at_qos_0 | st.builds(
        Publish, names, st.binary(max_size=9), st.sampled_from([1, 2]), packet_id=st.integers(1, 4),
        properties=given,
    )


PROPERTIES = [
    properties_of(**values) for values in (
        {"payload_format_indicator": 1}, {"content_type": "t", "user_properties": (("a", "b"), ("a", ""))},
        {"response_topic": "r/x", "correlation_data": b"\0\xff"}, {"topic_alias": 1},
        {"message_expiry_interval": 9}, {"user_properties": (("AMQTT-x", ""),)},
    )
]


@by_version
@given(data=st.data())
def test_a_run_is_the_packets_that_it_is_made_of(version: int, data: st.DataObject) -> None:
    plain = forwarded(version)
    few = st.integers(1, 4)
    success = st.builds(Puback, few) | st.builds(Pubrel, packet_ids) | st.builds(Pubcomp, few)
    mixed = st.lists(plain | plain | success | success | packets(version), max_size=12)
    tail = data.draw(st.just(b"") | spoiled(version) | st.binary(max_size=6))
    stream = b"".join(encode(packet, version) for packet in data.draw(mixed)) + tail
    joining, plainly = decoder(version), decoder(version)
    for piece in cut_of(data, stream):
        arrived = joining.feed_joined(piece)
        assert described(one_by_one(arrived, version, packets_of)) == described(plainly.feed(piece))
    assert (joining.error is None) == (plainly.error is None)
    if joining.error is not None and plainly.error is not None:
        assert joining.error.reason_code == plainly.error.reason_code


def cut_of(data: st.DataObject, stream: bytes) -> list[bytes]:
    return data.draw(cut(stream))


@by_version
def test_what_differs_only_in_its_payload_is_one_run(version: int) -> None:
    sizes = [0, 1, 120, 121, 122, 300, 5]
    stream = b"".join(encode(Publish("a/b", bytes(size)), version) for size in sizes)
    (run,) = decoder(version).feed_joined(stream)
    assert isinstance(run, PublishRun)
    assert (run.topics, run.wire, run.count) == (["a/b"], stream, 7)
    assert largest_of(run.wire) == len(encode(Publish("a/b", bytes(300)), version))
    assert [len(packet.payload) for packet in packets_of(run.wire, version, run.names)] == sizes


@by_version
def test_topics_in_a_row_are_the_stretches_of_a_run(version: int) -> None:
    topics = ["a", "a", "b", "a", "c/d", "c/d"]
    packets = [encode(Publish(topic, b"%d" % at), version) for at, topic in enumerate(topics)]
    (run,) = decoder(version).feed_joined(b"".join(packets))
    assert isinstance(run, PublishRun)
    assert (run.topics, run.counts, run.count) == (["a", "b", "a", "c/d"], [2, 1, 1, 2], 6)
    assert run.sizes == [2 * len(packets[0]), len(packets[2]), len(packets[3]), 2 * len(packets[4])]
    parts = [run.take(1), run.take(3), run.take(4)]
    assert [(each.topics, each.count, each.counts) for each in parts] == [
        (["a"], 2, [2]), (["b", "a"], 2, [1, 1]), (["c/d"], 2, [2]),
    ]
    assert [each.wire for each in parts] == [
        packets[0] + packets[1], packets[2] + packets[3], packets[4] + packets[5],
    ]
    assert all(sum(each.sizes) == len(each.wire) for each in parts)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 100])
def test_a_run_is_cut_into_pieces_of_so_many_packets(most: int) -> None:
    topics = ["a", "a", "a", "b", "c", "c", "a"]
    packets = [encode(Publish(topic, b"%d" % n * n, 1, packet_id=n + 7), 4) for n, topic in enumerate(topics)]
    (run,) = decoder(4).feed_joined(b"".join(packets))
    assert isinstance(run, PublishRun)
    pieces = pieces_of(run, most)
    assert b"".join(piece.wire for piece in pieces) == run.wire
    assert max(piece.count for piece in pieces) <= most
    assert len(pieces) <= 2 * -(-len(topics) // most)
    at = 0
    for piece in pieces:
        assert piece.wire == b"".join(packets[at : at + piece.count])
        assert piece.first_id == 7 + at
        stretches = zip(piece.topics, piece.counts, strict=True)
        assert [topic for topic, count in stretches for _ in range(count)] == topics[at : at + piece.count]
        at += piece.count


@pytest.mark.parametrize("qos", [1, 2])
@by_version
def test_packets_whose_packet_identifiers_rise_by_one_are_a_run(version: int, qos: int) -> None:
    given = [(65_533, "a"), (65_534, "a"), (65_535, "b"), (1, "b"), (2, "b"), (4, "b")]
    stream = b"".join(encode(Publish(topic, b"x", qos, packet_id=n), version) for n, topic in given)
    run, other, last = decoder(version).feed_joined(stream)
    assert isinstance(run, PublishRun)
    assert isinstance(other, PublishRun)
    assert isinstance(last, Publish)
    assert (last.packet_id, last.topic) == (4, "b")
    assert (run.qos, run.first_id, run.topics, run.counts) == (qos, 65_533, ["a", "b"], [2, 1])
    assert [(each.first_id, each.count) for each in (run.take(1), run.take(2))] == [(65_533, 2), (65_535, 1)]
    assert (other.first_id, other.count) == (1, 2)
    identifiers = [run.wire[at : at + 2] for at in identifiers_at(run.wire)]
    assert identifiers == [b"\xff\xfd", b"\xff\xfe", b"\xff\xff"]


@by_version
def test_what_is_no_plain_publish_ends_a_run(version: int) -> None:
    some: list[Packet] = [Publish("a", b"1"), Publish("a", b"2"), Publish("b", b"3"), Publish("a", b"4")]
    some.append(Pingreq())
    some += [Publish("a", b"5", 1, packet_id=1), Publish("a", b"6"), Publish("a", b"7", 0, True)]
    some += [Publish("a", b"8", 1, dup=True, packet_id=2), Publish("a", b"9", 2, packet_id=3)]
    stream = b"".join(encode(packet, version) for packet in some)
    assert shape(decoder(version).feed_joined(stream)) == [4, Pingreq, 1, 1, *[Publish] * 3]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_properties_that_are_forwarded_unaltered_are_part_of_a_run(qos: int) -> None:
    usual = {
        "payload_format_indicator": 1, "content_type": "text/plain", "response_topic": "r",
        "user_properties": (("a", "b"), ("amqt", "")),
    }
    some = [
        Publish("a", b"x", qos, packet_id=qos and n, properties=properties_of(**usual, correlation_data=data))
        for n, data in enumerate((b"1", b"1", b"2", b"33", b""), 7)
    ]
    stream = b"".join(encode(packet, MQTT_5) for packet in some)
    (run,) = decoder(MQTT_5).feed_joined(stream)
    assert isinstance(run, PublishRun)
    assert (run.count, run.wire) == (5, stream)
    assert described(packets_of(run.wire, MQTT_5, run.names)) == described(decoder(MQTT_5).feed(stream))


@pytest.mark.parametrize(
    "changing", [
        {"topic_alias": 1}, {"message_expiry_interval": 1}, {"subscription_identifiers": (1,)},
        {"user_properties": (("amqtt-x", ""),)}, {"user_properties": (("AmQTT-", ""),)},
    ]
)
def test_properties_that_change_on_the_way_are_in_no_run(changing: dict[str, object]) -> None:
    given = properties_of(**changing)
    some = [Publish("a", b"1", properties=given), Publish("a", b"2"), Publish("a", b"3")]
    some += [Publish("a", b"4", properties=given), Publish("a", b"5", properties=given)]
    stream = b"".join(encode(packet, MQTT_5) for packet in some)
    assert shape(decoder(MQTT_5).feed_joined(stream)) == [Publish, 2, Publish, Publish]


BROKEN_PROPERTIES = {
    "an unknown identifier": "02 7f00", "one of CONNECT": "03 210001", "twice": "04 01000100",
    "a payload format of 2": "02 0102", "a response topic with a wildcard": "04 08000123",
    "a response topic without characters": "03 080000", "no UTF-8": "04 030001ff",
    "U+0000": "04 03000100", "a pair without a value": "04 26000161", "beyond the packet": "7f 0100",
    "a length longer than it need be": "8000", "a string beyond the properties": "04 03000961",
    "no UTF-8 in a pair": "07 260001ff000161",
}


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("broken", BROKEN_PROPERTIES.values(), ids=BROKEN_PROPERTIES)
def test_broken_properties_are_refused_behind_the_run(broken: str, qos: int) -> None:
    good, other, third = (encode(Publish("a", b"", qos, packet_id=n), MQTT_5) for n in (1, 2, 3))
    body = third[2:-1] + bytes.fromhex(broken)
    stream = good + other + bytes((good[0], len(body))) + body
    joining, plainly = decoder(MQTT_5), decoder(MQTT_5)
    assert shape(joining.feed_joined(stream)) == [2]
    assert len(plainly.feed(stream)) == 2
    assert joining.error is not None
    assert plainly.error is not None
    assert joining.error.reason_code == plainly.error.reason_code


def test_user_properties_beyond_their_bounds_are_refused_behind_the_run() -> None:
    good = encode(Publish("a", b"", properties=properties_of(user_properties=(("n", "v"),) * 2)), MQTT_5)
    for name, bounds in (
        ("maximum_user_properties", PacketBounds(maximum_user_properties=2)),
        ("maximum_user_property_bytes", PacketBounds(maximum_user_property_bytes=14)),
    ):
        over = encode(Publish("a", b"", properties=properties_of(user_properties=(("n", "v"),) * 3)), MQTT_5)
        joining = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, MQTT_5, bounds)
        assert shape(joining.feed_joined(good + good + over)) == [2]
        assert joining.error is not None
        assert joining.error.limit == name


@by_version
@pytest.mark.parametrize("broken", [b"\x00\x01#", b"\x00\x01\xff", b"\x00\x00", b"\x00\x05a", b"\x00", b""])
def test_a_topic_that_is_no_topic_name_is_refused_behind_the_run(version: int, broken: bytes) -> None:
    good = encode(Publish("a", b"X"), version)
    joining = decoder(version)
    assert shape(joining.feed_joined(good + good + bytes((0x30, len(broken))) + broken + good)) == [2]
    assert joining.error is not None


@by_version
@pytest.mark.parametrize("topic", ["a", "b"])
def test_a_packet_identifier_that_is_none_is_refused_behind_the_run(version: int, topic: str) -> None:
    good = b"".join(encode(Publish("a", b"", 1, packet_id=n), version) for n in (1, 2))
    bad = encode(Publish(topic, b"", 1, packet_id=3), version).replace(b"\0\3", b"\0\0")
    for last in (bad, b"\x32\3" + bad[2:5], b"\x32\4" + bad[2:6]):
        joining = decoder(version)
        (run,) = joining.feed_joined(good + last)
        assert isinstance(run, PublishRun)
        assert (run.topics, run.counts, run.first_id) == (["a"], [2], 1)
        assert joining.error is not None


def test_a_packet_that_is_too_large_is_refused_behind_the_run() -> None:
    fits, large = encode(Publish("a", bytes(80)), MQTT_3_1_1), encode(Publish("a", bytes(90)), MQTT_3_1_1)
    bounded = decoder(MQTT_3_1_1, len(fits))
    assert shape(bounded.feed_joined(fits + fits + large + fits)) == [2]
    assert bounded.error is not None
    assert bounded.error.reason_code == 0x95


@pytest.mark.parametrize(
    "second", [b"\x30\x84\x00\x00\x01aX", b"\x30\x02\x00\x01", b"\x30\x83\x80\x80\x80\x01\x00\x01a"]
)
def test_what_is_malformed_is_refused_behind_what_came_before(second: bytes) -> None:
    good = encode(Publish("a", b"X"), MQTT_3_1_1)
    joining = decoder(MQTT_3_1_1)
    assert shape(joining.feed_joined(good + second + bytes(200))) == [1]
    assert joining.error is not None


def test_a_topic_that_reaches_beyond_its_packet_makes_no_run() -> None:
    lying = b"\x30\x03\x00\x05a"
    joining = decoder(MQTT_3_1_1)
    assert joining.feed_joined(lying + lying + lying) == []
    assert joining.error is not None


@by_version
def test_acknowledgements_of_one_type_that_rise_by_one_are_a_run(version: int) -> None:
    some: list[Packet] = [Puback(1), Puback(2), Puback(3), Puback(1), Puback(2), Pubrec(3), Pubrel(255)]
    some += [Pubrel(256), Pubcomp(65_534), Pubcomp(65_535), Pubcomp(1)]
    stream = b"".join(encode(packet, version) for packet in some)
    assert shape(decoder(version).feed_joined(stream)) == [
        [1, 3], [1, 2], Pubrec, [255, 2], [65_534, 2], Pubcomp,
    ]


def test_an_acknowledgement_with_a_reason_code_is_in_no_run() -> None:
    some = [Puback(1), Puback(2, 0x10), Puback(3), Puback(4)]
    stream = b"".join(encode(packet, MQTT_5) for packet in some)
    assert shape(decoder(MQTT_5).feed_joined(stream)) == [Puback, Puback, [3, 2]]


@by_version
@pytest.mark.parametrize("good", [b"", b"\x40\x02\x00\x01\x40\x02\x00\x02"])
def test_the_packet_identifier_0_is_refused_behind_the_run(version: int, good: bytes) -> None:
    joining = decoder(version)
    zero = b"\x40\x02\x00\x00"
    assert shape(joining.feed_joined(good + zero + zero)) == ([[1, 2]] if good else [])
    assert joining.error is not None


@by_version
def test_what_is_left_of_a_run_comes_with_the_next_bytes(version: int) -> None:
    joining = decoder(version)
    assert shape(joining.feed_joined(b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00")) == [[1, 2]]
    assert shape(joining.feed_joined(b"\x03\x40\x02\x00")) == [Puback]
    assert shape(joining.feed_joined(b"\x04")) == [Puback]
