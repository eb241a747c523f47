"""What one commit queued and took out of queues, packed into the one row that `batches` has for it.

A list of records, each with its kind, its length and a checksum, so that damage costs one of them; the
first says how many follow.
"""

import time
from collections.abc import Sequence
from struct import Struct, error, pack, unpack_from
from typing import Final
from zlib import crc32

from amqtt.message import NEVER, Message
from amqtt.sessions.journal import StoredEntry
from amqtt.store.rows import (
    RETAIN,
    DamagedRow,
    checked_number,
    delivery_of,
    entry_of,
    message_of_row,
    stored_properties,
)
from amqtt.wire.errors import PeerError

COUNT: Final = 1
MESSAGE: Final = 2
ENTRIES: Final = 3
"""Up to ENTRIES_TOGETHER of them, four numbers each: none of a Shared Subscription, none with identifiers."""
ENTRY: Final = 4
GONE_MESSAGES: Final = 5
GONE_ENTRIES: Final = 6
ENTRIES_TOGETHER: Final = 64
NUMBERS_TOGETHER: Final = 512
AT_A_STRETCH: Final = 4_096
"""Records that are packed before other threads may go on: compiled code keeps the interpreter to itself, and
the event loop would wait 50 ms for the longest Batch (measured)."""

_HEADER: Final = Struct("<BII")
_MESSAGE: Final = Struct("<QBdIII")
_ENTRY: Final = Struct("<QQQQI")
_header: Final = _HEADER.pack
_message_head: Final = _MESSAGE.pack


class Records:
    """Messages and entries by their numbers, and the numbers of those from earlier rows that are gone."""

    __slots__ = ("entries", "gone_entries", "gone_messages", "messages")

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.entries: dict[int, StoredEntry] = {}
        self.gone_messages: list[int] = []
        self.gone_entries: list[int] = []

    def __len__(self) -> int:
        return (
            len(self.messages) + len(self.entries) + len(self.gone_messages) + len(self.gone_entries)
        )

    @property
    def span(self) -> tuple[int, int]:
        """The lowest and the highest number of a Message or entry in it; there must be one."""
        first = last = next(iter(self.messages or self.entries))
        for number in self.messages:
            first, last = min(first, number), max(last, number)
        for number in self.entries:
            first, last = min(first, number), max(last, number)
        return first, last


# -- to bytes


def packed(records: Records) -> bytes:
    """All of it as one row keeps it."""
    pieces: list[bytes] = [b"", b""]
    count = 0
    for number, message in records.messages.items():
        _add_message(pieces, number, message)
        count += 1
        if count % AT_A_STRETCH == 0:
            _let_others_run()
    together: list[int] = []
    for number, entry in records.entries.items():
        if entry.identifiers or entry.group:
            _add(pieces, ENTRY, _entry(number, entry))
            count += 1
            continue
        together += (number, entry.session, entry.message, delivery_of(entry))
        if len(together) == 4 * ENTRIES_TOGETHER:
            _add(pieces, ENTRIES, _numbers(together))
            count += 1
            together = []
    if together:
        _add(pieces, ENTRIES, _numbers(together))
        count += 1
    count += _add_numbers(pieces, GONE_MESSAGES, records.gone_messages)
    count += _add_numbers(pieces, GONE_ENTRIES, records.gone_entries)
    body = count.to_bytes(4, "little")
    pieces[0] = _header(COUNT, len(body), crc32(body, COUNT))
    pieces[1] = body
    return b"".join(pieces)


def _let_others_run() -> None:
    time.sleep(0)


def _add(pieces: list[bytes], kind: int, body: bytes) -> None:
    pieces.append(_header(kind, len(body), crc32(body, kind)))
    pieces.append(body)


def _add_message(pieces: list[bytes], number: int, message: Message) -> None:
    topic, publisher = message.topic.encode(), message.publisher.encode()
    properties = stored_properties(message) or b""
    options = message.qos | (RETAIN if message.retain else 0)
    head = _message_head(
        number, options, message.expires_at, len(topic), len(publisher), len(properties)
    )
    _add(pieces, MESSAGE, b"".join((head, topic, publisher, properties, message.payload)))


def _entry(number: int, entry: StoredEntry) -> bytes:
    identifiers = entry.identifiers
    head = _ENTRY.pack(number, entry.session, entry.message, delivery_of(entry), len(identifiers))
    return head + pack(f"<{len(identifiers)}I", *identifiers) + entry.group.encode()


def _add_numbers(pieces: list[bytes], kind: int, numbers: list[int]) -> int:
    """Numbers alone; in how many records."""
    count = 0
    for at in range(0, len(numbers), NUMBERS_TOGETHER):
        _add(pieces, kind, _numbers(numbers[at : at + NUMBERS_TOGETHER]))
        count += 1
    return count


def _numbers(numbers: Sequence[int]) -> bytes:
    return pack(f"<{len(numbers)}Q", *numbers)


# -- from bytes


def unpacked(row: object) -> tuple[Records, str]:
    """What can be understood of such a row, and what is wrong with the rest of it: "" is nothing."""
    records = Records()
    if not isinstance(row, bytes):
        return records, "its records are no bytes"
    fault = ""
    at, found, expected = 0, -1, 0
    while at < len(row):
        begin = at + _HEADER.size
        if begin > len(row):
            return records, "it ends within a record"
        kind, length, written = _HEADER.unpack_from(row, at)
        at = begin + length
        if at > len(row):
            return records, "it ends within a record"
        body = row[begin:at]
        found += 1
        try:
            if crc32(body, kind) != written:
                raise DamagedRow("a checksum is wrong")
            if kind == COUNT:
                (expected,) = unpack_from("<I", body)
            else:
                _take(kind, body, records)
        except DamagedRow as damage:
            fault = str(damage)
        except (PeerError, error, ValueError, OverflowError) as damage:
            fault = f"a record cannot be understood: {damage}"
    if not fault and found != expected:
        fault = "records are missing"
    return records, fault


def _take(kind: int, body: bytes, records: Records) -> None:
    if kind == MESSAGE:
        number, options, expires_at, topic, publisher, properties = _MESSAGE.unpack_from(body)
        begin = _MESSAGE.size
        texts, rest = begin + topic, begin + topic + publisher
        payload = rest + properties
        if payload > len(body):
            raise DamagedRow("a record is too short")
        records.messages[checked_number(number)] = message_of_row(
            str(body[begin:texts], "utf-8"), options, body[rest:payload] or None,
            None if expires_at == NEVER else expires_at, str(body[texts:rest], "utf-8"), body[payload:],
        )
    elif kind == ENTRIES:
        values = _taken_numbers(body)
        for at in range(0, len(values) - 3, 4):
            number, session, message, delivery = values[at : at + 4]
            records.entries[checked_number(number)] = entry_of(session, message, delivery, (), "")
    elif kind == ENTRY:
        number, session, message, delivery, count = _ENTRY.unpack_from(body)
        identifiers: tuple[int, ...] = unpack_from(f"<{count}I", body, _ENTRY.size)
        group = str(body[_ENTRY.size + 4 * count :], "utf-8")
        records.entries[checked_number(number)] = entry_of(session, message, delivery, identifiers, group)
    elif kind == GONE_MESSAGES:
        records.gone_messages += _taken_numbers(body)
    elif kind == GONE_ENTRIES:
        records.gone_entries += _taken_numbers(body)
    else:
        raise DamagedRow("a record is of no kind that there is")


def _taken_numbers(body: bytes) -> tuple[int, ...]:
    return unpack_from(f"<{len(body) // 8}Q", body)
