"""The adapters, codecs and functions of aMQTT that programs call by themselves."""

import asyncio
import collections
import re
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from amqtt import codecs_amqtt as codecs
from amqtt.adapters import (
    BufferReader,
    BufferWriter,
    StreamReaderAdapter,
    StreamWriterAdapter,
    WebSocketsReader,
    WebSocketsWriter,
)
from amqtt.errors import CodecError, NoDataError, ZeroLengthReadError
from amqtt.plugins import TopicMatcher
from amqtt.session import Session
from amqtt.utils import format_client_message, gen_client_id, import_string, read_yaml_config


def test_client_identifiers_are_never_the_same() -> None:
    made = {gen_client_id() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"amqtt/[A-Za-z0-9]{16}", client_id) for client_id in made)


def test_a_yaml_configuration_is_read(tmp_path: Path) -> None:
    file = tmp_path / "amqtt.yaml"
    file.write_text("listeners: {default: {type: tcp}}\n")
    expected = {"listeners": {"default": {"type": "tcp"}}}
    assert read_yaml_config(file) == read_yaml_config(str(file)) == expected


@pytest.mark.parametrize("content", ["a: [", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_plain_yaml_is_none(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "amqtt.yaml"
    file.write_text(content)
    assert read_yaml_config(file) is None
    assert "Invalid config_file" in caplog.text


def test_a_dotted_path_is_imported() -> None:
    assert import_string("collections.OrderedDict") is collections.OrderedDict
    for path in ("collections", "collections.Nothing", "no_such_module.Thing"):
        with pytest.raises(ImportError):
            import_string(path)


def test_a_client_is_named_in_a_log() -> None:
    session = Session()
    session.client_id = "one"
    assert format_client_message(session) == "(client id=one)"
    assert format_client_message(address="h", port=1) == "(client @=h:1)"
    assert format_client_message() == "(unknown client)"


def test_numbers_and_bytes_are_turned_into_each_other() -> None:
    assert codecs.int_to_bytes(258, 2) == b"\x01\x02"
    assert codecs.bytes_to_int(b"\x01\x02") == codecs.bytes_to_int(258) == 258
    assert codecs.bytes_to_hex_str(b"\x01\xff") == "0x01ff"
    assert codecs.int_to_bytes_str(42) == b"42"
    assert codecs.encode_string("ä") == b"\x00\x02\xc3\xa4"
    assert codecs.encode_data_with_length(b"ab") == b"\x00\x02ab"
    with pytest.raises(CodecError):
        codecs.int_to_bytes(256, 1)
    with pytest.raises(CodecError):
        codecs.encode_data_with_length(bytes(65536))


async def test_fields_are_read() -> None:
    reader = BufferReader(b"\x00\x02\xc3\xa4\x00\x01x\x00\x00\x00\x07")
    assert await codecs.decode_string(reader) == "ä"
    assert await codecs.decode_data_with_length(reader) == b"x"
    assert await codecs.decode_data_with_length(reader) == b""
    assert await codecs.decode_packet_id(reader) == 7
    with pytest.raises(NoDataError):
        await codecs.read_or_raise(reader, 1)
    with pytest.raises(ZeroLengthReadError):
        await codecs.decode_string(BufferReader(b"\x00\x00"))
    with pytest.raises(CodecError):
        await codecs.decode_string(BufferReader(b"\x00\x01\xff"))
    ended = asyncio.StreamReader()
    ended.feed_data(b"\x00")
    ended.feed_eof()
    with pytest.raises(NoDataError):
        await codecs.read_or_raise(StreamReaderAdapter(ended), 2)


async def test_streams_are_read_and_written() -> None:
    served = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = StreamReaderAdapter(reader), StreamWriterAdapter(writer)
        peer = outer.get_peer_info()
        assert peer is not None
        assert peer[0] == "127.0.0.1"
        assert outer.get_ssl_info() is None
        outer.write(await inner.read(3))
        await outer.drain()
        outer.write(await inner.read())
        await outer.close()
        await outer.close()
        outer.write(b"lost")
        await outer.drain()
        served.set()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"abcdef")
        writer.write_eof()
        assert await reader.read() == b"abcdef"
        writer.close()
        await writer.wait_closed()
        await served.wait()


async def test_the_end_of_a_stream_can_be_said() -> None:
    adapter = StreamReaderAdapter(asyncio.StreamReader())
    adapter.feed_eof()
    assert await adapter.read() == b""


async def test_bytes_are_read_and_written() -> None:
    reader = BufferReader(b"abc")
    reader.feed_eof()
    assert await reader.read(2) + await reader.read() + await reader.read() == b"abc"
    writer = BufferWriter()
    writer.write(b"ab")
    await writer.drain()
    assert (writer.get_buffer(), writer.get_peer_info()[1], writer.get_ssl_info()) == (b"ab", 0, None)
    await writer.close()


async def test_web_sockets_are_read_and_written_whatever_their_messages_hold() -> None:
    taken: list[bytes] = []
    served = asyncio.Event()

    async def serve_one(socket: ServerConnection) -> None:
        reader, writer = WebSocketsReader(socket), WebSocketsWriter(socket)
        taken.extend([await reader.read(3), await reader.read(2)])
        await writer.drain()
        writer.write(b"o")
        writer.write(b"k")
        await writer.drain()
        taken.extend([await reader.read(), await reader.read(1)])
        peer = writer.get_peer_info()
        assert peer is not None
        assert (peer[0], writer.get_ssl_info()) == ("127.0.0.1", None)
        await writer.close()
        served.set()

    async with serve(serve_one, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}") as socket:
            for message in (b"ab", b"", b"cd", "e"):
                await socket.send(message)
            assert await socket.recv() == b"ok"
            await socket.send(b"rest")
        await served.wait()
    assert taken == [b"abc", b"de", b"rest", b""]


async def test_the_end_of_a_web_socket_can_be_said() -> None:
    reader = WebSocketsReader(None)
    reader.feed_eof()
    assert await reader.read(1) == b""


def test_a_plugin_can_ask_whether_filters_match_a_topic() -> None:
    matcher = TopicMatcher()
    assert matcher.are_topics_allowed("a/b", ["c", "a/+"])
    assert not matcher.are_topics_allowed("a/b/c", ["c", "a/+", "a#"])
    assert not matcher.is_topic_allowed("$SYS/x", "#")
