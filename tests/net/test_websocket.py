import asyncio
import base64
import hashlib
import logging
import os
import struct

import pytest
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import InvalidStatus
from websockets.frames import CloseCode

from amqtt.net import connection as connection_module
from amqtt.net.settings import TlsSettings
from amqtt.net.websocket import PARSED_AT_ONCE
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Publish

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
FOR_EVER = 1000.0
"""Seconds for something that no test waits for: what must do without it hangs where it does not."""


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """A client's frame by hand (RFC 6455, 5.2)."""
    first = (FIN if fin else 0) | reserved | opcode
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        header = bytes((first, mask_bit | len(payload)))
    elif len(payload) < 65536:
        header = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        header = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    if not masked:
        return header + payload
    key = b"\x9a\x77\x1f\xfb"
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    body = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return header + key + body.to_bytes(len(payload), "big")


def upgrade(*lines: str, path: str = "/mqtt", subprotocol: str | None = "mqtt") -> bytes:
    headers = [
        f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *lines,
    ]
    if subprotocol is not None:
        headers.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*headers, "", ""]).encode()


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The opcode and payload of one of the server's frames, which are whole and unmasked."""
    async with asyncio.timeout(10):
        first, length = await reader.readexactly(2)
        assert first & 0xF0 == FIN
        assert length < 128
        if length == 126:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await reader.readexactly(8))
        return first & 0x0F, await reader.readexactly(length)


async def open_websocket(site, **settings):
    """A WebSocket by hand, after its opening handshake."""
    reader, writer = await site.connect(await site.port(type="ws", **settings))
    writer.write(upgrade())
    async with asyncio.timeout(10):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith("HTTP/1.1 101 ")
    return reader, writer


async def closing(reader: asyncio.StreamReader) -> int:
    """Read on to the server's Close frame, and give its status code; then it must end the connection."""
    while True:
        opcode, payload = await read_frame(reader)
        if opcode == CLOSE:
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            return int.from_bytes(payload[:2], "big")


async def test_the_websockets_client_gets_its_bytes_back(site):
    port = await site.port(type="ws")
    async with websocket_connect(f"ws://127.0.0.1:{port}/mqtt", subprotocols=["mqtt"]) as client:
        assert client.subprotocol == "mqtt"
        assert client.protocol.extensions == []
        await client.send(b"hello")
        assert await client.recv() == b"hello"
        big = bytes(range(256)) * 1000
        await client.send(big)
        received = b""
        while len(received) < len(big):
            received += await client.recv()
        assert received == big
    assert client.close_code == CloseCode.NORMAL_CLOSURE
    state = site.server.states[0]
    await site.server.until(lambda: state.reason is not None)
    assert (state.peer.transport, state.peer.address, state.peer.secure) == ("ws", "127.0.0.1", False)
    assert state.reason == "the WebSocket was closed"


@pytest.mark.parametrize("cut", [0, 1, 50])
async def test_frames_that_come_with_the_request_are_answered_behind_its_response(site, cut):
    reader, writer = await site.connect(await site.port(type="ws"))
    request = upgrade() + frame(PING, b"x") + frame(BINARY, b"hello") + frame(CLOSE, b"\x03\xe8")
    pieces = [request[at : at + cut] for at in range(0, len(request), cut)] if cut else [request]
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    assert await read_frame(reader) == (PONG, b"x")
    assert await closing(reader) == CloseCode.NORMAL_CLOSURE
    await site.server.until(lambda: site.server.states[0].reason is not None)
    assert site.server.states[0].reason == "the WebSocket was closed"
    assert site.server.states[0].arrived == b"hello"


async def test_the_same_over_tls(site, authority):
    tls = TlsSettings(
        authority.certfile, authority.keyfile, cafile=authority.cafile, require_certificate=True
    )
    port = await site.port(type="ws", tls=tls)
    context = authority.client_context("device-7")
    async with websocket_connect(f"wss://localhost:{port}/", ssl=context, subprotocols=["mqtt"]) as client:
        await client.send(b"hello")
        assert await client.recv() == b"hello"
        await client.send(b"close")
        assert await client.recv() == b"close"
    state = site.server.states[0]
    assert state.peer.secure
    assert (("commonName", "device-7"),) in state.peer.certificate["subject"]


@pytest.mark.parametrize(("offered", "chosen"), [
    ("mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("mqttv3.1, mqtt", "mqtt"), ("chat, mqtt", "mqtt"),
    (None, None),
])
async def test_the_subprotocol_is_that_of_mqtt(site, offered, chosen):
    reader, writer = await site.connect(await site.port(type="ws"))
    writer.write(upgrade(subprotocol=offered))
    answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
    assert answer[0] == "HTTP/1.1 101 Switching Protocols"
    accepted = base64.b64encode(
        hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    )
    assert f"Sec-WebSocket-Accept: {accepted.decode()}" in answer
    named = [line.partition(": ")[2] for line in answer if line.startswith("Sec-WebSocket-Protocol")]
    assert named == ([] if chosen is None else [chosen])
    writer.write(frame(BINARY, b"hello"))
    assert await read_frame(reader) == (BINARY, b"hello")


async def test_compression_is_never_agreed_to(site):
    reader, writer = await site.connect(await site.port(type="ws"))
    writer.write(upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert b"101" in answer
    assert b"Extensions" not in answer


@pytest.mark.parametrize(("settings", "request_", "status"), [
    ({}, upgrade(subprotocol="chat"), b"400"),
    ({"path": "/mqtt"}, upgrade(path="/other"), b"404"),
    ({"path": "/mqtt"}, upgrade(path="/mqtt?token=1"), b"101"),
    ({}, upgrade(path="/anything"), b"101"),
    ({}, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"426"),
    ({}, b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
    ({}, upgrade().replace(b"Version: 13", b"Version: 8"), b"400"),
    ({}, upgrade().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), b"400"),
    ({"allowed_origins": []}, upgrade("Origin: https://evil.example"), b"403"),
    ({"allowed_origins": []}, upgrade("Origin: null"), b"403"),
    ({"allowed_origins": []}, upgrade(), b"101"),
    ({"allowed_origins": []}, upgrade("Origin: http://localhost"), b"101"),
    ({"allowed_origins": ["https://Good.example"]}, upgrade("Origin: https://good.example"), b"101"),
    ({"allowed_origins": ["https://good.example"]},
     upgrade("Origin: https://good.example", "Origin: https://evil.example"), b"403"),
    ({"allowed_origins": ["*"]}, upgrade("Origin: https://any.example"), b"101"),
    ({}, upgrade("Origin: https://any.example"), b"101"),
])
async def test_the_opening_handshake_is_answered(site, caplog, settings, request_, status):
    caplog.set_level(logging.DEBUG)
    reader, writer = await site.connect(await site.port(type="ws", **settings))
    writer.write(request_)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert answer.split()[1] == status
    if status != b"101":
        await asyncio.wait_for(reader.read(), 10)
        await site.server.until(lambda: site.server.states[0].reason is not None)
        assert site.server.states[0].arrived == b""
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def test_the_websockets_client_is_refused_with_a_status(site):
    port = await site.port(type="ws", path="/mqtt")
    with pytest.raises(InvalidStatus):
        await websocket_connect(f"ws://127.0.0.1:{port}/other")


@pytest.mark.parametrize("garbage", [
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"\r\n" * 10,
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET /" + b"x" * 9000, b"x" * 100_000,
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000,
])
async def test_what_is_no_request_is_closed_without_a_line_in_the_log(site, caplog, garbage):
    caplog.set_level(logging.DEBUG)
    reader, writer = await site.connect(await site.port(type="ws"))
    writer.write(garbage)
    answer = await asyncio.wait_for(reader.read(), 10)
    assert b" 101 " not in answer
    await site.server.until(lambda: site.server.states[0].reason is not None)
    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert site.faults == []


async def test_an_endless_request_is_refused(site):
    reader, writer = await site.connect(await site.port(type="ws"))
    writer.write(b"GET / HTTP/1.1\r\n")
    for number in range(100):
        writer.write(b"Header-%d: %s\r\n" % (number, b"x" * 1000))
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 431 ")
    await site.server.until(lambda: site.server.states[0].reason is not None)
    (connection,) = site.house.connections
    assert len(connection._protocol.reader.buffer) == 0


async def test_a_request_that_trickles_in_is_understood(site):
    reader, _writer = await site.connect(await site.port(type="ws"))
    request = upgrade() + frame(BINARY, b"hello")
    state = await site.server.first()
    connection = await site.only_connection()
    for byte in request:
        connection._take(bytes([byte]))
    assert state.arrived == b"hello"
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert b" 101 " in answer
    assert await read_frame(reader) == (BINARY, b"hello")


async def test_the_server_may_close_before_the_upgrade_is_finished(site):
    reader, writer = await site.connect(await site.port(type="ws"))
    writer.write(upgrade()[:50])
    connection = await site.only_connection()
    site.server.close(connection.state)
    assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_packet_may_span_frames_and_a_frame_may_hold_several_packets(site):
    """[MQTT-6.0.0-2] What the frames carry is one stream of bytes."""
    reader, writer = await open_websocket(site)
    frames = [
        frame(BINARY, b"one two"), frame(BINARY, b" three", fin=False), frame(PING, b"are you there"),
        frame(CONTINUATION, b" four", fin=False), frame(CONTINUATION, b""), frame(BINARY, b""),
        frame(BINARY, b" five", fin=False), frame(CONTINUATION, b" six"),
    ]
    writer.write(b"".join(frames))
    received, pongs = b"", []
    while len(received) < len(b"one two three four five six"):
        opcode, payload = await read_frame(reader)
        if opcode == PONG:
            pongs.append(payload)
        else:
            assert opcode == BINARY
            received += payload
    assert received == b"one two three four five six"
    assert pongs == [b"are you there"]


async def test_each_control_packet_has_a_frame_of_its_own(site):
    """Paho's client in C waits for ever for the second packet of a frame."""
    reader, _ = await open_websocket(site)
    connection = await site.only_connection()
    small, middle, large = (encode(Publish("a", b"x" * size), MQTT_5) for size in (1, 200, 70_000))
    connection.link.send(middle)
    connection.link.send_run(small + large + small + middle, 4)
    connection.link.send(small)
    for packet in (middle, small, large, small, middle, small):
        assert await read_frame(reader) == (BINARY, packet)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
async def test_every_size_of_frame_is_written_and_read(site, size):
    reader, writer = await open_websocket(site)
    connection = await site.only_connection()
    payload = os.urandom(size)
    if size:
        connection.link.send(payload)
        assert await read_frame(reader) == (BINARY, payload)
    site.server.echoes = False
    writer.write(frame(BINARY, payload))
    await site.server.until(lambda: site.server.states[0].arrived == payload)


async def test_an_empty_frame_before_anything_else_is_harmless(site):
    """What brought aMQTT down for good: an empty binary frame, then the end."""
    _reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b""))
    writer.write_eof()
    await site.server.until(lambda: site.server.states[0].reason is not None)
    assert site.server.states[0].arrived == b""


@pytest.mark.parametrize(("bad", "code"), [
    (frame(TEXT, b"\x10\x00"), CloseCode.UNSUPPORTED_DATA),
    (frame(TEXT, b"half", fin=False) + frame(CONTINUATION, b"rest"), CloseCode.UNSUPPORTED_DATA),
    (frame(BINARY, b"x", masked=False), CloseCode.PROTOCOL_ERROR),
    (frame(BINARY, b"x", reserved=0x40), CloseCode.PROTOCOL_ERROR),
    (frame(BINARY, b"x", reserved=0x20), CloseCode.PROTOCOL_ERROR),
    (frame(BINARY, b"x", reserved=0x10), CloseCode.PROTOCOL_ERROR),
    (frame(0x3, b"x"), CloseCode.PROTOCOL_ERROR),
    (frame(0xB, b"x"), CloseCode.PROTOCOL_ERROR),
    (frame(CONTINUATION, b"x"), CloseCode.PROTOCOL_ERROR),
    (frame(PING, b"x" * 126), CloseCode.PROTOCOL_ERROR),
    (frame(PING, b"x", fin=False), CloseCode.PROTOCOL_ERROR),
    (frame(CLOSE, b"\x03"), CloseCode.PROTOCOL_ERROR),
    (frame(CLOSE, b"\x03\xec"), CloseCode.PROTOCOL_ERROR),
    (frame(CLOSE, b"\x03\xe8\xff\xfe"), CloseCode.INVALID_DATA),
    (b"\x82\xff" + (1 << 63).to_bytes(8, "big"), CloseCode.MESSAGE_TOO_BIG),
    (b"\x82\xff" + (1 << 62).to_bytes(8, "big"), CloseCode.MESSAGE_TOO_BIG),
    (b"\x82\xff" + (17 << 20).to_bytes(8, "big"), CloseCode.MESSAGE_TOO_BIG),
])
async def test_a_bad_frame_ends_the_websocket_with_its_code(site, caplog, bad, code):
    caplog.set_level(logging.DEBUG)
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"good"))
    assert await read_frame(reader) == (BINARY, b"good")
    writer.write(bad + frame(BINARY, b"after it"))
    assert await closing(reader) == code
    await site.server.until(lambda: site.server.states[0].reason is not None)
    assert site.server.states[0].arrived == b"good"
    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert site.faults == []


async def test_what_came_before_a_bad_frame_counts(site):
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"good") + frame(TEXT, b"bad") + frame(BINARY, b"after it"))
    assert await closing(reader) == CloseCode.UNSUPPORTED_DATA
    assert site.server.states[0].arrived == b"good"


async def test_a_stranger_may_not_fill_the_memory(open_site):
    site = await open_site(maximum_connect_size=1000)
    reader, writer = await open_websocket(site)
    site.server.echoes = False
    writer.write(frame(BINARY, bytes(1000)))
    await site.server.until(lambda: len(site.server.states[0].arrived) == 1000)
    writer.write(frame(BINARY, bytes(1024 * 1024))[:100_000])
    assert await closing(reader) == CloseCode.MESSAGE_TOO_BIG


async def test_who_was_answered_may_send_what_the_limits_allow(open_site):
    site = await open_site(maximum_connect_size=1000, maximum_packet_size=500_000)
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"CONNECT"))
    assert await read_frame(reader) == (BINARY, b"CONNECT")
    site.server.echoes = False
    writer.write(frame(BINARY, bytes(500_014)))
    await site.server.until(lambda: len(site.server.states[0].arrived) == 500_021)
    writer.write(frame(BINARY, bytes(500_015)))
    assert await closing(reader) == CloseCode.MESSAGE_TOO_BIG


async def test_endless_fragments_are_one_message_that_is_too_big(open_site):
    site = await open_site(maximum_packet_size=100_000)
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"CONNECT"))
    assert await read_frame(reader) == (BINARY, b"CONNECT")
    site.server.echoes = False
    writer.write(frame(BINARY, bytes(1000), fin=False))
    for _ in range(200):
        writer.write(frame(CONTINUATION, bytes(1000), fin=False))
    assert await closing(reader) == CloseCode.MESSAGE_TOO_BIG
    assert len(site.server.states[0].arrived) <= 100_021


async def test_the_close_handshake_is_answered(site):
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"bye") + frame(CLOSE, b"\x03\xe8"))
    assert await closing(reader) == CloseCode.NORMAL_CLOSURE
    await site.server.until(lambda: site.server.states[0].reason is not None)
    assert site.server.states[0].arrived == b"bye"


async def test_the_server_closes_with_a_handshake_after_its_last_word(site, monkeypatch):
    monkeypatch.setattr(connection_module, "LINGER", FOR_EVER)
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"close"))
    assert await read_frame(reader) == (BINARY, b"close")
    assert await read_frame(reader) == (CLOSE, b"\x03\xe8")
    writer.write(frame(BINARY, b"late") + frame(PING, b"late") + frame(CLOSE, b"\x03\xe8"))
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.server.states[0].arrived == b"close"


async def test_a_peer_that_does_not_answer_the_close_sees_the_end_and_is_aborted(site, monkeypatch):
    monkeypatch.setattr(connection_module, "LINGER", 0.05)
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", FOR_EVER)
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"close"))
    assert await read_frame(reader) == (BINARY, b"close")
    assert await read_frame(reader) == (CLOSE, b"\x03\xe8")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    async with asyncio.timeout(10):
        await site.house.emptied()


async def test_of_pings_to_a_peer_that_does_not_read_only_the_last_is_answered(site):
    reader, _writer = await open_websocket(site)
    connection = await site.only_connection()
    reader._transport.pause_reading()
    sent = bytes(16 * 1024 * 1024)
    connection.link.send(sent)
    assert connection.link.blocked
    waiting = connection.transport.get_write_buffer_size()
    for number in range(5):
        connection._take(frame(PING, b"%d" % number))
    connection.link.send(b"after")
    site.house.turn.flush()
    assert connection.transport.get_write_buffer_size() <= waiting
    reader._transport.resume_reading()
    assert await read_frame(reader) == (BINARY, sent)
    assert await read_frame(reader) == (PONG, b"4")
    assert await read_frame(reader) == (BINARY, b"after")


async def test_nothing_is_sent_after_the_peer_has_closed(site):
    reader, writer = await open_websocket(site)
    connection = await site.only_connection()
    writer.write(frame(CLOSE, b"\x03\xe8"))
    await site.server.until(lambda: site.server.states[0].reason is not None)
    connection.link.send(b"too late")
    assert await read_frame(reader) == (CLOSE, b"\x03\xe8")
    assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_an_authenticator_pauses_a_websocket_too(site):
    reader, writer = await open_websocket(site)
    writer.write(frame(BINARY, b"ask"))
    await site.server.until(lambda: site.server.question is not None)
    writer.write(frame(BINARY, b"more"))
    site.server.question.set_result("yes")
    received = b""
    while received != b"answeredmore":
        received += (await read_frame(reader))[1]


def numbered(count: int, first: int = 0) -> tuple[bytes, bytes]:
    """Small frames, and what they carry."""
    carried = [b"%d " % number for number in range(first, first + count)]
    return b"".join(frame(BINARY, each) for each in carried), b"".join(carried)


async def test_frames_that_come_when_the_turn_is_over_wait_for_the_next_ones_in_their_order(site):
    reader, writer = await open_websocket(site)
    state = site.server.states[0]
    site.server.echoes, site.server.turn_is_over = False, True
    frames, carried = numbered(4_000)
    more, carried_by_more = numbered(10, first=4_000)
    writer.write(frames[: len(frames) // 2 + 3])
    await site.server.until(lambda: site.server.line == [state])
    writer.write(frames[len(frames) // 2 + 3 :] + frame(PING, b"last"))
    turns = 0
    while len(state.arrived) < len(carried):
        before = len(state.arrived)
        await site.server.until(lambda: bool(site.server.line) or len(state.arrived) == len(carried))
        assert len(state.arrived) - before <= PARSED_AT_ONCE
        site.server.go_on()
        turns += 1
    assert state.arrived == carried
    assert turns > 5
    assert await read_frame(reader) == (PONG, b"last")
    site.server.go_on()
    writer.write(more)
    await site.server.until(lambda: state.arrived == carried + carried_by_more)
    assert site.server.line == [], "so few are taken whenever they come"


@pytest.mark.parametrize("end", [frame(CLOSE, b"\x03\xe8"), frame(TEXT, b"bad")])
async def test_the_end_of_a_websocket_waits_with_the_frames_before_it(site, end):
    reader, writer = await open_websocket(site)
    state = site.server.states[0]
    site.server.echoes, site.server.turn_is_over = False, True
    frames, carried = numbered(1_000)
    writer.write(frames + end)
    while state.reason is None:
        assert state.arrived == carried[: len(state.arrived)]
        await site.server.until(lambda: bool(site.server.line) or state.reason is not None)
        site.server.go_on()
    assert state.arrived == carried
    assert state.reason == "the WebSocket was closed"
    assert await closing(reader) in (CloseCode.NORMAL_CLOSURE, CloseCode.UNSUPPORTED_DATA)


async def test_what_a_client_asked_before_its_close_frame_is_still_answered(site):
    reader, writer = await open_websocket(site)
    state = site.server.states[0]
    writer.write(frame(BINARY, b"ask") + frame(CLOSE, b"\x03\xe8"))
    await site.server.until(lambda: site.server.question is not None)
    assert await read_frame(reader) == (CLOSE, b"\x03\xe8")
    assert state.reason is None
    site.server.question.set_result("yes")
    await site.server.until(lambda: state.reason is not None)
    assert state.answers == ["yes"]
    assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_peer_that_is_gone_while_its_frames_wait_is_forgotten_with_them(site):
    _, writer = await open_websocket(site)
    state = site.server.states[0]
    site.server.echoes, site.server.turn_is_over = False, True
    writer.write(numbered(1_000)[0])
    await site.server.until(lambda: bool(site.server.line))
    (connection,) = site.house.connections
    connection.abort("gone")
    async with asyncio.timeout(10):
        await site.house.emptied()
    taken = state.arrived
    site.server.go_on()
    await asyncio.sleep(0)
    assert state.arrived == taken
    assert site.faults == []


@pytest.mark.parametrize("then", ["bytes", "end"])
async def test_a_parser_that_ctrl_c_has_ended_closes_its_connection_quietly(site, then):
    _, writer = await open_websocket(site)
    (connection,) = site.house.connections
    connection._protocol.parser.close()
    if then == "bytes":
        writer.write(b"\x82")
    else:
        writer.write_eof()
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.server.states[0].reason is not None
    assert site.noise == []
