"""Control Packets into bytes, for every version; what cannot be encoded is a ValueError."""

from typing import Final

from amqtt.wire.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT_3_1,
    MQTT_5,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Acknowledgement,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    WillFields,
)
from amqtt.wire.primitives import (
    SINGLE_BYTES,
    binary_field,
    four_byte_integer,
    string_field,
    two_byte_integer,
    variable_byte_integer,
)
from amqtt.wire.properties import (
    BY_BEARER,
    BYTE,
    FOUR_BYTE_INTEGER,
    SUBSCRIPTION_IDENTIFIERS,
    TWO_BYTE_INTEGER,
    WILL,
    Properties,
    Property,
)
from amqtt.wire.reasons import RETURN_CODES

ALL: Final = 0
WITHOUT_REASON_STRING: Final = 1
WITHOUT_USER_PROPERTIES: Final = 2
"""How much of the properties to write: without User Properties is without Reason String too."""

_BRIDGE: Final = 0x80
_PINGREQ_BYTES: Final = b"\xc0\x00"
_PINGRESP_BYTES: Final = b"\xd0\x00"


def encode(packet: Packet, version: int) -> bytes:
    """The whole packet as `version` (3, 4 or 5) has it; a Connect as its own `version` has it.

    Before MQTT 5.0 there are no properties and no Reason Codes: they are left out, a SUBACK says
    0x80 for every failure, and a CONNACK says what RETURN_CODES does. ValueError for a CONNACK
    whose Reason Code has no return code (then nothing may be sent), for AUTH before MQTT 5.0, for a
    number out of range, a string or binary field beyond 65,535 bytes and a packet beyond 256 MiB.
    """
    return _encode(packet, version, ALL)


def encode_within(packet: Packet, version: int, maximum: int) -> bytes | None:
    """The packet in at most `maximum` bytes, the receiver's Maximum Packet Size; None: it does not fit.

    A response gives up its Reason String first, then its User Properties too [MQTT-3.2.2-19]
    [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.14.2-3] [MQTT-3.14.2-4]. Requests and
    PUBLISH give up nothing [MQTT-3.1.2-25].
    """
    encoded = _encode(packet, version, ALL)
    if len(encoded) <= maximum:
        return encoded
    if version == MQTT_5 and not isinstance(packet, (Connect, Publish, Subscribe, Unsubscribe)):
        for extent in (WITHOUT_REASON_STRING, WITHOUT_USER_PROPERTIES):
            encoded = _encode(packet, version, extent)
            if len(encoded) <= maximum:
                return encoded
    return None


def properties_bytes(properties: Properties, bearer: int) -> bytes:
    """What is set in `properties` and `bearer` may bear, in the order of the table, without the length.

    `bearer` is the packet type, or WILL for a Will Message.
    """
    return _properties(properties, bearer, ALL)


def _properties(properties: Properties, bearer: int, extent: int) -> bytes:
    encoded = b""
    for row in BY_BEARER[bearer]:
        value: object = getattr(properties, row.attribute)
        if value is None or value == ():
            continue
        if extent != ALL and row.attribute == "reason_string":
            continue
        if extent == WITHOUT_USER_PROPERTIES and row.attribute == "user_properties":
            continue
        encoded += _property(row, value, properties)
    return encoded


def _property(row: Property, value: object, properties: Properties) -> bytes:
    identifier = SINGLE_BYTES[row.identifier]
    if isinstance(value, int):
        return identifier + _number(row, value)
    if isinstance(value, str):
        return identifier + string_field(value)
    if isinstance(value, bytes):
        return identifier + binary_field(value)
    if row.kind == SUBSCRIPTION_IDENTIFIERS:
        return b"".join([identifier + _number(row, number) for number in properties.subscription_identifiers])
    return b"".join(
        [identifier + string_field(name) + string_field(text) for name, text in properties.user_properties]
    )


def _number(row: Property, value: int) -> bytes:
    if not row.minimum <= value <= row.maximum:
        raise ValueError(f"the property {row.attribute} must not be {value}")
    if row.kind == BYTE:
        return SINGLE_BYTES[value]
    if row.kind == TWO_BYTE_INTEGER:
        return two_byte_integer(value)
    if row.kind == FOUR_BYTE_INTEGER:
        return four_byte_integer(value)
    return variable_byte_integer(value)


def _field(properties: Properties | None, bearer: int, version: int, extent: int) -> bytes:
    """The Property Length and the Properties; nothing at all before MQTT 5.0 [MQTT-2.2.2-1]."""
    if version != MQTT_5:
        return b""
    if properties is None:
        return b"\x00"
    encoded = _properties(properties, bearer, extent)
    return variable_byte_integer(len(encoded)) + encoded


def _packet(first: int, body: bytes) -> bytes:
    return SINGLE_BYTES[first] + variable_byte_integer(len(body)) + body


def _packet_id(value: int) -> bytes:
    """A Packet Identifier: 1 to 65,535 [MQTT-2.2.1-3] [MQTT-2.2.1-4]."""
    if value == 0:
        raise ValueError("a Packet Identifier is not 0")
    return two_byte_integer(value)


def _encode(packet: Packet, version: int, extent: int) -> bytes:
    """What most packets are comes first."""
    if isinstance(packet, Publish):
        return _publish(packet, version)
    if isinstance(packet, Puback):
        return _acknowledgement(PUBACK << 4, packet, version, extent)
    if isinstance(packet, Pubrec):
        return _acknowledgement(PUBREC << 4, packet, version, extent)
    if isinstance(packet, Pubrel):
        return _acknowledgement(PUBREL << 4 | 2, packet, version, extent)
    if isinstance(packet, Pubcomp):
        return _acknowledgement(PUBCOMP << 4, packet, version, extent)
    if isinstance(packet, Pingreq):
        return _PINGREQ_BYTES
    if isinstance(packet, Pingresp):
        return _PINGRESP_BYTES
    if isinstance(packet, (Subscribe, Unsubscribe, Suback, Unsuback)):
        return _subscription_packet(packet, version, extent)
    if isinstance(packet, Connect):
        return _connect(packet)
    if isinstance(packet, Connack):
        return _connack(packet, version, extent)
    if isinstance(packet, Disconnect):
        return _disconnect(packet, version, extent)
    return _auth(packet, version, extent)


def _publish(packet: Publish, version: int) -> bytes:
    qos = packet.qos
    if not 0 <= qos <= 2:
        raise ValueError(f"a QoS is 0, 1 or 2, not {qos}")
    if packet.dup and qos == 0:
        raise ValueError("DUP is 0 at QoS 0")
    header = string_field(packet.topic)
    if qos:
        header += _packet_id(packet.packet_id)
    header += _field(packet.properties, PUBLISH, version, ALL)
    payload = packet.payload
    first = PUBLISH << 4 | (8 if packet.dup else 0) | qos << 1 | (1 if packet.retain else 0)
    return SINGLE_BYTES[first] + variable_byte_integer(len(header) + len(payload)) + header + payload


def _acknowledgement(first: int, packet: Acknowledgement, version: int, extent: int) -> bytes:
    body = _packet_id(packet.packet_id)
    if version == MQTT_5 and (packet.reason_code or packet.properties is not None):
        body += _reason_and_properties(first >> 4, packet.reason_code, packet.properties, extent)
    return _packet(first, body)


def _reason_and_properties(
    bearer: int, reason_code: int, properties: Properties | None, extent: int
) -> bytes:
    """The shortest form: the Property Length is left out when it is 0, the Reason Code when it is 0 too."""
    field = _field(properties, bearer, MQTT_5, extent)
    if field != b"\x00":
        return SINGLE_BYTES[reason_code] + field
    return SINGLE_BYTES[reason_code] if reason_code else b""


def _disconnect(packet: Disconnect, version: int, extent: int) -> bytes:
    if version != MQTT_5:
        return b"\xe0\x00"
    body = _reason_and_properties(DISCONNECT, packet.reason_code, packet.properties, extent)
    return _packet(DISCONNECT << 4, body)


def _auth(packet: Auth, version: int, extent: int) -> bytes:
    if version != MQTT_5:
        raise ValueError("there is no AUTH before MQTT 5.0")
    field = _field(packet.properties, AUTH, version, extent)
    if packet.reason_code == 0 and field == b"\x00":
        return _packet(AUTH << 4, b"")
    return _packet(AUTH << 4, SINGLE_BYTES[packet.reason_code] + field)


def _connack(packet: Connack, version: int, extent: int) -> bytes:
    reason_code = packet.reason_code
    if version != MQTT_5:
        return_code = RETURN_CODES.get(reason_code)
        if return_code is None:
            raise ValueError(f"the Reason Code {reason_code:#04x} has no return code")
        reason_code = return_code
    # MQTT 3.1 has no Session Present: its byte is reserved.
    present = packet.session_present and version != MQTT_3_1
    body = (b"\x01" if present else b"\x00") + SINGLE_BYTES[reason_code]
    return _packet(CONNACK << 4, body + _field(packet.properties, CONNACK, version, extent))


def _subscription_packet(
    packet: Subscribe | Unsubscribe | Suback | Unsuback, version: int, extent: int
) -> bytes:
    packet_id = _packet_id(packet.packet_id)
    if isinstance(packet, Subscribe):
        field = _field(packet.properties, SUBSCRIBE, version, ALL)
        requests = b"".join([_request(request, version) for request in packet.requests])
        return _packet(SUBSCRIBE << 4 | 2, packet_id + field + requests)
    if isinstance(packet, Unsubscribe):
        field = _field(packet.properties, UNSUBSCRIBE, version, ALL)
        filters = b"".join([string_field(topic_filter) for topic_filter in packet.topic_filters])
        return _packet(UNSUBSCRIBE << 4 | 2, packet_id + field + filters)
    if isinstance(packet, Suback):
        field = _field(packet.properties, SUBACK, version, extent)
        codes = packet.reason_codes
        if version != MQTT_5:
            codes = [min(code, 0x80) for code in codes]
        return _packet(SUBACK << 4, packet_id + field + bytes(codes))
    if version != MQTT_5:
        return _packet(UNSUBACK << 4, packet_id)
    field = _field(packet.properties, UNSUBACK, version, extent)
    return _packet(UNSUBACK << 4, packet_id + field + bytes(packet.reason_codes))


def _request(request: SubscriptionRequest, version: int) -> bytes:
    options = request.qos
    if not 0 <= options <= 2 or not 0 <= request.retain_handling <= 2:
        raise ValueError("QoS and Retain Handling are 0, 1 or 2")
    if version == MQTT_5:
        options |= (4 if request.no_local else 0) | (8 if request.retain_as_published else 0)
        options |= request.retain_handling << 4
    return string_field(request.topic_filter) + SINGLE_BYTES[options]


def _connect(packet: Connect) -> bytes:
    version = packet.version
    if not MQTT_3_1 <= version <= MQTT_5:
        raise ValueError(f"a Protocol Level is 3, 4 or 5, not {version}")
    if packet.password is not None and packet.username is None and version != MQTT_5:
        raise ValueError("before MQTT 5.0 there is no password without a user name")
    level = version | (_BRIDGE if packet.bridge and version != MQTT_5 else 0)
    body = string_field("MQIsdp" if version == MQTT_3_1 else "MQTT") + SINGLE_BYTES[level]
    body += SINGLE_BYTES[_connect_flags(packet)] + two_byte_integer(packet.keep_alive)
    body += _field(packet.properties, CONNECT, version, ALL) + string_field(packet.client_id)
    if packet.will is not None:
        will = packet.will
        body += _field(will.properties, WILL, version, ALL)
        body += string_field(will.topic) + binary_field(will.payload)
    if packet.username is not None:
        body += string_field(packet.username)
    if packet.password is not None:
        body += binary_field(packet.password)
    return _packet(CONNECT << 4, body)


def _connect_flags(packet: Connect) -> int:
    flags = 0x02 if packet.clean_start else 0
    if packet.will is not None:
        flags |= _will_flags(packet.will)
    if packet.username is not None:
        flags |= 0x80
    if packet.password is not None:
        flags |= 0x40
    return flags


def _will_flags(will: WillFields) -> int:
    if not 0 <= will.qos <= 2:
        raise ValueError(f"a QoS is 0, 1 or 2, not {will.qos}")
    return 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
