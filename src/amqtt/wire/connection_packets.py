"""Reads the packets that open and close a connection: CONNECT, CONNACK, DISCONNECT, AUTH."""

from typing import Final

from amqtt.wire.bounds import PacketBounds
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.interned import topic_name
from amqtt.wire.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT_3_1,
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Connect,
    Disconnect,
    WillFields,
)
from amqtt.wire.primitives import binary_at, byte_at, string_at, two_byte_integer_at
from amqtt.wire.properties import WILL, decode_properties
from amqtt.wire.reasons import (
    AUTH_REASONS,
    CONNACK_REASONS,
    DISCONNECT_REASONS,
    REASONS_OF_RETURN_CODES,
    ReasonCode,
)

_USERNAME_FLAG: Final = 0x80
_PASSWORD_FLAG: Final = 0x40
_WILL_RETAIN: Final = 0x20
_WILL_QOS: Final = 0x18
_WILL_FLAG: Final = 0x04
_CLEAN_START: Final = 0x02
_RESERVED: Final = 0x01
_BRIDGE: Final = 0x80


class ProtocolLevel:
    """The Protocol Name and Protocol Level of a CONNECT packet (3.1.2.1, 3.1.2.2).

    `version` is 3, 4 or 5: what the Client speaks, or, if the level is not `supported`, the version
    in which to answer: 3 to the name "MQIsdp", 5 to levels above 5, 4 to all others.
    """

    __slots__ = ("bridge", "supported", "version")

    def __init__(self, version: int, supported: bool, bridge: bool) -> None:
        self.version = version
        self.supported = supported
        self.bridge = bridge


def protocol_level_at(buffer: bytes, at: int, end: int) -> tuple[ProtocolLevel, int]:
    """The Protocol Name and Level at `at`; what is wrong with the level is not an error here.

    MalformedPacket 0x84 if the name is not one of MQTT's [MQTT-3.1.2-1].
    """
    name, at = string_at(buffer, at, end)
    level, at = byte_at(buffer, at, end)
    if name == "MQIsdp":
        supported = level in (MQTT_3_1, MQTT_3_1 | _BRIDGE)
        return ProtocolLevel(MQTT_3_1, supported, supported and level != MQTT_3_1), at
    if name != "MQTT":
        raise MalformedPacket("the Protocol Name is not MQTT", ReasonCode.UNSUPPORTED_PROTOCOL_VERSION)
    if level == MQTT_3_1_1 | _BRIDGE:
        return ProtocolLevel(MQTT_3_1_1, True, True), at
    supported = level in (MQTT_3_1_1, MQTT_5)
    return ProtocolLevel(MQTT_5 if level >= MQTT_5 else MQTT_3_1_1, supported, False), at


def connect_at(
    level: ProtocolLevel, buffer: bytes, at: int, end: int, bounds: PacketBounds
) -> Connect:
    """The CONNECT packet whose Connect Flags are at `at`."""
    version = level.version
    flags, at = byte_at(buffer, at, end)
    _check_flags(flags, version)
    keep_alive, at = two_byte_integer_at(buffer, at, end)
    properties = None
    if version == MQTT_5:
        properties, at = decode_properties(buffer, at, end, CONNECT, bounds)
    client_id, at = string_at(buffer, at, end)
    will = None
    if flags & _WILL_FLAG:
        will, at = _will_at(flags, version, buffer, at, end, bounds)
    username = None
    password = None
    # MQTT 3.1 lets a Client set these flags and leave the fields out.
    if flags & _USERNAME_FLAG and (at < end or version != MQTT_3_1):
        username, at = string_at(buffer, at, end)
    if flags & _PASSWORD_FLAG and (at < end or version != MQTT_3_1):
        password, at = binary_at(buffer, at, end)
    if at != end:
        raise MalformedPacket("a CONNECT packet has bytes behind its fields")
    clean_start = flags & _CLEAN_START != 0
    return Connect(
        client_id, version, clean_start, keep_alive, will, username, password, properties, level.bridge
    )


def _check_flags(flags: int, version: int) -> None:
    if flags & _WILL_FLAG and flags & _WILL_QOS == _WILL_QOS:
        raise MalformedPacket("the Will QoS is 3")  # [MQTT-3.1.2-12]
    if flags & _PASSWORD_FLAG and not flags & _USERNAME_FLAG and version != MQTT_5:
        raise MalformedPacket("a password without a user name")  # [MQTT-3.1.2-22 of 3.1.1]
    if version == MQTT_3_1:
        # It has no rule for the reserved flag, and disregards Will QoS and Will Retain without a Will.
        return
    if flags & _RESERVED:
        raise MalformedPacket("the reserved Connect Flag is set")  # [MQTT-3.1.2-3]
    if not flags & _WILL_FLAG and flags & (_WILL_QOS | _WILL_RETAIN):
        raise MalformedPacket("Will QoS or Will Retain without a Will")  # [MQTT-3.1.2-11] [MQTT-3.1.2-13]


def _will_at(
    flags: int, version: int, buffer: bytes, at: int, end: int, bounds: PacketBounds
) -> tuple[WillFields, int]:
    properties = None
    if version == MQTT_5:
        properties, at = decode_properties(buffer, at, end, WILL, bounds)
    raw, at = binary_at(buffer, at, end)
    topic = topic_name(raw)
    if not topic:  # [MQTT-4.7.3-1]
        raise MalformedPacket("the Will Topic is empty", ReasonCode.TOPIC_NAME_INVALID)
    payload, at = binary_at(buffer, at, end)
    return WillFields(topic, payload, (flags & _WILL_QOS) >> 3, flags & _WILL_RETAIN != 0, properties), at


def connack_at(buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds) -> Connack:
    """The CONNACK packet whose Connect Acknowledge Flags are at `at`; return codes become Reason Codes."""
    flags, at = byte_at(buffer, at, end)
    code, at = byte_at(buffer, at, end)
    if flags > 1:
        raise MalformedPacket("reserved Connect Acknowledge Flags are set")  # [MQTT-3.2.2-1]
    properties = None
    if version == MQTT_5:
        reason_code = code if code in CONNACK_REASONS else -1
        properties, at = decode_properties(buffer, at, end, CONNACK, bounds)
    else:
        reason_code = REASONS_OF_RETURN_CODES.get(code, -1)
    if reason_code < 0:
        raise ProtocolError(f"{code:#04x} is no Connect Reason Code")
    if at != end:
        raise MalformedPacket("a CONNACK packet has bytes behind its fields")
    if flags and reason_code:
        raise ProtocolError("a CONNACK packet refuses with Session Present 1")  # [MQTT-3.2.2-6]
    return Connack(flags == 1, reason_code, properties)


def disconnect_at(buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds) -> Disconnect:
    """The DISCONNECT packet; what it leaves out is 0x00 and no properties (3.14.2)."""
    if at == end:
        return Disconnect()
    if version != MQTT_5:
        raise MalformedPacket("a DISCONNECT packet has bytes behind its fixed header")
    reason_code, at = byte_at(buffer, at, end)
    if reason_code not in DISCONNECT_REASONS:
        raise ProtocolError(f"{reason_code:#04x} is no Disconnect Reason Code")
    properties = None
    if at < end:
        properties, at = decode_properties(buffer, at, end, DISCONNECT, bounds)
    if at != end:
        raise MalformedPacket("a DISCONNECT packet has bytes behind its fields")
    return Disconnect(reason_code, properties)


def auth_at(buffer: bytes, at: int, end: int, bounds: PacketBounds) -> Auth:
    """The AUTH packet; only 0x00 without properties may be left out, and both of them (3.15.2.1)."""
    if at == end:
        return Auth()
    reason_code, at = byte_at(buffer, at, end)
    if reason_code not in AUTH_REASONS:
        raise ProtocolError(f"{reason_code:#04x} is no Authenticate Reason Code")
    properties, at = decode_properties(buffer, at, end, AUTH, bounds)
    if at != end:
        raise MalformedPacket("an AUTH packet has bytes behind its fields")
    if properties is None or properties.authentication_method is None:
        raise ProtocolError("an AUTH packet omits its Authentication Method")
    return Auth(reason_code, properties)
