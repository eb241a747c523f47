"""The data types of MQTT (5.0, section 1.5; 3.1.1, section 1.5) and their bytes.

Writers take a value and return bytes; what the standard cannot represent is a ValueError, because
it is the caller's mistake. Readers take `(buffer, at, end)` and return the value with the position
behind it; they never look at or beyond `end`, and raise MalformedPacket, because it is the peer's.
"""

from typing import Final

from amqtt.wire.errors import MalformedPacket

MAXIMUM_VARIABLE_BYTE_INTEGER: Final = 268_435_455
"""What four bytes can hold, and so the largest Remaining Length (1.5.5)."""
MAXIMUM_FIELD_LENGTH: Final = 65_535
"""The largest UTF-8 Encoded String or Binary Data, in bytes (1.5.4, 1.5.6)."""

SINGLE_BYTES: Final[list[bytes]] = [bytes((value,)) for value in range(256)]
"""Every byte as bytes: looking one up costs half of making it."""
BYTE_PAIRS: Final[list[bytes]] = [high + low for high in SINGLE_BYTES for low in SINGLE_BYTES]
"""Every Two Byte Integer as it is written: a look-up costs a quarter of making one (measured)."""


def variable_byte_integer(value: int) -> bytes:
    """A Variable Byte Integer in the fewest bytes, 0 to 268,435,455 [MQTT-1.5.5-1]."""
    if 0 <= value < 0x80:
        return SINGLE_BYTES[value]
    if not 0 <= value <= MAXIMUM_VARIABLE_BYTE_INTEGER:
        raise ValueError(f"a Variable Byte Integer is 0 to {MAXIMUM_VARIABLE_BYTE_INTEGER}, not {value}")
    encoded = b""
    while value >= 0x80:
        encoded += SINGLE_BYTES[value & 0x7F | 0x80]
        value >>= 7
    return encoded + SINGLE_BYTES[value]


def two_byte_integer(value: int) -> bytes:
    """A Two Byte Integer, big-endian, 0 to 65,535 (1.5.2)."""
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"a Two Byte Integer is 0 to 65535, not {value}")
    return value.to_bytes(2, "big")


def four_byte_integer(value: int) -> bytes:
    """A Four Byte Integer, big-endian, 0 to 4,294,967,295 (1.5.3)."""
    if not 0 <= value <= 0xFFFFFFFF:
        raise ValueError(f"a Four Byte Integer is 0 to 4294967295, not {value}")
    return value.to_bytes(4, "big")


def string_field(text: str) -> bytes:
    """A UTF-8 Encoded String with its length; no U+0000, no surrogates [MQTT-1.5.4-1] [MQTT-1.5.4-2]."""
    if "\0" in text:
        raise ValueError("a UTF-8 Encoded String must not include U+0000")
    return binary_field(text.encode())


def binary_field(data: bytes) -> bytes:
    """Binary Data with its length, at most 65,535 bytes (1.5.6)."""
    length = len(data)
    if length > MAXIMUM_FIELD_LENGTH:
        raise ValueError(f"a string or binary field has at most {MAXIMUM_FIELD_LENGTH} bytes, not {length}")
    return length.to_bytes(2, "big") + data


def byte_at(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """One byte."""
    if at >= end:
        raise MalformedPacket("the packet ends where a byte should be")
    return buffer[at], at + 1


def two_byte_integer_at(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """A Two Byte Integer (1.5.2)."""
    after = at + 2
    if after > end:
        raise MalformedPacket("the packet ends within a Two Byte Integer")
    return buffer[at] << 8 | buffer[at + 1], after


def four_byte_integer_at(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """A Four Byte Integer (1.5.3)."""
    after = at + 4
    if after > end:
        raise MalformedPacket("the packet ends within a Four Byte Integer")
    return int.from_bytes(buffer[at:after], "big"), after


def variable_byte_integer_at(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """A Variable Byte Integer of at most four bytes, none of them needless [MQTT-1.5.5-1]."""
    value = 0
    shift = 0
    while at < end:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift > 0:
                raise MalformedPacket("a Variable Byte Integer is longer than it need be")
            return value, at
        shift += 7
        if shift == 28:
            raise MalformedPacket("a Variable Byte Integer has more than four bytes")
    raise MalformedPacket("the packet ends within a Variable Byte Integer")


def binary_at(buffer: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Binary Data (1.5.6)."""
    start = at + 2
    if start > end:
        raise MalformedPacket("the packet ends within the length of a field")
    after = start + (buffer[at] << 8 | buffer[at + 1])
    if after > end:
        raise MalformedPacket("the packet ends within a field")
    return buffer[start:after], after


def string_at(buffer: bytes, at: int, end: int) -> tuple[str, int]:
    """A UTF-8 Encoded String, strictly well-formed [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.4-3]."""
    raw, after = binary_at(buffer, at, end)
    return text_of(raw), after


def string_pair_at(buffer: bytes, at: int, end: int) -> tuple[str, str, int]:
    """A UTF-8 String Pair [MQTT-1.5.7-1]."""
    name, at = string_at(buffer, at, end)
    value, at = string_at(buffer, at, end)
    return name, value, at


def text_of(raw: bytes) -> str:
    """The characters of a UTF-8 Encoded String; U+FEFF stays wherever it stands [MQTT-1.5.4-3]."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise MalformedPacket("a string is not well-formed UTF-8") from None
    if "\0" in text:
        raise MalformedPacket("a string includes U+0000")
    return text
