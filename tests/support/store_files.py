"""Stores on a disk that tests write, damage and read again."""

import sqlite3
from contextlib import closing
from pathlib import Path

from amqtt.sessions.journal import Batch, StoredEntry
from amqtt.store.database import Database
from amqtt.store.records import Records, packed
from amqtt.store.rows import checksum
from amqtt.store.schema import migrations
from amqtt.testing.store_contract import everything


def written(file: Path, *batches: Batch) -> Path:
    """A store that holds these Batches, closed."""
    database = Database(file, "normal", 0)
    database.open()
    for batch in batches:
        database.write(batch)
    database.close()
    return file


VERSION_1 = Path(__file__).with_name("store_version_1.sql")


def of_version_1(file: Path) -> Path:
    """A store that the first version of the tables left: `everything_before_3`, a row for each record."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    return file


def of_version_2(file: Path) -> Path:
    """A store that the second version left: the same, and one entry in a row of `batches`."""
    records = Records()
    records.entries[8] = StoredEntry(2, 3, 1, False)
    with closing(sqlite3.connect(of_version_1(file))) as connection:
        connection.executescript(migrations()[1])
        connection.execute("INSERT INTO batches VALUES (1, ?)", (packed(records),))
        connection.execute("DELETE FROM store")
        connection.execute("INSERT INTO store VALUES (2, ?)", (checksum((2,)),))
        connection.execute("PRAGMA user_version = 2")
        connection.commit()
    return file


def everything_before_3() -> Batch:
    """`everything`, but for who retained what: version 3 is the first that knows."""
    batch = everything()
    for message in batch.retained.values():
        assert message is not None
        message.owner = None
    return batch


def read(file: Path) -> Batch:
    """What a Broker that starts now finds there."""
    database = Database(file, "normal", 0)
    try:
        return database.open()
    finally:
        database.close()


def run(file: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Run a statement on the file with SQLite alone, as somebody with a tool would."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
    return rows


def aside(file: Path) -> list[Path]:
    """The files that were put aside."""
    return sorted(file.parent.glob(f"{file.name}.damaged-*"))
