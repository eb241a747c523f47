"""The data types of section 1.5, both ways."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.wire import primitives
from amqtt.wire.errors import MalformedPacket

VARIABLE = [
    (0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"),
    (2_097_151, "ffff7f"), (2_097_152, "80808001"), (268_435_455, "ffffff7f"),
]

# After Markus Kuhn's UTF-8 decoder capability and stress test.
WELL_FORMED = {
    "the Greek word kosme": "cebae1bdb9cf83cebcceb5",
    "the first of one byte that MQTT allows": "01",
    "the first of two bytes": "c280",
    "the first of three bytes": "e0a080",
    "the first of four bytes": "f0908080",
    "the last of one byte": "7f",
    "the last of two bytes": "dfbf",
    "the last of three bytes": "efbfbf",
    "the last of four bytes": "f48fbfbf",
    "the last before the surrogates": "ed9fbf",
    "the first behind the surrogates": "ee8080",
    "the replacement character": "efbfbd",
    "U+FEFF in front": "efbbbf61",
    "U+FEFF within": "61efbbbf61",
    "noncharacters": "efbfbeefb790f09fbfbe",
    "control characters": "011f7fc280c29f",
}
NOT_WELL_FORMED = {
    "a continuation byte alone": "80",
    "the last continuation byte alone": "bf",
    "seven continuation bytes": "80bf80bf80bf80",
    "two bytes without the last": "c3",
    "three bytes without the last": "e2 82",
    "four bytes without the last": "f0 9d 84",
    "a first byte before a space": "c3 20",
    "five bytes": "f8 88 80 80 80",
    "six bytes": "fc 84 80 80 80 80",
    "0xfe": "fe",
    "0xff": "ff",
    "a slash in two bytes": "c0 af",
    "a slash in three bytes": "e0 80 af",
    "a slash in four bytes": "f0 80 80 af",
    "the highest of two bytes in three": "e0 9f bf",
    "the highest of three bytes in four": "f0 8f bf bf",
    "U+0000 in two bytes": "c0 80",
    "U+0000 in three bytes": "e0 80 80",
    "U+0000": "00",
    "U+0000 within": "61 00 61",
    "the first surrogate": "ed a0 80",
    "the last surrogate": "ed bf bf",
    "a pair of surrogates": "ed a0 80 ed b0 80",
    "beyond U+10FFFF": "f4 90 80 80",
    "far beyond U+10FFFF": "f7 bf bf bf",
}


@pytest.mark.parametrize(("value", "data"), VARIABLE)
def test_a_variable_byte_integer_is_written_and_read_in_the_fewest_bytes(value: int, data: str) -> None:
    encoded = bytes.fromhex(data)
    assert primitives.variable_byte_integer(value) == encoded
    assert primitives.variable_byte_integer_at(b"\xff" + encoded + b"\xff", 1, 1 + len(encoded)) == (
        value, 1 + len(encoded)
    )


@given(st.integers(0, 268_435_455))
def test_every_variable_byte_integer_is_read_as_written(value: int) -> None:
    encoded = primitives.variable_byte_integer(value)
    assert primitives.variable_byte_integer_at(encoded, 0, len(encoded)) == (value, len(encoded))


@pytest.mark.parametrize("data", ["", "80", "ffffff", "8000", "ff8000", "80808000", "ffffffff", "8080808001"])
def test_other_variable_byte_integers_are_malformed(data: str) -> None:
    encoded = bytes.fromhex(data)
    with pytest.raises(MalformedPacket):
        primitives.variable_byte_integer_at(encoded, 0, len(encoded))


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (primitives.variable_byte_integer, -1),
        (primitives.variable_byte_integer, 268_435_456),
        (primitives.two_byte_integer, -1),
        (primitives.two_byte_integer, 65_536),
        (primitives.four_byte_integer, -1),
        (primitives.four_byte_integer, 4_294_967_296),
    ],
)
def test_an_integer_out_of_range_is_not_written(write: Callable[[int], bytes], value: int) -> None:
    with pytest.raises(ValueError, match=str(value)):
        write(value)


def test_integers_are_big_endian() -> None:
    assert primitives.two_byte_integer(0x1234) == b"\x12\x34"
    assert primitives.two_byte_integer_at(b"\0\x12\x34\0", 1, 4) == (0x1234, 3)
    assert primitives.four_byte_integer(0x12345678) == b"\x12\x34\x56\x78"
    assert primitives.four_byte_integer_at(b"\0\x12\x34\x56\x78\0", 1, 6) == (0x12345678, 5)
    assert primitives.byte_at(b"\0\x12", 1, 2) == (0x12, 2)


@pytest.mark.parametrize(
    "encoded", [bytes.fromhex(data) for data in WELL_FORMED.values()], ids=list(WELL_FORMED)
)
def test_a_well_formed_string_is_read_and_written_as_it_is(encoded: bytes) -> None:
    field = len(encoded).to_bytes(2, "big") + encoded
    text, after = primitives.string_at(field, 0, len(field))
    assert text == encoded.decode("utf-8")
    assert after == len(field)
    assert primitives.string_field(text) == field


@pytest.mark.parametrize(
    "encoded", [bytes.fromhex(data) for data in NOT_WELL_FORMED.values()], ids=list(NOT_WELL_FORMED)
)
def test_a_string_that_is_not_well_formed_is_malformed(encoded: bytes) -> None:
    field = (len(encoded) + 2).to_bytes(2, "big") + b"a" + encoded + b"a"
    with pytest.raises(MalformedPacket):
        primitives.string_at(field, 0, len(field))


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
def test_what_a_string_must_not_include_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"U\+0000|surrogates"):
        primitives.string_field(text)


def test_a_field_has_at_most_65535_bytes() -> None:
    longest = b"x" * 65_535
    field = primitives.binary_field(longest)
    assert primitives.binary_at(field, 0, len(field)) == (longest, 65_537)
    assert primitives.string_field("x" * 65_535) == field
    with pytest.raises(ValueError, match="65536"):
        primitives.binary_field(longest + b"x")
    with pytest.raises(ValueError, match="65536"):
        primitives.string_field("é" * 32_768)


def test_a_string_pair_is_two_strings() -> None:
    assert primitives.string_pair_at(b"\0\0\1a\0\0", 1, 6) == ("a", "", 6)


@pytest.mark.parametrize(
    ("read", "length"),
    [
        (primitives.byte_at, 1),
        (primitives.two_byte_integer_at, 2),
        (primitives.four_byte_integer_at, 4),
        (primitives.binary_at, 3),
        (primitives.string_at, 3),
        (primitives.string_pair_at, 6),
    ],
)
def test_nothing_is_read_beyond_the_end(read: Callable[[bytes, int, int], object], length: int) -> None:
    buffer = b"\xff" + b"\0\1a\0\1a" + b"\xff"
    read(buffer, 1, 1 + length)
    for end in range(1, 1 + length):
        with pytest.raises(MalformedPacket):
            read(buffer, 1, end)
