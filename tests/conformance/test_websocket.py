"""MQTT over WebSocket (MQTT 5.0, 6; MQTT 3.1.1, 6)."""

from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect

from amqtt.broker import Broker
from amqtt.server.events import Fault
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_3_1,
    Connack,
    Connect,
    Disconnect,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.by_hand import publish
from support.raw_client import MQTT_3_1_1, MQTT_5
from support.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame

every_version = pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1, MQTT_5])
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"


@pytest.fixture
async def websocket_broker(faults):
    listeners = {
        "default": {"type": "tcp"},
        "ws": {"type": "ws", "bind": "127.0.0.1:0"},
        "test": {"bind": "127.0.0.1:0"},
    }
    broker = Broker({"listeners": listeners, "sys_interval": 0})
    broker.server.events.on(Fault, lambda event: faults.append(event.exception))
    async with broker:
        yield broker


@pytest.fixture
async def websocket(websocket_broker):
    """Opens WebSockets that offer "mqtt", or what they are told to offer."""
    address = websocket_broker.listeners["ws"].addresses[0]
    async with AsyncExitStack() as stack:

        async def open_one(*subprotocols, **options):
            opened = await RawWebSocket.open(address, *(subprotocols or ("mqtt",)), **options)
            stack.push_async_callback(opened.close)
            return opened

        yield open_one


def decoded(data, version):
    decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
    packets = decoder.feed(data)
    assert decoder.error is None
    return packets


async def connected(websocket, version=MQTT_5):
    """A WebSocket whose CONNECT was accepted."""
    opened = await websocket()
    opened.send(BINARY, encode(Connect("client", version), version))
    opcode, payload = await opened.receive()
    assert opcode == BINARY
    [connack] = decoded(payload, version)
    assert isinstance(connack, Connack)
    assert connack.reason_code == 0
    return opened


@every_version
@pytest.mark.mqtt5("6.0.0-1", "6.0.0-4")
@pytest.mark.mqtt311("6.0.0-1", "6.0.0-4")
async def test_control_packets_travel_in_binary_frames_both_ways(websocket, version):
    opened = await connected(websocket, version)
    assert opened.headers["sec-websocket-protocol"] == "mqtt"
    opened.send(BINARY, PINGREQ)
    assert await opened.receive() == (BINARY, PINGRESP)


@pytest.mark.parametrize("before", ["nothing", "CONNECT"])
@pytest.mark.parametrize("payload", [b"", PINGREQ, b"\xff\xfe"], ids=["empty", "a packet", "no UTF-8"])
@pytest.mark.mqtt5("6.0.0-1", "4.13.1-1")
@pytest.mark.mqtt311("6.0.0-1")
async def test_a_text_frame_closes_the_network_connection(websocket, before, payload):
    opened = await (websocket() if before == "nothing" else connected(websocket))
    opened.send(TEXT, payload)
    opened.send(BINARY, PINGREQ)
    packets, status = await opened.expect_close()
    assert packets == b""
    assert status == 1003
    again = await connected(websocket)
    again.send(BINARY, PINGREQ)
    assert await again.receive() == (BINARY, PINGRESP)


@pytest.mark.mqtt5("6.0.0-1")
@pytest.mark.mqtt311("6.0.0-1")
async def test_a_text_frame_in_fragments_closes_the_network_connection(websocket):
    opened = await connected(websocket)
    opened.send(TEXT, PINGREQ[:1], last=False)
    opened.send(CONTINUATION, PINGREQ[1:])
    assert (await opened.expect_close()) == (b"", 1003)


@pytest.mark.parametrize("opcode", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xF])
@pytest.mark.mqtt5("6.0.0-1")
@pytest.mark.mqtt311("6.0.0-1")
async def test_a_frame_of_no_known_type_closes_the_network_connection(websocket, opcode):
    opened = await connected(websocket)
    opened.send(opcode, PINGREQ)
    assert (await opened.expect_close()) == (b"", 1002)


@every_version
@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
@pytest.mark.mqtt5("6.0.0-2")
@pytest.mark.mqtt311("6.0.0-2")
async def test_a_packet_may_span_frames(websocket, version, size):
    opened = await websocket()
    stream = encode(Connect("client", version), version) + PINGREQ
    for at in range(0, len(stream), size):
        opened.send(BINARY, stream[at : at + size])
    answer = b""
    while not answer.endswith(PINGRESP):
        opcode, payload = await opened.receive()
        assert opcode == BINARY
        answer += payload
    assert [type(packet) for packet in decoded(answer, version)] == [Connack, Pingresp]


@every_version
@pytest.mark.mqtt5("6.0.0-2")
@pytest.mark.mqtt311("6.0.0-2")
async def test_a_frame_may_hold_several_packets_and_end_within_one(websocket, version):
    opened = await connected(websocket, version)
    subscribe = encode(Subscribe(1, [SubscriptionRequest("a")]), version)
    message = publish(version, b"a", b"payload")
    opened.send(BINARY, subscribe + message + message[:5])
    opened.send(BINARY, message[5:] + PINGREQ)
    expected = encode(Suback(1, [0]), version) + message * 2 + PINGRESP
    assert await opened.receive_packets(len(expected)) == expected


@pytest.mark.mqtt5("6.0.0-2")
@pytest.mark.mqtt311("6.0.0-2")
async def test_a_fragmented_message_with_a_ping_between_its_fragments_is_one_stream(websocket):
    opened = await connected(websocket)
    message = encode(Subscribe(1, [SubscriptionRequest("a")]), MQTT_5)
    opened.send(BINARY, message[:4], last=False)
    opened.send(PING, b"alive?")
    opened.send(CONTINUATION, b"", last=False)
    opened.send(CONTINUATION, message[4:] + PINGREQ[:1])
    opened.send(BINARY, PINGREQ[1:])
    assert await opened.receive() == (PONG, b"alive?")
    expected = encode(Suback(1, [0]), MQTT_5) + PINGRESP
    assert await opened.receive_packets(len(expected)) == expected


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
@pytest.mark.mqtt5("6.0.0-2")
@pytest.mark.mqtt311("6.0.0-2")
async def test_messages_of_every_length_come_back_whole(websocket, size):
    opened = await connected(websocket)
    opened.send(BINARY, encode(Subscribe(1, [SubscriptionRequest("a")]), MQTT_5))
    await opened.receive()
    message = publish(MQTT_5, b"a", bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    opened.send(BINARY, message)
    assert await opened.receive_packets(len(message)) == message


@pytest.mark.parametrize(
    ("offered", "selected"),
    [(("mqtt",), "mqtt"), (("mqttv3.1", "mqtt"), "mqtt"), (("chat", "mqtt", "x"), "mqtt")],
)
@pytest.mark.mqtt5("6.0.0-3", "6.0.0-4")
@pytest.mark.mqtt311("6.0.0-3", "6.0.0-4")
async def test_the_subprotocol_selected_is_mqtt(websocket, offered, selected):
    opened = await websocket(*offered)
    assert opened.status == 101
    assert opened.headers["sec-websocket-protocol"] == selected


@pytest.mark.mqtt5("6.0.0-4")
@pytest.mark.mqtt311("6.0.0-4")
async def test_who_offers_only_other_subprotocols_is_refused(websocket):
    opened = await websocket("chat", "MQTT", "mqtt5")
    assert opened.status == 400
    assert "sec-websocket-protocol" not in opened.headers
    await opened.read_to_end()


@pytest.mark.mqtt5("4.13.1-1", "3.14.4-2")
async def test_a_protocol_error_is_told_in_a_disconnect_and_the_websocket_closed(websocket):
    opened = await connected(websocket)
    opened.send(BINARY, b"\x00\x00")
    packets, status = await opened.expect_close()
    [disconnect] = decoded(packets, MQTT_5)
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == 0x81
    assert status == 1000


@pytest.mark.mqtt5("3.14.4-3")
async def test_a_close_frame_is_no_disconnect(websocket, websocket_broker):
    async with websocket_broker.subscribe("will") as news:
        opened = await websocket()
        opened.send(BINARY, encode(Connect("client", will=WillFields("will", b"left")), MQTT_5))
        await opened.receive()
        opened.send(CLOSE, b"\x03\xe8")
        assert (await anext(aiter(news))).payload == b"left"
    opcode, payload = await opened.receive()
    assert (opcode, payload[:2]) == (CLOSE, b"\x03\xe8")
    assert await opened.read_to_end() == b""


HOSTILE = {
    "an unmasked frame": frame(BINARY, PINGREQ, masked=False),
    "a reserved bit": frame(BINARY, PINGREQ, reserved=4),
    "a continuation of nothing": frame(CONTINUATION, PINGREQ),
    "two beginnings": frame(BINARY, PINGREQ, last=False) + frame(BINARY, PINGREQ),
    "a Ping of 126 bytes": frame(PING, bytes(126)),
    "a Ping in fragments": frame(PING, b"x", last=False),
    "a Close frame of one byte": frame(CLOSE, b"\x03"),
    "a frame of 2**63 bytes": b"\x82\xff" + b"\xff" * 8 + bytes(4),
    "a frame beyond every packet": b"\x82\xff" + (2**40).to_bytes(8, "big") + bytes(4),
    "no frame at all": b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("before", ["nothing", "CONNECT"])
@pytest.mark.mqtt5("6.0.0-1")
async def test_a_broken_frame_closes_its_network_connection_and_no_other(websocket, before, data):
    other = await connected(websocket)
    opened = await websocket()
    if before == "CONNECT":
        opened.send(BINARY, encode(Connect("another"), MQTT_5))
        await opened.receive()
    opened.write(data)
    packets, status = await opened.expect_close()
    assert packets == b""
    assert status in (1002, 1009)
    other.send(BINARY, PINGREQ)
    assert await other.receive() == (BINARY, PINGRESP)


@every_version
@pytest.mark.mqtt5("4.2-1", "6.0.0-1", "6.0.0-2", "6.0.0-3", "6.0.0-4")
@pytest.mark.mqtt311("6.0.0-1", "6.0.0-2", "6.0.0-3", "6.0.0-4")
async def test_the_websockets_client_is_served(websocket_broker, version):
    host, port = websocket_broker.listeners["ws"].addresses[0]
    async with connect(f"ws://{host}:{port}/mqtt", subprotocols=["mqtt"], proxy=None) as client:
        assert client.subprotocol == "mqtt"
        await client.send(encode(Connect("client", version), version))
        decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
        await client.send([encode(Subscribe(1, [SubscriptionRequest("a", 1)]), version), PINGREQ])
        await client.send(encode(Publish("a", b"1", 1, packet_id=1), version) + PINGREQ)
        kinds = []
        while kinds.count(Pingresp) < 2:
            kinds += [type(packet) for packet in decoder.feed(await client.recv(decode=False))]
        assert kinds[:3] == [Connack, Suback, Pingresp]
        assert Publish in kinds
