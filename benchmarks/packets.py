"""Control Packets of MQTT 3.1.1 and 5.0, encoded once before the clock runs."""

from collections.abc import Sequence

MQTT_3_1_1, MQTT_5 = 4, 5
CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK = 0x20, 0x30, 0x40, 0x50, 0x62, 0x70, 0x90
RETAIN = 0x01
PINGRESP = 0xD0
PINGREQ, DISCONNECT = b"\xc0\x00", b"\xe0\x00"
ACKNOWLEDGEMENT_SIZE = 4


class Incomplete(Exception):
    """A packet has not arrived whole yet."""


def field(text: str) -> bytes:
    """A UTF-8 Encoded String."""
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def variable_byte_integer(value: int) -> bytes:
    """A length as the standard writes it: seven bits a byte, the least first."""
    digits = bytearray()
    while True:
        value, digit = divmod(value, 128)
        digits.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(digits)


def packet(first: int, body: bytes) -> bytes:
    """A whole Control Packet."""
    return bytes((first,)) + variable_byte_integer(len(body)) + body


def body_of(data: bytes, at: int = 0) -> tuple[int, int]:
    """Where the variable header of the packet at `at` begins and where the packet ends."""
    length = shift = 0
    for position in range(at + 1, at + 5):
        if position >= len(data):
            raise Incomplete
        length |= (data[position] & 0x7F) << shift
        shift += 7
        if data[position] < 0x80:
            if position + 1 + length > len(data):
                raise Incomplete
            return position + 1, position + 1 + length
    raise ValueError(f"no packet: {data[at : at + 8].hex(' ')}")


def connect(client_id: str, version: int = MQTT_3_1_1, *, clean: bool = True) -> bytes:
    """A CONNECT without Keep Alive; where not `clean`, its Session outlives it."""
    expiry = b"" if clean else b"\x11\xff\xff\xff\xff"
    properties = variable_byte_integer(len(expiry)) + expiry if version == MQTT_5 else b""
    head = field("MQTT") + bytes((version, 0x02 if clean else 0x00, 0, 0))
    return packet(0x10, head + properties + field(client_id))


def subscribe(filters: Sequence[str], qos: int, version: int = MQTT_3_1_1) -> bytes:
    """A SUBSCRIBE with Packet Identifier 1."""
    head = b"\x00\x01" + (b"\x00" if version == MQTT_5 else b"")
    return packet(0x82, head + b"".join(field(each) + bytes((qos,)) for each in filters))


def publish(topic: str, payload: bytes, flags: int = 0, middle: bytes = b"") -> bytes:
    """A PUBLISH; `middle` is what stands between its topic and its payload."""
    return packet(PUBLISH | flags, field(topic) + middle + payload)


def acknowledgement(kind: int, packet_id: int) -> bytes:
    """A PUBACK, PUBREC, PUBREL or PUBCOMP."""
    return bytes((kind, 2)) + packet_id.to_bytes(2, "big")


def acknowledgements(kind: int, high: bytes | bytearray, low: bytes | bytearray) -> bytes:
    """Many of them: of each Packet Identifier its high and its low byte."""
    answer = bytearray(bytes((kind, 2, 0, 0)) * len(high))
    answer[2::4] = high
    answer[3::4] = low
    return bytes(answer)


def properties_of(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The properties that begin with their length at `at`, each as its bytes, in one order; and their end."""
    length, at = _variable_byte_integer_at(data, at)
    end, found = at + length, []
    while at < end:
        size = _property_size(data, at)
        found.append(data[at : at + size])
        at += size
    return sorted(found), end


def _variable_byte_integer_at(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        digit = data[at]
        at += 1
        value |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return value, at


_BYTE_PROPERTIES = frozenset({0x01})
_FOUR_BYTE_PROPERTIES = frozenset({0x02})
_STRING_PROPERTIES = frozenset({0x03, 0x08, 0x09})
_USER_PROPERTY = 0x26


def _property_size(data: bytes, at: int) -> int:
    """The size of one property of a PUBLISH, with its identifier."""
    identifier = data[at]
    if identifier in _BYTE_PROPERTIES:
        return 2
    if identifier in _FOUR_BYTE_PROPERTIES:
        return 5
    first = 3 + int.from_bytes(data[at + 1 : at + 3], "big")
    if identifier in _STRING_PROPERTIES:
        return first
    if identifier == _USER_PROPERTY:
        return first + 2 + int.from_bytes(data[at + first : at + first + 2], "big")
    raise ValueError(f"a PUBLISH with property 0x{identifier:02x}")
