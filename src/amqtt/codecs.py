"""The import path that `amqtt.codecs_amqtt` had before aMQTT 0.11."""

from amqtt.compat.codecs import (
    bytes_to_hex_str,
    bytes_to_int,
    decode_data_with_length,
    decode_packet_id,
    decode_string,
    encode_data_with_length,
    encode_string,
    int_to_bytes,
    int_to_bytes_str,
    read_or_raise,
)

__all__ = [
    "bytes_to_hex_str", "bytes_to_int", "decode_data_with_length", "decode_packet_id", "decode_string",
    "encode_data_with_length", "encode_string", "int_to_bytes", "int_to_bytes_str", "read_or_raise",
]
