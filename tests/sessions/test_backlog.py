"""Messages that wait for a Client: their bounds, their order, what is counted (MQTT 5.0, 4.1)."""

import pytest

from amqtt.message import Message
from amqtt.sessions.backlog import PLACE, Backlog
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import Outgoing
from support.subscribers import RecordingSubscriber


def outgoing(payload: bytes = b"", group: RecordingSubscriber | None = None) -> Outgoing:
    return Outgoing(Message("t", payload), 1, False, (), group)


def counted(backlog: Backlog) -> tuple[int, int]:
    counters = backlog._counters
    assert (counters.queued_messages, counters.queued_bytes) == (len(backlog), backlog.size)
    return len(backlog), backlog.size


@pytest.mark.parametrize(("maximum", "taken"), [(0, 0), (1, 1), (3, 3), (5, 5), (6, 5)])
def test_it_takes_as_many_messages_as_its_bound_and_refuses_the_newest(maximum: int, taken: int) -> None:
    backlog = Backlog(maximum, 1_000, Counters())
    several = [outgoing(b"%d" % number) for number in range(5)]
    assert [backlog.put(each) for each in several] == [True] * taken + [False] * (5 - taken)
    assert counted(backlog) == (taken, 2 * taken)
    assert [backlog.pop() for _ in range(taken)] == several[:taken]
    assert counted(backlog) == (0, 0)


@pytest.mark.parametrize(("maximum", "accepted"), [(9, False), (10, True), (11, True)])
def test_it_takes_as_many_bytes_as_its_bound(maximum: int, accepted: bool) -> None:
    backlog = Backlog(100, maximum, Counters())
    assert backlog.put(outgoing(b"1234"))
    assert backlog.put(outgoing(b"5678")) is accepted
    assert counted(backlog) == ((2, 10) if accepted else (1, 5))


def test_a_message_that_was_refused_leaves_room_for_a_smaller_one() -> None:
    backlog = Backlog(100, 10, Counters())
    assert backlog.put(outgoing(b"12345"))
    assert not backlog.put(outgoing(b"12345"))
    assert backlog.put(outgoing(b"123"))
    assert [len(backlog.pop().message.payload), len(backlog.pop().message.payload)] == [5, 3]


def test_there_is_nothing_to_take_from_an_empty_one() -> None:
    backlog = Backlog(1, 1, Counters())
    with pytest.raises(IndexError):
        backlog.pop()
    assert counted(backlog) == (0, 0)


@pytest.mark.parametrize(
    ("messages", "size", "presses"), [(25, 0, False), (26, 0, True), (1, 249, False), (1, 250, True)]
)
def test_it_presses_when_more_than_a_quarter_of_either_bound_waits(
    messages: int, size: int, presses: bool
) -> None:
    backlog = Backlog(100, 1_000, Counters())
    for _ in range(messages):
        backlog.put(outgoing(bytes(size)))
    assert backlog.presses is presses


def test_what_a_group_gave_is_taken_out_in_order_and_the_rest_keeps_its_place() -> None:
    one, two = RecordingSubscriber("one"), RecordingSubscriber("two")
    backlog = Backlog(100, 1_000, Counters())
    several = [outgoing(b"%d" % number, (one, two, None)[number % 3]) for number in range(9)]
    for each in several:
        backlog.put(each)
    assert backlog.take_group(two) == [several[1], several[4], several[7]]
    assert counted(backlog) == (6, 12)
    assert backlog.take_group(two) == []
    assert [backlog.pop() for _ in range(6)] == [several[at] for at in (0, 2, 3, 5, 6, 8)]


def test_several_backlogs_are_counted_together_and_one_is_cleared_alone() -> None:
    counters = Counters()
    first, second = Backlog(10, 100, counters), Backlog(10, 100, counters)
    for _ in range(3):
        first.put(outgoing(b"12"))
        second.put(outgoing(b"345"))
    assert (counters.queued_messages, counters.queued_bytes) == (6, 21)
    first.clear()
    assert (len(first), first.size, len(second), second.size) == (0, 0, 3, 12)
    assert (counters.queued_messages, counters.queued_bytes) == (3, 12)


def test_what_is_put_back_comes_first_and_in_its_order() -> None:
    backlog = Backlog(3, 100, Counters())
    for payload in (b"1", b"22", b"333"):
        backlog.put(outgoing(payload))
    size = backlog.size
    first, second = backlog.pop(), backlog.pop()
    backlog.put_back([first, second])
    assert [waiting.message.payload for waiting in backlog] == [b"1", b"22", b"333"]
    assert (backlog.size, counted(backlog)) == (size, (3, size))


@pytest.mark.parametrize(
    ("bounds", "limit"),
    [
        ((1, 1000, 0), "maximum_queued_messages"), ((9, 9, 0), "maximum_queued_bytes"),
        ((9, 1000, 2 * PLACE + 9), "maximum_queued_bytes_in_all"),
        ((9, 1000, 2 * PLACE + 10), ""), ((9, 10, 0), ""), ((2, 1000, 0), ""),
    ],
)
def test_it_says_which_bound_a_message_would_exceed(bounds: tuple[int, int, int], limit: str) -> None:
    backlog = Backlog(bounds[0], bounds[1], Counters())
    backlog.maximum_in_all = bounds[2]
    assert backlog.put(outgoing(b"1234"))
    second = outgoing(b"5678")
    assert backlog.excess(second) == limit
    assert backlog.put(second) is (not limit)


def test_a_message_that_waits_for_several_counts_once_against_what_all_may_hold() -> None:
    counters = Counters()
    one, other = Backlog(9, 1000, counters), Backlog(9, 1000, counters)
    message = Message("t", bytes(100))
    for backlog in (one, other):
        backlog.maximum_in_all = 101 + 2 * PLACE
        assert backlog.put(Outgoing(message, 1, False))
    assert counters.held_bytes == 101 + 2 * PLACE
    assert one.excess(outgoing()) == "maximum_queued_bytes_in_all"
    other.clear()
    assert counters.held_bytes == 101 + PLACE
    one.pop()
    assert counters.held_bytes == 0
