"""Damaged stores: a row is set aside, never the whole; a Broker starts whatever the disk did [G2]."""

import logging
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from amqtt.errors import StoreError, StoreUnavailableError
from amqtt.sessions.journal import Batch
from amqtt.store.database import Database
from amqtt.testing.store_contract import contents, everything
from support.store_files import aside, everything_before_3, of_version_1, read, run, written

STRIDE = int(os.environ.get("AMQTT_TORTURE_STRIDE", "211"))
"""Every so many bytes are flipped here, or cut off; `make torture` takes each of them."""


def holds_nothing_else(found: Batch, whole: Batch) -> bool:
    """Whether each record is one that was written, and as it was."""
    wrote = contents(whole)
    for kind, records in contents(found).items():
        before = wrote[kind]
        if isinstance(records, dict) and isinstance(before, dict):
            if not records.items() <= before.items():
                return False
        elif not records <= before:  # type: ignore[operator]
            return False
    return True


def flip_each(whole: Path, place: Path, offsets: range, wrote: Batch) -> None:
    original = whole.read_bytes()
    for at in offsets:
        place.mkdir()
        damaged = place / whole.name
        damaged.write_bytes(original[:at] + bytes((original[at] ^ 0xFF,)) + original[at + 1 :])
        database = Database(damaged, "normal", 0)
        try:
            assert holds_nothing_else(database.open(), wrote), f"byte {at}"
            database.write(everything())
        finally:
            database.close()
        shutil.rmtree(place)


def test_a_flipped_byte_never_stops_a_start_and_never_invents_anything(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    whole = written(file, everything())
    flip_each(whole, tmp_path / "copy", range(0, whole.stat().st_size, STRIDE), everything())


def test_a_flipped_byte_of_an_old_file_does_not_either(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    whole = of_version_1(file)
    read(file)
    flip_each(whole, tmp_path / "copy", range(0, whole.stat().st_size, STRIDE), everything_before_3())


def test_of_a_damaged_batch_each_record_stays_that_is_whole(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(file, everything())
    ((pack,),) = run(file, "SELECT records FROM batches")
    assert isinstance(pack, bytes)
    run(file, "UPDATE batches SET records = ?", pack.replace(b"payload", b"paylord"))
    found = read(file)
    assert holds_nothing_else(found, everything())
    assert list(found.messages) == [4]
    assert list(found.entries) == [5], "the others waited for the message that is damaged"
    assert "the row (1,) of batches is damaged and was set aside: a checksum is wrong" in caplog.text
    assert run(file, "SELECT place FROM damaged") == [("batches",)]
    caplog.clear()
    assert contents(read(file)) == contents(found)
    assert caplog.text == "", "it is said once"


def test_a_log_that_ends_anywhere_gives_what_was_committed_by_then(file: Path, tmp_path: Path) -> None:
    database = Database(file, "normal", 0)
    database.open()
    states = [contents(Batch())]
    so_far = Batch()
    for number, topic in enumerate(("a", "b", "c"), 1):
        batch = Batch(number)
        batch.retained[topic] = everything().retained["r"]
        batch.retained[topic].topic = topic
        database.write(batch)
        so_far.retained.update(batch.retained)
        states.append(contents(so_far))
    log = file.with_name("amqtt.db-wal").read_bytes()
    main = file.read_bytes()
    database.close()
    place = tmp_path / "copy"
    seen = []
    for end in range(0, len(log) + 1, STRIDE):
        place.mkdir()
        (place / "amqtt.db").write_bytes(main)
        (place / "amqtt.db-wal").write_bytes(log[:end])
        found = contents(read(place / "amqtt.db"))
        assert found in states, f"a log of {end} bytes"
        seen.append(states.index(found))
        shutil.rmtree(place)
    assert seen == sorted(seen)
    assert seen[0] == 0


@pytest.mark.parametrize(
    ("table", "change", "kind"),
    [
        ("sessions", "client_id = 'another'", "sessions"),
        ("subscriptions", "options = options + 1", "subscriptions"),
        ("messages", "payload = x'00'", "messages"),
        ("entries", "delivery = delivery + 256", "entries"),
        ("received", "checksum = checksum + 1", "received"),
        ("retained", "topic = 'another'", "retained"),
        ("wills", "due = 5.0", "wills"),
    ],
)
def test_a_damaged_row_is_set_aside_and_named_and_the_others_stay(
    file: Path, table: str, change: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    of_version_1(file)
    # Of `subscriptions`, `received` … the last row; everything that hangs on the first Session stays.
    condition = {"entries": "number = 7", "sessions": "number = 2", "wills": "session = 2"}.get(table, "")
    if not condition:
        names = {"subscriptions": "session = 2", "messages": "number = 4", "received": "packet_id = 1",
                 "retained": "name = '/'"}
        condition = names[table]
    run(file, f"UPDATE {table} SET {change} WHERE {condition}")
    found = read(file)
    assert holds_nothing_else(found, everything_before_3())
    before, after = contents(everything_before_3())[kind], contents(found)[kind]
    assert len(after) == len(before) - 1  # type: ignore[arg-type]
    assert f"of {table} is damaged and was set aside: its checksum is wrong" in caplog.text
    assert run(file, "SELECT place FROM damaged") == [(table,)]
    assert aside(file) == []
    caplog.clear()
    assert contents(read(file)) == contents(found)
    assert caplog.text == "", "it is said once"


@pytest.mark.parametrize("change", ["owner = 'another'", "owner = ''", "owner = NULL"])
def test_nobody_becomes_the_owner_of_what_another_retained(
    file: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    written(file, everything())
    run(file, f"UPDATE retained SET {change} WHERE name = 'r'")
    assert list(read(file).retained) == ["/"]
    assert "the row ('r',) of retained is damaged and was set aside: its checksum is wrong" in caplog.text


def test_what_has_no_owner_does_not_get_one(file: Path) -> None:
    of_version_1(file)
    read(file)
    run(file, "UPDATE retained SET owner = '' WHERE name = 'r'")
    assert list(read(file).retained) == ["/"]


def test_what_hangs_on_a_damaged_session_goes_with_it(file: Path) -> None:
    of_version_1(file)
    run(file, "UPDATE sessions SET client_id = 'x' WHERE number = 1")
    found = read(file)
    assert list(found.sessions) == [2]
    assert list(found.subscriptions) == [(2, "#")]
    assert list(found.entries) == [7]
    assert list(found.messages) == [3]
    assert found.received == {}
    assert list(found.wills) == [2]
    assert len(found.retained) == 2
    assert run(file, "SELECT count(*) FROM entries") == [(1,)]


def test_a_file_that_is_no_database_is_put_aside(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b"not a database, whatever it is" * 1000)
    assert len(read(file)) == 0
    (old,) = aside(file)
    assert old.read_bytes().startswith(b"not a database")
    assert f"{file} cannot be read (file is not a database): it was put aside as {old}" in caplog.text
    written(file, everything())
    assert contents(read(file)) == contents(everything())


def test_what_can_be_read_of_a_broken_file_is_carried_over(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batch = everything()
    for number in range(2000):
        topic = f"retained/{number}"
        message = everything().retained["r"]
        message.topic = topic
        batch.retained[topic] = message
    written(file, batch)
    size = file.stat().st_size
    with file.open("r+b") as broken:
        broken.seek(size // 2)
        broken.write(bytes(4096))
    found = read(file)
    assert holds_nothing_else(found, batch)
    assert contents(found)["sessions"] == contents(batch)["sessions"]
    assert len(found.retained) > 1000
    assert len(aside(file)) == 1
    assert f"Carried over from {aside(file)[0]}: 2 Sessions, 3 Subscriptions, 3 queued" in caplog.text


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("database is full"), OSError(28, "No space")])
def test_a_broken_file_is_as_it_was_when_nothing_can_be_carried_over(
    file: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new and empty one in its place would be taken for the store at the next start."""
    written(file, everything())
    with file.open("r+b") as broken:
        broken.seek(36)  # how many pages are free, in the header of the file
        broken.write((7).to_bytes(4, "big"))

    def fail(*_: object) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", fail)
        with pytest.raises(StoreUnavailableError, match=r"amqtt\.db cannot be written: .*(is full|No space)"):
            read(file)
    assert [path.name for path in file.parent.iterdir() if path.suffix != ".lock"] == [file.name]
    assert file.read_bytes()[36:40] == (7).to_bytes(4, "big")
    assert contents(read(file)) == contents(everything())
    assert len(aside(file)) == 1


def test_a_broken_file_that_cannot_be_put_aside_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(b"not a database, whatever it is" * 1000)

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("amqtt.store.files.os.replace", fail)
    with pytest.raises(StoreError, match=r"file is not a database.*, nor be put aside: Permission denied"):
        read(file)


def test_a_file_whose_rows_are_whole_and_whose_free_pages_are_not_is_written_to_no_more(file: Path) -> None:
    """What would be written next would go over something else: SQLite's own check sees that."""
    written(file, everything())
    with file.open("r+b") as broken:
        broken.seek(36)  # how many pages are free, in the header of the file
        broken.write((7).to_bytes(4, "big"))
    assert contents(read(file)) == contents(everything())
    assert len(aside(file)) == 1
    assert contents(read(file)) == contents(everything())
    assert len(aside(file)) == 1


def test_a_table_whose_definition_is_damaged_does_not_take_the_others_with_it(file: Path) -> None:
    whole = written(file, everything()).read_bytes()
    file.write_bytes(whole.replace(b"CREATE TABLE wills", b"CREATE TABXE wills"))
    found = read(file)
    assert holds_nothing_else(found, everything())
    assert len(found.sessions) == 2
    assert len(found.retained) == 2


def test_an_empty_file_is_a_new_store(file: Path) -> None:
    file.touch()
    assert len(read(file)) == 0
    assert aside(file) == []


def test_a_header_that_makes_sqlite_read_only_is_damage(file: Path) -> None:
    whole = written(file, everything())
    with whole.open("r+b") as opened:
        opened.seek(18)
        opened.write(b"\xfd")
    database = Database(whole, "normal", 0)
    try:
        assert contents(database.open()) == contents(everything())
        database.write(everything())
    finally:
        database.close()
    assert len(aside(whole)) == 1
