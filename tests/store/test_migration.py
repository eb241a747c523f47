"""A file of an earlier version goes on as one of this."""

from pathlib import Path

from amqtt.message import Message
from amqtt.sessions.journal import Batch, StoredEntry
from amqtt.store.database import Database
from amqtt.store.memory import fold
from amqtt.store.schema import migrations
from amqtt.testing.store_contract import contents, everything
from support.store_files import of_version_1, read, run


def test_all_that_the_first_version_kept_is_read(file: Path) -> None:
    of_version_1(file)
    assert contents(read(file)) == contents(everything())
    assert run(file, "SELECT version FROM store") == [(len(migrations()),)]
    assert contents(read(file)) == contents(everything())


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
    expected = everything()
    fold(expected, later)
    assert contents(read(file)) == contents(expected)
