"""Rows that no amqtt has written, their checksums right: whatever a column holds, the start goes on."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.config import Config
from amqtt.sessions.inflight import AWAITS_PUBREC
from amqtt.sessions.journal import StoredEntry
from amqtt.store.database import Database
from amqtt.store.rows import WITH_PAYLOAD, checksum, entry_checksum, retained_checksum
from amqtt.store.settings import PersistenceSettings
from amqtt.store.statements import COLUMNS
from amqtt.testing.store_contract import everything
from support.store_files import of_version_1, read, written

VALUES: dict[str, object] = {
    "NULL": None, "a text": "text", "a text of a number": "7", "no text": b"\xff\xfe", "an empty text": "",
    "bytes": b"\x00\xff", "zero": 0, "a negative number": -1, "the lowest number": -(2**63),
    "a huge number": 2**63 - 1, "a fraction": 1.5, "infinity": float("inf"), "minus infinity": float("-inf"),
    "a large number": 2**40,
}
TABLES = [table for table in COLUMNS if table != "batches"]
CELLS = [
    (table, column) for table in [*TABLES, "batches", "store", "damaged"]
    for column in range({**COLUMNS, "store": 2, "damaged": 4}[table])
]


def column_names(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def without_constraints(connection: sqlite3.Connection) -> None:
    """SQLite then lets anything into any column."""
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
    connection.commit()


def right_checksum(table: str, row: list[object]) -> int:
    """That of the row as SQLite gives it back."""
    values = row[:-1]
    payload = values.pop() if table in WITH_PAYLOAD else b""
    try:
        if table == "entries":
            return entry_checksum(*values)  # type: ignore[arg-type]
        if table == "retained":
            return retained_checksum(tuple(values), payload)  # type: ignore[arg-type]
        return checksum(tuple(values), payload)  # type: ignore[arg-type]
    except Exception:
        return 0


def crafted(file: Path, table: str, column: int, value: object) -> None:
    """Put this into a column of the first row of a table, and mend its checksum."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        names = column_names(connection, table)
        if table == "batches":
            connection.execute("INSERT INTO batches VALUES (1, x'00')")
        if table == "damaged":
            connection.execute("INSERT INTO damaged VALUES (1.0, 'a', 'b', 'c')")
        stored: object = value
        if value == b"\xff\xfe":
            connection.execute(f"UPDATE {table} SET {names[column]} = CAST(x'fffe' AS TEXT)")
        else:
            key = " AND ".join(f"{name} = (SELECT min({name}) FROM {table})" for name in names[:1])
            connection.execute(f"UPDATE OR REPLACE {table} SET {names[column]} = ? WHERE {key}", (stored,))
        if names[-1] == "checksum" and column != len(names) - 1 and table in TABLES:
            connection.text_factory = lambda found: found.decode("utf-8", "surrogateescape")
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():
                if value == b"\xff\xfe":
                    continue
                where = " AND ".join(f"{name} IS ?" for name in names[:-1])
                connection.execute(
                    f"UPDATE {table} SET checksum = ? WHERE {where}",
                    (right_checksum(table, list(row)), *row[:-1]),
                )
        connection.commit()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store with a row in each table, as a file."""
    file = of_version_1(tmp_path_factory.mktemp("whole") / "amqtt.db")
    read(file)
    with closing(sqlite3.connect(file)) as connection:
        without_constraints(connection)
    return file.read_bytes()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize(("table", "column"), CELLS)
def test_whatever_a_column_holds_the_store_opens_and_can_be_written(
    file: Path, whole: bytes, table: str, column: int, value: object
) -> None:
    file.write_bytes(whole)
    try:
        crafted(file, table, column, value)
    except (sqlite3.IntegrityError, sqlite3.OperationalError):
        return  # SQLite itself does not take it: a number of a row is a number
    database = Database(file, "normal", 0)
    try:
        kept = database.open()
        database.write(kept)
        database.close()
        database = Database(file, "normal", 0)
        database.open()
    finally:
        database.close()


@pytest.mark.parametrize("table", TABLES)
def test_a_broker_starts_and_stops_with_each_kind_of_value(
    tmp_path: Path, whole: bytes, table: str
) -> None:
    for column in range(COLUMNS[table]):
        for number, value in enumerate(VALUES.values()):
            file = tmp_path / f"{column}-{number}.db"
            file.write_bytes(whole)
            try:
                crafted(file, table, column, value)
            except (sqlite3.IntegrityError, sqlite3.OperationalError):
                continue
            asyncio.run(started(file))


async def started(file: Path) -> None:
    config = Config(listeners={}, persistence=PersistenceSettings(file=file, durability="normal"))
    async with asyncio.timeout(30), Broker(config):
        pass


def test_two_handshakes_cannot_have_one_packet_identifier(file: Path) -> None:
    batch = everything()
    batch.entries[8] = StoredEntry(1, 3, 2, False, AWAITS_PUBREC, 1)
    assert list(read(written(file, batch)).entries) == [5, 6, 7]
