"""The SQLite file: opening it safely, mending it, writing Batches. It blocks: give it a thread."""

import logging
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from amqtt.errors import StoreError, StoreUnavailableError
from amqtt.sessions.journal import Batch
from amqtt.store.consistency import strays
from amqtt.store.files import (
    Unreadable,
    make_directory,
    make_private,
    prepare_log,
    put_aside,
    put_back,
    unwritable,
)
from amqtt.store.lock import FileLock
from amqtt.store.memory import fold
from amqtt.store.reading import Damage, PackedRow, connect, read_batches, read_rows, salvaged
from amqtt.store.records import packed, unpacked
from amqtt.store.statements import KEYS, write_draft
from amqtt.store.versions import bring_up_to_date, check_tables
from amqtt.store.written import MOST_GARBAGE, Draft, Packed, WrittenBatches

logger = logging.getLogger("amqtt.store")

SYNCHRONOUS: Final = {"full": "FULL", "normal": "NORMAL"}
LARGEST_CHECKED: Final = 1 << 30
"""Bytes of a file that is looked through at start; half a second for each 250 MB."""
IN_USE: Final = "is in use by another broker: stop that, or name another persistence.file"
LOG_SIZE: Final = 8 * 1024 * 1024
"""Bytes of the log. It is made at once and overwritten from then on: each commit that made it longer
would cost the disk several times as much."""
CHECKPOINT: Final = 400
"""Pages of 4 KiB in the log after which they are brought into the file: what is left of the log is for
the transaction that gets it there. That commit takes the longer the more there are, and all publishers wait
for it: 1600 pages took 19 ms, 400 took 8, 100 took 3.5 and came too often (measured)."""
MOST_FREED: Final = 16_384
"""Pages of 4 KiB by which a file shrinks when it is closed: a stop has a deadline."""
DAMAGED_ROWS_NAMED: Final = 10
"""Log lines about single rows; what comes after is counted."""


class Database:
    """One connection to one file, which it has alone."""

    def __init__(
        self, file: Path, durability: str, log_size: int = LOG_SIZE, most_garbage: int = MOST_GARBAGE
    ) -> None:
        self.file = file
        self._log_size = log_size
        self._synchronous = SYNCHRONOUS[durability]
        self._connection: sqlite3.Connection | None = None
        self._most_garbage = most_garbage
        self._written = WrittenBatches()
        self._lock = FileLock(file)

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        assert self._connection is not None
        return self._connection

    def open(self) -> Batch:
        """Open the file, make it if it is missing, bring it up to date, and read all of it.

        A damaged row is set aside in the table `damaged`; a file that SQLite cannot read is put aside
        under another name, and what can be read of it is carried over.
        """
        self._take_lock()
        try:
            try:
                return self._begin()
            except Unreadable as fault:
                self._let_go()
                return self._begin_anew(str(fault))
        except BaseException:
            self._let_go()
            self._lock.release()
            raise

    def _take_lock(self) -> None:
        try:
            make_directory(self.file.parent)
            taken = self._lock.take()
        except OSError as fault:
            raise unwritable(self.file, fault) from fault
        if not taken:
            raise StoreUnavailableError(f"{self.file} {IN_USE}")

    def _begin(self) -> Batch:
        """Open the file, a new one twice: SQLite deletes the log of an empty one."""
        make_private(self.file)
        try:
            if not self.file.stat().st_size:
                self._settle()
                self._let_go()
            prepare_log(self.file, self._log_size)
            return self._read(self._settle())
        except sqlite3.Error as fault:
            raise explained(self.file, fault) from fault
        except UnicodeDecodeError as fault:  # SQLite quotes what it cannot read
            raise Unreadable("its schema is no text") from fault

    def _read(self, connection: sqlite3.Connection) -> Batch:
        """All that can be understood; what cannot is set aside."""
        check_tables(connection)
        self._check(connection)
        kept, damaged = read_rows(connection)
        batches, damaged_batches = read_batches(connection)
        self._set_aside(connection, damaged + damaged_batches)
        self._put_back(connection, batches, damaged_batches)
        self._written = WrittenBatches(self._most_garbage)
        self._written.restore(batches, kept)
        kept.entries = dict(sorted(kept.entries.items()))
        lost = strays(kept)
        if len(lost):
            self.write(lost)
        fold(kept, lost)
        return kept

    def _settle(self) -> sqlite3.Connection:
        """Connect, lock the file, choose how it is written, and make its tables what this version needs."""
        connection = self._connection = connect(self.file)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        # The log is overwritten again and again: to append to it costs the disk twenty times as much.
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute("PRAGMA journal_size_limit = -1")
        connection.execute("PRAGMA cache_size = -64000")
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("BEGIN IMMEDIATE")
        bring_up_to_date(self.file, connection)
        connection.execute("COMMIT")
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        if self.file.stat().st_size > LARGEST_CHECKED:
            return
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise Unreadable(verdict)

    def _set_aside(self, connection: sqlite3.Connection, damaged: list[Damage]) -> None:
        """Take damaged rows out of their tables, keep them in `damaged`, and name them."""
        if not damaged:
            return
        connection.execute("BEGIN IMMEDIATE")
        for table, row, reason in damaged:
            connection.execute(
                "INSERT INTO damaged VALUES (?, ?, ?, ?)", (time.time(), table, reason, ascii(row))
            )
            where = " AND ".join(f"{name} IS ?" for name in KEYS[table])
            try:
                connection.execute(f"DELETE FROM {table} WHERE {where}", row[: len(KEYS[table])])  # noqa: S608
            except UnicodeEncodeError:
                continue  # its key is no text any more: it stays, and is passed over
        connection.execute("COMMIT")
        for table, row, reason in damaged[:DAMAGED_ROWS_NAMED]:
            logger.error(
                "%s: the row %s of %s is damaged and was set aside: %s",
                self.file, ascii(row[: len(KEYS[table])]), table, reason,
            )
        if len(damaged) > DAMAGED_ROWS_NAMED:
            logger.error(
                "%s: %d more damaged rows were set aside; they are in the table damaged",
                self.file, len(damaged) - DAMAGED_ROWS_NAMED,
            )

    def _put_back(
        self, connection: sqlite3.Connection, batches: list[PackedRow], damaged: list[Damage]
    ) -> None:
        """Keep what could be understood of rows that were set aside."""
        set_aside = {row[0] for _, row, _ in damaged}
        for number, records, _ in batches:
            if number in set_aside:
                connection.execute("INSERT INTO batches VALUES (?, ?)", (number, packed(records)))

    def _begin_anew(self, reason: str) -> Batch:
        """Put the file aside and carry over what can be read of it: where that fails, it is as it was."""
        try:
            aside = put_aside(self.file)
        except OSError as fault:
            raise StoreError(
                f"{self.file} cannot be read ({reason}), nor be put aside: {fault.strerror}"
            ) from fault
        try:
            kept = self._carry_over(aside)
        except BaseException as fault:
            self._let_go()
            put_back(aside, self.file)
            if isinstance(fault, sqlite3.Error | OSError | Unreadable):
                raise StoreUnavailableError(f"{self.file} cannot be written: {fault}") from fault
            raise
        logger.error("%s cannot be read (%s): it was put aside as %s", self.file, reason, aside)
        logger.error(
            "Carried over from %s: %d Sessions, %d Subscriptions, %d queued and %d retained messages",
            aside, len(kept.sessions), len(kept.subscriptions), len(kept.entries), len(kept.retained),
        )
        return kept

    def _carry_over(self, aside: Path) -> Batch:
        kept = salvaged(aside)
        empty = self._begin()
        assert not len(empty)
        fold(kept, strays(kept))
        self.write(kept)
        return kept

    def write(self, batch: Batch) -> None:
        """Write a Batch in one transaction; sqlite3.Error and OSError when nothing of it was written."""
        draft = self._written.draft(batch)
        self._write(draft)
        self._written.wrote(draft)
        sparse = self._written.sparsest()
        if sparse is not None:
            self._resolve(sparse)

    def _resolve(self, sparse: Packed) -> None:
        """Make room where much is taken by what nobody awaits; what fails here is tried again later."""
        with suppress(sqlite3.Error, OSError):
            found = self.connection.execute("SELECT records FROM batches WHERE number = ?", (sparse.row,))
            draft = self._written.resolution(sparse, unpacked(found.fetchone()[0])[0])
            self._write(draft)
            self._written.resolved(sparse)

    def _write(self, draft: Draft) -> None:
        connection = self.connection
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        try:
            write_draft(connection, draft)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Bring everything into the file and let go of it."""
        if self._connection is not None:
            try:
                if self._written.dead:
                    self.write(Batch())
                # Not by `execute`, which asks for a first row and so frees one page.
                self._connection.executescript(f"PRAGMA incremental_vacuum({MOST_FREED})")
            finally:
                self._let_go()
                self._lock.release()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def explained(file: Path, fault: sqlite3.Error) -> Exception:
    """What an error of SQLite at start means: a StoreError says what to do, Unreadable that it is damaged."""
    code = fault.sqlite_errorcode & 0xFF if hasattr(fault, "sqlite_errorcode") else sqlite3.SQLITE_ERROR
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailableError(f"{file} {IN_USE}")
    if code == sqlite3.SQLITE_READONLY and not _has_known_format(file):
        return Unreadable("its header names a format that nobody has")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreUnavailableError(f"{file} cannot be written: {fault}")
    if code == sqlite3.SQLITE_IOERR and not isinstance(fault, sqlite3.InternalError):
        return StoreError(f"{file} cannot be read: {fault}")
    return Unreadable(str(fault))


def _has_known_format(file: Path) -> bool:
    """Whether the header has a write version that is one of SQLite's: for others it only reads."""
    with file.open("rb") as opened:
        return opened.read(20)[18:19] in (b"\x01", b"\x02")
