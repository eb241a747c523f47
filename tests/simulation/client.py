"""A Client that keeps to the standard, remembers its Session, and misses nothing the Server does wrong."""

from collections.abc import Mapping
from random import Random

from amqtt.message import Message
from amqtt.sessions.session import Session
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    LARGEST_PACKET,
    MQTT_5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from amqtt.wire.properties import Properties
from simulation.ledger import Ledger, Reading, Violation
from simulation.line import Line
from simulation.plugins import Door
from support.raw_client import properties

MOST_UNACKNOWLEDGED = 20
"""What an MQTT 3.1.1 Client sends at once, and one of MQTT 5.0 whose Server allows more."""
OWN_FAULTS = {0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x99}
"""Reason Codes that a Client which keeps to the standard is never given."""


class Sent:
    """A QoS 1 or 2 message on its way to the Server."""

    __slots__ = ("packet", "released")

    def __init__(self, packet: Publish) -> None:
        self.packet = packet
        self.released = False


class Client:
    """One Client Identifier and what stands behind it: at most one Network Connection is read.

    `outgoing` and `incoming` are its Session State, which outlasts Network Connections and crashes.
    """

    def __init__(self, client_id: str, version: int, random: Random, ledger: Ledger, door: Door) -> None:
        self.client_id = client_id
        self.version = version
        self.line: Line | None = None
        self.is_accepted = False
        self.outgoing: dict[int, Sent] = {}
        self.incoming: dict[int, bytes] = {}
        self.promised: set[bytes] = set()
        self.todo: list[Packet] = []
        self.said: list[str] = []
        self._random = random
        self._ledger = ledger
        self._door = door
        self._packet_id = 0
        self._known_session: Session | None = None

    # -- its Network Connection

    def open(self, line: Line, connect: Connect) -> None:
        """Begin on a new Network Connection; of an older one nothing more is read."""
        self.line = line
        self.is_accepted = False
        self.todo.clear()
        self._connect = connect
        asked = connect.properties or Properties()
        self._receive_maximum = asked.receive_maximum or 65535
        self._alias_maximum = asked.topic_alias_maximum or 0
        self._maximum_packet_size = asked.maximum_packet_size or LARGEST_PACKET
        self._send_maximum = MOST_UNACKNOWLEDGED
        self._aliases: dict[int, str] = {}
        self._unacknowledged: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._pings = 0
        self._own_aliases: dict[str, int] = {}
        self._own_alias_maximum = 0
        self._reading = Reading()
        self._decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, self.version)
        self._send(connect)

    def forget_line(self) -> None:
        """The Network Connection is over."""
        self.line = None
        self.is_accepted = False
        self.todo.clear()

    def outlive(self, same: Mapping[Session, Session]) -> None:
        """The Server has crashed; of the Sessions some go on as others."""
        self.forget_line()
        known = self._known_session
        is_lost = known is not None and known.journal is not None and known not in same
        self._require(not is_lost, "the Session that its CONNACK promised to keep is lost")
        self._known_session = None if self._known_session is None else same.get(self._known_session)

    def _send(self, packet: Packet) -> None:
        assert self.line is not None
        self.line.up += encode(packet, self.version)

    def read(self, data: bytes) -> None:
        """Act on bytes of the Server."""
        for packet in self._decoder.feed(data):
            self._act(packet)
        if self._decoder.error is not None:
            raise Violation(f"{self.client_id} cannot read what it was sent: {self._decoder.error}")

    def _act(self, packet: Packet) -> None:
        if not self.is_accepted and not isinstance(packet, Connack):
            raise Violation(f"{self.client_id} was sent {packet!r} before CONNACK")
        match packet:
            case Publish():
                self._on_publish(packet)
            case Puback() | Pubrec() | Pubcomp():
                self._on_acknowledgement(packet)
            case Pubrel():
                self._on_pubrel(packet)
            case Connack():
                self._on_connack(packet)
            case Suback() | Unsuback():
                self._on_answer(packet)
            case Pingresp():
                self._pings -= 1
                self._require(self._pings >= 0, "a PINGRESP that answers nothing")
            case Disconnect():
                self._require(packet.reason_code not in OWN_FAULTS, f"DISCONNECT 0x{packet.reason_code:02X}")
            case _:
                raise Violation(f"{self.client_id} was sent {packet!r}")

    def _require(self, truth: bool, otherwise: str) -> None:
        if not truth:
            raise Violation(f"{self.client_id}: {otherwise}")

    # -- what the Server says

    def _on_connack(self, packet: Connack) -> None:
        self._require(not self.is_accepted, "a second CONNACK")
        if packet.reason_code:
            self._require(not packet.session_present, "a refusal with Session Present")
            return
        self.is_accepted = True
        if self._connect.clean_start:
            self._require(not packet.session_present, "Session Present at Clean Start")
        given = packet.properties or Properties()
        if self.version == MQTT_5:
            self._send_maximum = min(given.receive_maximum or 65535, MOST_UNACKNOWLEDGED)
            self._own_alias_maximum = given.topic_alias_maximum or 0
        known, self._known_session = self._known_session, self._session()
        if self._known_session is not known:
            # A Client cannot tell, if it was never told: Session Present may be that of an attempt
            # whose CONNACK was lost. What comes of that is not the Server's fault.
            self.outgoing.clear()
            self.incoming.clear()
            return
        self._require(packet.session_present, "no Session Present although the Session goes on")
        for packet_id, sent in self.outgoing.items():
            if sent.released:
                self._send(Pubrel(packet_id))
            else:
                sent.packet.dup = True
                self._send(sent.packet)

    def _session(self) -> Session:
        assert self.line is not None
        session = self.line.state.session
        assert session is not None
        return session

    def _on_publish(self, packet: Publish) -> None:
        size = len(encode(packet, self.version))
        self._require(size <= self._maximum_packet_size, f"a PUBLISH of {size} bytes is above its maximum")
        topic = self._topic(packet)
        self._require(self._may_receive(topic), f"a PUBLISH to {topic}, which it may not have")
        if packet.qos:
            self._take(packet)
        else:
            self._require(not packet.dup, "DUP at QoS 0 [MQTT-3.3.1-2]")
        if packet.qos == 2:
            known = self.incoming.get(packet.packet_id)
            if known is not None:
                self._require(known == packet.payload, f"Packet Identifier {packet.packet_id} is in use")
                self._require(packet.dup, "a QoS 2 message again without DUP")
                return
            self.incoming[packet.packet_id] = packet.payload
        self._ledger.arrive(
            self._session(), self._reading, topic, packet.payload, packet.qos, packet.dup
        )

    def _may_receive(self, topic: str) -> bool:
        assert self.line is not None
        return not self._door.granted[self.line.state.peer.port].forbids(topic)

    def _take(self, packet: Publish) -> None:
        packet_id = packet.packet_id
        self._require(packet_id not in self._unacknowledged, f"Packet Identifier {packet_id} is in use")
        self._unacknowledged[packet_id] = packet.qos
        self._require(len(self._unacknowledged) <= self._receive_maximum, "more than its Receive Maximum")
        self.todo.append(Puback(packet_id) if packet.qos == 1 else Pubrec(packet_id))

    def _topic(self, packet: Publish) -> str:
        alias = packet.properties.topic_alias if packet.properties is not None else None
        if alias is None:
            self._require(bool(packet.topic), "a PUBLISH without a topic")
            return packet.topic
        self._require(alias <= self._alias_maximum, f"Topic Alias {alias}")
        if packet.topic:
            self._aliases[alias] = packet.topic
        self._require(alias in self._aliases, f"Topic Alias {alias} means nothing")
        return self._aliases[alias]

    def _on_pubrel(self, packet: Pubrel) -> None:
        self.incoming.pop(packet.packet_id, None)
        self._unacknowledged.setdefault(packet.packet_id, 2)
        self.todo.append(Pubcomp(packet.packet_id))

    def _on_acknowledgement(self, packet: Puback | Pubrec | Pubcomp) -> None:
        sent = self.outgoing.get(packet.packet_id)
        if sent is None:
            raise Violation(f"{self.client_id}: {packet!r} for Packet Identifier {packet.packet_id}")
        expected = Puback if sent.packet.qos == 1 else Pubcomp if sent.released else Pubrec
        if sent.released and isinstance(packet, Pubrec):
            # It answers a PUBLISH that was sent again; PUBREL is on its way.
            return
        self._require(isinstance(packet, expected), f"{packet!r} in place of {expected.__name__}")
        if isinstance(packet, Pubrec) and packet.reason_code < 0x80:
            self.promised.add(sent.packet.payload)
            sent.released = True
            self._send(Pubrel(packet.packet_id))
            return
        if isinstance(packet, Puback) and packet.reason_code < 0x80:
            self.promised.add(sent.packet.payload)
        del self.outgoing[packet.packet_id]

    def _on_answer(self, packet: Suback | Unsuback) -> None:
        count = self._asked.pop(packet.packet_id, None)
        self._require(count is not None, f"{packet!r} answers nothing")
        if isinstance(packet, Suback) or self.version == MQTT_5:
            self._require(len(packet.reason_codes) == count, f"{packet!r} for {count} Topic Filters")

    # -- what it does

    @property
    def may_send(self) -> bool:
        """Whether it is in a position to say anything."""
        return self.is_accepted and self.line is not None and not self.line.cut and len(self.line.up) < 4096

    def acknowledge(self, most: int) -> None:
        """Acknowledge the oldest of what it has read, in its order [MQTT-4.6.0-2]."""
        now, self.todo = self.todo[:most], self.todo[most:]
        for packet in now:
            if isinstance(packet, Puback | Pubcomp):
                self._unacknowledged.pop(packet.packet_id, None)
            self._send(packet)

    def _next_packet_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % 65535 + 1
            if self._packet_id not in self.outgoing and self._packet_id not in self._asked:
                return self._packet_id

    def publish(self, message: Message, expiry: int | None, with_alias: bool) -> None:
        """Publish, unless the Server's Receive Maximum forbids it [MQTT-3.3.4-7]."""
        given = Properties()
        packet_id = 0
        packet = Publish(message.topic, message.payload, message.qos, message.retain)
        if message.qos:
            if len(self.outgoing) >= self._send_maximum:
                return
            packet_id = packet.packet_id = self._next_packet_id()
        if self.version == MQTT_5:
            given.message_expiry_interval = expiry
            packet.properties = given
        if packet_id:
            self.outgoing[packet_id] = Sent(packet)
        if with_alias and self._own_alias_maximum:
            packet = self._with_alias(packet)
        self._send(packet)

    def _with_alias(self, packet: Publish) -> Publish:
        """The same with a Topic Alias; kept is the one without, which any Connection understands."""
        expiry = None if packet.properties is None else packet.properties.message_expiry_interval
        topic = packet.topic
        alias = self._own_aliases.get(topic)
        if alias is None:
            alias = self._random.randint(1, self._own_alias_maximum)
            self._own_aliases = {name: each for name, each in self._own_aliases.items() if each != alias}
            self._own_aliases[topic] = alias
        else:
            topic = ""
        given = properties(topic_alias=alias, message_expiry_interval=expiry)
        return Publish(topic, packet.payload, packet.qos, packet.retain, False, packet.packet_id, given)

    def subscribe(self, requests: list[SubscriptionRequest], identifier: int) -> None:
        """Subscribe to all of these with one SUBSCRIBE."""
        packet_id = self._next_packet_id()
        self._asked[packet_id] = len(requests)
        given = properties(subscription_identifiers=(identifier,)) if identifier else None
        self._send(Subscribe(packet_id, requests, given if self.version == MQTT_5 else None))

    def unsubscribe(self, topic_filters: list[str]) -> None:
        """Unsubscribe from all of these with one UNSUBSCRIBE."""
        packet_id = self._next_packet_id()
        self._asked[packet_id] = len(topic_filters)
        self._send(Unsubscribe(packet_id, topic_filters))

    def ping(self) -> None:
        """Ask whether the Server is there."""
        self._pings += 1
        self._send(Pingreq())

    def disconnect(self, reason_code: int, expiry: int | None) -> None:
        """Say good-bye, and read no more."""
        given = None
        if self.version != MQTT_5:
            reason_code = 0
        elif expiry is not None and (self._connect.properties or Properties()).session_expiry_interval:
            given = properties(session_expiry_interval=expiry)
        self._send(Disconnect(reason_code, given))
        self.forget_line()

