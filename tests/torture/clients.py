"""A publisher and a subscriber that never forget, whatever becomes of the broker between them."""

import asyncio
import contextlib
from collections.abc import Iterator

from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_5,
    Connack,
    Connect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from support.raw_client import properties

WINDOW = 20
TOPIC = "torture"


class Lost(Exception):
    """The broker is dead."""


class Client:
    """One Client Identifier and its Session, over any number of Network Connections."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.known = False
        """Whether the broker has ever answered: from then on it must know the Session."""

    async def live(self, port: int) -> None:
        """Connect, resume, and go on until the broker dies."""
        with contextlib.suppress(ConnectionError, Lost):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await self._live(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    async def _live(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, MQTT_5)
        lasting = properties(session_expiry_interval=0xFFFFFFFF)
        writer.write(encode(Connect(self.client_id, MQTT_5, False, 0, None, None, None, lasting), MQTT_5))
        begun = False
        while True:
            data = await reader.read(65536)
            if not data:
                raise Lost
            packets = decoder.feed(data)
            assert decoder.error is None, decoder.error
            answers: list[Packet] = []
            for packet in packets:
                if isinstance(packet, Connack):
                    assert packet.reason_code == 0
                    assert packet.session_present or not self.known, f"{self.client_id} is forgotten"
                    self.known = begun = True
                    answers += self.resume()
                else:
                    assert begun
                    answers += self.answer(packet)
            writer.write(b"".join(encode(answer, MQTT_5) for answer in answers))

    def resume(self) -> Iterator[Packet]:
        """What to send on a new Network Connection."""
        raise AssertionError

    def answer(self, packet: Packet) -> Iterator[Packet]:
        """What to send when this comes."""
        raise AssertionError


class Publisher(Client):
    """Publishes numbers, at QoS 1 and 2 in turn, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__("publisher")
        self.last = 0
        self.stopping = False
        self.promised: set[int] = set()
        self.finished = asyncio.Event()
        self._packet_id = 0
        self._open: dict[int, tuple[int, int, bool]] = {}
        """Packet Identifier → number, QoS, whether PUBREC has come; in the order of sending."""

    def resume(self) -> Iterator[Packet]:
        for packet_id, (number, qos, received) in self._open.items():
            yield Pubrel(packet_id) if received else self._publish(packet_id, number, qos, True)
        yield from self._more()

    def _publish(self, packet_id: int, number: int, qos: int, dup: bool) -> Publish:
        return Publish(TOPIC, b"%d %d" % (qos, number), qos, False, dup, packet_id, None)

    def _more(self) -> Iterator[Packet]:
        while len(self._open) < WINDOW and not self.stopping:
            self.last += 1
            while True:
                self._packet_id = self._packet_id % 65535 + 1
                if self._packet_id not in self._open:
                    break
            qos = 1 + self.last % 2
            self._open[self._packet_id] = (self.last, qos, False)
            yield self._publish(self._packet_id, self.last, qos, False)
        if not self._open:
            self.finished.set()

    def answer(self, packet: Packet) -> Iterator[Packet]:
        if isinstance(packet, Pubrec):
            number, qos, _ = self._open[packet.packet_id]
            assert packet.reason_code in (0, 0x10)
            assert qos == 2
            self._open[packet.packet_id] = (number, qos, True)
            self.promised.add(number)
            yield Pubrel(packet.packet_id)
            return
        assert isinstance(packet, (Puback, Pubcomp)), packet
        number, qos, _ = self._open.pop(packet.packet_id)
        assert isinstance(packet, Puback if qos == 1 else Pubcomp)
        assert packet.reason_code in (0, 0x10) or (qos == 2 and packet.reason_code == 0x92)
        self.promised.add(number)
        yield from self._more()


class Subscriber(Client):
    """Takes every message, once at QoS 2, and remembers them in the order in which they came."""

    def __init__(self) -> None:
        super().__init__("subscriber")
        self.taken: dict[int, list[int]] = {1: [], 2: []}
        self.subscribed = asyncio.Event()
        self._unreleased: set[int] = set()
        self._news = asyncio.Event()

    async def has(self, numbers: set[int]) -> None:
        """Wait until it has these."""
        while not numbers <= {*self.taken[1], *self.taken[2]}:
            self._news.clear()
            await self._news.wait()

    def resume(self) -> Iterator[Packet]:
        if not self.subscribed.is_set():
            yield Subscribe(1, [SubscriptionRequest(TOPIC, 2)])

    def answer(self, packet: Packet) -> Iterator[Packet]:
        if isinstance(packet, Suback):
            assert packet.reason_codes == [2]
            self.subscribed.set()
        elif isinstance(packet, Pubrel):
            self._unreleased.discard(packet.packet_id)
            yield Pubcomp(packet.packet_id)
        else:
            assert isinstance(packet, Publish), packet
            qos, number = map(int, packet.payload.split())
            assert packet.qos == qos
            self._news.set()
            if qos == 1:
                self.taken[1].append(number)
                yield Puback(packet.packet_id)
            else:
                if packet.packet_id not in self._unreleased:
                    self._unreleased.add(packet.packet_id)
                    self.taken[2].append(number)
                yield Pubrec(packet.packet_id)
