"""A Client that comes and goes: it subscribes, publishes, acknowledges, and leaves in one of several ways."""

import asyncio
import contextlib
from collections import Counter
from random import Random

from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_3_1_1,
    MQTT_5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from amqtt.wire.properties import Properties
from support.raw_client import properties

PATIENCE = 30.0
"""Seconds for a CONNACK; they only pass when the broker does not answer."""
LONGEST_EXPIRY = 2
"""Seconds that a Session outlasts its Network Connection at most."""
LONGEST_LIFE = 20.0
LONGEST_PAUSE = 3.0
"""Seconds until the last of a thousand has come for the first time."""
TOPICS = 1_000
KEPT_TOPICS = 50
"""Of each kind with retained messages, so few that each has one soon."""
TAKEN_OVER = 0x8E


class Life(asyncio.Protocol):
    """One Network Connection of one Client.

    `seen` counts what happened, for all of them; `open_ones` are those that have not ended.
    """

    def __init__(
        self, client_id: str, random: Random, seen: Counter[str], open_ones: "set[Life]"
    ) -> None:
        self.version = random.choice((MQTT_5, MQTT_3_1_1))
        self._client_id = client_id
        self._random = random
        self._seen = seen
        self._open_ones = open_ones
        self._decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, self.version)
        self._accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._packet_id = 0
        self._has_finished = False
        self.over = asyncio.Event()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._open_ones.add(self)

    def data_received(self, data: bytes) -> None:
        answers = []
        for packet in self._decoder.feed(data):
            answers += self._answers(packet)
        if self._decoder.error is not None:
            self._seen["bytes that are not MQTT"] += 1
            self._transport.abort()
        elif answers:
            self._send(*answers)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
        self._open_ones.discard(self)
        if not self._accepted.done():
            self._accepted.set_result(False)

    def _answers(self, packet: Packet) -> list[Packet]:
        match packet:
            case Connack():
                if packet.reason_code:
                    self._seen[f"refused with 0x{packet.reason_code:02X}"] += 1
                elif not self._accepted.done():
                    self._accepted.set_result(True)
            case Publish():
                self._seen["received"] += 1
                if packet.qos:
                    return [Puback(packet.packet_id) if packet.qos == 1 else Pubrec(packet.packet_id)]
            case Pubrec():
                return [Pubrel(packet.packet_id)]
            case Pubrel():
                return [Pubcomp(packet.packet_id)]
            case Disconnect() if packet.reason_code != TAKEN_OVER:
                self._seen[f"disconnected with 0x{packet.reason_code:02X}"] += 1
        return []

    def _send(self, *packets: Packet) -> None:
        if not self._has_finished and not self._transport.is_closing():
            self._transport.write(b"".join(encode(packet, self.version) for packet in packets))

    # -- the Client's side

    async def live(self) -> None:
        """From CONNECT to the end."""
        random = self._random
        self._send(self._connect())
        async with asyncio.timeout(PATIENCE):
            if not await self._accepted:
                return
        self._send(self._subscribe())
        left = random.uniform(0.5, LONGEST_LIFE)
        while left > 0 and not self.over.is_set():
            pause = random.uniform(0.2, 4.0)
            left -= pause
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), pause)
                return
            self._send(*(self._publish() for _ in range(random.choice((1, 1, 3)))))
        self._leave()

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()

    def _connect(self) -> Connect:
        random = self._random
        will = None
        if random.random() < 0.3:
            will = WillFields(self._topic("will"), b"gone", random.randint(0, 2), random.random() < 0.3)
        given = None
        if self.version == MQTT_5:
            given = properties(session_expiry_interval=random.choice((0, 1, LONGEST_EXPIRY)))
            if will is not None:
                will.properties = properties(will_delay_interval=random.choice((0, 2)))
        # An MQTT 3.1.1 Session that is not clean would stay for ever.
        clean_start = self.version != MQTT_5 or random.random() < 0.5
        return Connect(self._client_id, self.version, clean_start, 60, will, None, None, given)

    def _subscribe(self) -> Subscribe:
        random = self._random
        filters = [self._topic("t"), self._topic("t")]
        if random.random() < 0.1:
            filters.append(self._topic("will"))
        if random.random() < 0.3:
            filters.append("$share/group/shared/#")
        if random.random() < 0.05:
            filters.append("retained/+")
        requests = [SubscriptionRequest(each, random.randint(0, 2)) for each in filters]
        return Subscribe(self._next_packet_id(), requests)

    def _publish(self) -> Publish:
        random = self._random
        kind = random.choice(("t", "t", "t", "shared", "retained"))
        qos = random.randint(0, 2)
        packet = Publish(self._topic(kind), random.randbytes(random.choice((4, 40, 400))), qos)
        packet.retain = kind == "retained"
        if qos:
            packet.packet_id = self._next_packet_id()
        if self.version == MQTT_5 and not packet.retain:
            packet.properties = Properties()
            packet.properties.message_expiry_interval = random.choice((None, 5))
        self._seen["sent"] += 1
        return packet

    def _topic(self, kind: str) -> str:
        return f"{kind}/{self._random.randrange(TOPICS if kind in ('t', 'shared') else KEPT_TOPICS)}"

    def _next_packet_id(self) -> int:
        self._packet_id = self._packet_id % 65_535 + 1
        return self._packet_id

    def _leave(self) -> None:
        match self._random.choice(("politely", "politely", "at once", "half", "never")):
            case "politely":
                self._send(Disconnect())
                self._transport.close()
            case "at once":
                self._transport.abort()
            case "half" if not self._transport.is_closing():
                self._has_finished = True
                self._transport.write_eof()
            case _:
                # It comes again all the same: its Session is taken over.
                return


class Crowd:
    """Many Clients that come and go until they are told to stop."""

    def __init__(self, address: tuple[str, int], size: int, seed: int) -> None:
        self.seen: Counter[str] = Counter()
        self._address = address
        self._random = Random(seed)
        self._size = size
        self._open_ones: set[Life] = set()
        self._slots: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Let them come, one after the other."""
        loop = asyncio.get_running_loop()
        self._slots = [loop.create_task(self._come_and_go(f"c{number}")) for number in range(self._size)]

    async def stop(self) -> None:
        """Have all of them leave; what one of them raised is raised."""
        for slot in self._slots:
            slot.cancel()
        for ended in await asyncio.gather(*self._slots, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError | None):
                raise ended
        for life in list(self._open_ones):
            life.abort()

    async def _come_and_go(self, client_id: str) -> None:
        loop = asyncio.get_running_loop()
        random = Random(self._random.random())
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE * self._size / 1_000))
        while True:
            _, life = await loop.create_connection(
                lambda: Life(client_id, random, self.seen, self._open_ones), *self._address
            )
            self.seen["lives"] += 1
            await life.live()
            await asyncio.sleep(random.uniform(0, 1.0))
