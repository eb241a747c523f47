"""The SQLite file: who may read it, who may open it, what is written when."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amqtt.errors import StoreError, StoreUnavailableError
from amqtt.message import Message
from amqtt.sessions.journal import Batch, StoredEntry, StoredSession
from amqtt.store.database import LOG_SIZE, Database
from amqtt.store.schema import migrations
from amqtt.store.statements import CHUNKS, write_rows
from amqtt.testing.store_contract import contents, everything
from support.store_files import aside, read, run, written


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_nobody_else_can_read_the_files_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    directory = tmp_path / "new" / "state"
    file = directory / "amqtt.db"
    (tmp_path / "new").mkdir()
    with umask(mask):
        database = Database(file, "full")
        database.open()
        database.write(everything())
    found = {path.name: permissions(path) for path in directory.iterdir()}
    database.close()
    assert found == {"amqtt.db": 0o600, "amqtt.db-wal": 0o600, "amqtt.db.lock": 0o600}
    assert permissions(directory) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(file: Path) -> None:
    written(file)
    file.chmod(0o644)
    written(file)
    assert permissions(file) == 0o600


def test_a_second_broker_is_refused_and_told_why(file: Path) -> None:
    database = Database(file, "full")
    database.open()
    second = Database(file, "full")
    with pytest.raises(StoreError, match="in use by another broker"):
        second.open()
    program = (
        "import sys; from pathlib import Path; from amqtt.store.database import Database\n"
        "Database(Path(sys.argv[1]), 'full').open()"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "in use by another broker" in other.stderr
    database.write(everything())
    database.close()
    assert contents(read(file)) == contents(everything())


def test_a_newer_schema_is_refused_with_its_version(file: Path) -> None:
    from amqtt.store.rows import checksum

    written(file, everything())
    run(file, "UPDATE store SET version = 1000, checksum = ?", checksum((1000,)))
    with pytest.raises(StoreError, match=r"written by a newer amqtt.*version 1000"):
        read(file)
    version = len(migrations())
    run(file, "UPDATE store SET version = ?, checksum = ?", version, checksum((version,)))
    assert contents(read(file)) == contents(everything())
    assert aside(file) == []


def test_a_file_of_another_program_is_left_alone(file: Path) -> None:
    run(file, "CREATE TABLE theirs (it TEXT)")
    before = file.read_bytes()
    with pytest.raises(StoreError, match="SQLite file of something else"):
        read(file)
    assert run(file, "SELECT name FROM sqlite_schema") == [("theirs",)]
    assert len(before) == file.stat().st_size


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match=r"file/amqtt\.db cannot be opened for writing"):
        Database(tmp_path / "file" / "amqtt.db", "full").open()


@pytest.mark.parametrize("name", ["amqtt.db", "amqtt.db.lock"])
def test_so_is_whatever_of_the_store_cannot_be_written(file: Path, name: str) -> None:
    """For root nothing is read-only, so it is a directory that stands where the file should be."""
    taken = file.with_name(name)
    taken.mkdir()
    with pytest.raises(StoreUnavailableError, match=r"amqtt\.db cannot be opened for writing: Is a dir"):
        Database(file, "full").open()
    taken.rmdir()
    assert len(read(file)) == 0, "nothing of it is left locked"


def test_what_was_written_is_there_after_a_process_that_never_closed_it(file: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from amqtt.store.database import Database\n"
        "from amqtt.testing.store_contract import everything\n"
        "database = Database(Path(sys.argv[1]), 'full'); database.open(); database.write(everything())\n"
        "os._exit(9)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(file)], check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 9
    assert file.with_name("amqtt.db-wal").stat().st_size > 0
    assert contents(read(file)) == contents(everything())


def test_closing_leaves_one_file_and_its_lock(file: Path) -> None:
    written(file, everything())
    assert {path.name for path in file.parent.iterdir()} == {"amqtt.db", "amqtt.db.lock"}


def test_the_log_is_not_truncated_while_it_is_open(file: Path) -> None:
    database = Database(file, "full")
    database.open()
    log = file.with_name("amqtt.db-wal")
    sizes = [log.stat().st_size]
    for number in range(1, 60):
        batch = Batch(number)
        batch.retained["large"] = Message("large", bytes(200_000), 0, True)
        database.write(batch)
        sizes.append(log.stat().st_size)
    database.close()
    assert sizes == [LOG_SIZE] * len(sizes), "a log that grows or shrinks makes each commit dear"


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1)])
def test_each_commit_is_synced_as_the_durability_says(file: Path, durability: str, synchronous: int) -> None:
    database = Database(file, durability)
    database.open()
    assert database.connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    assert database.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_a_write_that_fails_anywhere_changes_nothing_and_can_be_tried_again(file: Path) -> None:
    database = Database(file, "normal")
    database.open()
    first = Batch(1)
    first.retained["first"] = Message("first", b"1", 1, True)
    database.write(first)
    second = everything()
    steps = 1
    while True:
        left = steps

        def stop() -> bool:
            nonlocal left
            left -= 1
            return left == 0

        database.connection.set_progress_handler(stop, 1)
        try:
            database.write(second)
        except sqlite3.OperationalError:
            failed = True
        else:
            failed = False
        database.connection.set_progress_handler(None, 1)
        if not failed:
            break
        assert database.connection.execute("SELECT name FROM retained").fetchall() == [("first",)]
        assert database.connection.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
        steps += 7
    assert steps > 100
    database.close()
    second.retained.update(first.retained)
    assert contents(read(file)) == contents(second)


def test_a_full_disk_loses_nothing_and_is_written_to_when_there_is_room(file: Path) -> None:
    database = Database(file, "normal")
    database.open()
    (pages,) = database.connection.execute("PRAGMA page_count").fetchone()
    database.connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    kept = Batch()
    refused = None
    for number in range(1, 100):
        batch = Batch(number)
        batch.retained[f"r/{number}"] = Message(f"r/{number}", bytes(10_000), 1, True)
        try:
            database.write(batch)
        except sqlite3.OperationalError:
            refused = batch
            break
        kept.retained.update(batch.retained)
    assert refused is not None
    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.write(refused)
    database.connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    database.write(refused)
    database.close()
    kept.retained.update(refused.retained)
    assert contents(read(file)) == contents(kept)


def test_a_body_is_stored_once_for_all_who_wait_for_it(file: Path) -> None:
    batch = Batch(1)
    batch.messages[1] = Message("t", bytes(100_000), 1)
    for number in range(2, 102):
        batch.sessions[number] = StoredSession(f"c{number}", None, 60)
        batch.entries[number + 1000] = StoredEntry(number, 1, 1, False)
    written(file, batch)
    assert file.stat().st_size < 200_000


def test_what_a_batch_queues_and_what_it_takes_out_is_one_statement(file: Path) -> None:
    database = Database(file, "full")
    database.open()
    batch = everything()
    database.write(batch)
    later = Batch(2)
    later.messages.update({number + 100: message for number, message in batch.messages.items()})
    later.messages[4] = None
    later.entries.update({number + 100: entry for number, entry in batch.entries.items()})
    later.entries[5] = None
    statements: list[str] = []
    database.connection.set_trace_callback(statements.append)
    database.write(later)
    database.connection.set_trace_callback(None)
    database.close()
    assert [each.split(" VALUES")[0] for each in statements] == [
        "BEGIN IMMEDIATE", "INSERT OR REPLACE INTO batches", "COMMIT",
    ]


@pytest.mark.parametrize("count", [1, 7, 63, 127])
def test_many_rows_are_written_with_few_statements_because_each_is_a_change_of_threads(
    file: Path, count: int
) -> None:
    database = Database(file, "full")
    database.open()
    batch = Batch(1)
    for number in range(count):
        batch.retained[f"t/{number}"] = Message(f"t/{number}", b"x", 1, True)
    statements: list[str] = []
    database.connection.set_trace_callback(statements.append)
    database.write(batch)
    database.connection.set_trace_callback(None)
    database.close()
    assert len([each for each in statements if each.startswith("INSERT")]) == count.bit_count()
    assert contents(read(file)) == contents(batch)


def test_rows_are_made_as_they_are_written_so_that_the_event_loop_is_let_in_between(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE wills (a, b, c, d, e, f, g)")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    ahead = []

    def rows() -> Iterator[tuple[int, ...]]:
        for number in range(1_000):
            written = sum(each.startswith("INSERT") for each in statements)
            ahead.append(number - written * CHUNKS[0])
            yield (number,) * 7

    write_rows(connection, "wills", rows())
    assert max(ahead) < CHUNKS[0]
    assert connection.execute("SELECT count(*), max(a) FROM wills").fetchone() == (1_000, 999)
    connection.close()


def test_a_file_shrinks_when_it_is_closed_and_holds_little_any_more(file: Path) -> None:
    database = Database(file, "full")
    database.open()
    much, nothing = Batch(1), Batch(2)
    for number in range(1_000):
        much.retained[f"t/{number}"] = Message(f"t/{number}", bytes(2_000), 1, True)
        nothing.retained[f"t/{number}"] = None
    database.write(much)
    database.close()
    large = file.stat().st_size
    database.open()
    database.write(nothing)
    database.close()
    assert large > 2_000_000
    assert file.stat().st_size < 200_000
