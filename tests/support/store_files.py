"""Stores on a disk that tests write, damage and read again."""

import sqlite3
from contextlib import closing
from pathlib import Path

from amqtt.sessions.journal import Batch
from amqtt.store.database import Database


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
    """A store that the first version of the tables left: it holds `everything`, a row for each record."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    return file


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
