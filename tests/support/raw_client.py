"""A bare MQTT client for tests: sends what it is told, also what no client should, and waits for answers."""

import asyncio
import contextlib
import ssl
from typing import Self, TypeVar

from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_3_1_1,
    MQTT_5,
    Connack,
    Connect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from amqtt.wire.properties import Properties

WAIT = 30.0
"""Seconds to wait for what must come; long, because it only passes when the test fails."""

SomePacket = TypeVar("SomePacket")


def properties(**values: object) -> Properties:
    """Properties with these attributes set."""
    made = Properties()
    for name, value in values.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


class ClosesInTurn(asyncio.StreamReaderProtocol):
    """Closes its side as soon as the broker has closed, as any client in life: no broker has to linger."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


class RawClient:
    """One Network Connection to a broker on loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int) -> None:
        self.version = version
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
        self._arrived: list[Packet] = []
        self._closed = False

    @classmethod
    async def open(
        cls, address: tuple[str, int] | str, version: int = MQTT_5, tls: ssl.SSLContext | None = None
    ) -> Self:
        """Open a Network Connection, without CONNECT."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        made = ClosesInTurn(reader)
        transport: asyncio.WriteTransport
        if isinstance(address, str):
            transport, _ = await loop.create_unix_connection(lambda: made, address)
        else:
            transport, _ = await loop.create_connection(lambda: made, address[0], address[1], ssl=tls)
        return cls(reader, asyncio.StreamWriter(transport, made, reader, loop), version)

    def send(self, *packets: Packet | bytes) -> None:
        """Send packets, or any bytes, in one piece."""
        self._writer.write(
            b"".join(p if isinstance(p, bytes) else encode(p, self.version) for p in packets)
        )

    async def connect(
        self,
        client_id: str = "",
        *,
        clean_start: bool = True,
        keep_alive: int = 0,
        will: WillFields | None = None,
        username: str | None = None,
        password: bytes | None = None,
        **values: object,
    ) -> Connack:
        """Send CONNECT (`values` are its properties) and return the CONNACK."""
        given = properties(**values) if values else None
        self.send(
            Connect(client_id, self.version, clean_start, keep_alive, will, username, password, given)
        )
        return await self.expect(Connack)

    async def subscribe(
        self, topic_filter: str, qos: int = 0, *, packet_id: int = 1, identifier: int = 0, **options: object
    ) -> Suback:
        """Send SUBSCRIBE for one Topic Filter and return the SUBACK; PUBLISH packets before it stay."""
        request = SubscriptionRequest(topic_filter, qos)
        for name, value in options.items():
            setattr(request, name, value)
        given = properties(subscription_identifiers=(identifier,)) if identifier else None
        self.send(Subscribe(packet_id, [request], given))
        return await self.expect(Suback)

    def publish(
        self,
        topic: str,
        payload: bytes = b"",
        qos: int = 0,
        *,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        **values: object,
    ) -> None:
        """Send PUBLISH; `values` are its properties."""
        given = properties(**values) if values else None
        self.send(Publish(topic, payload, qos, retain, dup, packet_id or (1 if qos else 0), given))

    async def receive(self, seconds: float = WAIT) -> Packet:
        """The next packet; AssertionError when the broker closes first, or says nothing in time."""
        async with asyncio.timeout(seconds):
            while not self._arrived:
                data = await self._reader.read(65536)
                if not data:
                    self._closed = True
                    raise AssertionError("the broker closed the Network Connection")
                self._arrived.extend(self._decoder.feed(data))
                assert self._decoder.error is None, self._decoder.error
        return self._arrived.pop(0)

    async def expect(self, kind: type[SomePacket]) -> SomePacket:
        """The next packet, which must be of this kind."""
        packet = await self.receive()
        assert isinstance(packet, kind), f"{type(packet).__name__} in place of {kind.__name__}"
        return packet

    async def sync(self) -> list[Packet]:
        """What the broker has sent until it answers a PINGREQ: nothing more is on its way then."""
        self.send(Pingreq())
        before: list[Packet] = []
        while not isinstance(packet := await self.receive(), Pingresp):
            before.append(packet)
        return before

    async def read_to_end(self, seconds: float = WAIT) -> bytes:
        """Every byte until the broker closes the Network Connection; a reset is an end, too."""
        collected = b""
        try:
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(65536):
                    collected += data
        except ConnectionError:
            pass
        return collected

    async def expect_closed(self) -> list[Packet]:
        """The packets until the broker closes the Network Connection."""
        packets = [*self._arrived, *self._decoder.feed(await self.read_to_end())]
        self._arrived.clear()
        return packets

    def abort(self) -> None:
        """Drop the Network Connection without DISCONNECT."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the Network Connection without DISCONNECT, and wait until it is closed."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


__all__ = ["MQTT_3_1_1", "MQTT_5", "WAIT", "RawClient", "properties"]
