"""The Server without a network: clients are Links, time is a number."""

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Peer
from amqtt.server.events import Fault
from amqtt.server.limits import Limits
from amqtt.server.server import Server
from amqtt.server.settings import ServerSettings
from amqtt.sessions.link import Link, Turn
from amqtt.sessions.permissions import Permissions
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_5,
    Connack,
    Connect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.raw_client import properties


class Everybody(Authenticator):
    """Lets everybody in."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Permissions(request.username))


class Bench:
    """A Server, its clock, and the faults that it told of (a test that ends with one has failed)."""

    def __init__(self, authenticator: Authenticator | None = None, **limits: object) -> None:
        self.turn = Turn(lambda: None, 1000.0)
        settings = ServerSettings(limits=Limits(**limits))  # type: ignore[arg-type]
        self._settings = settings
        self._authenticator = authenticator or Everybody()
        self.server = Server(settings, self._authenticator, self.turn)
        self.faults: list[BaseException] = []
        self.server.events.on(Fault, lambda event: self.faults.append(event.exception))

    def pass_time(self, seconds: float) -> None:
        """Let the clock run, doing what is due on the way."""
        end = self.turn.now + seconds
        while (when := self.server.deadlines.next) is not None and when <= end:
            self.turn.now = max(when, self.turn.now)
            self.server.tick()
        self.turn.now = end

    def client(self, version: int = MQTT_5) -> "BenchClient":
        """A new Network Connection, without CONNECT."""
        return BenchClient(self, version)

    def connected(self, client_id: str, version: int = MQTT_5, **options: object) -> "BenchClient":
        """A new Client that was accepted."""
        client = self.client(version)
        client.connect(client_id, **options)  # type: ignore[arg-type]
        return client


class BenchClient:
    """The other end of one Link."""

    def __init__(self, bench: Bench, version: int, peer: Peer | None = None) -> None:
        self.bench = bench
        self.version = version
        self.link = Link(bench.turn, self._flush)
        self.state = bench.server.open(self.link, peer or Peer("192.0.2.1", 40000, "bench"))
        self._decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
        self.closed = False
        self.goes_on = True
        """Whether what the Server puts off to its next turns is done before `send` returns."""
        self._sent = b""

    def _flush(self) -> None:
        if self.link.withheld:
            return
        self._sent += b"".join(self.link.chunks)
        self.link.chunks.clear()
        self.link.size = 0
        self.closed = self.closed or self.link.closing

    def send(self, *packets: Packet | bytes) -> None:
        """Send packets, or any bytes, in one piece; the turn ends behind them."""
        data = b"".join(p if isinstance(p, bytes) else encode(p, self.version) for p in packets)
        self.bench.server.received(self.state, data)
        self.bench.turn.flush()
        if self.goes_on:
            self._go_on()

    def _go_on(self) -> None:
        """Let turns pass for as long as the Server reads no more from it only because of this one."""
        deadlines = self.bench.server.deadlines
        while self.link.paused and (when := deadlines.next) is not None and when <= self.bench.turn.now:
            self.bench.server.tick()
            self.bench.turn.flush()

    def received(self) -> list[Packet]:
        """What the Server has sent since the last time."""
        self.bench.turn.flush()
        data, self._sent = self._sent, b""
        packets = self._decoder.feed(data)
        assert self._decoder.error is None, self._decoder.error
        return packets

    def received_bytes(self) -> bytes:
        """The same as bytes."""
        self.bench.turn.flush()
        data, self._sent = self._sent, b""
        return data

    def connect(
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
        """Send CONNECT (`values` are its properties) and return the CONNACK; what follows it stays."""
        given = properties(**values) if values else None
        self.send(
            Connect(client_id, self.version, clean_start, keep_alive, will, username, password, given)
        )
        connack, *rest = self.received()
        assert isinstance(connack, Connack), connack
        self._sent = b"".join(encode(packet, self.version) for packet in rest)
        return connack

    def subscribe(
        self, topic_filter: str, qos: int = 0, *, packet_id: int = 1, identifier: int = 0, **options: object
    ) -> int:
        """Send SUBSCRIBE for one Topic Filter and return the Reason Code; what follows stays."""
        request = SubscriptionRequest(topic_filter, qos)
        for name, value in options.items():
            setattr(request, name, value)
        given = properties(subscription_identifiers=(identifier,)) if identifier else None
        self.send(Subscribe(packet_id, [request], given))
        suback, *rest = self.received()
        assert isinstance(suback, Suback), suback
        self._sent = b"".join(encode(packet, self.version) for packet in rest)
        return suback.reason_codes[0]

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

    def lose(self) -> None:
        """The Network Connection breaks."""
        self.bench.server.lost(self.state)
        self.bench.turn.flush()


