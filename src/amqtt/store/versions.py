"""Of which version the tables of a file are, and how they become those of this one."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

from amqtt.errors import StoreError
from amqtt.store.files import Unreadable
from amqtt.store.rows import checksum
from amqtt.store.schema import migrations

APPLICATION_ID: Final = 0x614D5154
"""Says in the header of the file whose it is: "aMQT"."""

Tables: TypeAlias = frozenset[tuple[str, str]]
"""Tables, each with its name and the text that made it."""


def bring_up_to_date(file: Path, connection: sqlite3.Connection) -> None:
    """Make the tables what this version needs, within the transaction that is open.

    Raises StoreError for a file that is not ours to change, Unreadable for one whose tables are damaged.
    """
    steps = migrations()
    version = _version(file, connection, steps)
    if version > len(steps):
        raise StoreError(
            f"{file} was written by a newer amqtt (its tables are of version {version}, this one "
            f"knows {len(steps)}): use that version, or another file"
        )
    for number, script in enumerate(steps[version:], version + 1):
        _migrate(connection, number, script)


def check_tables(connection: sqlite3.Connection) -> None:
    """Whether the tables are what they were made as: SQLite believes whatever their text has become."""
    missing = _versions(tuple(migrations()))[-1] - _tables(connection)
    if missing:
        names = ", ".join(sorted(name for name, _ in missing))
        raise Unreadable(f"its schema is damaged: {names}")


def _version(file: Path, connection: sqlite3.Connection, steps: Sequence[str]) -> int:
    """The version of the tables; 0: there is none.

    The tables themselves say it. A row with a checksum does, too: it is believed where it knows of a later
    one, and where the tables are damaged. A step that was done once must not be done again.
    """
    tables = _tables(connection)
    if not tables:
        return 0
    if "store" not in {name for name, _ in tables}:
        if connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,):
            raise Unreadable("its schema is damaged")
        raise StoreError(f"{file} is an SQLite file of something else: choose another name for ours")
    known = enumerate(_versions(tuple(steps)), 1)
    version = max((number for number, made in known if made <= tables), default=0)
    for number, written in connection.execute("SELECT version, checksum FROM store"):
        if isinstance(number, int) and checksum((number,)) == written:
            version = max(version, number)
    if not version:
        raise Unreadable("its schema is damaged, and so is its version")
    return version


def _tables(connection: sqlite3.Connection) -> Tables:
    return frozenset(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))


@cache
def _versions(steps: tuple[str, ...]) -> Sequence[Tables]:
    """The tables of each version, as its step leaves them."""
    found = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        for number, script in enumerate(steps, 1):
            _migrate(new, number, script)
            found.append(_tables(new))
    return found


def _migrate(connection: sqlite3.Connection, number: int, script: str) -> None:
    """Run one migration."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute("DELETE FROM store")
    connection.execute("INSERT INTO store VALUES (?, ?)", (number, checksum((number,))))
    # Nobody here reads it; earlier versions do, and tools show it.
    connection.execute(f"PRAGMA user_version = {number}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
