"""QoS 1 and 2 towards a Client: the handshakes, Packet Identifiers, the send quota (MQTT 5.0, 4.3)."""

import pytest

from amqtt.message import Message
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import (
    AWAITS_PUBACK,
    AWAITS_PUBCOMP,
    AWAITS_PUBREC,
    COMPLETE,
    HANDSHAKE,
    LAST_PACKET_ID,
    QUEUED,
    Inflight,
    Outgoing,
)
from amqtt.wire.packets import PUBACK, PUBCOMP, PUBREC

NOT_EXPECTED = QUEUED

AFTER: dict[tuple[int, int, bool], int] = {
    # (state, packet, whether its Reason Code is 0x80 or greater): state
    (QUEUED, PUBACK, False): NOT_EXPECTED,
    (QUEUED, PUBACK, True): NOT_EXPECTED,
    (QUEUED, PUBREC, False): NOT_EXPECTED,
    (QUEUED, PUBREC, True): NOT_EXPECTED,
    (QUEUED, PUBCOMP, False): NOT_EXPECTED,
    (QUEUED, PUBCOMP, True): NOT_EXPECTED,
    (AWAITS_PUBACK, PUBACK, False): COMPLETE,
    (AWAITS_PUBACK, PUBACK, True): COMPLETE,
    (AWAITS_PUBACK, PUBREC, False): NOT_EXPECTED,
    (AWAITS_PUBACK, PUBREC, True): NOT_EXPECTED,
    (AWAITS_PUBACK, PUBCOMP, False): NOT_EXPECTED,
    (AWAITS_PUBACK, PUBCOMP, True): NOT_EXPECTED,
    (AWAITS_PUBREC, PUBACK, False): NOT_EXPECTED,
    (AWAITS_PUBREC, PUBACK, True): NOT_EXPECTED,
    (AWAITS_PUBREC, PUBREC, False): AWAITS_PUBCOMP,
    (AWAITS_PUBREC, PUBREC, True): COMPLETE,
    (AWAITS_PUBREC, PUBCOMP, False): NOT_EXPECTED,
    (AWAITS_PUBREC, PUBCOMP, True): NOT_EXPECTED,
    (AWAITS_PUBCOMP, PUBACK, False): NOT_EXPECTED,
    (AWAITS_PUBCOMP, PUBACK, True): NOT_EXPECTED,
    (AWAITS_PUBCOMP, PUBREC, False): AWAITS_PUBCOMP,
    (AWAITS_PUBCOMP, PUBREC, True): COMPLETE,
    (AWAITS_PUBCOMP, PUBCOMP, False): COMPLETE,
    (AWAITS_PUBCOMP, PUBCOMP, True): COMPLETE,
    (COMPLETE, PUBACK, False): NOT_EXPECTED,
    (COMPLETE, PUBACK, True): NOT_EXPECTED,
    (COMPLETE, PUBREC, False): NOT_EXPECTED,
    (COMPLETE, PUBREC, True): NOT_EXPECTED,
    (COMPLETE, PUBCOMP, False): NOT_EXPECTED,
    (COMPLETE, PUBCOMP, True): NOT_EXPECTED,
}


def outgoing(qos: int = 1, payload: bytes = b"") -> Outgoing:
    return Outgoing(Message("t", payload), qos, False)


def opened(qos: int, count: int = 1, maximum: int = 100) -> tuple[Inflight, list[Outgoing]]:
    inflight = Inflight(Counters())
    inflight.resume(maximum)
    several = [outgoing(qos, b"%d" % number) for number in range(count)]
    for each in several:
        inflight.open(each)
    return inflight, several


def resent(inflight: Inflight) -> list[Outgoing]:
    """Everything that is to be sent again, regardless of the quota."""
    again = []
    while (each := inflight.next_to_resend()) is not None:
        again.append(each)
    return again


def test_the_table_of_outcomes_has_every_state_with_every_packet() -> None:
    states = (QUEUED, AWAITS_PUBACK, AWAITS_PUBREC, AWAITS_PUBCOMP, COMPLETE)
    packets = (PUBACK, PUBREC, PUBCOMP)
    assert set(AFTER) == {(s, p, f) for s in states for p in packets for f in (False, True)}
    assert set(HANDSHAKE) <= {(s, p) for s, p, _ in AFTER}


@pytest.mark.parametrize(("state", "packet", "failed"), AFTER)
def test_each_packet_in_each_state_has_its_outcome(state: int, packet: int, failed: bool) -> None:
    after = AFTER[state, packet, failed]
    inflight, (each,) = opened(2)
    each.state = state
    assert inflight.acknowledge(packet, each.packet_id, failed) == after
    assert each.state == (state if after == NOT_EXPECTED else after)
    assert len(inflight) == inflight.unacknowledged == (0 if after == COMPLETE else 1)
    assert inflight._counters.inflight_out == len(inflight)


@pytest.mark.parametrize("packet", [PUBACK, PUBREC, PUBCOMP])
@pytest.mark.parametrize("packet_id", [0, 2, 65_535])
def test_an_unknown_packet_identifier_is_not_expected(packet: int, packet_id: int) -> None:
    inflight, _ = opened(1)
    assert inflight.acknowledge(packet, packet_id, False) == NOT_EXPECTED
    assert len(inflight) == 1


def test_each_message_has_an_unused_packet_identifier_that_is_not_zero() -> None:
    inflight, _ = opened(1)
    for _ in range(LAST_PACKET_ID):
        following = outgoing()
        inflight.open(following)
        assert 1 <= following.packet_id <= LAST_PACKET_ID
        if following.packet_id != 1:
            inflight.acknowledge(PUBACK, following.packet_id, False)
        else:
            raise AssertionError("1 is in use")
    assert list(inflight.entries) == [1]


def test_packet_identifiers_in_use_are_passed_over() -> None:
    inflight, several = opened(1, 5)
    assert [each.packet_id for each in several] == [1, 2, 3, 4, 5]
    for packet_id in (2, 4):
        inflight.acknowledge(PUBACK, packet_id, False)
    inflight._last_id = LAST_PACKET_ID
    following = [outgoing() for _ in range(3)]
    for each in following:
        inflight.open(each)
    assert [each.packet_id for each in following] == [2, 4, 6]


@pytest.mark.parametrize("qos", [1, 2])
def test_the_send_quota_is_used_up_and_given_back(qos: int) -> None:
    inflight, several = opened(qos, 3, maximum=3)
    assert not inflight.has_quota
    if qos == 2:
        inflight.acknowledge(PUBREC, several[1].packet_id, False)
        assert not inflight.has_quota
        inflight.acknowledge(PUBCOMP, several[1].packet_id, False)
    else:
        inflight.acknowledge(PUBACK, several[1].packet_id, False)
    assert (inflight.has_quota, inflight.unacknowledged) == (True, 2)


def test_on_a_new_network_connection_everything_is_sent_again_in_its_order() -> None:
    inflight, several = opened(2, 4)
    inflight.acknowledge(PUBREC, several[2].packet_id, False)
    inflight.resume(100)
    assert (inflight.is_resending, inflight.unacknowledged) == (True, 0)
    assert inflight.take_releases() == [several[2]]
    assert resent(inflight) == [several[0], several[1], several[3]]
    assert (inflight.is_resending, inflight.unacknowledged) == (False, 4)
    assert [each.packet_id for each in several] == [1, 2, 3, 4]


def test_releases_are_sent_once_and_count_against_the_quota() -> None:
    inflight, several = opened(2, 2)
    for each in several:
        inflight.acknowledge(PUBREC, each.packet_id, False)
    inflight.resume(2)
    assert (inflight.has_quota, inflight.unacknowledged) == (True, 0)
    assert inflight.take_releases() == several
    assert inflight.take_releases() == []
    assert (inflight.has_quota, inflight.unacknowledged) == (False, 2)
    inflight.acknowledge(PUBCOMP, 1, False)
    assert inflight.unacknowledged == 1


def test_releases_may_exceed_a_smaller_quota_and_nothing_else_does() -> None:
    inflight, several = opened(2, 5)
    for each in several[:3]:
        inflight.acknowledge(PUBREC, each.packet_id, False)
    inflight.resume(1)
    inflight.take_releases()
    assert (inflight.unacknowledged, inflight.has_quota) == (3, False)
    for each in several[:3]:
        inflight.acknowledge(PUBCOMP, each.packet_id, False)
    assert inflight.has_quota


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_acknowledged_before_it_is_sent_again_is_not_sent_again(qos: int) -> None:
    inflight, several = opened(qos, 3)
    inflight.resume(100)
    inflight.acknowledge(PUBACK if qos == 1 else PUBREC, several[1].packet_id, False)
    assert resent(inflight) == [several[0], several[2]]
    assert inflight.unacknowledged == 2, "an acknowledgement gives back nothing that was not taken"


def test_to_resume_twice_sends_everything_once() -> None:
    inflight, several = opened(1, 3)
    inflight.resume(100)
    assert inflight.next_to_resend() is several[0]
    inflight.resume(100)
    assert resent(inflight) == several
    assert inflight.unacknowledged == 3


def test_what_is_discarded_is_counted_no_more() -> None:
    inflight, several = opened(1, 2)
    inflight.discard(several[0])
    assert (len(inflight), inflight.unacknowledged, inflight._counters.inflight_out) == (1, 1, 1)
    assert several[0].state == COMPLETE


def test_nothing_is_left_after_the_end_of_the_session() -> None:
    inflight, several = opened(2, 3)
    inflight.acknowledge(PUBREC, several[0].packet_id, False)
    inflight.resume(100)
    inflight.clear()
    assert (len(inflight), inflight._counters.inflight_out) == (0, 0)
    assert not inflight.is_resending
    assert inflight.take_releases() == []
    assert inflight.next_to_resend() is None


def test_a_reserved_packet_identifier_is_nobody_elses_until_it_is_released() -> None:
    inflight, several = opened(1)
    reserved = inflight.reserve()
    assert reserved not in (0, several[0].packet_id)
    inflight._last_id = reserved - 1
    other = Outgoing(Message("a", b""), 1, False)
    inflight.open(other)
    assert other.packet_id != reserved
    assert inflight.acknowledge(PUBACK, reserved, False) == QUEUED
    inflight.release(reserved)
    inflight._last_id = reserved - 1
    assert inflight.reserve() == reserved


def test_a_reserved_packet_identifier_is_never_sent_again() -> None:
    inflight, several = opened(1)
    inflight.reserve()
    inflight.resume(100)
    assert resent(inflight) == several


def test_what_is_slow_keeps_its_identifier_while_others_come_and_go_around_it() -> None:
    inflight = Inflight(Counters())
    inflight.resume(LAST_PACKET_ID)
    slow = [Outgoing(Message("t", b""), 1, False) for _ in range(3)]
    for outgoing in slow:
        inflight.open(outgoing)
    seen: set[int] = set()
    for _ in range(3 * LAST_PACKET_ID):
        quick = Outgoing(Message("t", b""), 1, False)
        inflight.open(quick)
        assert quick.packet_id not in (1, 2, 3)
        seen.add(quick.packet_id)
        assert inflight.acknowledge(PUBACK, quick.packet_id, False) == COMPLETE
    assert len(seen) > LAST_PACKET_ID // 2
    assert [inflight.get(packet_id) for packet_id in (1, 2, 3)] == slow
    assert inflight.get(4) is None
    assert sorted(inflight.entries) == [1, 2, 3]


def test_every_packet_identifier_can_be_under_way_at_once() -> None:
    inflight = Inflight(Counters())
    inflight.resume(LAST_PACKET_ID)
    for _ in range(LAST_PACKET_ID):
        inflight.open(Outgoing(Message("t", b""), 1, False))
    assert list(inflight.entries) == list(range(1, LAST_PACKET_ID + 1))
    assert inflight.acknowledge(PUBACK, 40_000, False) == COMPLETE
    again = Outgoing(Message("t", b""), 1, False)
    inflight.open(again)
    assert again.packet_id == 40_000
    assert list(inflight.entries)[-1] == 40_000


def test_sending_order_survives_the_end_of_the_identifiers() -> None:
    inflight = Inflight(Counters())
    inflight.resume(LAST_PACKET_ID)
    inflight._last_id = LAST_PACKET_ID - 3
    sent = [Outgoing(Message("t", b"%d" % number), 1, False) for number in range(40)]
    for outgoing in sent:
        inflight.open(outgoing)
    assert [outgoing.packet_id for outgoing in sent[:5]] == [65_533, 65_534, 65_535, 1, 2]
    assert list(inflight.entries.values()) == sent


def test_what_is_restored_keeps_identifiers_that_lie_far_apart() -> None:
    inflight = Inflight(Counters())
    for packet_id in (60_000, 16, 32, 4096, 20_000):
        outgoing = Outgoing(Message("t", b""), 1, False)
        outgoing.packet_id, outgoing.state = packet_id, AWAITS_PUBACK
        inflight.restore(outgoing)
    assert list(inflight.entries) == [60_000, 16, 32, 4096, 20_000]
