"""Records as rows of SQLite, and back; each row ends with a checksum over all of it."""

from collections.abc import Callable, Mapping
from math import isnan
from struct import Struct, error
from typing import Any, Final, TypeAlias
from zlib import crc32

from amqtt.message import NEVER, Message
from amqtt.sessions.inflight import AWAITS_PUBCOMP, LAST_PACKET_ID, QUEUED
from amqtt.sessions.journal import Batch, StoredEntry, StoredSession, StoredWill
from amqtt.topics.names import split_shared, topic_filter_fault, topic_name_fault
from amqtt.topics.subscriptions import Subscription
from amqtt.wire.bounds import PacketBounds
from amqtt.wire.encoder import properties_bytes
from amqtt.wire.errors import PeerError
from amqtt.wire.packets import PUBLISH, WillFields
from amqtt.wire.primitives import MAXIMUM_VARIABLE_BYTE_INTEGER, variable_byte_integer
from amqtt.wire.properties import WILL, Properties, decode_properties

Row: TypeAlias = tuple[Any, ...]

QOS: Final = 3
RETAIN: Final = 4
NO_LOCAL: Final = 4
RETAIN_AS_PUBLISHED: Final = 8
LAST_NUMBER: Final = 1 << 62
"""Of a Session, Message or entry: what comes after it must still have a place in SQLite."""
LONGEST_INTERVAL: Final = 0xFFFF_FFFF
LAST_IDENTIFIER: Final = MAXIMUM_VARIABLE_BYTE_INTEGER
UNBOUNDED: Final = 65_535
"""Levels and User Properties were bounded when they came in: the bounds may have changed since."""
COLUMNS_WITHOUT_OWNER: Final = 8
"""Of `retained`, in a file of version 1 or 2 that is salvaged."""
_AS_STORED: Final = PacketBounds(UNBOUNDED, 16 * 1024 * 1024)

_FOUR_NUMBERS: Final = Struct("<QQQQ").pack


class DamagedRow(ValueError):
    """A row is not what was written; the text says in which way."""


def checksum(values: Row, payload: bytes = b"") -> int:
    """CRC-32 of a row, its payload last."""
    return crc32(payload, crc32(repr(values).encode()))


# -- to rows


def session_row(number: int, stored: StoredSession) -> Row:
    """A row of `sessions`."""
    values = (number, stored.client_id, stored.owner, stored.expiry_interval, _stored_moment(stored.ends_at))
    return (*values, checksum(values))


def subscription_row(key: tuple[int, str], subscription: Subscription) -> Row:
    """A row of `subscriptions`."""
    options = subscription.qos
    if subscription.no_local:
        options |= NO_LOCAL
    if subscription.retain_as_published:
        options |= RETAIN_AS_PUBLISHED
    values = (*key, options, subscription.identifier)
    return (*values, checksum(values))


def message_row(number: int, message: Message) -> Row:
    """A row of `messages`."""
    values = (number, *_of_message(message))
    return (*values, message.payload, checksum(values, message.payload))


def retained_row(topic: str, message: Message) -> Row:
    """A row of `retained`."""
    values = (topic, *_of_message(message), message.owner)
    return (*values, message.payload, retained_checksum(values, message.payload))


def retained_checksum(values: Row, payload: bytes) -> int:
    """That of a row of `retained`: without an owner it is that of versions 1 and 2, which knew none."""
    return checksum(values[:-1] if values[-1] is None else values, payload)


def _of_message(message: Message) -> Row:
    return (
        message.topic, message.qos | (RETAIN if message.retain else 0), stored_properties(message),
        _stored_moment(message.expires_at), message.publisher,
    )


def stored_properties(message: Message) -> bytes | None:
    """Those that every receiver is sent unaltered; None: there are none."""
    properties = message.properties
    return None if properties is None else properties_bytes(properties, PUBLISH) or None


def entry_row(number: int, entry: StoredEntry) -> Row:
    """A row of `entries`."""
    delivery = delivery_of(entry)
    identifiers = ",".join(map(str, entry.identifiers)) if entry.identifiers else None
    shared = entry.group or None
    return (
        number, entry.session, entry.message, delivery, identifiers, shared,
        entry_checksum(number, entry.session, entry.message, delivery, identifiers, shared),
    )


def delivery_of(entry: StoredEntry) -> int:
    """QoS, RETAIN, state and Packet Identifier in one number."""
    return entry.packet_id << 8 | entry.state << 4 | (RETAIN if entry.retain else 0) | entry.qos


def entry_checksum(
    number: int, session: int, message: int, delivery: int, identifiers: str | None, shared: str | None
) -> int:
    """That of a row of `entries`, of which there are the most: mostly four numbers."""
    found = crc32(_FOUR_NUMBERS(number, session, message, delivery))
    return found if identifiers is shared is None else crc32(repr((identifiers, shared)).encode(), found)


def received_row(key: tuple[int, int], received: bool) -> Row:
    """A row of `received`."""
    return (*key, checksum(key))


def will_row(session: int, will: StoredWill) -> Row:
    """A row of `wills`."""
    fields = will.fields
    properties = None if fields.properties is None else properties_bytes(fields.properties, WILL)
    options = fields.qos | (RETAIN if fields.retain else 0)
    values = (session, fields.topic, options, properties or None, _stored_moment(will.due))
    return (*values, fields.payload, checksum(values, fields.payload))


def _stored_moment(when: float) -> float | None:
    return None if when == NEVER else float(when)


# -- from rows


def take_row(table: str, row: Row, kept: Batch) -> None:
    """Put a row of this table into `kept`; DamagedRow says why it cannot be."""
    if table == "retained" and len(row) == COLUMNS_WITHOUT_OWNER:
        row = (*row[:-2], None, *row[-2:])
    if len(row) != len(_KINDS[table]) + (table in WITH_PAYLOAD) + 1:
        raise DamagedRow("it has not the columns of its table")
    *head, written = row
    payload = head.pop() if table in WITH_PAYLOAD else b""
    values = tuple(head)
    _check_kinds(table, values, payload)
    try:
        found = _checksum(table, values, payload)
    except (TypeError, error) as fault:  # a number out of range
        raise DamagedRow(str(fault)) from fault
    if found != written:
        raise DamagedRow("its checksum is wrong")
    try:
        if table in WITH_PAYLOAD:
            _TAKEN_WITH_PAYLOAD[table](values, payload, kept)
        else:
            _TAKEN[table](values, kept)
    except DamagedRow:
        raise
    except (PeerError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as fault:
        raise DamagedRow(str(fault)) from fault


def _checksum(table: str, values: Row, payload: bytes) -> int:
    if table == "entries":
        return entry_checksum(*values)
    return retained_checksum(values, payload) if table == "retained" else checksum(values, payload)


def _check_kinds(table: str, values: Row, payload: object) -> None:
    """SQLite keeps a value of any kind in any column."""
    for value, kinds in zip(values, _KINDS[table], strict=True):
        if not isinstance(value, kinds):
            raise DamagedRow(f"a value of another kind: {type(value).__name__}")
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as fault:
                raise DamagedRow("a text is no UTF-8") from fault
    if not isinstance(payload, bytes):
        raise DamagedRow(f"a payload of another kind: {type(payload).__name__}")


def _bounded(value: int, least: int, most: int, what: str) -> int:
    if not least <= value <= most:
        raise DamagedRow(f"its {what} is out of range")
    return value


def checked_number(value: int) -> int:
    """That of a Session, Message or entry; DamagedRow where there is none such."""
    return _bounded(value, 1, LAST_NUMBER, "number")


def _qos(options: int, most: int) -> int:
    """The QoS in options that are no more than `most`."""
    return _bounded(_bounded(options, 0, most, "options") & QOS, 0, 2, "QoS")


def _take_session(values: Row, kept: Batch) -> None:
    number, client_id, owner, expiry_interval, ends_at = values
    _bounded(expiry_interval, 0, LONGEST_INTERVAL, "Session Expiry Interval")
    kept.sessions[checked_number(number)] = StoredSession(client_id, owner, expiry_interval, _moment(ends_at))


def _take_subscription(values: Row, kept: Batch) -> None:
    session, written, options, identifier = values
    _refuse(topic_filter_fault(written, UNBOUNDED))
    kept.subscriptions[(checked_number(session), written)] = Subscription(
        split_shared(written)[1],
        _qos(options, QOS | NO_LOCAL | RETAIN_AS_PUBLISHED),
        bool(options & NO_LOCAL),
        bool(options & RETAIN_AS_PUBLISHED),
        _bounded(identifier, 0, LAST_IDENTIFIER, "Subscription Identifier"),
    )


def _take_entry(values: Row, kept: Batch) -> None:
    number, session, message, delivery, identifiers, shared = values
    kept.entries[checked_number(number)] = entry_of(
        session, message, delivery,
        () if identifiers is None else tuple(map(int, identifiers.split(","))), shared or "",
    )


def entry_of(
    session: int, message: int, delivery: int, identifiers: tuple[int, ...], group: str
) -> StoredEntry:
    """The entry that these values mean; DamagedRow when they mean none."""
    state = delivery >> 4 & 15
    if not QUEUED <= state <= AWAITS_PUBCOMP:
        raise DamagedRow("it is in no state that there is")
    packet_id = _bounded(delivery >> 8, 0 if state == QUEUED else 1, LAST_PACKET_ID, "Packet Identifier")
    for identifier in identifiers:
        _bounded(identifier, 1, LAST_IDENTIFIER, "Subscription Identifier")
    return StoredEntry(
        checked_number(session), checked_number(message), _bounded(delivery & QOS, 1, 2, "QoS"),
        bool(delivery & RETAIN), state, packet_id, identifiers, group,
    )


def _take_received(values: Row, kept: Batch) -> None:
    session, packet_id = values
    _bounded(packet_id, 1, LAST_PACKET_ID, "Packet Identifier")
    kept.received[(checked_number(session), packet_id)] = True


def _take_message(values: Row, payload: bytes, kept: Batch) -> None:
    number, topic, options, properties, expires_at, publisher = values
    kept.messages[checked_number(number)] = message_of_row(
        topic, options, properties, expires_at, publisher, payload
    )


def _take_retained(values: Row, payload: bytes, kept: Batch) -> None:
    name, topic, options, properties, expires_at, publisher, owner = values
    if name != topic:
        raise DamagedRow("it is that of another topic")
    message = message_of_row(topic, options, properties, expires_at, publisher, payload)
    message.owner = owner
    kept.retained[name] = message


def message_of_row(
    topic: str, options: int, properties: bytes | None, expires_at: float | None, publisher: str,
    payload: bytes,
) -> Message:
    """The Message that these values mean; DamagedRow or PeerError when they mean none."""
    _refuse(topic_name_fault(topic, UNBOUNDED))
    return Message(
        topic, payload, _qos(options, QOS | RETAIN), bool(options & RETAIN), _properties(properties, PUBLISH),
        _moment(expires_at), publisher,
    )


def _take_will(values: Row, payload: bytes, kept: Batch) -> None:
    session, topic, options, properties, due = values
    _refuse(topic_name_fault(topic, UNBOUNDED))
    fields = WillFields(
        topic, payload, _qos(options, QOS | RETAIN), bool(options & RETAIN), _properties(properties, WILL)
    )
    kept.wills[checked_number(session)] = StoredWill(fields, _moment(due))


def _refuse(fault: str) -> None:
    if fault:
        raise DamagedRow(fault)


def _moment(when: float | None) -> float:
    if when is None:
        return NEVER
    if isnan(when):
        raise DamagedRow("its moment is no number")
    return when


def _properties(written: bytes | None, bearer: int) -> Properties | None:
    if written is None:
        return None
    framed = variable_byte_integer(len(written)) + written
    return decode_properties(framed, 0, len(framed), bearer, _AS_STORED)[0]


_INTEGER: Final[tuple[type, ...]] = (int,)
_TEXT: Final[tuple[type, ...]] = (str,)
_TEXT_OR_NONE: Final[tuple[type, ...]] = (str, type(None))
_BYTES_OR_NONE: Final[tuple[type, ...]] = (bytes, type(None))
_MOMENT: Final[tuple[type, ...]] = (float, type(None))
_OF_MESSAGE: Final = (_TEXT, _INTEGER, _BYTES_OR_NONE, _MOMENT, _TEXT)
_KINDS: Final[Mapping[str, tuple[tuple[type, ...], ...]]] = {
    "sessions": (_INTEGER, _TEXT, _TEXT_OR_NONE, _INTEGER, _MOMENT),
    "subscriptions": (_INTEGER, _TEXT, _INTEGER, _INTEGER),
    "messages": (_INTEGER, *_OF_MESSAGE),
    "entries": (_INTEGER, _INTEGER, _INTEGER, _INTEGER, _TEXT_OR_NONE, _TEXT_OR_NONE),
    "received": (_INTEGER, _INTEGER),
    "retained": (_TEXT, *_OF_MESSAGE, _TEXT_OR_NONE),
    "wills": (_INTEGER, _TEXT, _INTEGER, _BYTES_OR_NONE, _MOMENT),
}
"""The kinds of value in each column, payload and checksum left out."""
_TAKEN: Final[Mapping[str, Callable[[Row, Batch], None]]] = {
    "sessions": _take_session,
    "subscriptions": _take_subscription,
    "entries": _take_entry,
    "received": _take_received,
}
_TAKEN_WITH_PAYLOAD: Final[Mapping[str, Callable[[Row, bytes, Batch], None]]] = {
    "messages": _take_message,
    "retained": _take_retained,
    "wills": _take_will,
}
WITH_PAYLOAD: Final = frozenset(_TAKEN_WITH_PAYLOAD)
TABLES: Final = ("sessions", "subscriptions", "messages", "entries", "received", "retained", "wills")
"""Those of a row for each record, in the order in which they are read."""
