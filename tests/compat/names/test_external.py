"""Network Connections that the program accepts itself and hands in."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets import Subprotocol
from websockets.asyncio.server import ServerConnection, serve

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.client import MQTTClient
from amqtt.errors import BrokerError
from amqtt.server.events import ClientDisconnected
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import Connack, Connect, Disconnect, Pingreq, Pingresp, Puback, Publish, Suback
from amqtt.wire.reasons import ReasonCode
from support.exchange import frame
from support.raw_client import WAIT, RawClient

CONFIG = {"listeners": {"mine": {"type": "external", "max-connections": 2}}, "sys_interval": 0}


class Program:
    """A server of somebody's program, which hands each connection to a Broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.served: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = StreamReaderAdapter(reader), StreamWriterAdapter(writer)
        self.served.append(asyncio.create_task(self.broker.external_connected(inner, outer, "mine")))

    async def client(self, version: int = 5) -> RawClient:
        assert self._server is not None
        return await RawClient.open(self._server.sockets[0].getsockname(), version)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*self.served)


@pytest.fixture
async def program() -> AsyncIterator[Program]:
    async with Broker(CONFIG) as broker:
        program = Program(broker)
        await program.open()
        yield program
    await program.close()


async def test_a_client_that_is_handed_in_is_served_like_any_other(program: Program) -> None:
    client = await program.client()
    assert (await client.connect("one", keep_alive=5)).reason_code == 0
    assert (await client.subscribe("a/#", 1)).reason_codes == [1]
    session = program.broker.sessions["one"][0]
    assert (session.remote_address, session.transitions.state) == ("127.0.0.1", "connected")
    program.broker.publish("a/b", bytes(200_000), qos=1)
    packet = await client.expect(Publish)
    assert packet.payload == bytes(200_000)
    client.send(Puback(packet.packet_id))
    client.publish("a/c", bytes(200_000))
    assert (await client.expect(Publish)).payload == bytes(200_000)
    client.send(Disconnect())
    assert await client.expect_closed() == []
    await asyncio.wait_for(program.served[0], WAIT)
    assert len(program.broker.sessions) == 0
    assert program.broker.listeners["mine"].open_connections == 0
    await client.close()


async def test_packets_may_come_byte_by_byte_and_many_at_once(program: Program) -> None:
    client = await program.client(version=4)
    for number in (frame(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x03one") + frame(0xC0, b"")):
        client.send(bytes((number,)))
    await client.expect(Connack)
    await client.expect(Pingresp)
    client.send(*[Pingreq()] * 50)
    for _ in range(50):
        await client.expect(Pingresp)
    await client.close()


async def test_a_client_that_breaks_the_protocol_is_told_and_closed(program: Program) -> None:
    client = await program.client()
    await client.connect("one")
    client.send(Connect("one"))
    packets = await client.expect_closed()
    assert isinstance(packets[0], Disconnect)
    assert packets[0].reason_code == ReasonCode.PROTOCOL_ERROR
    await client.close()


RUBBISH = [b"\x10\xff\xff\xff\xff\x01", b"\x10\xff\xff\xff\x7f", b"\x00\x00", b"\x30\x00"]


@pytest.mark.parametrize("data", RUBBISH)
async def test_a_stranger_that_sends_rubbish_is_closed(program: Program, data: bytes) -> None:
    client = await program.client()
    client.send(data)
    await client.read_to_end()
    await asyncio.wait_for(program.served[0], WAIT)
    await client.close()


async def test_a_client_that_is_gone_is_noticed(program: Program) -> None:
    client = await program.client()
    await client.connect("one")
    client.abort()
    await asyncio.wait_for(program.served[0], WAIT)
    assert len(program.broker.sessions) == 0


async def test_an_authenticator_that_thinks_is_waited_for(program: Program) -> None:
    class Thinking(Authenticator):
        async def _decide(self, request: ConnectRequest) -> Answer:
            await asyncio.sleep(0)
            return Accepted(Permissions()) if request.username == "ann" else None

        def authenticate(self, request: ConnectRequest) -> object:  # type: ignore[override]
            return self._decide(request)

    program.broker.server.authenticator = Thinking()
    friend, stranger = await program.client(), await program.client()
    friend.send(Connect("one", username="ann"), Pingreq())
    assert (await friend.expect(Connack)).reason_code == 0
    await friend.expect(Pingresp)
    assert (await stranger.connect("two", username="eve")).reason_code == ReasonCode.NOT_AUTHORIZED
    await friend.close()
    await stranger.close()


async def test_no_more_are_served_than_the_listener_may_have(program: Program) -> None:
    clients = [await program.client() for _ in range(3)]
    assert (await clients[0].connect("0")).reason_code == 0
    assert (await clients[1].connect("1")).reason_code == 0
    assert await clients[2].read_to_end() == b""
    assert program.broker.listeners["mine"].refused == 1
    for client in clients:
        await client.close()


async def test_a_publisher_is_held_back_and_nothing_is_lost(program: Program) -> None:
    reader, writer = await program.client(), await program.client()
    await reader.connect("reader")
    await writer.connect("writer")
    assert isinstance(await reader.subscribe("a", 1), Suback)
    payload = bytes(100_000)
    for number in range(1, 61):
        writer.publish("a", payload, 1, packet_id=number)
    for _ in range(60):
        packet = await reader.expect(Publish)
        assert packet.payload == payload
        reader.send(Puback(packet.packet_id))
    for _ in range(60):
        await writer.expect(Puback)
    await reader.close()
    await writer.close()


async def test_what_waited_for_a_slow_reader_goes_on_by_itself(program: Program) -> None:
    client = await program.client()
    await client.connect("one")
    await client.subscribe("a", 1)
    for number in range(60):
        program.broker.publish("a", number.to_bytes(1, "big") * 100_000, qos=1)
    assert program.broker.sessions["one"][0].retained_messages_count > 0
    packets = [await client.expect(Publish) for _ in range(60)]
    assert [packet.payload[0] for packet in packets] == list(range(60))
    await client.close()


class Slow(StreamWriterAdapter):
    """A writer that has room when it is told."""

    def __init__(self, writer: asyncio.StreamWriter, room: asyncio.Event) -> None:
        super().__init__(writer)
        self._room = room

    async def drain(self) -> None:
        await self._room.wait()
        await super().drain()


async def test_the_last_word_to_a_client_waits_for_a_slow_writer() -> None:
    room = asyncio.Event()
    async with Broker(CONFIG) as broker:

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await broker.external_connected(StreamReaderAdapter(reader), Slow(writer, room), "mine")

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        client = await RawClient.open(server.sockets[0].getsockname())
        await client.connect("one")
        ended = asyncio.Event()
        broker.server.events.on(ClientDisconnected, lambda _: ended.set())
        client.send(Connect("one"))
        await asyncio.wait_for(ended.wait(), WAIT)
        for _ in range(10):  # time enough to close it too early
            await asyncio.sleep(0)
        room.set()
        packets = await client.expect_closed()
        assert [type(packet) for packet in packets] == [Disconnect]
        await client.close()
        server.close()


async def test_shutdown_says_so_and_ends_the_service() -> None:
    broker = Broker(CONFIG)
    await broker.start()
    program = Program(broker)
    await program.open()
    client, stranger = await program.client(), await program.client()
    await client.connect("one")
    stranger.send(b"\x10")
    stopping = asyncio.create_task(broker.shutdown())
    packets = await client.expect_closed()
    assert isinstance(packets[0], Disconnect)
    assert packets[0].reason_code == ReasonCode.SERVER_SHUTTING_DOWN
    assert await stranger.read_to_end() == b""
    await stopping
    await program.close()
    await client.close()
    await stranger.close()


async def test_a_caller_that_is_cancelled_closes_the_connection(program: Program) -> None:
    client = await program.client()
    await client.connect("one")
    serving = program.served.pop()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await client.read_to_end()
    assert len(program.broker.sessions) == 0
    await client.close()


async def test_an_unknown_listener_and_a_broker_that_does_not_run_are_said(program: Program) -> None:
    reader = StreamReaderAdapter(asyncio.StreamReader())
    with pytest.raises(BrokerError, match="Invalid listener name 'other'"):
        await program.broker.external_connected(reader, None, "other")  # type: ignore[arg-type]
    with pytest.raises(BrokerError, match="Invalid listener name 'mine'"):
        await Broker(CONFIG).external_connected(reader, None, "mine")  # type: ignore[arg-type]


async def test_tls_of_an_external_listener_is_not_ours() -> None:
    config = {"listeners": {"mine": {"type": "external", "ssl": "on", "certfile": "a", "keyfile": "b"}}}
    with pytest.raises(BrokerError, match="sees to their TLS"):
        await Broker(config).start()


async def test_streams_and_websockets_are_handed_in_as_they_are() -> None:
    async with Broker(CONFIG) as broker:

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await broker.stream_connected(reader, writer, "mine")

        async def accept_websocket(websocket: ServerConnection) -> None:
            await broker.ws_connected(websocket, "mine")

        streams = await asyncio.start_server(accept, "127.0.0.1", 0)
        websockets = await serve(accept_websocket, "127.0.0.1", 0, subprotocols=[Subprotocol("mqtt")])
        for scheme, server in (("mqtt", streams), ("ws", websockets)):
            port = next(iter(server.sockets)).getsockname()[1]
            client = MQTTClient(scheme, config={"auto_reconnect": False})
            await client.connect(f"{scheme}://127.0.0.1:{port}")
            await client.subscribe([("a", 1)])
            await client.publish("a", b"x", 1)
            assert (await client.deliver_message()).data == b"x"
            await client.disconnect()
        for server in (streams, websockets):
            server.close()
            await server.wait_closed()
