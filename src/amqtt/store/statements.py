"""The SQL that writes a Batch: few statements of many rows, because each costs a change of threads."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from amqtt.sessions.journal import Batch
from amqtt.store.rows import (
    Row,
    entry_row,
    message_row,
    received_row,
    session_row,
    subscription_row,
    will_row,
)
from amqtt.store.written import Draft

CHUNKS: Final = (64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement: each statement is a change of threads, so few; each size is compiled once."""
COLUMNS: Final[Mapping[str, int]] = {
    "sessions": 6, "subscriptions": 5, "messages": 8, "entries": 7, "received": 3, "retained": 8, "wills": 7,
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
    _write(connection, "retained", batch.retained, message_row)
    _write(connection, "wills", batch.wills, will_row)


def _write(
    connection: sqlite3.Connection,
    table: str,
    changes: Mapping[Key, Record | None],
    row_of: Callable[[Key, Record], Row],
) -> None:
    if not changes:
        return
    rows: list[Row] = []
    gone: list[Key] = []
    for key, record in changes.items():
        if record is None or record is False:
            gone.append(key)
        else:
            rows.append(row_of(key, record))
    if rows:
        write_rows(connection, table, rows)
    if gone:
        _delete(connection, table, gone)


def write_rows(connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    """Write rows, each in place of the one that has its key."""
    one = f"({','.join('?' * COLUMNS[table])})"
    _execute(connection, f"INSERT OR REPLACE INTO {table} VALUES ", one, "", rows)  # noqa: S608


def _delete(connection: sqlite3.Connection, table: str, keys: Sequence[Any]) -> None:
    names = KEYS[table]
    if len(names) == 1:
        _execute(connection, f"DELETE FROM {table} WHERE {names[0]} IN (", "?", ")", [(key,) for key in keys])  # noqa: S608
    else:
        connection.executemany(f"DELETE FROM {table} WHERE {names[0]} = ? AND {names[1]} = ?", keys)  # noqa: S608


def _execute(connection: sqlite3.Connection, begin: str, one: str, end: str, rows: Sequence[Row]) -> None:
    at = 0
    left = len(rows)
    for size in CHUNKS:
        if left < size:
            continue
        statement = begin + ",".join([one] * size) + end
        while left >= size:
            connection.execute(statement, _flat(rows[at : at + size]))
            at += size
            left -= size


def _flat(rows: Iterable[Row]) -> list[object]:
    return [value for row in rows for value in row]
