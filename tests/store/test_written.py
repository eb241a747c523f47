"""Rows of `batches`: whatever is queued, changed and taken out, what is read again is what is awaited."""

import random
from pathlib import Path

import pytest

from amqtt.message import Message
from amqtt.sessions.inflight import AWAITS_PUBCOMP, AWAITS_PUBREC, QUEUED
from amqtt.sessions.journal import Batch, StoredEntry, StoredSession
from amqtt.store.database import Database
from amqtt.store.memory import fold
from amqtt.store.written import LARGEST_TOGETHER, LONGEST_SPAN
from amqtt.testing.store_contract import contents
from support.store_files import read, run


def opened(file: Path, most_garbage: int = 1 << 30) -> Database:
    database = Database(file, "normal", 0, most_garbage)
    database.open()
    return database


def queued(number: int, *sessions: int, payload: bytes = b"x") -> Batch:
    """A Message of this number, and an entry behind it for each Session."""
    batch = Batch(number)
    batch.messages[number] = Message("t", payload, 1)
    for place, session in enumerate(sessions, 1):
        batch.entries[number + place] = StoredEntry(session, number, 1, False)
    return batch


def gone(*numbers: int, messages: tuple[int, ...] = ()) -> Batch:
    batch = Batch()
    batch.entries.update(dict.fromkeys(numbers))
    batch.messages.update(dict.fromkeys(messages))
    return batch


def sessions(*numbers: int) -> Batch:
    batch = Batch()
    for number in numbers:
        batch.sessions[number] = StoredSession(f"c{number}", None, 60)
    return batch


def rows(database: Database, table: str) -> int:
    (count,) = database.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def test_one_row_is_written_for_all_that_a_batch_queues(file: Path) -> None:
    database = opened(file)
    database.write(sessions(1, 2))
    batch = Batch()
    for number in range(10, 310, 3):
        fold(batch, queued(number, 1, 2))
    database.write(batch)
    assert [rows(database, table) for table in ("batches", "messages", "entries")] == [1, 0, 0]
    database.close()
    fold(batch, sessions(1, 2))
    assert contents(read(file)) == contents(batch)


def test_a_row_goes_when_nothing_of_it_is_awaited(file: Path) -> None:
    database = opened(file)
    database.write(sessions(1))
    database.write(queued(10, 1))
    database.write(queued(20, 1))
    database.write(gone(11, messages=(10,)))
    database.write(gone(21, messages=(20,)))
    assert rows(database, "batches") > 0
    database.close()
    assert run(file, "SELECT count(*) FROM batches") == [(0,)]


def test_a_note_stays_as_long_as_what_it_speaks_of(file: Path) -> None:
    database = opened(file)
    database.write(sessions(1, 2))
    database.write(queued(10, 1, 2))
    database.write(gone(11))
    for number in range(20, 60, 10):
        database.write(queued(number, 1))
        database.write(gone(number + 1, messages=(number,)))
    database.close()
    kept = read(file)
    assert list(kept.entries) == [12]
    assert list(kept.messages) == [10]
    assert run(file, "SELECT count(*) FROM batches") <= [(3,)]
    database = opened(file)
    database.write(gone(12, messages=(10,)))
    database.close()
    assert run(file, "SELECT count(*) FROM batches") == [(0,)]


def test_a_large_message_has_a_row_of_its_own(file: Path) -> None:
    database = opened(file)
    database.write(sessions(1))
    batch = queued(10, 1, payload=bytes(LARGEST_TOGETHER + 1))
    database.write(batch)
    assert [rows(database, table) for table in ("batches", "messages", "entries")] == [1, 1, 0]
    database.write(gone(11, messages=(10,)))
    assert rows(database, "messages") == 0
    database.close()
    assert len(read(file).entries) == 0


def test_numbers_that_are_far_apart_take_no_memory(file: Path) -> None:
    database = opened(file)
    batch = sessions(1)
    fold(batch, queued(10, 1))
    fold(batch, queued(10 + LONGEST_SPAN, 1))
    fold(batch, queued(1 << 60, 1))
    database.write(batch)
    database.close()
    assert contents(read(file)) == contents(batch)


def test_sparse_rows_are_resolved_when_they_take_too_much_room(file: Path) -> None:
    database = opened(file, most_garbage=20_000)
    database.write(sessions(1, 2))
    expected = sessions(1, 2)
    for begin in range(100, 4100, 100):
        batch = Batch()
        for number in range(begin, begin + 30, 3):
            fold(batch, queued(number, 1, 2, payload=bytes(200)))
        database.write(batch)
        away = Batch()
        for number in range(begin, begin + 27, 3):
            fold_in(away, gone(number + 1, number + 2, messages=(number,)))
        fold_in(away, gone(begin + 28))
        database.write(away)
        fold(expected, batch)
        fold(expected, away)
    assert rows(database, "messages") > 10
    assert rows(database, "batches") < 30
    size = sum(len(pack) for (pack,) in database.connection.execute("SELECT records FROM batches"))
    assert size < 60_000
    database.close()
    assert contents(read(file)) == contents(expected)


def fold_in(batch: Batch, more: Batch) -> None:
    """Both as one, what is gone included."""
    batch.messages.update(more.messages)
    batch.entries.update(more.entries)


class Queues:
    """Queues as a Journal sees them, by chance; what a store must hold of them is `expected`."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.expected = sessions(1, 2, 3)
        self.number = 10

    def new_number(self) -> int:
        self.number += 1
        return self.number

    def batch(self) -> Batch:
        """Some messages come, some entries change, some go, and with the last of a message that goes."""
        chance, batch = self.chance, Batch()
        fold(batch, sessions(1, 2, 3)) if chance.random() < 0.1 else None
        for _ in range(chance.choice((0, 1, 1, 5, 20))):
            number = self.new_number()
            size = chance.choice((0, 10, 200, LARGEST_TOGETHER, LARGEST_TOGETHER + 1))
            batch.messages[number] = Message("t", chance.randbytes(size), 2)
            for session in chance.sample((1, 2, 3), chance.randint(1, 3)):
                group = chance.choice(("", "", "$share/g/t"))
                identifiers = chance.choice(((), (), (1, 268_435_455)))
                entry = StoredEntry(session, number, 2, False, QUEUED, 0, identifiers, group)
                batch.entries[self.new_number()] = entry
            if chance.random() < 0.2:
                self.new_number()
        waiting = list(self.expected.entries.items())
        for number, entry in chance.sample(waiting, len(waiting) * chance.choice((0, 1, 1, 3, 4)) // 4):
            assert entry is not None
            if chance.random() < 0.2:
                state = chance.choice((AWAITS_PUBREC, AWAITS_PUBCOMP))
                batch.entries[number] = StoredEntry(
                    entry.session, entry.message, 2, False, state, chance.randint(1, 65535)
                )
            else:
                batch.entries[number] = None
        fold(self.expected, batch)
        awaited = {entry.message for entry in self.expected.entries.values() if entry is not None}
        for number in [number for number in self.expected.messages if number not in awaited]:
            del self.expected.messages[number]
            batch.messages[number] = None
        return batch


@pytest.mark.parametrize("seed", range(40))
def test_what_is_read_again_is_what_is_awaited(file: Path, seed: int) -> None:
    queues = Queues(seed)
    chance = queues.chance
    garbage = chance.choice((0, 1000, 100_000, 1 << 30))
    database = opened(file, garbage)
    database.write(sessions(1, 2, 3))
    for _ in range(60):
        batch = queues.batch()
        database.write(batch)
        if chance.random() < 0.1:
            database.write(batch)  # it was durable, though its commit failed
        if chance.random() < 0.15:
            database.close()
            database = Database(file, "normal", 0, garbage)
            kept = database.open()
            assert contents(kept) == contents(queues.expected)
            assert list(kept.entries) == sorted(kept.entries)
            queues.number = max(kept.last_number, 10)
    last = Batch()
    last.entries.update(dict.fromkeys(queues.expected.entries))
    last.messages.update(dict.fromkeys(queues.expected.messages))
    database.write(last)
    database.close()
    for table in ("batches", "messages", "entries"):
        assert run(file, f"SELECT count(*) FROM {table}") == [(0,)], "nothing is left behind"
