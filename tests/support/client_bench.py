"""A Client without a network: the Server is the test, time is a number."""

from typing import TypeVar

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.client_session import ClientSession
from amqtt.client_session.receipt import ANSWERED, Receipt
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.client_session.state import AcceptedSubscription, Ending
from amqtt.message import Message
from amqtt.sessions.link import Link, Turn
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_5,
    Connack,
    Connect,
    Packet,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from support.raw_client import properties

SomePacket = TypeVar("SomePacket", bound=Packet)


class ClientBench:
    """A Client, its clock, and what its program is told. `reads` False leaves messages untaken."""

    def __init__(
        self,
        version: int = MQTT_5,
        authentication: ClientAuthentication | None = None,
        reads: bool = True,
        **settings: object,
    ) -> None:
        self.turn = Turn(lambda: None, 1000.0)
        given = ClientSettings("me", version, **settings)  # type: ignore[arg-type]
        self.client = ClientSession(given, self, self.turn, authentication)
        self.version = version
        self.reads = reads
        self.connacks: list[Connack] = []
        self.lost_subscriptions: list[AcceptedSubscription] = []
        self.delivered: list[ReceivedMessage] = []
        self.endings: list[Ending] = []
        self.link = Link(self.turn, self._flush)
        self._sent = b""

    # The program.

    def accepted(self, connack: Connack, lost_subscriptions: list[AcceptedSubscription]) -> None:
        self.connacks.append(connack)
        self.lost_subscriptions = lost_subscriptions

    def deliver(self, message: ReceivedMessage) -> None:
        self.delivered.append(message)
        if not self.reads:
            message.hold()

    def closed(self, ending: Ending) -> None:
        self.endings.append(ending)

    def payloads(self) -> list[bytes]:
        """Of what was delivered."""
        return [message.payload for message in self.delivered]

    def publish(self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False) -> Receipt:
        """Publish a message without properties."""
        return self.client.publish(Message(topic, payload, qos, retain))

    # The Server.

    def _flush(self) -> None:
        self._sent += b"".join(self.link.chunks)
        self.link.chunks.clear()
        self.link.size = 0

    def open(self) -> Connect:
        """A Network Connection is there; the CONNECT."""
        self._sent = b""
        self.link = Link(self.turn, self._flush)
        self.client.open(self.link)
        # What a Client sends is read as a Server reads it: the version is that of the CONNECT.
        self._decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET)
        return self.expect(Connect)

    def connect(self, session_present: bool = False, **values: object) -> Connect:
        """A Network Connection that the Server accepts; `values` are the properties of CONNACK."""
        connect = self.open()
        self.give(Connack(session_present, 0, properties(**values) if values else None))
        return connect

    def give(self, *packets: Packet | bytes) -> None:
        """The Server sends these packets, or any bytes, in one piece."""
        data = b"".join(p if isinstance(p, bytes) else encode(p, self.version) for p in packets)
        self.client.received(data)

    def sent(self) -> list[Packet]:
        """What the Client has sent since the last time."""
        self.turn.flush()
        data, self._sent = self._sent, b""
        packets = self._decoder.feed(data)
        assert self._decoder.error is None, self._decoder.error
        return packets

    def expect(self, kind: type[SomePacket]) -> SomePacket:
        """The one packet that the Client has sent since the last time."""
        (packet,) = self.sent()
        assert isinstance(packet, kind), packet
        return packet

    def lose(self) -> None:
        """The Network Connection breaks."""
        self.client.lost("it broke")

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, doing what is due on the way."""
        end = self.turn.now + seconds
        while (when := self.client.tick()) is not None and when <= end:
            self.turn.now = when
        self.turn.now = end
        self.client.tick()

    def subscribe(self, topic_filter: str, qos: int = 0, granted: int | None = None) -> Receipt:
        """Subscribe, and let the Server grant it."""
        receipt = self.client.subscribe([SubscriptionRequest(topic_filter, qos)])
        packet = self.expect(Subscribe)
        self.give(Suback(packet.packet_id, [qos if granted is None else granted]))
        assert receipt.outcome == ANSWERED
        return receipt
