"""The fields of Control Packets as aMQTT's functions read and write them (MQTT 5.0, 1.5)."""

import asyncio

from amqtt.compat.packets import Reader
from amqtt.errors import CodecError, NoDataError, ZeroLengthReadError
from amqtt.wire.primitives import binary_field


def bytes_to_hex_str(data: bytes | bytearray) -> str:
    """Bytes as `0x…`."""
    return "0x" + data.hex()


def bytes_to_int(data: bytes | int) -> int:
    """A number from its bytes, the highest first."""
    return int.from_bytes(data, "big") if isinstance(data, bytes | bytearray) else data


def int_to_bytes(int_value: int, length: int) -> bytes:
    """A number in so many bytes, the highest first; CodecError if it does not fit."""
    try:
        return int_value.to_bytes(length, "big")
    except OverflowError as wrong:
        raise CodecError(str(wrong)) from None


def int_to_bytes_str(value: int) -> bytes:
    """A number as decimal digits."""
    return str(value).encode()


async def read_or_raise(reader: Reader, n: int = -1) -> bytes:
    """Read n bytes; NoDataError at the end."""
    try:
        data = await reader.read(n)
    except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
        data = b""
    if not data and n:
        raise NoDataError("No more data")
    return data


async def decode_string(reader: Reader) -> str:
    """Read text with its length in front.

    CodecError if it is not UTF-8, ZeroLengthReadError if it is empty.
    """
    data = await decode_data_with_length(reader)
    if not data:
        raise ZeroLengthReadError
    try:
        return data.decode()
    except UnicodeDecodeError as wrong:
        raise CodecError(str(wrong)) from None


async def decode_data_with_length(reader: Reader) -> bytes:
    """Read bytes with their length in front."""
    length = bytes_to_int(await read_or_raise(reader, 2))
    return await read_or_raise(reader, length) if length else b""


async def decode_packet_id(reader: Reader) -> int:
    """Read a Packet Identifier."""
    return bytes_to_int(await read_or_raise(reader, 2))


def encode_string(string: str) -> bytes:
    """Text with its length in front; CodecError if it is too long."""
    return encode_data_with_length(string.encode())


def encode_data_with_length(data: bytes | bytearray) -> bytes:
    """Bytes with their length in front; CodecError if there are too many."""
    if len(data) > 65535:
        raise CodecError(f"{len(data)} bytes are too many for one field")
    return binary_field(bytes(data))
