"""The sending side of a Network Connection: one write in a turn, and bounds that press back."""

from collections.abc import Callable, Iterable

import pytest

from amqtt.sessions.link import MAXIMUM_UNSENT, PRESSURE, SLICE, Link, Turn
from support.reading_peer import ReadingPeer


class Wakes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def peer() -> ReadingPeer:
    return ReadingPeer(maximum=100)


def test_what_is_sent_in_one_turn_is_written_once_and_in_order(peer: ReadingPeer) -> None:
    for packet in (b"1", b"22", b"333"):
        peer.link.send(packet)
    assert (peer.flushes, peer.link.size) == (0, 6)
    assert peer.take() == [b"1", b"22", b"333"]
    assert (peer.flushes, peer.link.size) == (1, 0)
    assert peer.take() == []
    assert peer.flushes == 1


def test_the_owner_is_woken_once_in_a_turn_however_many_links_have_something_to_write() -> None:
    wakes = Wakes()
    turn = Turn(wakes)
    peers = [ReadingPeer(turn) for _ in range(3)]
    for _ in range(2):
        for peer in peers:
            peer.link.send(b"x")
            peer.link.send(b"y")
    assert wakes.count == 1
    turn.flush()
    assert [peer.flushes for peer in peers] == [1, 1, 1]
    peers[1].link.send(b"z")
    assert wakes.count == 2
    turn.flush()
    assert [peer.flushes for peer in peers] == [1, 2, 1]


def test_what_is_sent_while_a_turn_is_flushed_belongs_to_the_next_turn() -> None:
    wakes = Wakes()
    turn = Turn(wakes)
    peer = ReadingPeer(turn)
    other = Link(turn, lambda: peer.link.send(b"echo"))
    other.send(b"x")
    turn.flush()
    assert (peer.flushes, wakes.count) == (0, 2)
    assert peer.take() == [b"echo"]


class Crowd:
    """Links of one Turn, which note in which order they are written."""

    def __init__(self, size: int) -> None:
        self.wakes = Wakes()
        self.turn = Turn(self.wakes)
        self.written: list[int] = []
        self.links = [Link(self.turn, self._writer(number)) for number in range(size)]

    def _writer(self, number: int) -> Callable[[], None]:
        return lambda: self.written.append(number)

    def send(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.links[number].send(b"x")

    def flush(self) -> list[int]:
        """The Links that one pass of the event loop writes."""
        self.written.clear()
        self.turn.flush()
        return list(self.written)


def test_a_slice_of_links_is_written_in_one_pass_and_nobody_is_woken_again() -> None:
    crowd = Crowd(SLICE)
    crowd.send(range(SLICE))
    assert crowd.flush() == list(range(SLICE))
    assert crowd.wakes.count == 1
    assert crowd.flush() == []


def test_of_more_links_a_slice_is_written_in_each_pass_and_each_link_once() -> None:
    crowd = Crowd(3 * SLICE + 1)
    crowd.send(range(3 * SLICE + 1))
    slices = [crowd.flush() for _ in range(4)]
    assert [len(each) for each in slices] == [SLICE, SLICE, SLICE, 1]
    assert sorted(number for each in slices for number in each) == list(range(3 * SLICE + 1))
    assert crowd.wakes.count == 4, "one for the turn, and one for each slice that is left"
    assert crowd.flush() == []
    crowd.send([7])
    assert crowd.wakes.count == 5
    assert crowd.flush() == [7]


@pytest.mark.parametrize("others", [1, SLICE // 2])
def test_links_that_are_marked_between_two_slices_are_written_with_the_next(others: int) -> None:
    crowd = Crowd(5 * SLICE)
    crowd.send(range(4 * SLICE))
    crowd.flush()
    newcomers = range(4 * SLICE, 4 * SLICE + others)
    crowd.send(newcomers)
    assert crowd.wakes.count == 2, "the next pass is on its way"
    written = crowd.flush()
    assert set(newcomers) <= set(written)
    assert len(written) == SLICE


@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
def test_a_link_beside_very_many_in_one_turn_is_written_with_the_first(before: bool) -> None:
    crowd = Crowd(4 * SLICE + 1)
    alone = 4 * SLICE
    crowd.send([alone, *range(4 * SLICE)] if before else range(4 * SLICE + 1))
    assert alone in crowd.flush()


def test_very_many_who_keep_coming_do_not_starve_those_who_wait() -> None:
    crowd = Crowd(8 * SLICE)
    crowd.send(range(2 * SLICE))
    first: set[int] = set(crowd.flush())
    for at in range(2 * SLICE, 8 * SLICE, 2 * SLICE):
        crowd.send(range(at, at + 2 * SLICE))
        first |= set(crowd.flush())
    assert set(range(2 * SLICE)) <= first


def test_what_is_sent_to_a_link_that_waits_for_its_slice_leaves_with_the_rest_in_order() -> None:
    crowd = Crowd(2 * SLICE)
    turn = crowd.turn
    peers = [ReadingPeer(turn) for _ in range(2 * SLICE)]
    for peer in peers:
        peer.link.send(b"1")
    turn.flush()
    (*_, waiting) = (peer for peer in peers if peer.flushes == 0)
    waiting.link.send(b"2")
    assert len(turn.late) == SLICE, "it is there once"
    turn.flush()
    assert (waiting.flushes, waiting.read) == (1, [b"1", b"2"])


def test_a_turn_that_is_forgotten_writes_nothing_and_begins_anew() -> None:
    crowd = Crowd(3 * SLICE)
    crowd.send(range(3 * SLICE))
    crowd.flush()
    crowd.turn.forget()
    assert crowd.flush() == []
    woken = crowd.wakes.count
    crowd.send([3 * SLICE - 1])
    assert crowd.wakes.count == woken + 1
    assert crowd.flush() == [3 * SLICE - 1]


def test_closing_flushes_what_was_sent_before_and_then_closes(peer: ReadingPeer) -> None:
    peer.link.send(b"last")
    peer.link.close()
    assert (peer.closed, peer.flushes) == (False, 0)
    assert peer.take() == [b"last"]
    assert (peer.closed, peer.flushes) == (True, 1)


def test_closing_a_link_with_nothing_to_send_is_work_for_the_turn(peer: ReadingPeer) -> None:
    peer.link.close()
    assert peer.take() == []
    assert peer.closed


def test_pressure_is_a_part_of_the_maximum() -> None:
    link = Link(Turn(lambda: None), lambda: None)
    assert (link.maximum, link.pressure) == (MAXIMUM_UNSENT, MAXIMUM_UNSENT // PRESSURE)


def test_above_its_pressure_it_writes_before_the_turn_ends(peer: ReadingPeer) -> None:
    peer.link.send(bytes(25))
    assert peer.flushes == 0
    peer.link.send(b"x")
    assert (peer.flushes, len(peer.read), peer.link.size) == (1, 2, 0)
    assert peer.turn.congested is None
    assert not peer.link.full
    peer.link.send(b"y")
    assert peer.take()[2:] == [b"y"]
    assert peer.flushes == 2


PRESSED = [
    # bytes waiting while the peer does not read, whether the Link is congested, whether it is full
    (25, False, False),
    (26, True, False),
    (100, True, False),
    (101, True, True),
    (1_000, True, True),
]


@pytest.mark.parametrize(("size", "congested", "full"), PRESSED)
def test_a_peer_that_does_not_read_makes_it_congested_and_then_full(
    peer: ReadingPeer, size: int, congested: bool, full: bool
) -> None:
    peer.stop()
    for _ in range(size):
        peer.link.send(b"x")
    assert peer.flushes == 0, "there is no use in writing to a peer that does not read"
    assert (peer.turn.congested is peer.link) is congested
    assert peer.link.full is full
    assert peer.take() == []


def test_it_stays_full_until_its_owner_has_emptied_it(peer: ReadingPeer) -> None:
    peer.stop()
    peer.link.send(bytes(101))
    peer.link.blocked = False
    peer.turn.flush()
    assert peer.link.full
    peer.go_on()
    assert not peer.link.full


def test_those_who_wait_are_called_once_when_it_presses_no_more(peer: ReadingPeer) -> None:
    wakes = Wakes()
    peer.stop()
    peer.link.send(bytes(101))
    peer.link.waiting.add(wakes)
    peer.link.waiting.add(wakes)
    peer.go_on()
    assert wakes.count == 1
    peer.link.relieve()
    assert wakes.count == 1


def test_who_waits_again_while_being_called_waits_for_the_next_time(peer: ReadingPeer) -> None:
    calls = []

    def again() -> None:
        calls.append(1)
        peer.link.waiting.add(again)

    peer.link.waiting.add(again)
    peer.link.relieve()
    assert len(calls) == 1
    assert peer.link.waiting == {again}


def test_a_link_whose_connection_is_gone_holds_nothing_and_nobody_back(peer: ReadingPeer) -> None:
    wakes = Wakes()
    peer.link.send_run(b"1", 3)
    peer.link.waiting.add(wakes)
    peer.link.abandon()
    assert (peer.link.chunks, peer.link.size, peer.link.joined, wakes.count) == ([], 0, 0, 1)
    peer.link.turn.flush()
    peer.link.send(b"2" * 200)
    peer.link.turn.flush()
    assert peer.flushes == 0
