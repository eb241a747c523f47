"""The disk of the simulation: what was committed outlasts a crash, what was begun may, the rest does not."""

from collections.abc import Callable
from random import Random
from typing import Any

from amqtt.server.server import Server
from amqtt.sessions.journal import Batch, Journal
from amqtt.store.records import unpacked
from amqtt.store.rows import (
    Row,
    entry_row,
    message_row,
    received_row,
    retained_row,
    session_row,
    subscription_row,
    take_row,
    will_row,
)
from amqtt.store.written import WrittenBatches

GRACE = 30.0
"""Seconds that Clients have to come back after a crash before their Will Messages are published."""
ROWS: dict[str, Callable[[Any, Any], Row]] = {
    "sessions": session_row, "subscriptions": subscription_row, "messages": message_row,
    "entries": entry_row, "received": received_row, "retained": retained_row, "wills": will_row,
}


class Disk:
    """Rows as SQLite would hold them, and the Batches that are on their way there."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[object, Row]] = {table: {} for table in ROWS}
        self._packs: dict[int, bytes] = {}
        self._written = WrittenBatches()
        self._begun: list[Batch] = []

    def open(self, server: Server) -> None:
        """Have the Server go on with what is kept."""
        kept = Batch()
        for table, rows in self._rows.items():
            for _, row in sorted(rows.items(), key=repr):
                take_row(table, row, kept)
        self._written = WrittenBatches()
        batches = []
        for number, pack in sorted(self._packs.items()):
            records, fault = unpacked(pack)
            assert not fault, fault
            batches.append((number, records, len(pack)))
        self._written.restore(batches, kept)
        kept.entries = dict(sorted(kept.entries.items()))
        server.restore(kept, Journal(last_number=kept.last_number), GRACE)

    def begin(self, server: Server) -> None:
        """Take what was noted, to write it."""
        journal = server.realm.journal
        if journal is not None and journal.has_news:
            self._begun.append(journal.take())

    def finish(self, server: Server) -> None:
        """All that was begun is written, and the Server is told."""
        begun, self._begun = self._begun, []
        for batch in begun:
            self._write(batch)
            server.committed(batch.number)

    def crash(self, random: Random) -> None:
        """Of what was begun the first Batches are written, and nobody has heard of it."""
        for batch in self._begun[: random.randint(0, len(self._begun))]:
            self._write(batch)
        self._begun = []

    def _write(self, batch: Batch) -> None:
        draft = self._written.draft(batch)
        self._packs.update(draft.packs)
        for number in draft.dead:
            self._packs.pop(number, None)
        self._write_apart(draft.apart)
        self._written.wrote(draft)

    def _write_apart(self, batch: Batch) -> None:
        for table, row_of in ROWS.items():
            rows = self._rows[table]
            for key, record in getattr(batch, table).items():
                if record is None or record is False:
                    rows.pop(key, None)
                else:
                    rows[key] = row_of(key, record)

    def left(self) -> list[str]:
        """What is written there still, but for retained messages."""
        left = [f"{table}: {[*rows]}" for table, rows in self._rows.items() if rows and table != "retained"]
        packs = self._packs.keys() - set(self._written.dead)
        return [*left, f"batches: {packs}"] if packs else left
