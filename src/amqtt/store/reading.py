"""What an SQLite file holds: all that can be understood, row by row, also where the file is damaged."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from amqtt.sessions.journal import Batch
from amqtt.store.records import Records, unpacked
from amqtt.store.rows import LAST_NUMBER, TABLES, DamagedRow, Row, take_row
from amqtt.store.statements import KEYS
from amqtt.store.written import LONGEST_SPAN, WrittenBatches

logger = logging.getLogger("amqtt.store")

Damage: TypeAlias = tuple[str, Row, str]
"""A table, a row of it, and what is wrong with that."""
PackedRow: TypeAlias = tuple[int, Records, int]
"""The number of a row of `batches`, what is in it, and its size in bytes."""


def connect(file: Path) -> sqlite3.Connection:
    """A connection whose transactions are ours to begin, and whose text may be damaged."""
    connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
    connection.text_factory = _text
    return connection


def _text(found: bytes) -> str:
    return found.decode("utf-8", "surrogateescape")


def read_rows(connection: sqlite3.Connection) -> tuple[Batch, list[Damage]]:
    """All rows that can be understood; and the others, each with its table and what is wrong with it."""
    kept = Batch()
    damaged: list[Damage] = []
    for table in TABLES:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(KEYS[table])}"):  # noqa: S608
            _take(table, row, kept, damaged)
    return kept, damaged


def read_batches(connection: sqlite3.Connection) -> tuple[list[PackedRow], list[Damage]]:
    """What can be understood of the rows of `batches`; and those of which that is not all."""
    found: list[PackedRow] = []
    damaged: list[Damage] = []
    last = 0
    for number, pack in connection.execute("SELECT number, records FROM batches ORDER BY number"):
        records, fault = unpacked(pack)
        if not 1 <= number <= LAST_NUMBER:
            records, fault = Records(), "its number is out of range"
        if (records.messages or records.entries) and (records.gone_messages or records.gone_entries):
            records, fault = Records(), "it has records of both kinds"
        elif records.messages or records.entries:
            begin, end = records.span
            if begin <= last or end - begin >= LONGEST_SPAN:
                records, fault = Records(), "its numbers are not those of one Batch"
            else:
                last = end
        if len(records):
            found.append((number, records, len(pack)))
        if fault:
            damaged.append(("batches", (number, pack), fault))
    return found, damaged


def _take(table: str, row: Row, kept: Batch, damaged: list[Damage]) -> None:
    try:
        take_row(table, row, kept)
    except DamagedRow as fault:
        damaged.append((table, row, str(fault)))


def salvaged(file: Path) -> Batch:
    """What can be read of a damaged file: of each table its rows from both ends to where it is broken."""
    kept = Batch()
    unread: list[Damage] = []
    batches: dict[int, Records] = {}
    try:
        with closing(connect(file)) as connection:
            connection.execute("PRAGMA writable_schema = ON")  # it then passes over what it cannot read
            for table in TABLES:
                for direction in ("ASC", "DESC"):
                    order = ", ".join(f"{name} {direction}" for name in KEYS[table])
                    _salvage(connection, f"SELECT * FROM {table} ORDER BY {order}", table, kept, unread)  # noqa: S608
            for direction in ("ASC", "DESC"):
                query = f"SELECT number, records FROM batches ORDER BY number {direction}"  # noqa: S608
                _salvage_batches(connection, query, batches)
    except (sqlite3.Error, OSError, UnicodeDecodeError) as fault:
        logger.error("Nothing more can be read of %s: %s", file, fault)
    WrittenBatches().restore([(number, records, 0) for number, records in sorted(batches.items())], kept)
    kept.entries = dict(sorted(kept.entries.items()))
    return kept


def _salvage(
    connection: sqlite3.Connection, query: str, table: str, kept: Batch, unread: list[Damage]
) -> None:
    try:
        for row in connection.execute(query):
            _take(table, row, kept, unread)
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        return  # from here on it is broken; the other end may be whole


def _salvage_batches(connection: sqlite3.Connection, query: str, batches: dict[int, Records]) -> None:
    try:
        for number, pack in connection.execute(query):
            if isinstance(number, int) and isinstance(pack, bytes):
                batches[number] = unpacked(pack)[0]
    except (sqlite3.Error, OverflowError):
        return
