"""A benchmark whose generator overlooks a lost message measures nothing."""

import pytest

from benchmarks.packets import MQTT_5, PUBACK, PUBCOMP, PUBREC, PUBREL, acknowledgement
from benchmarks.rings import Ring, matching, turn
from benchmarks.verification import BrokenStream, Delivery, Faults, Inbox, Outbox

SLOTS = 16


def packets(ring: Ring, *numbers: int) -> bytes:
    return b"".join(turn(ring.packets, ring.size, number, 1) for number in numbers)


def received(ring: Ring, data: bytes, piece: int = 0) -> Delivery:
    """What a receiver makes of these bytes, fed whole or in pieces of a size."""
    delivery = Delivery(ring)
    inbox = Inbox([delivery], ring.qos)
    for at in range(0, len(data), piece or max(1, len(data))):
        inbox.feed(data[at : at + piece] if piece else data)
    return delivery


@pytest.fixture(params=[0, 1, 2])
def ring(request: pytest.FixtureRequest) -> Ring:
    return Ring(7, request.param, 64, SLOTS)


@pytest.mark.parametrize("piece", [0, 1, 3, 79, 80, 1000])
def test_a_faultless_stream_is_taken_whole_however_it_is_cut(ring: Ring, piece: int) -> None:
    delivery = received(ring, packets(ring, *range(50)), piece)
    assert (delivery.received, delivery.final(50)) == (50, Faults())


def test_a_lost_message_is_seen(ring: Ring) -> None:
    delivery = received(ring, packets(ring, 0, 1, 2, 4, 5, 6, 7, 8))
    assert delivery.final(9) == Faults(lost=1)


def test_messages_that_never_come_at_the_end_are_lost(ring: Ring) -> None:
    delivery = received(ring, packets(ring, 0, 1, 2))
    assert delivery.final(5) == Faults(lost=2)


def test_a_message_that_comes_twice_is_seen(ring: Ring) -> None:
    delivery = received(ring, packets(ring, 0, 1, 1, 2, 3, 0, 4))
    assert delivery.final(5) == Faults(duplicates=2)


def test_two_messages_in_the_wrong_order_are_seen(ring: Ring) -> None:
    delivery = received(ring, packets(ring, 0, 2, 1, 3, 4))
    assert delivery.final(5) == Faults(reordered=1)


def test_a_message_that_was_late_and_comes_again_is_a_duplicate(ring: Ring) -> None:
    delivery = received(ring, packets(ring, 0, 2, 1, 1, 3))
    assert delivery.final(4) == Faults(reordered=1, duplicates=1)


def test_faults_are_seen_where_the_ring_begins_anew(ring: Ring) -> None:
    numbers = [n for n in range(40) if n not in {15, 16, 31}]
    delivery = received(ring, packets(ring, *numbers))
    assert delivery.final(40) == Faults(lost=3)


def test_a_changed_byte_is_seen_wherever_it_is(ring: Ring) -> None:
    data = packets(ring, 0)
    head_and_stamp = ring.form.payload_at + 8
    for at in range(head_and_stamp, ring.size):
        forged = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        assert received(ring, forged).faults.corrupt == 1


def test_a_topic_that_was_changed_is_seen(ring: Ring) -> None:
    forged = packets(ring, 0).replace(b"bench/0007", b"bench/0008")
    assert received(ring, forged).faults.corrupt == 1


def test_a_message_of_nobody_breaks_the_stream(ring: Ring) -> None:
    stranger = Ring(8, ring.qos, 64, SLOTS)
    with pytest.raises(BrokenStream):
        received(ring, packets(stranger, 0))


def test_a_packet_that_is_no_publish_breaks_the_stream(ring: Ring) -> None:
    with pytest.raises(BrokenStream):
        received(ring, b"\xe0\x00" + bytes(ring.size))


def test_the_messages_of_many_publishers_are_told_apart() -> None:
    rings = [Ring(n, 0, 64, SLOTS) for n in range(3)]
    deliveries = [Delivery(ring) for ring in rings]
    order = [(0, 0), (1, 0), (0, 1), (0, 2), (2, 0), (1, 2), (2, 0)]
    Inbox(deliveries, 0).feed(b"".join(packets(rings[who], number) for who, number in order))
    assert [d.final(3) for d in deliveries] == [Faults(), Faults(lost=1), Faults(duplicates=1, lost=2)]


def test_a_receiver_acknowledges_with_the_packet_identifier_that_the_broker_chose() -> None:
    ring = Ring(0, 1, 64, SLOTS)
    at = ring.form.identifier_at
    data = packets(ring, 0)
    renumbered = data[:at] + b"\x12\x34" + data[at + 2 :]
    delivery = Delivery(ring)
    assert Inbox([delivery], 1).feed(renumbered) == acknowledgement(PUBACK, 0x1234)
    assert delivery.final(1) == Faults()


def test_a_receiver_answers_both_packets_of_qos_2() -> None:
    ring = Ring(0, 2, 64, SLOTS)
    inbox = Inbox([Delivery(ring)], 2)
    answer = inbox.feed(packets(ring, 0, 1) + acknowledgement(PUBREL, 1))
    assert answer == acknowledgement(PUBREC, 1) + acknowledgement(PUBREC, 2) + acknowledgement(PUBCOMP, 1)


def test_a_publisher_counts_acknowledgements_in_order() -> None:
    outbox = Outbox(Ring(0, 1, 64, SLOTS))
    outbox.feed(b"".join(acknowledgement(PUBACK, n) for n in (1, 2, 3)))
    assert (outbox.acknowledged, outbox.faults) == (3, Faults())


def test_a_publisher_sees_acknowledgements_out_of_order() -> None:
    outbox = Outbox(Ring(0, 1, 64, SLOTS))
    outbox.feed(b"".join(acknowledgement(PUBACK, n) for n in (2, 1, 3)))
    assert outbox.faults == Faults(acknowledgements=2)


def test_a_publisher_releases_what_was_received_at_qos_2() -> None:
    outbox = Outbox(Ring(0, 2, 64, SLOTS))
    data = acknowledgement(PUBREC, 1) + acknowledgement(PUBREC, 2) + acknowledgement(PUBCOMP, 1)
    answer = outbox.feed(data[:5]) + outbox.feed(data[5:])
    assert answer == acknowledgement(PUBREL, 1) + acknowledgement(PUBREL, 2)
    assert (outbox.acknowledged, outbox.faults) == (1, Faults())


def test_a_publisher_does_not_take_what_is_no_acknowledgement_of_its_qos() -> None:
    with pytest.raises(BrokenStream):
        Outbox(Ring(0, 0, 64, SLOTS)).feed(acknowledgement(PUBACK, 1))


@pytest.mark.parametrize("wrong", range(20))
def test_as_many_packets_match_as_stand_before_the_first_wrong_one(wrong: int) -> None:
    ring = Ring(0, 0, 64, SLOTS)
    data = bytearray(packets(ring, *range(3, 23)))
    data[wrong * ring.size + 20] ^= 0xFF
    assert matching(bytes(data), 0, ring.packets, ring.size, 3) == wrong


def test_messages_on_many_topics_are_expected_on_theirs() -> None:
    ring = Ring(3, 0, 64, 20, topics=5)
    assert received(ring, packets(ring, *range(45))).final(45) == Faults()
    swapped = packets(ring, 0).replace(ring.topic(0).encode(), ring.topic(1).encode())
    assert received(ring, swapped).faults == Faults(corrupt=1)


def test_a_run_that_is_longer_than_a_lap_of_the_ring_matches_whole() -> None:
    ring = Ring(0, 0, 64, SLOTS)
    assert matching(packets(ring, *range(5, 105)), 0, ring.packets, ring.size, 5) == 100


def reversed_properties(ring: Ring, number: int) -> bytes:
    """The packet as a broker forwards it that writes its properties in the other order."""
    packet = packets(ring, number)
    kinds = (b"\x01\x00", b"\x03\x00\x18application/octet-stream", b"\x08\x00\rbench/answers",
             b"\t\x00\x100123456789abcdef", b"&\x00\x04site\x00\x05north")
    return packet.replace(b"".join(kinds), b"".join(reversed(kinds)))


def test_a_broker_may_write_properties_in_an_order_of_its_own() -> None:
    ring = Ring(0, 0, 64, SLOTS, version=MQTT_5)
    data = b"".join(reversed_properties(ring, n) for n in range(20))
    assert data != packets(ring, *range(20))
    for piece in (0, 1, 100):
        delivery = received(ring, data, piece)
        assert (delivery.received, delivery.final(20)) == (20, Faults())


def test_a_property_that_was_changed_breaks_the_stream() -> None:
    ring = Ring(0, 0, 64, SLOTS, version=MQTT_5)
    with pytest.raises(BrokenStream, match="properties"):
        received(ring, packets(ring, 0).replace(b"north", b"south"))


def test_a_property_that_changes_later_is_seen() -> None:
    ring = Ring(0, 0, 64, SLOTS, version=MQTT_5)
    data = packets(ring, 0, 1) + packets(ring, 2).replace(b"north", b"south")
    assert received(ring, data).faults == Faults(corrupt=1)


def test_runs_of_messages_and_of_pubrels_are_told_apart() -> None:
    ring = Ring(0, 2, 64, SLOTS)
    delivery = Delivery(ring)
    data = acknowledgement(PUBREL, 9) + packets(ring, 0, 1) + acknowledgement(PUBREL, 1) + packets(ring, 2)
    expected = [(PUBCOMP, 9), (PUBREC, 1), (PUBREC, 2), (PUBCOMP, 1), (PUBREC, 3)]
    assert Inbox([delivery], 2).feed(data) == b"".join(acknowledgement(*each) for each in expected)
    assert delivery.final(3) == Faults()
