"""MQTT 3.1.1, chapters 6 and 7, and MQTT 5.0, 6: WebSocket frames, and every transport that there is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from amqtt.broker import Broker
from amqtt.server.events import Fault
from amqtt.wire.packets import Publish, Unsuback, Unsubscribe
from support import by_hand
from support.exchange import deliver, frame, messages, payloads
from support.legacy import ACCEPTED, ALL_VERSIONS, BEFORE_5, connect_bytes
from support.raw_client import RawClient

SUBACK = b"\x90\x03\x00\x01\x00"
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


@pytest.fixture
async def everywhere(tmp_path, faults) -> AsyncIterator[Broker]:
    """A Broker with a Listener of each type."""
    broker = Broker(
        {
            "listeners": {
                "default": {"type": "tcp"},
                "tcp": {"bind": "127.0.0.1:0"},
                "ws": {"type": "ws", "bind": "127.0.0.1:0"},
                "unix": {"type": "unix", "path": str(tmp_path / "mqtt.sock")},
            },
            "sys_interval": 0,
        }
    )
    broker.server.events.on(Fault, lambda event: faults.append(event.exception))
    async with broker:
        yield broker


@pytest.fixture
async def visitor(everywhere: Broker) -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    """`await visitor("unix", "id", version=4)` is a Client over that transport."""
    async with AsyncExitStack() as stack:

        async def opened(transport: str, client_id: str, version: int = 4) -> RawClient:
            client = await RawClient.open(everywhere.listeners[transport].addresses[0], version)
            stack.push_async_callback(client.close)
            await client.connect(client_id)
            return client

        yield opened


def web_socket(broker: Broker, *subprotocols: str) -> connect:
    address = broker.listeners["ws"].addresses[0]
    assert isinstance(address, tuple)
    offered = [Subprotocol(name) for name in subprotocols or ("mqtt",)]
    uri = f"ws://{address[0]}:{address[1]}/mqtt"
    return connect(uri, subprotocols=offered, compression=None, proxy=None)


async def arrives(web: ClientConnection, count: int) -> bytes:
    """The next `count` bytes of Control Packets, in whatever frames, which must be binary."""
    arrived = b""
    while len(arrived) < count:
        data = await web.recv()
        assert isinstance(data, bytes)
        arrived += data
    return arrived


async def until_closed(web: ClientConnection) -> bytes:
    arrived = b""
    try:
        while True:
            data = await web.recv()
            assert isinstance(data, bytes)
            arrived += data
    except ConnectionClosed:
        return arrived


@BEFORE_5
@pytest.mark.mqtt5("6.0.0-1", "6.0.0-4")
@pytest.mark.mqtt311("6.0.0-1", "6.0.0-4", "7.1.1-1")
async def test_control_packets_travel_in_binary_frames_of_the_subprotocol_mqtt(everywhere, version):
    async with web_socket(everywhere) as web:
        assert web.subprotocol == "mqtt"
        await web.send(connect_bytes(b"c", version=version))
        assert await arrives(web, 4) == ACCEPTED
        await web.send(by_hand.subscribe(version, (b"a", 0)))
        assert await arrives(web, 5) == SUBACK
        await web.send(frame(0x30, b"\x00\x01ax"))
        assert await arrives(web, 6) == frame(0x30, b"\x00\x01ax")
        await web.send(b"\xe0\x00")
        assert await until_closed(web) == b""


@pytest.mark.parametrize("before", [b"", connect_bytes(b"c")], ids=["at first", "after CONNECT"])
@pytest.mark.mqtt5("6.0.0-1")
@pytest.mark.mqtt311("6.0.0-1")
async def test_a_text_frame_closes(everywhere, visitor, before):
    witness = await visitor("tcp", "witness")
    await witness.subscribe("#")
    async with web_socket(everywhere) as web:
        if before:
            await web.send(before)
            assert await arrives(web, 4) == ACCEPTED
        await web.send(frame(0x30, b"\x00\x01ax").decode())
        assert await until_closed(web) == b""
    assert await messages(witness) == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.mqtt5("6.0.0-2")
@pytest.mark.mqtt311("6.0.0-2")
async def test_packets_need_not_be_aligned_with_frames(everywhere, size):
    publish = frame(0x30, b"\x00\x01a" + b"x" * 200)
    stream = connect_bytes(b"c") + by_hand.subscribe(4, (b"a", 0)) + publish + PINGREQ
    answer = ACCEPTED + SUBACK + publish + PINGRESP
    async with web_socket(everywhere) as web:
        for at in range(0, len(stream), size):
            await web.send(stream[at : at + size])
        assert await arrives(web, len(answer)) == answer


@pytest.mark.mqtt5("6.0.0-2")
@pytest.mark.mqtt311("6.0.0-2")
async def test_a_fragmented_message_carries_packets_like_any_other(everywhere):
    async with web_socket(everywhere) as web:
        stream = connect_bytes(b"c") + PINGREQ
        await web.send([stream[:5], b"", stream[5:9], stream[9:]])
        assert await arrives(web, 6) == ACCEPTED + PINGRESP


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("mqtt",), "mqtt"), (("soap", "mqtt", "mqttv3.1"), "mqtt"), (("mqttv3.1",), "mqttv3.1")],
)
@pytest.mark.mqtt5("6.0.0-4")
@pytest.mark.mqtt311("6.0.0-4")
async def test_the_subprotocol_is_mqtt_or_its_name_of_old(everywhere, offered, chosen):
    async with web_socket(everywhere, *offered) as web:
        assert web.subprotocol == chosen


@pytest.mark.mqtt5("6.0.0-4")
@pytest.mark.mqtt311("6.0.0-4")
async def test_who_offers_other_subprotocols_only_is_refused(everywhere):
    with pytest.raises(InvalidStatus):
        async with web_socket(everywhere, "soap", "wamp"):
            pass


@ALL_VERSIONS
@pytest.mark.parametrize("transport", ["tcp", "unix"])
@pytest.mark.mqtt311("7.1.1-1", "7.0.0-2")
async def test_every_transport_carries_every_qos_in_both_directions(visitor, version, transport):
    near = await visitor(transport, "near", version)
    far = await visitor("tcp", "far")
    for speaker, listener in [(near, far), (far, near)]:
        await listener.subscribe("a", 2)
        for qos in (0, 1, 2):
            await deliver(speaker, "a", b"%d" % qos, qos)
        assert await payloads(listener) == [b"0", b"1", b"2"]
        listener.send(Unsubscribe(2, ["a"]))
        await listener.expect(Unsuback)


@ALL_VERSIONS
@pytest.mark.mqtt311("7.1.1-1")
async def test_a_message_of_a_megabyte_is_whole_on_the_other_side(client, version):
    payload = bytes(range(256)) * 4096
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", payload, 1)
    assert (await subscriber.expect(Publish)).payload == payload
