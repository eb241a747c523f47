"""Floor 1: an Application Message, once inside, and the bytes that its receivers share."""

from typing import Final

from mypy_extensions import mypyc_attr

from amqtt.wire.encoder import properties_bytes
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import MQTT_5, PUBLISH, Publish, PublishRun
from amqtt.wire.primitives import BYTE_PAIRS, SINGLE_BYTES, variable_byte_integer
from amqtt.wire.properties import Properties
from amqtt.wire.runs import identifiers_at, largest_of, packets_of

NO_PROPERTIES: Final = b"\x00"
NEVER: Final = float("inf")
"""The moment at which a Message without a Message Expiry Interval expires."""


@mypyc_attr(acyclic=True)
class Message:
    """An Application Message: topic, payload, properties, expiry, and who published it.

    `expires_at` is the moment, in seconds of the Server's clock, from which it must not be sent
    any more [MQTT-3.3.2-5]. `publisher` is the Client Identifier of the publishing
    Client, "" for the Server and the embedding program.

    `owner` is said of what is retained alone: the user whose Session published it, "" without a user name,
    None: no Client's, or not known.

    `number` is that of its body in the Journal (0: it is not there), `references` are the entries
    there that wait for it. `waiting` is in how many Backlogs it is.

    Its wire forms are made once and shared by every receiver, so a Message is not changed after
    it was routed. It refers to nothing that could refer to it, so the collector of cycles passes it over,
    however many of them wait.
    """

    __slots__ = (
        "_assured_form", "_assured_properties", "_assured_start", "_forwarded", "_plain_3", "_plain_5",
        "_topic_field", "expires_at", "number", "owner", "payload", "properties", "publisher", "qos",
        "references", "retain", "topic", "waiting",
    )

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
        expires_at: float = NEVER,
        publisher: str = "",
        owner: str | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.expires_at = expires_at
        self.publisher = publisher
        self.owner = owner
        self.number = 0
        self.references = 0
        self.waiting = 0
        self._topic_field: bytes | None = None
        self._forwarded: bytes | None = None
        self._assured_form = 0
        self._assured_start = b""
        self._assured_properties = b""
        self._plain_3: bytes | None = None
        self._plain_5: bytes | None = None

    def is_expired(self, now: float) -> bool:
        """Whether its Message Expiry Interval has passed [MQTT-3.3.2-5]."""
        return now >= self.expires_at

    @property
    def size(self) -> int:
        """Its topic, payload and forwarded properties, in bytes: what a queue counts."""
        topic = self.topic
        length = len(topic) if topic.isascii() else len(topic.encode())
        return length + len(self.payload) + len(self._forwarded_properties())

    def plain(self, version: int, now: float) -> bytes:
        """The packet at QoS 0 with RETAIN 0, DUP 0: the same bytes for every Client of a version."""
        if version == MQTT_5:
            if self.expires_at != NEVER:
                return self.packet(version, now)
            if self._plain_5 is None:
                self._plain_5 = self.packet(version, now)
            return self._plain_5
        if self._plain_3 is None:
            self._plain_3 = self.packet(version, now)
        return self._plain_3

    def assured(self, version: int, now: float, qos: int, packet_id: int) -> bytes:
        """The packet at QoS 1 or 2 with RETAIN 0, DUP 0.

        What the Clients of a version share of it is made once: all but the Packet Identifier.
        """
        if version == MQTT_5 and self.expires_at != NEVER:
            return self.packet(version, now, qos, packet_id=packet_id)
        form = qos << 1 | (version == MQTT_5)
        if form != self._assured_form:
            self._make_assured(version, now, qos)
            self._assured_form = form
        start = self._assured_start + BYTE_PAIRS[packet_id]
        return start + self.payload if version != MQTT_5 else start + self._assured_properties + self.payload

    def _make_assured(self, version: int, now: float, qos: int) -> None:
        topic = self._topic()
        length = len(topic) + 2 + len(self.payload)
        if version == MQTT_5:
            self._assured_properties = self._property_field(now, (), 0)
            length += len(self._assured_properties)
        self._assured_start = SINGLE_BYTES[PUBLISH << 4 | qos << 1] + variable_byte_integer(length) + topic

    def keep(self, version: int, qos: int, wire: bytes) -> None:
        """Forward what arrived (`Publish.wire`) to the Clients of the same version."""
        if qos:
            self._assured_form = qos << 1 | (version == MQTT_5)
            self._assured_start = wire
            self._assured_properties = NO_PROPERTIES
        elif version == MQTT_5:
            self._plain_5 = wire
        else:
            self._plain_3 = wire

    def packet(
        self,
        version: int,
        now: float,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        identifiers: tuple[int, ...] = (),
        alias: int = 0,
        with_topic: bool = True,
    ) -> bytes:
        """The PUBLISH packet that carries it to one Client.

        `identifiers` are Subscription Identifiers, `alias` a Topic Alias (0: none); `with_topic`
        False sends the alias alone. The Message Expiry Interval is what is left of it at `now`
        [MQTT-3.3.2-6].
        """
        topic = self._topic(not retain) if with_topic else b"\x00\x00"
        identifier = BYTE_PAIRS[packet_id] if qos else b""
        properties = self._property_field(now, identifiers, alias) if version == MQTT_5 else b""
        payload = self.payload
        first = PUBLISH << 4 | (8 if dup else 0) | qos << 1 | (1 if retain else 0)
        length = variable_byte_integer(len(topic) + len(identifier) + len(properties) + len(payload))
        return b"".join([SINGLE_BYTES[first], length, topic, identifier, properties, payload])

    def _topic(self, to_keep: bool = True) -> bytes:
        """Its length and its bytes: not to be kept where very many are sent seldom, as retained messages."""
        field = self._topic_field
        if field is None:
            encoded = self.topic.encode()
            field = BYTE_PAIRS[len(encoded)] + encoded
            if to_keep:
                self._topic_field = field
        return field

    def _property_field(self, now: float, identifiers: tuple[int, ...], alias: int) -> bytes:
        field = self._forwarded_properties()
        if self.expires_at != NEVER:
            field += b"\x02" + max(0, round(self.expires_at - now)).to_bytes(4, "big")
        if alias:
            field += b"\x23" + BYTE_PAIRS[alias]
        for identifier in identifiers:
            field += b"\x0b" + variable_byte_integer(identifier)
        return variable_byte_integer(len(field)) + field

    def _forwarded_properties(self) -> bytes:
        """The properties that every receiver is sent unaltered [MQTT-3.3.2-4] [MQTT-3.3.2-15 to -20]."""
        forwarded = self._forwarded
        if forwarded is None:
            properties = self.properties
            forwarded = b"" if properties is None else properties_bytes(properties, PUBLISH)
            self._forwarded = forwarded
        return forwarded


class MessageRun:
    """Messages that one Client published in one go to the same receivers, as they arrived: a PublishRun.

    What is true of one of them (its QoS, who published it) is true of all but for the Topic Name: `topics`
    are all of them. `version` is that of the publishing Client. What receivers share is made once, when
    the first asks for it.
    """

    __slots__ = (
        "_messages", "_pieces", "_plain_3", "_plain_5", "count", "first_id", "names", "publisher",
        "qos", "topics", "version", "wire",
    )

    def __init__(self, run: PublishRun, version: int, publisher: str) -> None:
        self.qos = run.qos
        self.wire = run.wire
        self.count = run.count
        self.first_id = run.first_id
        self.topics = run.topics
        self.names = run.names
        self.version = version
        self.publisher = publisher
        self._messages: list[Message] | None = None
        self._pieces: list[bytes] | None = None
        self._plain_3: bytes | None = None
        self._plain_5: bytes | None = None

    def messages(self) -> list[Message]:
        """The Messages, one by one."""
        if self._messages is None:
            self._messages = messages_of(self.wire, self.version, self.publisher, self.names)
        return self._messages

    def plain(self, version: int) -> bytes:
        """The packets at QoS 0 with RETAIN 0, DUP 0: the same bytes for every Client of a version."""
        if not self.qos and self.is_of(version):
            return self.wire
        plain = self._plain_5 if version == MQTT_5 else self._plain_3
        if plain is None:
            plain = b"".join([message.plain(version, 0.0) for message in self.messages()])
            if version == MQTT_5:
                self._plain_5 = plain
            else:
                self._plain_3 = plain
        return plain

    def fits(self, maximum: int) -> bool:
        """Whether each of its packets has fewer bytes than this."""
        return len(self.wire) < maximum or largest_of(self.wire) < maximum

    def is_of(self, version: int) -> bool:
        """Whether Clients of this version may be sent its packets as they are, MQTT 3.1 and 3.1.1 alike."""
        return (version == MQTT_5) == (self.version == MQTT_5)

    def assured(self, first_id: int) -> bytes:
        """The packets at the QoS of the run as they arrived, but with Packet Identifiers from this one on."""
        if first_id == self.first_id:
            return self.wire
        pieces = self._pieces
        if pieces is None:
            pieces = self._pieces = self._between_identifiers()
        count = self.count
        packets = [b""] * (2 * count + 1)
        packets[::2] = pieces
        packets[1::2] = BYTE_PAIRS[first_id : first_id + count]
        return b"".join(packets)

    def _between_identifiers(self) -> list[bytes]:
        """All bytes but the Packet Identifiers, which are a receiver's own."""
        wire = self.wire
        pieces: list[bytes] = []
        at = 0
        for identifier_at in identifiers_at(wire):
            pieces.append(wire[at:identifier_at])
            at = identifier_at + 2
        pieces.append(wire[at:])
        return pieces


def messages_of(wire: bytes, version: int, publisher: str, names: TopicNames) -> list[Message]:
    """The Messages of a run, whose bytes are `wire`."""
    packets = packets_of(wire, version, names)
    return [message_of(packet, packet.topic, version, 0.0, publisher) for packet in packets]


def message_of(packet: Publish, topic: str, version: int, now: float, publisher: str) -> Message:
    """The Application Message that a Client's PUBLISH carries; `topic` is its alias resolved.

    `packet` gives its properties away: they are the Message's from here on.
    """
    properties = packet.properties
    expires_at = NEVER if properties is None else take_hop_properties(properties, now)
    message = Message(topic, packet.payload, packet.qos, packet.retain, properties, expires_at, publisher)
    if packet.wire is not None:
        message.keep(version, packet.qos, packet.wire)
    return message


def take_hop_properties(properties: Properties, now: float) -> float:
    """Take out what does not travel with a Message; the moment at which it expires.

    Topic Alias and Subscription Identifier belong to one hop, the Message Expiry Interval counts
    down on the way [MQTT-3.3.2-6].
    """
    properties.topic_alias = None
    properties.subscription_identifiers = ()
    interval = properties.message_expiry_interval
    if interval is None:
        return NEVER
    properties.message_expiry_interval = None
    return now + interval
