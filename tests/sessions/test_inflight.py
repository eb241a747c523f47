"""QoS 1 and 2 towards a Client: the handshakes, Packet Identifiers, the send quota (MQTT 5.0, 4.3)."""

import pytest

from amqtt.message import Message, MessageRun
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
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import LARGEST_PACKET, PUBACK, PUBCOMP, PUBREC, Publish, PublishRun

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


# -- runs: messages that were sent as one


def run_of(count: int, first_id: int = 1, size: int = 3, qos: int = 1) -> MessageRun:
    stream = b"".join(
        encode(Publish("t", b"%d" % n * size, qos, packet_id=first_id + n), 4) for n in range(count)
    )
    (run,) = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, 4).feed_joined(stream)
    assert isinstance(run, PublishRun)
    return MessageRun(run, 4, "publisher")


def with_runs(*runs: tuple[int, int], maximum: int = 100) -> tuple[Inflight, list[int]]:
    """Runs of (count, first Packet Identifier) are under way; the first of each towards the Client."""
    inflight = Inflight(Counters())
    inflight.resume(maximum)
    return inflight, [inflight.open_run(run_of(*each)) for each in runs]


def acknowledge_run(inflight: Inflight, first_id: int, count: int, packet_type: int = PUBACK) -> None:
    """As a Session does: what is in runs together, the others one by one."""
    packet_id = first_id
    while packet_id < first_id + count:
        several = inflight.advance(packet_type, packet_id, first_id + count - packet_id)
        if not several:
            inflight.acknowledge(packet_type, packet_id, False)
        packet_id += several or 1


def consistent(inflight: Inflight) -> None:
    entries = inflight.entries
    assert len(entries) == len(inflight) == inflight.unacknowledged == inflight._counters.inflight_out
    assert inflight.size == sum(len(each.message.payload) for each in entries.values())


def test_a_run_keeps_its_packet_identifiers_where_none_of_them_is_in_use() -> None:
    inflight, firsts = with_runs((5, 40), (2, 3), (3, 44), (2, 65_534), (2, 44), maximum=14)
    assert firsts == [40, 3, 5, 65_534, 1]
    assert (len(inflight), inflight.unacknowledged, inflight._counters.inflight_out) == (14, 14, 14)
    assert list(inflight.entries) == [40, 41, 42, 43, 44, 3, 4, 5, 6, 7, 65_534, 65_535, 1, 2]
    consistent(inflight)


def test_a_run_is_sent_as_one_only_as_far_as_the_send_quota_goes() -> None:
    inflight, firsts = with_runs((5, 1), (3, 6), (2, 6), maximum=7)
    assert firsts == [1, 0, 6]
    consistent(inflight)


def test_messages_of_a_run_are_acknowledged_in_any_order_and_once() -> None:
    inflight, _ = with_runs((9, 1), (3, 10))
    assert [inflight.acknowledge(PUBACK, packet_id, False) for packet_id in (3, 1, 3, 33, 65)] == [
        COMPLETE, COMPLETE, QUEUED, QUEUED, QUEUED,
    ]
    acknowledge_run(inflight, 1, 5)
    assert list(inflight.entries) == [6, 7, 8, 9, 10, 11, 12]
    consistent(inflight)
    acknowledge_run(inflight, 5, 4)
    acknowledge_run(inflight, 9, 12)
    assert (len(inflight), inflight.unacknowledged, inflight.size) == (0, 0, 0)
    assert inflight._counters.inflight_out == 0


def test_acknowledgements_reach_over_several_runs() -> None:
    inflight, _ = with_runs((4, 1), (4, 5), (4, 9))
    acknowledge_run(inflight, 2, 8)
    assert (len(inflight), inflight.unacknowledged) == (4, 4)
    acknowledge_run(inflight, 10, 3)
    inflight.acknowledge(PUBACK, 1, False)
    assert (len(inflight), inflight.unacknowledged, inflight.size) == (0, 0, 0)


def test_what_is_not_acknowledged_of_a_run_is_as_if_it_had_been_sent_alone() -> None:
    inflight, _ = with_runs((4, 101), (3, 10))
    acknowledge_run(inflight, 102, 2)
    assert [(n, each.message.payload, each.qos, each.state) for n, each in inflight.entries.items()] == [
        (n, payload, 1, AWAITS_PUBACK)
        for n, payload in ((101, b"000"), (104, b"333"), (10, b"000"), (11, b"111"), (12, b"222"))
    ]
    consistent(inflight)
    assert {each.message.publisher for each in inflight.entries.values()} == {"publisher"}
    inflight.resume(100)
    assert [each.packet_id for each in resent(inflight)] == [101, 104, 10, 11, 12]
    consistent(inflight)


def test_one_of_a_run_can_be_looked_at_alone() -> None:
    inflight, _ = with_runs((3, 1))
    assert inflight.get(4) is None
    assert inflight.acknowledge(PUBREC, 2, False) == NOT_EXPECTED
    second = inflight.get(2)
    assert second is not None
    assert second.message.payload == b"111"
    acknowledge_run(inflight, 1, 1)
    inflight.acknowledge(PUBACK, 3, False)
    assert list(inflight.entries.values()) == [second]
    consistent(inflight)


def test_runs_and_single_messages_go_round_the_ring_and_the_packet_identifiers() -> None:
    run = run_of(25, 7)
    inflight, _ = with_runs()
    used: list[int] = []
    for _ in range(3 * LAST_PACKET_ID // 25):
        first = inflight.open_run(run)
        assert 0 < first <= LAST_PACKET_ID - 24
        assert not set(range(first, first + 25)) & set(used)
        used += range(first, first + 25)
        single = outgoing()
        inflight.open(single)
        used.append(single.packet_id)
        for packet_id in used[:-74]:
            inflight.acknowledge(PUBACK, packet_id, False)
        del used[:-74]
    assert list(inflight.entries) == used
    assert len(inflight._ring) == 256


def test_a_run_finds_no_place_where_old_messages_keep_theirs() -> None:
    inflight, _ = with_runs((20, 1))
    for packet_id in range(1, 20):
        if packet_id != 5:
            inflight.acknowledge(PUBACK, packet_id, False)
    inflight._last_id = 10
    assert [inflight.open_run(run_of(13, first_id)) for first_id in (1, 10)] == [0, 0]
    assert inflight.open_run(run_of(13, 21)) == 21
    assert list(inflight.entries) == [5, 20, *range(21, 34)]
    consistent(inflight)


def test_a_run_stays_together_when_the_ring_grows() -> None:
    inflight, _ = with_runs((6, 30))
    acknowledge_run(inflight, 31, 2)
    inflight.open_run(run_of(30, 100, 0))
    assert [n for n in inflight.entries if n < 100] == [30, 33, 34, 35]
    consistent(inflight)


def test_payloads_of_runs_count_until_all_of_a_run_is_acknowledged() -> None:
    inflight, _ = with_runs((2, 1))
    inflight.maximum_bytes = 10
    assert not inflight.open_run(run_of(2, 3))
    acknowledge_run(inflight, 1, 1)
    inflight.acknowledge(PUBACK, 1, False)
    assert not inflight.open_run(run_of(2, 3))
    acknowledge_run(inflight, 2, 1)
    assert inflight.open_run(run_of(2, 3)) == 3


def with_qos_2(*runs: tuple[int, int]) -> Inflight:
    inflight, _ = with_runs()
    for count, first_id in runs:
        assert inflight.open_run(run_of(count, first_id, qos=2)) == first_id
    return inflight


def states(inflight: Inflight) -> dict[int, int]:
    return {packet_id: each.state for packet_id, each in inflight.entries.items()}


def test_a_run_of_qos_2_goes_through_its_handshake_in_pieces() -> None:
    inflight = with_qos_2((6, 1), (3, 7))
    assert inflight.advance(PUBREC, 2, 3) == 3
    assert inflight.advance(PUBREC, 5, 5) == 2
    assert inflight.advance(PUBREC, 7, 3) == 3
    assert inflight.advance(PUBCOMP, 3, 9) == 2
    assert (len(inflight), inflight.unacknowledged) == (7, 7)
    assert inflight.advance(PUBCOMP, 8, 1) == 1
    assert states(inflight) == {
        1: AWAITS_PUBREC, 2: AWAITS_PUBCOMP, 5: AWAITS_PUBCOMP, 6: AWAITS_PUBCOMP, 7: AWAITS_PUBCOMP,
        9: AWAITS_PUBCOMP,
    }
    consistent(inflight)
    payloads = {packet_id: (each.message.payload, each.qos) for packet_id, each in inflight.entries.items()}
    assert payloads == {
        1: (b"000", 2), 2: (b"111", 2), 5: (b"444", 2), 6: (b"555", 2), 7: (b"000", 2), 9: (b"222", 2),
    }
    inflight.resume(100)
    assert [each.packet_id for each in inflight.take_releases()] == [2, 5, 6, 7, 9]
    assert [each.packet_id for each in resent(inflight)] == [1]
    consistent(inflight)


@pytest.mark.parametrize("after", sorted(each for each in AFTER if each[0] not in (QUEUED, COMPLETE)))
def test_a_message_of_a_run_has_the_states_of_one_alone(after: tuple[int, int, bool]) -> None:
    state, packet_type, failed = after
    inflight, _ = with_runs()
    inflight.open_run(run_of(3, qos=1 if state == AWAITS_PUBACK else 2))
    if state == AWAITS_PUBCOMP:
        acknowledge_run(inflight, 1, 3, PUBREC)
    assert inflight.acknowledge(packet_type, 2, failed) == AFTER[after]
    expected = {1: state, 2: AFTER[after] or state, 3: state}
    if AFTER[after] == COMPLETE:
        del expected[2]
    assert states(inflight) == expected
    consistent(inflight)


def test_bytes_of_a_run_of_qos_2_count_until_the_last_of_it_is_complete() -> None:
    inflight = with_qos_2((4, 1))
    size = inflight.size
    acknowledge_run(inflight, 1, 3, PUBREC)
    acknowledge_run(inflight, 1, 3, PUBCOMP)
    acknowledge_run(inflight, 4, 1, PUBREC)
    assert inflight.size == size
    acknowledge_run(inflight, 4, 1, PUBCOMP)
    assert (len(inflight), inflight.unacknowledged, inflight.size) == (0, 0, 0)


def test_messages_of_a_run_are_made_once_in_however_many_pieces_it_is() -> None:
    inflight = with_qos_2((9, 1))
    for packet_id in (2, 4, 6, 8):
        inflight.advance(PUBREC, packet_id, 1)
    runs = {entry for entry in inflight._ring if entry is not None}
    assert len(runs) == 5
    assert len({id(run.messages()[0]) for run in runs if run.count == 9}) == 1
    made = next(iter(runs)).sent.messages()
    assert [each.message for each in inflight.entries.values()] == made
