"""Records of one Batch in one row: what goes in comes out, and what is damaged is said to be."""

import random
import time

import pytest

from amqtt.message import NEVER, Message
from amqtt.sessions.journal import Batch, StoredEntry
from amqtt.store.records import AT_A_STRETCH, ENTRIES_TOGETHER, NUMBERS_TOGETHER, Records, packed, unpacked
from amqtt.store.rows import LAST_NUMBER
from amqtt.testing.store_contract import contents, everything


def some() -> Records:
    records = Records()
    records.messages.update({n: m for n, m in everything().messages.items() if m is not None})
    records.entries.update({n: e for n, e in everything().entries.items() if e is not None})
    return records


def seen(records: Records) -> tuple[object, ...]:
    batch = Batch()
    batch.messages.update(records.messages)
    batch.entries.update(records.entries)
    found = contents(batch)
    return found["messages"], found["entries"], records.gone_messages, records.gone_entries


def test_what_is_packed_is_unpacked() -> None:
    records = some()
    records.gone_messages = [1, LAST_NUMBER]
    records.gone_entries = [2]
    found, fault = unpacked(packed(records))
    assert fault == ""
    assert seen(found) == seen(records)


@pytest.mark.parametrize("count", [0, 1, ENTRIES_TOGETHER, ENTRIES_TOGETHER + 1, 3 * NUMBERS_TOGETHER + 1])
def test_any_number_of_records_fits(count: int) -> None:
    records = Records()
    for number in range(1, count + 1):
        records.messages[number] = Message("t", b"%d" % number, 1, False, None, NEVER, "ü")
        records.entries[count + number] = StoredEntry(7, number, 1, number % 2 == 0)
        records.gone_entries.append(3 * count + number)
    found, fault = unpacked(packed(records))
    assert fault == ""
    assert seen(found) == seen(records)


def test_a_flipped_bit_anywhere_is_found_and_nothing_else_is_invented() -> None:
    records = some()
    records.gone_entries = [100, 101]
    whole = packed(records)
    before = seen(records)
    for at in range(len(whole)):
        for bit in range(8):
            broken = bytearray(whole)
            broken[at] ^= 1 << bit
            found, fault = unpacked(bytes(broken))
            assert fault, f"bit {bit} of byte {at}"
            messages, entries, gone_messages, gone_entries = seen(found)
            assert messages.items() <= before[0].items()  # type: ignore[attr-defined]
            assert entries.items() <= before[1].items()  # type: ignore[attr-defined]
            assert gone_messages == []
            assert gone_entries in ([], [100, 101])


def test_one_that_ends_early_is_found() -> None:
    whole = packed(some())
    for length in range(len(whole)):
        assert unpacked(whole[:length])[1] != ""


def test_bytes_of_chance_are_refused_without_an_error() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        found, fault = unpacked(chance.randbytes(chance.randrange(1, 200)))
        assert fault
        assert len(found) == 0


@pytest.mark.parametrize("row", [None, "text", 5, 1.5])
def test_what_is_no_bytes_is_refused(row: object) -> None:
    found, fault = unpacked(row)
    assert (len(found), fault) == (0, "its records are no bytes")


def test_a_moment_that_is_no_number_is_refused() -> None:
    records = Records()
    records.messages[1] = Message("t", b"x", 1, False, None, float("nan"))
    found, fault = unpacked(packed(records))
    assert (len(found), fault) == (0, "its moment is no number")


def test_other_threads_may_go_on_while_many_records_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records()
    for number in range(1, 4 * AT_A_STRETCH):
        records.messages[number] = Message("t", b"x", 1)
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    packed(records)
    assert pauses == [0, 0, 0]
