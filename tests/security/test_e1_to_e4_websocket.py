"""E1 to E4: what comes over WebSocket before it is MQTT is bounded, well formed, and from where it may be."""

import asyncio

import pytest

from amqtt.broker import Broker
from support.raw_websocket import BINARY, CONTINUATION, PING, RawWebSocket, frame

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"



@pytest.fixture
async def broker():
    listeners = {"default": {"type": "tcp"}, "web": {"type": "ws", "bind": "127.0.0.1:0"}}
    limits = {"maximum-packet-size": 100_000}
    async with Broker({"listeners": listeners, "sys_interval": 0, "limits": limits}) as broker:
        yield broker


@pytest.fixture
async def open_websocket(broker):
    made = []

    async def open_one(path: str = "/mqtt", extensions: str = "") -> RawWebSocket:
        made.append(await RawWebSocket.open(address(broker), "mqtt", path=path, extensions=extensions))
        return made[-1]

    yield open_one
    for websocket in made:
        await websocket.close()


def address(broker: Broker) -> tuple[str, int]:
    return broker.listeners["web"].addresses[0]


async def is_served(open_websocket) -> bool:
    """Whether somebody else still is."""
    other = await open_websocket()
    other.send(BINARY, CONNECT)
    return await other.receive_packets(4) == b"\x20\x02\x00\x00"


async def test_e1_compression_is_not_negotiated_and_a_compressed_frame_ends_it(open_websocket):
    websocket = await open_websocket(extensions="permessage-deflate; client_max_window_bits")
    assert websocket.status == 101
    assert "sec-websocket-extensions" not in websocket.headers
    websocket.write(frame(BINARY, CONNECT, reserved=4))
    assert await websocket.expect_close() == (b"", 1002)
    assert await is_served(open_websocket)


@pytest.mark.parametrize(("first", "length"), [
    (0x82, (1 << 63) - 1), (0x82, 1 << 63), (0x82, (1 << 64) - 1), (0x02, 1 << 40), (0x82, 100_015),
])
async def test_e2_a_frame_of_any_announced_length_is_refused_by_its_header(open_websocket, first, length):
    websocket = await open_websocket()
    websocket.write(bytes((first, 0xFF)) + length.to_bytes(8, "big") + bytes(4))
    received, code = await websocket.expect_close()
    assert received == b""
    assert code in {1002, 1009}
    assert await is_served(open_websocket)


async def test_e2_fragments_without_end_are_one_message_that_is_too_big(open_websocket):
    websocket = await open_websocket()
    websocket.send(BINARY, CONNECT)
    assert await websocket.receive_packets(4) == b"\x20\x02\x00\x00"
    pings = b"\xc0\x00" * 5_000
    websocket.send(BINARY, pings, last=False)
    for _ in range(20):
        websocket.send(CONTINUATION, pings, last=False)
    assert (await websocket.expect_close())[1] == 1009
    assert await is_served(open_websocket)


async def test_e2_a_packet_may_not_be_larger_because_it_comes_in_many_frames(open_websocket):
    websocket = await open_websocket()
    websocket.send(BINARY, CONNECT)
    assert await websocket.receive_packets(4) == b"\x20\x02\x00\x00"
    websocket.send(BINARY, b"\x30\xff\xff\x7f")
    assert await websocket.expect_close() == (b"", 1000)


async def test_e2_a_stranger_may_not_send_more_than_a_connect(open_websocket):
    websocket = await open_websocket()
    for _ in range(40):
        websocket.send(PING, bytes(100))
        websocket.send(BINARY, b"", last=False)
        websocket.write(frame(CONTINUATION, bytes(90_000)))
    await websocket.read_to_end()
    assert await is_served(open_websocket)


async def test_e2_of_a_frame_that_is_not_complete_a_stranger_may_send_no_more_either(open_websocket):
    """One that is within the maximum, but more than a CONNECT may have."""
    websocket = await open_websocket()
    websocket.write(frame(BINARY, bytes(95_000))[:90_000])
    assert await websocket.expect_close() == (b"", 1009)
    assert await is_served(open_websocket)


@pytest.mark.parametrize("data", [
    frame(BINARY, CONNECT, masked=False), frame(BINARY, CONNECT, reserved=1), frame(0x3, b""),
    frame(0xB, b""), frame(PING, bytes(126)), frame(PING, b"", last=False), frame(CONTINUATION, b"x"),
    frame(0x8, b"\x03"), frame(0x8, b"\x03\xe7"), frame(0x8, b"\x03\xe8\xff"),
], ids=lambda data: "frame")
async def test_e3_a_bad_frame_closes_its_own_connection_only(open_websocket, data):
    websocket = await open_websocket()
    websocket.write(data)
    received, code = await websocket.expect_close()
    assert received == b""
    assert code in {1002, 1007}
    assert await is_served(open_websocket)


@pytest.mark.parametrize("path", ["/", "/mqtt", "/other?x=1"])
async def test_e3_a_websocket_without_mqtt_is_closed(open_websocket, path):
    websocket = await open_websocket(path)
    websocket.send(BINARY, b"GET / HTTP/1.1\r\n\r\n")
    await websocket.expect_close()
    assert await is_served(open_websocket)


ORIGINS = [
    (None, None, b"101"), ("http://localhost:3000", None, b"101"), ("https://evil.example", None, b"403"),
    ("http://rebound.example", "rebound.example", b"403"), ("null", None, b"403"),
]


@pytest.mark.parametrize(("auth", "allowed", "origin", "host", "status"), [
    *[({}, None, *case) for case in ORIGINS],
    *[({"allow-anonymous": True}, None, *case) for case in ORIGINS],
    ({}, ["https://app.example"], "https://app.example", None, b"101"),
    ({}, ["https://app.example"], "https://evil.example", None, b"403"),
    ({}, ["*"], "https://evil.example", None, b"101"),
    ({"allow-anonymous": False}, None, "https://app.example", None, b"101"),
    ({"allow-anonymous": False}, ["https://app.example"], "https://evil.example", None, b"403"),
])
async def test_e4_web_pages_of_others_do_not_reach_an_open_broker(auth, allowed, origin, host, status):
    listener = {"type": "ws", "bind": "127.0.0.1:0"}
    if allowed is not None:
        listener["allowed-origins"] = allowed
    config = {"listeners": {"default": {"type": "tcp"}, "web": listener}, "sys_interval": 0}
    if auth:
        config["auth"] = auth
    async with Broker(config) as broker:
        reader, writer = await asyncio.open_connection(*address(broker))
        writer.write(
            b"GET / HTTP/1.1\r\nHost: " + (host or "localhost:1").encode() + b"\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n"
            + (b"" if origin is None else b"Origin: " + origin.encode() + b"\r\n") + b"\r\n"
        )
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        writer.close()
        await writer.wait_closed()
    assert answer.split()[1] == status
