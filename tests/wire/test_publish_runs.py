"""Packets that differ in payload or Packet Identifier alone are read as one run, and as nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from amqtt.wire.properties import Properties
from amqtt.wire.publish_packets import packets_of
from support.packet_cases import described
from support.strategies import cut, packet_ids, packets, spoiled

by_version = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def decoder(version: int, maximum: int = LARGEST_PACKET) -> Decoder:
    return Decoder(TopicNames(), maximum, maximum, version)


ACKNOWLEDGEMENTS = {4: Puback, 5: Pubrec, 6: Pubrel, 7: Pubcomp}


def one_by_one(arrived: list[Arrived], version: int) -> list[Packet]:
    single: list[Packet] = []
    for packet in arrived:
        if isinstance(packet, PublishRun):
            single += packets_of(packet, version)
        elif isinstance(packet, AcknowledgementRun):
            single += [ACKNOWLEDGEMENTS[packet.packet_type](packet_id) for packet_id in packet.packet_ids]
        else:
            single.append(packet)
    return single


def shape(arrived: list[Arrived]) -> list[object]:
    """What arrived: the length of each run, and the type of each other packet."""
    return [
        each.count if isinstance(each, PublishRun)
        else each.packet_ids if isinstance(each, AcknowledgementRun) else type(each)
        for each in arrived
    ]


@by_version
@given(data=st.data())
def test_a_run_is_the_packets_that_it_is_made_of(version: int, data: st.DataObject) -> None:
    plain = st.builds(Publish, st.sampled_from(["a", "b/c", "ü"]), st.binary(max_size=300))
    success = st.builds(Puback, packet_ids) | st.builds(Pubrel, packet_ids) | st.builds(Pubcomp, packet_ids)
    mixed = st.lists(plain | plain | success | success | packets(version), max_size=12)
    tail = data.draw(st.just(b"") | spoiled(version) | st.binary(max_size=6))
    stream = b"".join(encode(packet, version) for packet in data.draw(mixed)) + tail
    joining, plainly = decoder(version), decoder(version)
    for piece in cut_of(data, stream):
        arrived = joining.feed_joined(piece)
        assert described(one_by_one(arrived, version)) == described(plainly.feed(piece))
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
    assert (run.topic, run.wire, run.count) == ("a/b", stream, 7)
    assert run.largest == len(encode(Publish("a/b", bytes(300)), version))
    assert [len(packet.payload) for packet in packets_of(run, version)] == sizes


@by_version
def test_another_topic_or_packet_ends_a_run(version: int) -> None:
    some: list[Packet] = [Publish("a", b"1"), Publish("a", b"2"), Publish("b", b"3"), Publish("a", b"4")]
    some.append(Pingreq())
    some += [Publish("a", b"5", 1, packet_id=1), Publish("a", b"6"), Publish("a", b"7", 0, True)]
    stream = b"".join(encode(packet, version) for packet in some)
    assert shape(decoder(version).feed_joined(stream)) == [
        2, Publish, Publish, Pingreq, Publish, Publish, Publish,
    ]


def test_a_packet_with_properties_is_in_no_run() -> None:
    properties = Properties()
    properties.topic_alias = 1
    some = [Publish("a", b"1", properties=properties), Publish("a", b"2"), Publish("a", b"3")]
    some += [Publish("", b"4", properties=properties), Publish("", b"5", properties=properties)]
    stream = b"".join(encode(packet, MQTT_5) for packet in some)
    assert shape(decoder(MQTT_5).feed_joined(stream)) == [Publish, 2, Publish, Publish]


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
    assert shape(joining.feed_joined(good + second + bytes(200))) == [Publish]
    assert joining.error is not None


def test_a_topic_that_reaches_beyond_its_packet_makes_no_run() -> None:
    lying = b"\x30\x03\x00\x05a"
    joining = decoder(MQTT_3_1_1)
    assert joining.feed_joined(lying + lying + lying) == []
    assert joining.error is not None


@by_version
def test_acknowledgements_of_one_type_are_one_run(version: int) -> None:
    some: list[Packet] = [Puback(1), Puback(65_535), Puback(1), Pubrec(2), Pubrel(3), Pubrel(256), Pubcomp(4)]
    stream = b"".join(encode(packet, version) for packet in some)
    assert shape(decoder(version).feed_joined(stream)) == [[1, 65_535, 1], Pubrec, [3, 256], Pubcomp]


def test_an_acknowledgement_with_a_reason_code_is_in_no_run() -> None:
    some = [Puback(1), Puback(2, 0x10), Puback(3), Puback(4)]
    stream = b"".join(encode(packet, MQTT_5) for packet in some)
    assert shape(decoder(MQTT_5).feed_joined(stream)) == [Puback, Puback, [3, 4]]


@by_version
def test_the_packet_identifier_0_is_refused_behind_the_run(version: int) -> None:
    joining = decoder(version)
    assert shape(joining.feed_joined(b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x00")) == [[1, 2]]
    assert joining.error is not None


@by_version
def test_what_is_left_of_a_run_comes_with_the_next_bytes(version: int) -> None:
    joining = decoder(version)
    assert shape(joining.feed_joined(b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00")) == [[1, 2]]
    assert shape(joining.feed_joined(b"\x03\x40\x02\x00\x04")) == [Puback, Puback]
