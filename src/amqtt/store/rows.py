"""Records as rows of SQLite, and back; each row ends with a checksum over all of it."""

from collections.abc import Callable, Mapping
from struct import Struct, error
from typing import Any, Final, TypeAlias
from zlib import crc32

from amqtt.message import NEVER, Message
from amqtt.sessions.inflight import AWAITS_PUBCOMP, QUEUED
from amqtt.sessions.journal import Batch, StoredEntry, StoredSession, StoredWill
from amqtt.topics.names import split_shared, topic_filter_fault, topic_name_fault
from amqtt.topics.subscriptions import Subscription
from amqtt.wire.bounds import PacketBounds
from amqtt.wire.encoder import properties_bytes
from amqtt.wire.errors import PeerError
from amqtt.wire.packets import PUBLISH, WillFields
from amqtt.wire.primitives import variable_byte_integer
from amqtt.wire.properties import WILL, Properties, decode_properties

Row: TypeAlias = tuple[Any, ...]

QOS: Final = 3
RETAIN: Final = 4
NO_LOCAL: Final = 4
RETAIN_AS_PUBLISHED: Final = 8
UNBOUNDED: Final = 65_535
"""Levels and User Properties were bounded when they came in: the bounds may have changed since."""
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


def message_row(key: int | str, message: Message) -> Row:
    """A row of `messages` or of `retained`, whose key is the Topic Name."""
    properties = None if message.properties is None else properties_bytes(message.properties, PUBLISH)
    values = (
        key, message.topic, message.qos | (RETAIN if message.retain else 0), properties or None,
        _stored_moment(message.expires_at), message.publisher,
    )
    return (*values, message.payload, checksum(values, message.payload))


def entry_row(number: int, entry: StoredEntry) -> Row:
    """A row of `entries`."""
    delivery = entry.packet_id << 8 | entry.state << 4 | (RETAIN if entry.retain else 0) | entry.qos
    identifiers = ",".join(map(str, entry.identifiers)) if entry.identifiers else None
    shared = entry.group or None
    return (
        number, entry.session, entry.message, delivery, identifiers, shared,
        entry_checksum(number, entry.session, entry.message, delivery, identifiers, shared),
    )


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
    *head, written = row
    payload = head.pop() if table in WITH_PAYLOAD else b""
    values = tuple(head)
    try:
        found = entry_checksum(*values) if table == "entries" else checksum(values, payload)
    except (TypeError, error) as fault:  # a value of another kind, or out of range
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


def _take_session(values: Row, kept: Batch) -> None:
    number, client_id, owner, expiry_interval, ends_at = values
    kept.sessions[number] = StoredSession(client_id, owner, expiry_interval, _moment(ends_at))


def _take_subscription(values: Row, kept: Batch) -> None:
    session, written, options, identifier = values
    _refuse(topic_filter_fault(written, UNBOUNDED))
    kept.subscriptions[(session, written)] = Subscription(
        split_shared(written)[1],
        options & QOS,
        bool(options & NO_LOCAL),
        bool(options & RETAIN_AS_PUBLISHED),
        identifier,
    )


def _take_entry(values: Row, kept: Batch) -> None:
    number, session, message, delivery, identifiers, shared = values
    state = delivery >> 4 & 15
    if not QUEUED <= state <= AWAITS_PUBCOMP:
        raise DamagedRow("it is in no state that there is")
    kept.entries[number] = StoredEntry(
        session, message, delivery & QOS, bool(delivery & RETAIN), state, delivery >> 8,
        () if identifiers is None else tuple(map(int, identifiers.split(","))), shared or "",
    )


def _take_received(values: Row, kept: Batch) -> None:
    session, packet_id = values
    kept.received[(session, packet_id)] = True


def _take_message(values: Row, payload: bytes, kept: Batch) -> None:
    kept.messages[values[0]] = _message(values, payload)


def _take_retained(values: Row, payload: bytes, kept: Batch) -> None:
    kept.retained[values[0]] = _message(values, payload)


def _message(values: Row, payload: bytes) -> Message:
    _, topic, options, properties, expires_at, publisher = values
    _refuse(topic_name_fault(topic, UNBOUNDED))
    return Message(
        topic, payload, options & QOS, bool(options & RETAIN), _properties(properties, PUBLISH),
        _moment(expires_at), publisher,
    )


def _take_will(values: Row, payload: bytes, kept: Batch) -> None:
    session, topic, options, properties, due = values
    _refuse(topic_name_fault(topic, UNBOUNDED))
    fields = WillFields(topic, payload, options & QOS, bool(options & RETAIN), _properties(properties, WILL))
    kept.wills[session] = StoredWill(fields, _moment(due))


def _refuse(fault: str) -> None:
    if fault:
        raise DamagedRow(fault)


def _moment(when: float | None) -> float:
    return NEVER if when is None else when


def _properties(written: bytes | None, bearer: int) -> Properties | None:
    if written is None:
        return None
    framed = variable_byte_integer(len(written)) + written
    return decode_properties(framed, 0, len(framed), bearer, _AS_STORED)[0]


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
"""In the order in which they are read."""
