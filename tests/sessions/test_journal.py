"""What the Journal notes, what it leaves out, and what it keeps back until the commit."""

from typing import Any

import pytest

from amqtt.message import Message
from amqtt.sessions.inflight import AWAITS_PUBCOMP, AWAITS_PUBREC, Outgoing
from amqtt.sessions.journal import Batch, Journal, StoredSession, StoredWill
from amqtt.sessions.link import Link, Turn
from amqtt.topics.shared import SharedGroup
from amqtt.topics.subscriptions import Subscription
from amqtt.wire.packets import WillFields


def message(payload: bytes = b"x", topic: str = "t") -> Message:
    return Message(topic, payload, 1)


def waiting(body: Message, qos: int = 1, **options: Any) -> Outgoing:
    return Outgoing(body, qos, False, **options)


class Wire:
    """A Link whose owner writes what it holds at the end of each turn, as a Connection does."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.turn = Turn(lambda: None)
        self.link = Link(self.turn, self._write, 1000)

    def _write(self) -> None:
        if not self.link.withheld:
            self.sent += self.link.chunks
            self.link.chunks.clear()
            self.link.size = 0

    def end_turn(self) -> list[bytes]:
        self.turn.flush()
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def journal() -> Journal:
    return Journal()


def begun(journal: Journal, client_id: str = "c") -> int:
    """A Session that a Batch has taken along."""
    number = journal.new_number()
    journal.session(number, StoredSession(client_id, None, 60))
    journal.committed(journal.take().number)
    return number


# -- notes


def test_what_is_queued_is_in_the_batch_with_its_body(journal: Journal) -> None:
    session = begun(journal)
    body = message()
    outgoing = waiting(body, 2, identifiers=(3, 4), group=SharedGroup("g", "t/#"))
    journal.queue(session, outgoing)
    batch = journal.take()
    entry = batch.entries[outgoing.number]
    assert entry is not None
    assert batch.messages == {entry.message: body}
    assert (entry.session, entry.qos, entry.identifiers, entry.group) == (session, 2, (3, 4), "$share/g/t/#")


def test_a_body_is_there_once_however_many_wait_for_it(journal: Journal) -> None:
    sessions = [begun(journal, client_id) for client_id in "abc"]
    body = message()
    entries = [waiting(body) for _ in sessions]
    for session, outgoing in zip(sessions, entries, strict=True):
        journal.queue(session, outgoing)
    batch = journal.take()
    number = body.number
    assert batch.messages == {number: body}
    for outgoing in entries[:2]:
        journal.remove(outgoing)
    assert journal.take().messages == {}
    journal.remove(entries[2])
    assert journal.take().messages == {number: None}


def test_what_is_queued_and_acknowledged_before_its_batch_is_taken_leaves_no_trace(journal: Journal) -> None:
    session = begun(journal)
    before = journal.changes
    outgoing = waiting(message())
    journal.queue(session, outgoing)
    journal.remove(outgoing)
    assert journal.changes > before
    assert len(journal.take()) == 0


def test_what_was_in_an_earlier_batch_is_removed_by_the_next_one_even_if_that_is_not_committed_yet(
    journal: Journal,
) -> None:
    outgoing = waiting(message())
    journal.queue(begun(journal), outgoing)
    number = outgoing.number
    body_number = outgoing.message.number
    journal.take()
    journal.remove(outgoing)
    batch = journal.take()
    assert batch.entries == {number: None}
    assert batch.messages == {body_number: None}


def test_a_batch_says_what_an_entry_was_when_it_was_taken(journal: Journal) -> None:
    outgoing = waiting(message(), 2)
    journal.queue(begun(journal), outgoing)
    outgoing.state, outgoing.packet_id = AWAITS_PUBREC, 7
    batch = journal.take()
    outgoing.state = AWAITS_PUBCOMP
    journal.update(outgoing)
    entry, later = batch.entries[outgoing.number], journal.take().entries[outgoing.number]
    assert entry is not None
    assert later is not None
    assert (entry.state, entry.packet_id) == (AWAITS_PUBREC, 7)
    assert (later.state, later.packet_id) == (AWAITS_PUBCOMP, 7)


def test_a_body_that_was_given_up_is_stored_anew_for_the_next_who_waits(journal: Journal) -> None:
    session = begun(journal)
    body = message()
    first, second = waiting(body), waiting(body)
    journal.queue(session, first)
    journal.remove(first)
    journal.queue(session, second)
    batch = journal.take()
    assert list(batch.messages.values()) == [body]
    assert list(batch.entries) == [second.number]


def test_what_was_never_noted_is_not_removed(journal: Journal) -> None:
    before = journal.changes
    journal.remove(waiting(message()))
    journal.update(waiting(message()))
    assert journal.changes == before


def test_numbers_go_on_where_the_store_ended() -> None:
    journal = Journal(last_number=41)
    assert journal.new_number() == 42


def test_a_session_that_begins_and_ends_between_two_batches_leaves_no_trace(journal: Journal) -> None:
    number = journal.new_number()
    journal.session(number, StoredSession("c", None, 60))
    journal.subscribe(number, "a", Subscription("a"))
    journal.receive(number, 1)
    journal.will(number, StoredWill(WillFields("w", b"")))
    journal.unsubscribe(number, "a")
    journal.release(number, 1)
    journal.will(number, None)
    journal.end_session(number)
    assert len(journal.take()) == 0


def test_what_a_session_had_is_removed_one_by_one(journal: Journal) -> None:
    number = begun(journal)
    journal.subscribe(number, "a", Subscription("a"))
    journal.receive(number, 1)
    journal.will(number, StoredWill(WillFields("w", b"")))
    journal.take()
    journal.unsubscribe(number, "a")
    journal.release(number, 1)
    journal.will(number, None)
    journal.end_session(number)
    batch = journal.take()
    assert batch.subscriptions == {(number, "a"): None}
    assert batch.received == {(number, 1): False}
    assert batch.wills == {number: None}
    assert batch.sessions == {number: None}


def test_the_last_note_of_a_topic_counts(journal: Journal) -> None:
    journal.retain("t", message(b"1"))
    journal.retain("t", message(b"2"))
    journal.retain("u", message(b"3"))
    journal.retain("u", None)
    batch = journal.take()
    kept = batch.retained["t"]
    assert kept is not None
    assert kept.payload == b"2"
    assert batch.retained["u"] is None


def test_the_first_note_of_each_batch_wakes_who_writes(journal: Journal) -> None:
    woken: list[int] = []
    journal.wake = lambda: woken.append(journal.batch)
    journal.retain("t", message())
    journal.retain("u", message())
    journal.take()
    assert woken == [1]
    journal.retain("t", None)
    assert woken == [1, 2]


def test_the_first_promise_of_each_batch_hurries_who_writes(journal: Journal) -> None:
    hurried: list[int] = []
    journal.hurry = lambda: hurried.append(journal.batch)
    wire = Wire()
    journal.retain("t", message())
    assert hurried == []
    journal.promise(wire.link, b"PUBACK 1")
    journal.promise(wire.link, b"PUBACK 2")
    assert hurried == [1]
    journal.take()
    journal.promise(wire.link, b"PUBACK 3")
    assert hurried == [1], "it is on its way"
    journal.retain("t", None)
    journal.withhold(wire.link)
    assert hurried == [1, 2]


# -- promises


def test_a_promise_is_kept_when_its_batch_is_committed_and_not_before(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.promise(wire.link, b"PUBACK 1")
    first = journal.take()
    journal.retain("u", message())
    journal.promise(wire.link, b"PUBACK 2")
    second = journal.take()
    assert wire.end_turn() == []
    journal.committed(first.number)
    assert wire.end_turn() == [b"PUBACK 1"]
    journal.committed(second.number)
    assert wire.end_turn() == [b"PUBACK 2"]


def test_a_promise_waits_for_what_was_taken_before_it_was_made(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    batch = journal.take()
    journal.promise(wire.link, b"PUBACK")
    assert wire.end_turn() == []
    journal.committed(batch.number)
    assert wire.end_turn() == [b"PUBACK"]


def test_a_promise_of_what_is_durable_already_is_kept_at_once(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.committed(journal.take().number)
    journal.promise(wire.link, b"PUBACK")
    assert wire.end_turn() == [b"PUBACK"]


def test_what_needs_no_commit_leaves_at_once_and_what_follows_a_promise_after_it(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    wire.link.follow(b"PUBACK 1")
    journal.promise(wire.link, b"PUBACK 2")
    wire.link.follow(b"PUBACK 3")
    wire.link.send(b"PINGRESP")
    assert wire.end_turn() == [b"PUBACK 1", b"PINGRESP"]
    journal.committed(journal.take().number)
    assert wire.end_turn() == [b"PUBACK 2", b"PUBACK 3"]
    wire.link.follow(b"PUBACK 4")
    assert wire.end_turn() == [b"PUBACK 4"]


def test_packets_that_are_promised_together_count_each_and_leave_as_one(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.promise(wire.link, b"PUBACK 1 PUBACK 2 PUBACK 3", 3)
    wire.link.follow(b"PUBACK 4 PUBACK 5", 2)
    assert wire.link.owes == 5
    assert wire.end_turn() == []
    journal.committed(journal.take().number)
    assert wire.link.owes == 0
    assert wire.link.joined == 3
    assert wire.end_turn() == [b"PUBACK 1 PUBACK 2 PUBACK 3", b"PUBACK 4 PUBACK 5"]


def test_of_what_a_link_owes_only_the_rest_is_left_after_a_commit(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.promise(wire.link, b"PUBACK 1 PUBACK 2", 2)
    first = journal.take()
    journal.retain("u", message())
    journal.promise(wire.link, b"PUBACK 3 PUBACK 4 PUBACK 5", 3)
    journal.committed(first.number)
    assert wire.link.owes == 3
    assert wire.end_turn() == [b"PUBACK 1 PUBACK 2"]


def test_a_link_that_presses_back_within_a_turn_keeps_its_promises_back(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.promise(wire.link, b"PUBACK")
    wire.link.send(bytes(600))
    assert wire.end_turn() == [bytes(600)]


def test_nothing_leaves_a_link_that_is_withheld_until_the_commit(journal: Journal) -> None:
    wire = Wire()
    journal.session(journal.new_number(), StoredSession("c", None, 60))
    wire.link.send(b"CONNACK")
    journal.withhold(wire.link)
    wire.link.send(bytes(600))
    wire.link.send(b"PINGRESP")
    assert wire.end_turn() == []
    journal.committed(journal.take().number)
    assert wire.end_turn() == [b"CONNACK", bytes(600), b"PINGRESP"]


def test_a_link_is_withheld_over_commits_of_what_was_noted_before(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    first = journal.take()
    journal.session(journal.new_number(), StoredSession("c", None, 60))
    journal.withhold(wire.link)
    wire.link.send(b"CONNACK")
    journal.committed(first.number)
    assert wire.end_turn() == []
    journal.committed(journal.take().number)
    assert wire.end_turn() == [b"CONNACK"]


def test_a_link_without_anything_to_wait_for_is_not_withheld(journal: Journal) -> None:
    wire = Wire()
    journal.withhold(wire.link)
    wire.link.send(b"CONNACK")
    assert wire.end_turn() == [b"CONNACK"]


def test_promises_on_a_link_that_closes_are_not_kept(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.promise(wire.link, b"PUBACK")
    wire.link.send(b"DISCONNECT")
    wire.link.close()
    journal.committed(journal.take().number)
    assert wire.end_turn() == [b"DISCONNECT"]
    assert wire.link.owes == 0


def test_a_link_with_many_promises_is_full_until_they_are_kept(journal: Journal) -> None:
    wire = Wire()
    journal.retain("t", message())
    journal.promise(wire.link, bytes(1001))
    assert wire.link.full
    journal.committed(journal.take().number)
    wire.end_turn()
    assert not wire.link.full


def test_what_is_elided_was_promised_all_the_same(journal: Journal) -> None:
    session = begun(journal)
    wire = Wire()
    outgoing = waiting(message())
    journal.queue(session, outgoing)
    journal.promise(wire.link, b"PUBACK")
    journal.remove(outgoing)
    batch = journal.take()
    assert len(batch) == 0
    assert wire.end_turn() == []
    journal.committed(batch.number)
    assert wire.end_turn() == [b"PUBACK"]


# -- bounds


def test_it_lags_when_more_changes_wait_than_may() -> None:
    journal = Journal(maximum_records=2)
    for topic in ("a", "b"):
        journal.retain(topic, message())
    assert not journal.lags
    journal.retain("c", message())
    assert journal.lags
    batch = journal.take()
    assert journal.lags, "it is not on the disk yet"
    journal.committed(batch.number)
    assert not journal.lags


def test_it_lags_when_more_bytes_wait_than_may() -> None:
    journal = Journal(maximum_bytes=100)
    journal.retain("a", message(bytes(90)))
    assert not journal.lags
    journal.retain("b", message(bytes(90)))
    assert journal.lags
    journal.committed(journal.take().number)
    assert not journal.lags


def test_who_is_held_back_may_go_on_when_it_does_not_lag_any_more() -> None:
    journal = Journal(maximum_records=1)
    wire = Wire()
    gone_on: list[str] = []
    wire.link.waiting.add(lambda: gone_on.append("read on"))
    journal.retain("a", message())
    first = journal.take()
    for topic in ("b", "c"):
        journal.retain(topic, message())
    journal.hold_back(wire.link)
    assert wire.turn.congested is wire.link
    journal.committed(first.number)
    assert gone_on == []
    journal.committed(journal.take().number)
    assert gone_on == ["read on"]


def test_the_last_number_of_a_batch_is_the_highest_there_is() -> None:
    batch = Batch()
    assert batch.last_number == 0
    batch.sessions[3] = batch.messages[9] = batch.entries[7] = None
    assert batch.last_number == 9
