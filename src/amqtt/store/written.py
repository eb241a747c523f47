"""Which rows of `batches` there are, what of each is still awaited, and which of them may go."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from amqtt.sessions.journal import Batch
from amqtt.store.records import Records, packed

IS_MESSAGE: Final = 1
IS_ENTRY: Final = 2
LARGEST_TOGETHER: Final = 64 * 1024
"""Bytes of a payload; one that is larger gets a row of its own in `messages`."""
LARGEST_ROW: Final = 16 * 1024 * 1024
"""Bytes of payloads in one row; what comes after gets rows of its own."""
LONGEST_SPAN: Final = 1 << 20
"""Numbers that one row may span; each takes a byte of memory."""
SPARSE: Final = 4
"""A row is sparse when less than this part of its records is awaited."""
MOST_GARBAGE: Final = 32 * 1024 * 1024
"""Bytes of sparse rows beyond which they are resolved, one after each commit."""


class Packed:
    """A row of Messages and entries: from its first number on, which of them are awaited.

    `noted_by` are the rows that say that something of it is gone.
    """

    __slots__ = ("_marks", "count", "first", "last", "live", "noted_by", "row", "size")

    def __init__(self, row: int, records: Records, size: int) -> None:
        self.row = row
        self.size = size
        self.count = self.live = len(records.messages) + len(records.entries)
        self.noted_by: list[Notes] = []
        self.first, self.last = records.span
        first = self.first
        marks = self._marks = bytearray(self.last - first + 1)
        for number in records.entries:
            marks[number - first] = IS_ENTRY
        for number in records.messages:
            marks[number - first] |= IS_MESSAGE

    @property
    def is_sparse(self) -> bool:
        """Whether most of it is awaited no more."""
        return self.live * SPARSE < self.count

    def awaits(self, number: int, kind: int) -> bool:
        """Whether it has this number, and it is awaited."""
        if not self.first <= number <= self.last:
            return False
        mark: int = self._marks[number - self.first]
        return mark & kind != 0

    def clear(self, number: int, kind: int) -> None:
        """It is awaited no more."""
        if self.awaits(number, kind):
            self._marks[number - self.first] &= ~kind
            self.live -= 1


class Notes:
    """A row of numbers that are gone, and the rows where these are: it must not go before them."""

    __slots__ = ("row", "speaks_of")

    def __init__(self, row: int) -> None:
        self.row = row
        self.speaks_of: set[Packed] = set()


class Draft:
    """How a Batch is written.

    `put` as one row of `batches`, `gone` as another; the rest, `apart`, as rows of its own. `packs` are
    the first two as bytes, by number. `dead` are rows of `batches` that go on this occasion.
    """

    __slots__ = ("apart", "dead", "gone", "overrides", "packs", "put")

    def __init__(self, batch: Batch, dead: list[int]) -> None:
        self.dead = dead
        self.put = Records()
        self.gone = Records()
        self.packs: list[tuple[int, bytes]] = []
        self.overrides: list[int] = []
        apart = self.apart = Batch(batch.number)
        apart.sessions = batch.sessions
        apart.subscriptions = batch.subscriptions
        apart.received = batch.received
        apart.retained = batch.retained
        apart.wills = batch.wills


class WrittenBatches:
    """All rows of `batches` in order. What a Batch changes is drafted, written, and then taken note of.

    A Message or entry whose number is higher than all before is packed with the others of its Batch;
    one that was written before gets a row of its own, which overrides what is packed. When one goes that
    is packed, a note says so; another one's row goes. A row goes when nothing in it is awaited, a row of
    notes when all of which it speaks has gone.
    """

    __slots__ = (
        "_dead", "_firsts", "_found", "_highest", "_most_garbage", "_next", "_overrides", "_packed",
        "_sparse", "_sparse_size",
    )

    def __init__(self, most_garbage: int = MOST_GARBAGE) -> None:
        self._most_garbage = most_garbage
        self._packed: list[Packed] = []
        self._found: Packed | None = None
        self._firsts: list[int] = []
        self._overrides: set[int] = set()
        self._dead: list[int] = []
        self._sparse: dict[int, Packed] = {}
        self._sparse_size = 0
        self._highest = 0
        self._next = 1

    def restore(self, rows: Sequence[tuple[int, Records, int]], kept: Batch) -> None:
        """Know the rows that there are, by number, and put into `kept` what is awaited of them.

        `kept` holds the rows that override; a tuple is the number of a row, what is in it, and its size.
        """
        messages, entries = set(kept.messages), set(kept.entries)
        for row, records, size in rows:
            self._next = max(self._next, row + 1)
            if records.messages or records.entries:
                self._add(Packed(row, records, size))
            for number, message in records.messages.items():
                kept.messages.setdefault(number, message)
            for number, entry in records.entries.items():
                kept.entries.setdefault(number, entry)
        for row, records, _ in rows:
            if records.gone_messages or records.gone_entries:
                self._note(row, records)
            for number in records.gone_messages:
                if number not in messages:
                    kept.messages.pop(number, None)
            for number in records.gone_entries:
                if number not in entries:
                    kept.entries.pop(number, None)
            # A number that a note speaks of may be given again, but to a row of its own: that overrides.
            self._highest = max(
                self._highest, max(records.gone_messages, default=0), max(records.gone_entries, default=0)
            )
        self._overrides = {number for number in messages | entries if self._find(number) is not None}
        self._highest = max(self._highest, kept.last_number)

    # -- one Batch

    def draft(self, batch: Batch) -> Draft:
        """How to write it. Nothing is changed by that."""
        draft = Draft(batch, self._dead)
        self._draft_messages(batch, draft)
        self._draft_entries(batch, draft)
        for records in (draft.put, draft.gone):
            if len(records):
                draft.packs.append((self._next + len(draft.packs), packed(records)))
        return draft

    def _draft_messages(self, batch: Batch, draft: Draft) -> None:
        first, size = self._highest + 1, 0
        put, gone, apart = draft.put.messages, draft.gone.gone_messages, draft.apart.messages
        for number, message in batch.messages.items():
            if message is None:
                if self._is_packed(number, IS_MESSAGE):
                    gone.append(number)
                    if number not in self._overrides:
                        continue
            else:
                length = len(message.payload)
                size += length
                if length <= LARGEST_TOGETHER and size <= LARGEST_ROW and 0 <= number - first < LONGEST_SPAN:
                    put[number] = message
                    continue
                draft.overrides.append(number)
            apart[number] = message

    def _draft_entries(self, batch: Batch, draft: Draft) -> None:
        first = self._highest + 1
        put, gone, apart = draft.put.entries, draft.gone.gone_entries, draft.apart.entries
        for number, entry in batch.entries.items():
            if entry is None:
                if self._is_packed(number, IS_ENTRY):
                    gone.append(number)
                    if number not in self._overrides:
                        continue
            elif 0 <= number - first < LONGEST_SPAN:
                put[number] = entry
                continue
            else:
                draft.overrides.append(number)
            apart[number] = entry

    def wrote(self, draft: Draft) -> None:
        """It is durable."""
        self._dead = []
        for number in draft.overrides:
            self._highest = max(self._highest, number)
            if self._find(number) is not None:
                self._overrides.add(number)
        if self._overrides:
            self._overrides.difference_update([n for n, it in draft.apart.messages.items() if it is None])
            self._overrides.difference_update([n for n, it in draft.apart.entries.items() if it is None])
        for row, pack in draft.packs:
            self._next = row + 1
            if row == draft.packs[0][0] and len(draft.put):
                self._add(Packed(row, draft.put, len(pack)))
            else:
                self._note(row, draft.gone)

    @property
    def dead(self) -> list[int]:
        """Rows that go on the next occasion."""
        return self._dead

    def _add(self, packed_row: Packed) -> None:
        self._packed.append(packed_row)
        self._firsts.append(packed_row.first)
        self._highest = max(self._highest, packed_row.last)

    def _find(self, number: int) -> Packed | None:
        """The row that spans this number: mostly the one that was found the last time."""
        found = self._found
        if found is not None and found.first <= number <= found.last:
            return found
        at = bisect_right(self._firsts, number) - 1
        if at < 0:
            return None
        found = self._packed[at]
        if number > found.last:
            return None
        self._found = found
        return found

    def _is_packed(self, number: int, kind: int) -> bool:
        found = self._find(number)
        return found is not None and found.awaits(number, kind)

    def _note(self, row: int, records: Records) -> None:
        """A row says that these are gone."""
        notes = Notes(row)
        self._clear(records.gone_messages, IS_MESSAGE, notes)
        self._clear(records.gone_entries, IS_ENTRY, notes)
        for of in list(notes.speaks_of):
            if of.live == 0:
                self._forget(of)
            elif of.is_sparse and of.first not in self._sparse:
                self._sparse[of.first] = of
                self._sparse_size += of.size
        if not notes.speaks_of and row not in self._dead:
            self._dead.append(row)

    def _clear(self, numbers: list[int], kind: int, notes: Notes) -> None:
        last: Packed | None = None
        for number in numbers:
            of = self._find(number)
            if of is None:
                continue
            of.clear(number, kind)
            if of is not last and of not in notes.speaks_of:
                notes.speaks_of.add(of)
                of.noted_by.append(notes)
            last = of

    def _forget(self, of: Packed) -> None:
        """Nothing of it is awaited: it goes, and so do the notes that spoke of it alone."""
        at = bisect_right(self._firsts, of.first) - 1
        del self._firsts[at]
        del self._packed[at]
        self._found = None
        self._dead.append(of.row)
        if self._sparse.pop(of.first, None) is not None:
            self._sparse_size -= of.size
        for notes in of.noted_by:
            notes.speaks_of.discard(of)
            if not notes.speaks_of:
                self._dead.append(notes.row)

    # -- what is left of long rows

    def sparsest(self) -> Packed | None:
        """A row that is to be resolved, because sparse ones take too much room."""
        if self._sparse_size <= self._most_garbage:
            return None
        return next(iter(self._sparse.values()), None)

    def resolution(self, sparse: Packed, records: Records) -> Draft:
        """How to resolve a row, of which this was read: what is awaited gets rows of its own."""
        draft = Draft(Batch(), [sparse.row])
        for number, message in records.messages.items():
            if sparse.awaits(number, IS_MESSAGE) and number not in self._overrides:
                draft.apart.messages[number] = message
        for number, entry in records.entries.items():
            if sparse.awaits(number, IS_ENTRY) and number not in self._overrides:
                draft.apart.entries[number] = entry
        return draft

    def resolved(self, sparse: Packed) -> None:
        """That is durable."""
        self._overrides -= {number for number in self._overrides if self._find(number) is sparse}
        self._forget(sparse)
