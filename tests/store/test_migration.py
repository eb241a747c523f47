"""A file of an earlier version goes on as one of this."""

from collections.abc import Callable
from pathlib import Path

import pytest

from amqtt.errors import StoreError
from amqtt.message import Message
from amqtt.sessions.journal import Batch, StoredEntry
from amqtt.store.database import Database
from amqtt.store.memory import fold
from amqtt.store.rows import checksum
from amqtt.store.schema import migrations
from amqtt.testing.store_contract import contents, everything
from support.store_files import aside, everything_before_3, of_version_1, of_version_2, read, run, written


def test_all_that_the_first_version_kept_is_read(file: Path) -> None:
    of_version_1(file)
    assert contents(read(file)) == contents(everything_before_3())
    assert run(file, "SELECT version FROM store") == [(len(migrations()),)]
    assert contents(read(file)) == contents(everything_before_3())


def test_all_that_the_second_version_kept_is_read(file: Path) -> None:
    of_version_2(file)
    expected = everything_before_3()
    expected.entries[8] = StoredEntry(2, 3, 1, False)
    assert contents(read(file)) == contents(expected)
    assert run(file, "SELECT version FROM store") == [(len(migrations()),)]
    assert contents(read(file)) == contents(expected)


def test_of_what_an_earlier_version_retained_nobody_knows_who_did_until_it_is_retained_again(
    file: Path,
) -> None:
    of_version_2(file)
    assert {message.owner for message in read(file).retained.values() if message is not None} == {None}
    later = Batch(1)
    later.retained["r"] = everything().retained["r"]
    written(file, later)
    owners = {topic: message.owner for topic, message in read(file).retained.items() if message is not None}
    assert owners == {"r": "user ü", "/": None}


def test_a_damaged_file_of_an_earlier_version_is_salvaged_with_what_is_retained(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its rows of `retained` have no owner, and nobody brings its tables up to date before they are read."""
    whole = of_version_1(file)
    with whole.open("r+b") as broken:
        broken.seek(36)  # how many pages are free, in the header of the file
        broken.write((7).to_bytes(4, "big"))
    assert contents(read(file)) == contents(everything_before_3())
    (old,) = aside(file)
    assert f"{file} cannot be read" in caplog.text
    assert run(old, "SELECT version FROM store") == [(1,)], "it was put aside as it was found"


def test_a_step_that_fails_has_changed_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_version_2(file)
    steps = [*migrations()[:2], migrations()[2] + "INSERT INTO no_such_table VALUES (1);\n"]

    def give_up(database: Database, reason: str) -> Batch:
        raise StoreError(reason)

    with monkeypatch.context() as patch:
        patch.setattr("amqtt.store.versions.migrations", lambda: steps)
        patch.setattr(Database, "_begin_anew", give_up)
        with pytest.raises(StoreError, match="no_such_table"):
            read(file)
    assert run(file, "SELECT version FROM store") == [(2,)]
    assert len(read(file).retained) == 2


@pytest.mark.parametrize(
    ("row", "header"),
    [
        ((2, 0), 2), ((1, 0), 1), ((3, 0), 1), ((2, checksum((2,))), 2), ((3, 0), 3),
        (None, 2), (None, 77), (None, 0),
    ],
)
def test_where_both_version_numbers_are_damaged_the_tables_themselves_say_it(
    file: Path, row: tuple[int, int] | None, header: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A step that was done is not done again: the third would take its owner from all that is retained."""
    written(file, everything())
    run(file, "DELETE FROM store")
    if row is not None:
        run(file, "INSERT INTO store VALUES (?, ?)", *row)
    run(file, f"PRAGMA user_version = {header}")
    assert contents(read(file)) == contents(everything())
    assert (aside(file), run(file, "SELECT count(*) FROM damaged"), caplog.text) == ([], [(0,)], "")
    assert contents(read(file)) == contents(everything())


@pytest.mark.parametrize("of_version", [of_version_1, of_version_2])
@pytest.mark.parametrize("header", [0, 1, 2, 3, 77])
def test_so_it_is_with_those_of_an_earlier_version(
    file: Path, of_version: Callable[[Path], Path], header: int, caplog: pytest.LogCaptureFixture
) -> None:
    of_version(file)
    run(file, "DELETE FROM store")
    run(file, f"PRAGMA user_version = {header}")
    assert contents(read(file))["retained"] == contents(everything_before_3())["retained"]
    assert (aside(file), caplog.text) == ([], "")
    assert run(file, "SELECT version FROM store") == [(len(migrations()),)]


def test_what_an_earlier_version_queued_is_changed_and_taken_out_like_the_rest(file: Path) -> None:
    of_version_1(file)
    database = Database(file, "full")
    database.open()
    later = Batch(1)
    later.messages[8] = Message("a", b"later", 1)
    later.entries[9] = StoredEntry(1, 8, 1, False)
    later.entries[5] = None
    later.messages[4] = None
    later.entries[6] = StoredEntry(1, 3, 2, False, 3, 1, (), "$share/g/b/#")
    database.write(later)
    database.close()
    expected = everything_before_3()
    fold(expected, later)
    assert contents(read(file)) == contents(expected)
