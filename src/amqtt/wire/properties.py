"""The properties of MQTT 5.0 (section 2.2.2): one class, and one table that says who may bear which."""

from typing import Final

from amqtt.wire.bounds import USUAL_BOUNDS, PacketBounds
from amqtt.wire.errors import MalformedPacket, PeerError, ProtocolError
from amqtt.wire.primitives import (
    MAXIMUM_VARIABLE_BYTE_INTEGER,
    binary_at,
    byte_at,
    four_byte_integer_at,
    string_at,
    string_pair_at,
    two_byte_integer_at,
    variable_byte_integer_at,
)
from amqtt.wire.reasons import ReasonCode

MAXIMUM_SUBSCRIPTION_IDENTIFIERS: Final = 65_536
"""Subscription Identifiers of one PUBLISH; without a bound, each two bytes would become an object."""

RESERVED_NAMES: Final = "amqtt-"
"""How the names of those User Properties begin, in capitals or not, that only this Server may set."""


class Properties:
    """The properties of one Control Packet or Will Message; what is absent on the wire is None.

    The defaults stand on the class so that a packet with one property costs one attribute.
    """

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_interval: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifier_available: int | None = None
    shared_subscription_available: int | None = None


BYTE: Final = 0
TWO_BYTE_INTEGER: Final = 1
FOUR_BYTE_INTEGER: Final = 2
STRING: Final = 3
BINARY: Final = 4
SUBSCRIPTION_IDENTIFIERS: Final = 5
USER_PROPERTIES: Final = 6

# The bearers, by packet type as in packets.py, which imports this module; 0 is the Will Message.
WILL: Final = 0
_CONNECT: Final = 1
_CONNACK: Final = 2
_PUBLISH: Final = 3
_SUBSCRIBE: Final = 8
_DISCONNECT: Final = 14
_AUTH: Final = 15
_MESSAGE: Final = (WILL, _PUBLISH)
_SETTINGS: Final = (_CONNECT, _CONNACK)
_AUTHENTICATION: Final = (_CONNECT, _CONNACK, _AUTH)
_RESPONSES: Final = (_CONNACK, 4, 5, 6, 7, 9, 11, _DISCONNECT, _AUTH)
_ALL: Final = (WILL, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15)


_PAYLOAD_FORMAT_INDICATOR: Final = 0x01
_CONTENT_TYPE: Final = 0x03
_RESPONSE_TOPIC: Final = 0x08
_CORRELATION_DATA: Final = 0x09
_USER_PROPERTY: Final = 0x26
_UNALTERED: Final = (_PAYLOAD_FORMAT_INDICATOR, _CONTENT_TYPE, _RESPONSE_TOPIC, _CORRELATION_DATA)
"""What a PUBLISH bears at most once, and every receiver is sent as it came; beside User Properties."""


class Property:
    """One row of the table: what the standard says of one property (2.2.2.2)."""

    __slots__ = ("attribute", "bearers", "identifier", "kind", "maximum", "minimum")

    def __init__(
        self,
        identifier: int,
        attribute: str,
        kind: int,
        bearers: tuple[int, ...],
        minimum: int = 0,
        maximum: int = 0xFFFFFFFF,
    ) -> None:
        self.identifier = identifier
        self.attribute = attribute
        self.kind = kind
        self.bearers = bearers
        self.minimum = minimum
        self.maximum = maximum


TABLE: Final[list[Property]] = [
    Property(0x01, "payload_format_indicator", BYTE, _MESSAGE, maximum=1),
    Property(0x02, "message_expiry_interval", FOUR_BYTE_INTEGER, _MESSAGE),
    Property(0x03, "content_type", STRING, _MESSAGE),
    Property(0x08, "response_topic", STRING, _MESSAGE),
    Property(0x09, "correlation_data", BINARY, _MESSAGE),
    Property(0x0B, "subscription_identifiers", SUBSCRIPTION_IDENTIFIERS, (_PUBLISH, _SUBSCRIBE), minimum=1,
             maximum=MAXIMUM_VARIABLE_BYTE_INTEGER),
    Property(0x11, "session_expiry_interval", FOUR_BYTE_INTEGER, (_CONNECT, _CONNACK, _DISCONNECT)),
    Property(0x12, "assigned_client_identifier", STRING, (_CONNACK,)),
    Property(0x13, "server_keep_alive", TWO_BYTE_INTEGER, (_CONNACK,)),
    Property(0x15, "authentication_method", STRING, _AUTHENTICATION),
    Property(0x16, "authentication_data", BINARY, _AUTHENTICATION),
    Property(0x17, "request_problem_information", BYTE, (_CONNECT,), maximum=1),
    Property(0x18, "will_delay_interval", FOUR_BYTE_INTEGER, (WILL,)),
    Property(0x19, "request_response_information", BYTE, (_CONNECT,), maximum=1),
    Property(0x1A, "response_information", STRING, (_CONNACK,)),
    Property(0x1C, "server_reference", STRING, (_CONNACK, _DISCONNECT)),
    Property(0x1F, "reason_string", STRING, _RESPONSES),
    Property(0x21, "receive_maximum", TWO_BYTE_INTEGER, _SETTINGS, minimum=1),
    Property(0x22, "topic_alias_maximum", TWO_BYTE_INTEGER, _SETTINGS),
    Property(0x23, "topic_alias", TWO_BYTE_INTEGER, (_PUBLISH,), minimum=1),
    Property(0x24, "maximum_qos", BYTE, (_CONNACK,), maximum=1),
    Property(0x25, "retain_available", BYTE, (_CONNACK,), maximum=1),
    Property(0x26, "user_properties", USER_PROPERTIES, _ALL),
    Property(0x27, "maximum_packet_size", FOUR_BYTE_INTEGER, _SETTINGS, minimum=1),
    Property(0x28, "wildcard_subscription_available", BYTE, (_CONNACK,), maximum=1),
    Property(0x29, "subscription_identifier_available", BYTE, (_CONNACK,), maximum=1),
    Property(0x2A, "shared_subscription_available", BYTE, (_CONNACK,), maximum=1),
]
"""Every property, in the order in which we write them."""

BY_IDENTIFIER: Final[dict[int, Property]] = {row.identifier: row for row in TABLE}
BY_BEARER: Final[list[list[Property]]] = [
    [row for row in TABLE if bearer in row.bearers] for bearer in range(16)
]
"""What each packet type, and at 0 the Will Message, may bear."""


def decode_properties(
    buffer: bytes, at: int, end: int, bearer: int, bounds: PacketBounds = USUAL_BOUNDS
) -> tuple[Properties | None, int]:
    """The Property Length at `at` with its Properties, None if there are none; and where they end.

    `bearer` is the packet type, or WILL. MalformedPacket for an identifier that does not exist or
    that the bearer may not bear (2.2.2.2); ProtocolError for a property that is there twice or has
    a value that the standard excludes; ProtocolError 0x97 beyond the bounds.
    """
    length, at = variable_byte_integer_at(buffer, at, end)
    if length == 0:
        return None, at
    stop = at + length
    if stop > end:
        raise MalformedPacket("the Property Length reaches beyond the packet")
    properties = Properties()
    _fill(properties, buffer, at, stop, bearer, bounds)
    if properties.authentication_data is not None and properties.authentication_method is None:
        raise ProtocolError("Authentication Data without an Authentication Method")
    return properties, stop


def _fill(
    properties: Properties, buffer: bytes, at: int, end: int, bearer: int, bounds: PacketBounds
) -> None:
    seen = 0
    pairs: list[tuple[str, str]] = []
    pair_bytes = 0
    identifiers: list[int] = []
    while at < end:
        row = BY_IDENTIFIER.get(buffer[at])
        if row is None or bearer not in row.bearers:
            raise MalformedPacket(f"property identifier {buffer[at]:#04x} is not valid for this packet")
        start = at
        at += 1
        if row.kind == USER_PROPERTIES:
            name, value, at = string_pair_at(buffer, at, end)
            pairs.append((name, value))
            pair_bytes += at - start
            if len(pairs) > bounds.maximum_user_properties:
                raise _too_much("maximum_user_properties")
            if pair_bytes > bounds.maximum_user_property_bytes:
                raise _too_much("maximum_user_property_bytes")
            continue
        if seen >> row.identifier & 1:
            raise ProtocolError(f"the property {row.attribute} is there twice")
        if row.kind == SUBSCRIPTION_IDENTIFIERS:
            identifier, at = _number_at(row, buffer, at, end)
            identifiers.append(identifier)
            if len(identifiers) > MAXIMUM_SUBSCRIPTION_IDENTIFIERS:
                raise ProtocolError("more Subscription Identifiers than we take", ReasonCode.QUOTA_EXCEEDED)
            if bearer == _PUBLISH:
                continue
        else:
            at = _value_at(properties, row, buffer, at, end)
        seen |= 1 << row.identifier
    if pairs:
        properties.user_properties = tuple(pairs)
    if identifiers:
        properties.subscription_identifiers = tuple(identifiers)


def unaltered_properties_at(buffer: bytes, at: int, end: int, bounds: PacketBounds) -> int:
    """Where the Properties of a PUBLISH at `at` end, if it may be sent on with them as they are; else 0.

    Every rule of decode_properties holds. Whatever breaks one needs a closer look, and so does what does
    not travel unaltered: Topic Alias, Subscription Identifier, Message Expiry Interval, and User
    Properties whose names are ours.
    """
    try:
        length, at = variable_byte_integer_at(buffer, at, end)
        stop = at + length
        return stop if stop <= end and _are_unaltered(buffer, at, stop, bounds) else 0
    except PeerError:
        return 0


def _are_unaltered(buffer: bytes, at: int, end: int, bounds: PacketBounds) -> bool:
    seen = 0
    pairs = 0
    pair_bytes = 0
    while at < end:
        identifier = buffer[at]
        start = at
        if identifier == _USER_PROPERTY:
            name, _, at = string_pair_at(buffer, at + 1, end)
            pairs += 1
            pair_bytes += at - start
            if is_reserved(name):
                return False
            continue
        if seen >> identifier & 1 or identifier not in _UNALTERED:
            return False
        seen |= 1 << identifier
        if identifier == _PAYLOAD_FORMAT_INDICATOR:
            number, at = byte_at(buffer, at + 1, end)
            if number > 1:
                return False
        elif identifier == _CORRELATION_DATA:
            _, at = binary_at(buffer, at + 1, end)
        else:
            text, at = string_at(buffer, at + 1, end)
            if identifier == _RESPONSE_TOPIC:
                _check_response_topic(text)
    return pairs <= bounds.maximum_user_properties and pair_bytes <= bounds.maximum_user_property_bytes


def is_reserved(name: str) -> bool:
    """Whether only this Server may set a User Property of this name."""
    return name[: len(RESERVED_NAMES)].lower() == RESERVED_NAMES


def _too_much(limit: str) -> ProtocolError:
    return ProtocolError("more User Properties than we take", ReasonCode.QUOTA_EXCEEDED, limit)


def _value_at(properties: Properties, row: Property, buffer: bytes, at: int, end: int) -> int:
    kind = row.kind
    if kind == STRING:
        text, at = string_at(buffer, at, end)
        if row.attribute == "response_topic":
            _check_response_topic(text)
        setattr(properties, row.attribute, text)
        return at
    if kind == BINARY:
        data, at = binary_at(buffer, at, end)
        setattr(properties, row.attribute, data)
        return at
    number, at = _number_at(row, buffer, at, end)
    setattr(properties, row.attribute, number)
    return at


def _number_at(row: Property, buffer: bytes, at: int, end: int) -> tuple[int, int]:
    kind = row.kind
    if kind == BYTE:
        number, at = byte_at(buffer, at, end)
    elif kind == TWO_BYTE_INTEGER:
        number, at = two_byte_integer_at(buffer, at, end)
    elif kind == FOUR_BYTE_INTEGER:
        number, at = four_byte_integer_at(buffer, at, end)
    else:
        number, at = variable_byte_integer_at(buffer, at, end)
    if not row.minimum <= number <= row.maximum:
        alias = row.attribute == "topic_alias"
        raise ProtocolError(
            f"the property {row.attribute} must not be {number}",
            ReasonCode.TOPIC_ALIAS_INVALID if alias else ReasonCode.PROTOCOL_ERROR,
        )
    return number, at


def _check_response_topic(topic: str) -> None:
    """A Topic Name: not empty [MQTT-4.7.3-1], no wildcard characters [MQTT-3.3.2-14]."""
    if not topic or "#" in topic or "+" in topic:
        raise ProtocolError("the Response Topic is not a Topic Name")
