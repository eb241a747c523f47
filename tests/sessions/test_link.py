"""The sending side of a Network Connection: one write in a turn, and bounds that press back."""

import pytest

from amqtt.sessions.link import MAXIMUM_UNSENT, PRESSURE, Link, Turn
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
