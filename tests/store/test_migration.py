"""A file of an earlier version goes on as one of this."""

from pathlib import Path

import pytest

from amqtt.errors import StoreError
from amqtt.message import Message
from amqtt.sessions.journal import Batch, StoredEntry
from amqtt.store.database import Database
from amqtt.store.memory import fold
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
        patch.setattr("amqtt.store.database.migrations", lambda: steps)
        patch.setattr(Database, "_begin_anew", give_up)
        with pytest.raises(StoreError, match="no_such_table"):
            read(file)
    assert run(file, "SELECT version FROM store") == [(2,)]
    assert len(read(file).retained) == 2


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
