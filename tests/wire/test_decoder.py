"""The Decoder against the packet cases, fed in every way."""

import tracemalloc

import pytest

from amqtt.wire.bounds import USUAL_BOUNDS, PacketBounds
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    MQTT_3_1,
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
)
from amqtt.wire.primitives import variable_byte_integer
from amqtt.wire.properties import MAXIMUM_SUBSCRIPTION_IDENTIFIERS
from support.packet_cases import FAULTS, OTHER_FORMS, VALID, FaultCase, PacketCase, described

MAXIMUM = 2 * 1024 * 1024
MAXIMUM_CONNECT = 64 * 1024


def decoder_of(version: int, maximum: int = MAXIMUM) -> Decoder:
    return Decoder(TopicNames(), maximum, MAXIMUM_CONNECT, version)


def fed(decoder: Decoder, *chunks: bytes) -> list[Packet]:
    return [packet for chunk in chunks for packet in decoder.feed(chunk)]


def fault_of(decoder: Decoder, data: bytes) -> int | None:
    """The Reason Code of the error that `data` leaves behind."""
    decoder.feed(data)
    return None if decoder.error is None else decoder.error.reason_code


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


by_name = pytest.mark.parametrize("case", VALID + OTHER_FORMS, ids=lambda case: case.name)
by_fault = pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)


@by_name
def test_a_valid_packet_is_read_whole(case: PacketCase) -> None:
    decoder = decoder_of(case.version)
    packets = decoder.feed(case.data)
    assert decoder.error is None
    assert described(packets) == described([case.packet])


@by_name
def test_a_valid_packet_is_read_byte_by_byte(case: PacketCase) -> None:
    decoder = decoder_of(case.version)
    packets = fed(decoder, *byte_by_byte(case.data))
    assert decoder.error is None
    assert described(packets) == described([case.packet])


@by_name
def test_a_valid_packet_is_read_cut_at_every_place_with_another_behind_it(case: PacketCase) -> None:
    data = case.data + bytes.fromhex("c000")
    for cut in range(len(data) + 1):
        decoder = decoder_of(case.version)
        packets = fed(decoder, data[:cut], data[cut:])
        assert decoder.error is None
        assert described(packets) == described([case.packet, Pingreq()])


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_a_packet_that_ends_early_but_says_so_is_never_read_as_the_whole(case: PacketCase) -> None:
    body_at = 1 + next(at for at in range(1, 5) if case.data[at] < 0x80)
    body = case.data[body_at:]
    for length in range(min(len(body), 120)):
        decoder = decoder_of(case.version)
        packets = decoder.feed(case.data[:1] + bytes((length,)) + body[:length])
        assert described(packets) != described([case.packet])


@by_fault
def test_a_fault_becomes_the_error_of_the_decoder(case: FaultCase) -> None:
    decoder = decoder_of(case.version)
    assert decoder.feed(case.data) == []
    assert type(decoder.error) is case.error
    assert decoder.error.reason_code == case.reason_code


@by_fault
def test_a_fault_is_the_same_byte_by_byte(case: FaultCase) -> None:
    decoder = decoder_of(case.version)
    assert fed(decoder, *byte_by_byte(case.data)) == []
    assert type(decoder.error) is case.error
    assert decoder.error.reason_code == case.reason_code


@pytest.mark.parametrize("case", [case for case in FAULTS if case.version], ids=lambda case: case.name)
def test_nothing_is_read_behind_a_fault_and_everything_before_it(case: FaultCase) -> None:
    decoder = decoder_of(case.version)
    packets = decoder.feed(b"\xc0\x00" + case.data + b"\xc0\x00")
    assert described(packets) == described([Pingreq()])
    error = decoder.error
    assert error is not None
    assert decoder.feed(b"\xc0\x00") == []
    assert decoder.error is error
    assert error.__traceback__ is None


@pytest.mark.parametrize(
    ("data", "version"),
    [
        ("10 0e 0006 4d5149736470 04 02 0000 0000", MQTT_3_1),
        ("10 0c 0004 4d515454 03 02 0000 0000", MQTT_3_1_1),
        ("10 0c 0004 4d515454 00 02 0000 0000", MQTT_3_1_1),
        ("10 0d 0004 4d515454 06 02 0000 00 0000", MQTT_5),
        ("10 0d 0004 4d515454 85 02 0000 00 0000", MQTT_5),
        ("10 0d 0004 4d515454 05 03 0000 00 0000", MQTT_5),
        ("10 0c 0004 4d515454 04 03 0000 0000", MQTT_3_1_1),
        ("10 0c 0004 48545450 04 00 0000 0000", 0),
        ("47", 0),
    ],
)
def test_after_a_broken_connect_the_version_says_how_to_answer(data: str, version: int) -> None:
    decoder = decoder_of(0)
    assert decoder.feed(bytes.fromhex(data)) == []
    assert decoder.error is not None
    assert decoder.version == version


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1, MQTT_5])
def test_connect_sets_the_version_of_what_follows_in_the_same_piece(version: int) -> None:
    decoder = decoder_of(0)
    expected: list[Packet] = [Connect("a", version), Publish("t", b"p", 1, packet_id=1)]
    packets = decoder.feed(b"".join(encode(packet, version) for packet in expected))
    assert decoder.version == version
    assert described(packets) == described(expected)


def test_a_second_connect_is_read_and_does_not_change_the_version() -> None:
    decoder = decoder_of(MQTT_5)
    second = Connect("a", MQTT_3_1_1)
    assert described(decoder.feed(encode(second, MQTT_3_1_1))) == described([second])
    assert decoder.version == MQTT_5


def test_the_first_byte_alone_refuses_what_is_no_connect() -> None:
    decoder = decoder_of(0)
    decoder.feed(b"G")
    assert isinstance(decoder.error, ProtocolError)


def test_a_connect_larger_than_the_bound_is_refused_by_its_fixed_header() -> None:
    decoder = decoder_of(0)
    decoder.feed(b"\x10\xff\xff")
    assert decoder.error is None
    assert fault_of(decoder, b"\x7f") == 0x95


def test_sizes_count_the_fixed_header_and_may_be_the_maximum_exactly() -> None:
    data = encode(Publish("t", b"x" * 200), MQTT_3_1_1)
    exact = decoder_of(MQTT_3_1_1, len(data))
    assert len(exact.feed(data)) == 1
    exact.maximum_packet_size = len(data) - 1
    assert exact.feed(data[:3]) == []
    assert exact.error is not None
    assert exact.error.reason_code == 0x95


def test_the_bound_of_connect_does_not_bind_what_follows() -> None:
    decoder = decoder_of(0)
    large = Publish("t", b"x" * MAXIMUM_CONNECT)
    packets = decoder.feed(encode(Connect("a", MQTT_3_1_1), MQTT_3_1_1) + encode(large, MQTT_3_1_1))
    assert len(packets) == 2
    assert decoder.error is None


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1, MQTT_5])
def test_a_plain_publish_keeps_its_bytes_to_be_forwarded(version: int) -> None:
    data = encode(Publish("a/b", b"x" * 300), version)
    decoder = decoder_of(version)
    whole, cut = decoder.feed(data + data[:5]) + decoder.feed(data[5:])
    assert isinstance(whole, Publish)
    assert isinstance(cut, Publish)
    assert whole.wire == cut.wire == data


@pytest.mark.parametrize(
    "case", [case for case in VALID if isinstance(case.packet, Publish)], ids=lambda case: case.name
)
def test_only_a_plain_publish_keeps_what_others_may_be_sent_of_it(case: PacketCase) -> None:
    (packet,) = decoder_of(case.version).feed(case.data)
    assert isinstance(packet, Publish)
    plain = packet.properties is None and not packet.retain and not packet.dup
    shared = case.data
    if packet.qos:
        shared = case.data[: case.data.index(packet.topic.encode()) + len(packet.topic.encode())]
    assert packet.wire == (shared if plain else None)


def test_topics_that_come_again_are_the_same_object() -> None:
    topics = TopicNames()
    data = encode(Publish("sensors/1", b""), MQTT_3_1_1)
    first = Decoder(topics, MAXIMUM, MAXIMUM_CONNECT, MQTT_3_1_1).feed(data)[0]
    second = Decoder(topics, MAXIMUM, MAXIMUM_CONNECT, MQTT_3_1_1).feed(data)[0]
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    assert first.topic is second.topic


def test_a_large_packet_byte_by_byte_costs_no_more_memory_than_its_bytes() -> None:
    data = encode(Publish("t", b"x" * 400_000), MQTT_3_1_1)
    chunks = byte_by_byte(data)
    decoder = decoder_of(MQTT_3_1_1)
    tracemalloc.start()
    try:
        fed(decoder, *chunks[:-1])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.5 * len(data)
    (packet,) = decoder.feed(chunks[-1])
    assert isinstance(packet, Publish)
    assert packet.payload == b"x" * 400_000


def test_a_fixed_header_alone_holds_no_memory_for_its_body() -> None:
    decoder = decoder_of(MQTT_3_1_1, 268_435_460)
    tracemalloc.start()
    try:
        decoder.feed(b"\x30\xff\xff\xff\x7f")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert decoder.error is None
    assert held < 4096


def test_many_faults_leave_no_memory_behind() -> None:
    case = next(case for case in FAULTS if case.name.startswith("Authentication Data alone"))
    topics = TopicNames()
    tracemalloc.start()
    try:
        for _ in range(100):
            Decoder(topics, MAXIMUM, MAXIMUM_CONNECT).feed(case.data)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2_000):
            Decoder(topics, MAXIMUM, MAXIMUM_CONNECT).feed(case.data)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Two thousand bad packets that were kept would be ten times this.
    assert after - before < 32 * 1024


def publish_with(properties: bytes) -> bytes:
    body = b"\x00\x01a" + variable_byte_integer(len(properties)) + properties
    return b"\x30" + variable_byte_integer(len(body)) + body


@pytest.mark.parametrize(("count", "quota_exceeded"), [(64, False), (65, True)])
def test_user_properties_are_bounded_in_number(count: int, quota_exceeded: bool) -> None:
    decoder = decoder_of(MQTT_5)
    packets = decoder.feed(publish_with(b"\x26\x00\x01k\x00\x01v" * count))
    assert len(packets) == (0 if quota_exceeded else 1)
    if quota_exceeded:
        assert decoder.error is not None
        assert decoder.error.reason_code == 0x97


@pytest.mark.parametrize(("length", "quota_exceeded"), [(16_374, False), (16_378, False), (16_379, True)])
def test_user_properties_are_bounded_in_bytes(length: int, quota_exceeded: bool) -> None:
    properties = b"\x26\x00\x01k" + length.to_bytes(2, "big") + b"v" * length
    decoder = decoder_of(MQTT_5)
    packets = decoder.feed(publish_with(properties + b"\x03\x00\x64" + b"c" * 100))
    assert len(packets) == (0 if quota_exceeded else 1)
    if quota_exceeded:
        assert decoder.error is not None
        assert decoder.error.reason_code == 0x97


def test_the_bound_of_user_properties_can_be_set() -> None:
    decoder = Decoder(TopicNames(), MAXIMUM, MAXIMUM_CONNECT, MQTT_5, PacketBounds(maximum_user_properties=1))
    two = b"\x30\x12\x00\x01a\x0e" + b"\x26\x00\x01k\x00\x01v" * 2
    decoder.feed(two)
    assert decoder.error is not None
    assert decoder.error.reason_code == 0x97


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("kind", [Subscribe, Unsubscribe, Suback])
def test_topic_filters_of_one_packet_are_bounded(version: int, kind: type[Packet]) -> None:
    most = USUAL_BOUNDS.maximum_topic_filters
    for count, expected in ((most, None), (most + 1, 0x97)):
        packet: Packet
        if kind is Subscribe:
            packet = Subscribe(1, [SubscriptionRequest("a")] * count)
        elif kind is Unsubscribe:
            packet = Unsubscribe(1, ["a"] * count)
        else:
            packet = Suback(1, [0] * count)
        decoder = decoder_of(version)
        decoder.feed(encode(packet, version))
        assert (decoder.error.reason_code if decoder.error else None) == expected


def test_subscription_identifiers_of_one_publish_are_bounded() -> None:
    decoder = decoder_of(MQTT_5)
    (packet,) = decoder.feed(publish_with(b"\x0b\x01" * MAXIMUM_SUBSCRIPTION_IDENTIFIERS))
    assert isinstance(packet, Publish)
    assert packet.properties is not None
    assert len(packet.properties.subscription_identifiers) == MAXIMUM_SUBSCRIPTION_IDENTIFIERS
    decoder.feed(publish_with(b"\x0b\x01" * (MAXIMUM_SUBSCRIPTION_IDENTIFIERS + 1)))
    assert decoder.error is not None
    assert decoder.error.reason_code == 0x97


def test_feeding_nothing_reads_nothing() -> None:
    for version in (0, MQTT_5):
        decoder = decoder_of(version)
        assert decoder.feed(b"") == []
        assert decoder.error is None


def test_an_error_is_a_malformed_packet_or_a_protocol_error_and_says_what_it_is() -> None:
    decoder = decoder_of(MQTT_5)
    decoder.feed(b"\x00")
    assert isinstance(decoder.error, MalformedPacket)
    assert str(decoder.error) == "there is no packet type 0"


def test_packets_before_a_disconnect_and_behind_it_are_all_read() -> None:
    decoder = decoder_of(MQTT_3_1_1)
    packets = decoder.feed(bytes.fromhex("c000e000c000"))
    assert described(packets) == described([Pingreq(), Disconnect(), Pingreq()])


@pytest.mark.parametrize("sizes", [(1,), (4095,), (4096,), (1, 4096), (5000, 1, 1, 70_000), (65_536,)])
def test_a_large_packet_is_whole_however_it_was_cut(sizes: tuple[int, ...]) -> None:
    packet = encode(Publish("a/b", bytes(range(256)) * 1200), MQTT_5)
    data = packet + b"\xc0\x00"
    decoder = decoder_of(MQTT_5)
    packets: list[Packet] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        packets += decoder.feed(data[at : at + size])
        at += size
        turn += 1
    assert [type(one) for one in packets] == [Publish, Pingreq]
    assert packets[0].payload == bytes(range(256)) * 1200


def test_small_pieces_of_a_large_packet_hold_no_more_than_their_bytes() -> None:
    decoder = decoder_of(MQTT_5)
    size = 200_000
    decoder.feed(b"\x30" + variable_byte_integer(size + 100))
    piece = bytes(1)
    tracemalloc.start()
    try:
        for _ in range(size):
            decoder.feed(piece)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * size
