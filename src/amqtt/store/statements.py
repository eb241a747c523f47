"""The SQL that writes a Batch: few statements of many rows, because each costs a change of threads."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from amqtt.sessions.journal import Batch
from amqtt.store.rows import (
    Row,
    entry_row,
    message_row,
    received_row,
    retained_row,
    session_row,
    subscription_row,
    will_row,
)
from amqtt.store.written import Draft

CHUNKS: Final = (64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement: each statement is a change of threads, so few; each size is compiled once. Rows are
made 64 at a time, too: compiled code keeps the interpreter to itself, and 65,536 rows would take it from the
event loop for 0.1 s (measured)."""
COLUMNS: Final[Mapping[str, int]] = {
    "sessions": 6, "subscriptions": 5, "messages": 8, "entries": 7, "received": 3, "retained": 9, "wills": 7,
    "batches": 2,
}
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "sessions": ("number",),
    "subscriptions": ("session", "topic_filter"),
    "messages": ("number",),
    "entries": ("number",),
    "received": ("session", "packet_id"),
    "retained": ("name",),
    "wills": ("session",),
    "batches": ("number",),
}

Key = TypeVar("Key")
Record = TypeVar("Record")


def write_draft(connection: sqlite3.Connection, draft: Draft) -> None:
    """Write what was drafted, within the transaction that is open."""
    if draft.packs:
        write_rows(connection, "batches", draft.packs)
    if draft.dead:
        _delete(connection, "batches", draft.dead)
    if len(draft.apart):
        _write_rows(connection, draft.apart)


def _write_rows(connection: sqlite3.Connection, batch: Batch) -> None:
    _write(connection, "sessions", batch.sessions, session_row)
    _write(connection, "subscriptions", batch.subscriptions, subscription_row)
    _write(connection, "messages", batch.messages, message_row)
    _write(connection, "entries", batch.entries, entry_row)
    _write(connection, "received", batch.received, received_row)
    _write(connection, "retained", batch.retained, retained_row)
    _write(connection, "wills", batch.wills, will_row)


def _write(
    connection: sqlite3.Connection,
    table: str,
    changes: Mapping[Key, Record | None],
    row_of: Callable[[Key, Record], Row],
) -> None:
    if not changes:
        return
    write_rows(connection, table, _rows(changes, row_of))
    gone = [key for key, record in changes.items() if record is None or record is False]
    if gone:
        _delete(connection, table, gone)


def _rows(changes: Mapping[Key, Record | None], row_of: Callable[[Key, Record], Row]) -> Iterator[Row]:
    for key, record in changes.items():
        if record is not None and record is not False:
            yield row_of(key, record)


def write_rows(connection: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    """Write rows, each in place of the one that has its key; they are made as they are written."""
    one = f"({','.join('?' * COLUMNS[table])})"
    _execute(connection, f"INSERT OR REPLACE INTO {table} VALUES ", one, "", rows)  # noqa: S608


def _delete(connection: sqlite3.Connection, table: str, keys: Sequence[Any]) -> None:
    names = KEYS[table]
    if len(names) == 1:
        _execute(connection, f"DELETE FROM {table} WHERE {names[0]} IN (", "?", ")", [(key,) for key in keys])  # noqa: S608
    else:
        connection.executemany(f"DELETE FROM {table} WHERE {names[0]} = ? AND {names[1]} = ?", keys)  # noqa: S608


def _execute(connection: sqlite3.Connection, begin: str, one: str, end: str, rows: Iterable[Row]) -> None:
    made = iter(rows)
    while some := list(islice(made, CHUNKS[0])):
        for size in CHUNKS:
            while len(some) >= size:
                statement = begin + ",".join([one] * size) + end
                connection.execute(statement, [value for row in some[:size] for value in row])
                del some[:size]
