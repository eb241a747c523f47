"""Bytes through a real socket: whatever a stranger sends, the broker closes it and goes on serving."""

import asyncio
import contextlib
from functools import cache

from amqtt.broker import Broker
from amqtt.server.events import Fault
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Connect, Pingreq, Pingresp, Publish
from fuzz.packets import pieces
from support.raw_client import WAIT, RawClient
from support.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame

UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
CONNECT = encode(Connect("stranger", MQTT_5), MQTT_5)
PUBLISH = encode(Publish("t", b"payload", 1, packet_id=3), MQTT_5)
IN_PIECES = 1


def websocket_examples() -> list[bytes]:
    """An upgrade, and frames as clients send them, good and bad."""
    spoken = [
        frame(BINARY, CONNECT), frame(BINARY, CONNECT[:5]) + frame(BINARY, CONNECT[5:]),
        frame(BINARY, CONNECT, last=False) + frame(CONTINUATION, PUBLISH), frame(TEXT, b"text"),
        frame(PING, b"ping") + frame(CLOSE, b"\x03\xe8"), frame(BINARY, CONNECT, masked=False),
        frame(BINARY, CONNECT, reserved=4), b"\x82\xff" + b"\xff" * 8, frame(CLOSE, b"\x00"),
        frame(BINARY, CONNECT) + frame(BINARY, PUBLISH * 3) + frame(BINARY, b"\xc0\x00"),
    ]
    requests = [
        UPGRADE, UPGRADE.replace(b"mqtt\r\n", b"chat\r\n"), UPGRADE.replace(b"13", b"12"),
        b"GET / HTTP/1.1\r\n",
    ]
    whole = [b"\0" + UPGRADE + each for each in spoken]
    return whole + [bytes((IN_PIECES,)) + each for each in requests]


def tcp_examples() -> list[bytes]:
    """What a Client says on TCP, and what others say there."""
    hello_of_tls = b"\x16\x03\x01\x02\x00"
    said = [CONNECT + PUBLISH, CONNECT + b"\xc0\x00", CONNECT[:7], hello_of_tls, UPGRADE, b"\x00" * 20]
    return [b"\0" + each for each in said] + [bytes((IN_PIECES,)) + CONNECT + PUBLISH]


class Attacked:
    """A broker with its event loop, and an honest Client that is connected all the time."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._faults: list[BaseException] = []
        self.loop.set_exception_handler(lambda _, context: self._faults.append(_told(context)))
        self.loop.run_until_complete(self._start())

    async def _start(self) -> None:
        loopback = {"bind": "127.0.0.1:0"}
        listeners = {"tcp": loopback, "websocket": {"type": "ws", **loopback}}
        self._broker = Broker({"listeners": listeners, "sys_interval": 0})
        self._broker.server.events.on(Fault, lambda event: self._faults.append(event.exception))
        await self._broker.start()
        address = self._broker.listeners["tcp"].addresses[0]
        self._honest = await RawClient.open(address)
        await self._honest.connect("honest")

    def attack(self, listener: str, data: bytes) -> None:
        """Send the bytes, cut as the first of them says, and read until the broker closes."""
        self.loop.run_until_complete(self._attack(listener, data[:1] or b"\0", data[1:]))

    async def _attack(self, listener: str, how: bytes, data: bytes) -> None:
        address = self._broker.listeners[listener].addresses[0]
        reader, writer = await asyncio.open_connection(*address)
        async with asyncio.timeout(WAIT):
            with contextlib.suppress(ConnectionError):
                for piece in pieces(data, how[0]):
                    writer.write(piece)
                    await writer.drain()
                writer.write_eof()
                while await reader.read(65536):
                    pass
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self._honest.send(Pingreq())
        await self._honest.expect(Pingresp)
        faults, self._faults[:] = list(self._faults), []
        assert faults == []

    async def _stop(self) -> None:
        await self._honest.close()
        await self._broker.shutdown()

    def stop(self) -> None:
        """End it all."""
        self.loop.run_until_complete(self._stop())
        self.loop.close()


def _told(context: dict[str, object]) -> BaseException:
    exception = context.get("exception")
    return exception if isinstance(exception, BaseException) else RuntimeError(str(context["message"]))


@cache
def attacked() -> Attacked:
    """The broker of this process."""
    return Attacked()


def check_websocket(data: bytes) -> None:
    """The first byte says how the rest is cut."""
    attacked().attack("websocket", data)


def check_tcp(data: bytes) -> None:
    """The same on TCP."""
    attacked().attack("tcp", data)
