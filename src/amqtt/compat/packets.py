"""Control Packets as aMQTT's plugins know them: each shows one of `wire.packets` under the old names."""

from collections.abc import Sequence
from types import GenericAlias
from typing import Any, ClassVar, Protocol, Self

from amqtt.compat.packet_parts import ConnectPayload, ConnectVariableHeader, Fields
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.wire import packets as wire
from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import LARGEST_PACKET, MQTT_3_1, MQTT_3_1_1, Packet

_LONGEST_LENGTH = 4
"""Bytes of a Remaining Length at most (2.2.3)."""


class Reader(Protocol):
    """What packets are read from: an adapter of `amqtt.adapters`, or an asyncio.StreamReader."""

    async def read(self, n: int = -1) -> bytes:
        """Read up to n bytes."""


class Writer(Protocol):
    """What packets are written to."""

    def write(self, data: bytes) -> None:
        """Write them."""

    async def drain(self) -> None:
        """Wait until there is room for more."""


class MQTTFixedHeader:
    """The fixed header: packet type, the four flags beside it, and the length of all that follows."""

    def __init__(self, packet_type: int, flags: int = 0, length: int = 0) -> None:
        self.packet_type = packet_type
        self.flags = flags
        self.remaining_length = length

    def __repr__(self) -> str:
        return (
            f"MQTTFixedHeader(packet_type={self.packet_type}, flags={self.flags}, "
            f"length={self.remaining_length})"
        )


class MQTTPacket:
    """One Control Packet. `wire` is ours, which it shows; `version` is the Protocol Level, 3, 4 or 5.

    Programs give it its parts instead, already filled in and in this order: fixed header, variable header
    and payload; `vh` is what `variable_header` was in aMQTT 0.10.
    """

    VARIABLE_HEADER: ClassVar[tuple[str, ...]] = ()
    PAYLOAD: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        wire_packet: Packet | MQTTFixedHeader | None = None,
        version: Any = MQTT_3_1_1,
        payload: Any = None,
        *,
        fixed: MQTTFixedHeader | None = None,
        variable_header: Any = None,
        vh: Any = None,
    ) -> None:
        if wire_packet is None or isinstance(wire_packet, MQTTFixedHeader):
            header = variable_header if vh is None else vh
            if not isinstance(version, int):
                header = version
            wire_packet, version = self._filled_in(wire_packet or fixed, header, payload)
        self.wire = wire_packet
        self.version: int = version
        # Who embeds a Broker need not load it.
        from datetime import UTC, datetime

        self.protocol_ts: datetime | None = datetime.now(UTC)

    def __class_getitem__(cls, arguments: object) -> GenericAlias:
        """Have type arguments, as in the signatures that aMQTT documents for hooks."""
        return GenericAlias(cls, arguments)

    @classmethod
    def _filled_in(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> tuple[Packet, int]:
        """Ours, of the parts that a program filled in, and its Protocol Level."""
        if fixed is not None and fixed.packet_type != _TYPES.get(cls):
            raise AMQTTError(f"{fixed!r} is not that of {cls.__name__}")
        return cls._of_parts(fixed, header, payload), MQTT_3_1_1

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        raise AMQTTError(f"{cls.__name__} cannot be made of parts")

    @property
    def fixed_header(self) -> MQTTFixedHeader:
        """Its fixed header."""
        encoded = self.to_bytes()
        body = len(encoded) - 2
        while len(encoded) - body <= _LONGEST_LENGTH and encoded[len(encoded) - body - 1] & 0x80:
            body -= 1
        return MQTTFixedHeader(encoded[0] >> 4, encoded[0] & 0x0F, body)

    @property
    def variable_header(self) -> Fields | None:
        """The fields of its variable header, None without one."""
        return self._fields("VariableHeader", self.VARIABLE_HEADER)

    @property
    def payload(self) -> Fields | None:
        """The fields of its payload, None without one."""
        return self._fields("Payload", self.PAYLOAD)

    def _fields(self, kind: str, names: Sequence[str]) -> Fields | None:
        if not names:
            return None
        shown = {name: getattr(self, name) for name in names}
        return Fields(type(self).__name__.removesuffix("Packet") + kind, shown)

    def to_bytes(self) -> bytes:
        """Its bytes."""
        return encode(self.wire, self.version)

    @property
    def bytes_length(self) -> int:
        """How many bytes it has."""
        return len(self.to_bytes())

    async def to_stream(self, writer: Writer) -> None:
        """Write it."""
        writer.write(self.to_bytes())
        await writer.drain()

    @classmethod
    async def from_stream(cls, reader: Reader) -> Self:
        """Read one packet of MQTT 3.1 or 3.1.1; NoDataError at the end, MQTTError for what is none."""
        head = await _read(reader, 1)
        length = position = 0
        while True:
            byte = await _read(reader, 1)
            head += byte
            length |= (byte[0] & 0x7F) << 7 * position
            position += 1
            if not byte[0] & 0x80:
                break
            if position == _LONGEST_LENGTH:
                raise MQTTError("the Remaining Length has more than four bytes")
        version = 0 if head[0] >> 4 == wire.CONNECT else MQTT_3_1_1
        decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, version)
        read = decoder.feed(head + await _read(reader, length))
        if not read:
            raise MQTTError(str(decoder.error))
        packet = legacy_packet(read[0], decoder.version or MQTT_3_1_1)
        if not isinstance(packet, cls):
            raise MQTTError(f"{type(packet).__name__} where {cls.__name__} was expected")
        return packet

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(ts={self.protocol_ts}, fixed={self.fixed_header}, "
            f"variable={self.variable_header}, payload={self.payload})"
        )


async def _read(reader: Reader, length: int) -> bytes:
    taken = b""
    while len(taken) < length:
        data = await reader.read(length - len(taken))
        if not data:
            raise NoDataError("No more data")
        taken += data
    return taken


class ConnectPacket(MQTTPacket):
    """CONNECT. Its password is shown as text: bytes that are no UTF-8 become lone surrogates."""

    wire: wire.Connect
    VARIABLE_HEADER = (
        "proto_name", "proto_level", "keep_alive", "username_flag", "password_flag", "will_flag", "will_qos",
        "will_retain_flag", "clean_session_flag", "reserved_flag",
    )
    PAYLOAD = ("client_id", "will_topic", "will_message", "username", "password")

    @classmethod
    def _filled_in(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> tuple[Packet, int]:
        packet, _ = super()._filled_in(fixed, header or ConnectVariableHeader(), payload or ConnectPayload())
        return packet, MQTT_3_1_1 if header is None else header.proto_level

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        will = None
        if header.will_flag:
            message = bytes(payload.will_message or b"")
            will = wire.WillFields(payload.will_topic, message, header.will_qos, header.will_retain_flag)
        username = payload.username or "" if header.username_flag else None
        password = payload.password or "" if header.password_flag else None
        return wire.Connect(
            payload.client_id or "", header.proto_level, header.clean_session_flag, header.keep_alive, will,
            username, None if password is None else password.encode("utf-8", "surrogateescape"),
        )

    @property
    def proto_name(self) -> str:
        """The Protocol Name."""
        return "MQIsdp" if self.wire.version == MQTT_3_1 else "MQTT"

    @property
    def proto_level(self) -> int:
        """The Protocol Level: 3, 4 or 5."""
        return self.wire.version

    @property
    def client_id(self) -> str:
        """The Client Identifier."""
        return self.wire.client_id

    @property
    def client_id_is_random(self) -> bool:
        """Whether the Client left it empty."""
        return not self.wire.client_id

    @property
    def keep_alive(self) -> int:
        """Seconds."""
        return self.wire.keep_alive

    @property
    def clean_session_flag(self) -> bool:
        """Clean Session; Clean Start of MQTT 5.0."""
        return self.wire.clean_start

    @property
    def reserved_flag(self) -> bool:
        """Never set in a packet that was read."""
        return False

    @property
    def username_flag(self) -> bool:
        """Whether there is a user name."""
        return self.wire.username is not None

    @property
    def password_flag(self) -> bool:
        """Whether there is a password."""
        return self.wire.password is not None

    @property
    def will_flag(self) -> bool:
        """Whether there is a Will Message."""
        return self.wire.will is not None

    @property
    def will_qos(self) -> int:
        """Of the Will Message."""
        return 0 if self.wire.will is None else self.wire.will.qos

    @property
    def will_retain_flag(self) -> bool:
        """Of the Will Message."""
        return self.wire.will is not None and self.wire.will.retain

    @property
    def will_topic(self) -> str | None:
        """Of the Will Message."""
        return None if self.wire.will is None else self.wire.will.topic

    @property
    def will_message(self) -> bytes | None:
        """The payload of the Will Message."""
        return None if self.wire.will is None else self.wire.will.payload

    @property
    def username(self) -> str | None:
        """The user name."""
        return self.wire.username

    @property
    def password(self) -> str | None:
        """The password."""
        return password_text(self.wire.password)

    def __repr__(self) -> str:
        """Everything but the password: this is what loggers write."""
        return (
            f"ConnectPacket(client_id={self.client_id!r}, username={self.username!r}, "
            f"keep_alive={self.keep_alive})"
        )


class ConnackPacket(MQTTPacket):
    """CONNACK. `return_code` is that of MQTT 3.1.1, or the Reason Code of MQTT 5.0."""

    wire: wire.Connack
    VARIABLE_HEADER = ("session_parent", "return_code")

    @property
    def return_code(self) -> int:
        """0: accepted."""
        return self.to_bytes()[3]

    @property
    def session_parent(self) -> int:
        """Session Present."""
        return int(self.wire.session_present)

    @classmethod
    def build(cls, session_parent: int | None = None, return_code: int | None = None) -> Self:
        """Make one; a return code of MQTT 3.1.1."""
        from amqtt.wire.reasons import REASONS_OF_RETURN_CODES

        return cls(wire.Connack(bool(session_parent), REASONS_OF_RETURN_CODES[return_code or 0]))

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        return cls.build(header.session_parent, header.return_code).wire


class PublishPacket(MQTTPacket):
    """PUBLISH."""

    wire: wire.Publish
    VARIABLE_HEADER = ("topic_name", "packet_id")
    PAYLOAD = ("data",)
    DUP_FLAG: ClassVar[int] = 0x08
    RETAIN_FLAG: ClassVar[int] = 0x01
    QOS_FLAG: ClassVar[int] = 0x06

    @classmethod
    def build(
        cls,
        topic_name: str,
        message: bytes,
        packet_id: int | None,
        dup_flag: bool,
        qos: int | None,
        retain: bool,
    ) -> Self:
        """Make one."""
        return cls(wire.Publish(topic_name, bytes(message), qos or 0, retain, dup_flag, packet_id or 0))

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        flags = 0 if fixed is None else fixed.flags
        data = b"" if payload is None else payload.data or b""
        return cls.build(
            header.topic_name, data, header.packet_id, bool(flags & cls.DUP_FLAG),
            (flags & cls.QOS_FLAG) >> 1, bool(flags & cls.RETAIN_FLAG),
        ).wire

    @property
    def topic_name(self) -> str:
        """The Topic Name."""
        return self.wire.topic

    @property
    def packet_id(self) -> int | None:
        """The Packet Identifier, None at QoS 0."""
        return self.wire.packet_id or None

    @property
    def data(self) -> bytes:
        """The Application Message."""
        return self.wire.payload

    @property
    def qos(self) -> int:
        """Its QoS."""
        return self.wire.qos

    @property
    def retain_flag(self) -> bool:
        """RETAIN."""
        return self.wire.retain

    @property
    def dup_flag(self) -> bool:
        """DUP."""
        return self.wire.dup


class _Identified(MQTTPacket):
    """A packet that has a Packet Identifier."""

    wire: (
        wire.Puback | wire.Pubrec | wire.Pubrel | wire.Pubcomp
        | wire.Subscribe | wire.Suback | wire.Unsubscribe | wire.Unsuback
    )
    VARIABLE_HEADER = ("packet_id",)

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        fields = {name: getattr(payload, name) for name in cls.PAYLOAD}
        made: MQTTPacket = cls.build(packet_id=header.packet_id, **fields)  # type: ignore[attr-defined]
        return made.wire

    @property
    def packet_id(self) -> int:
        """The Packet Identifier."""
        return self.wire.packet_id


class PubackPacket(_Identified):
    """PUBACK."""

    @classmethod
    def build(cls, packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Puback(packet_id))


class PubrecPacket(_Identified):
    """PUBREC."""

    @classmethod
    def build(cls, packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Pubrec(packet_id))


class PubrelPacket(_Identified):
    """PUBREL."""

    @classmethod
    def build(cls, packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Pubrel(packet_id))


class PubcompPacket(_Identified):
    """PUBCOMP."""

    @classmethod
    def build(cls, packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Pubcomp(packet_id))


class SubscribePacket(_Identified):
    """SUBSCRIBE."""

    wire: wire.Subscribe
    PAYLOAD = ("topics",)

    @classmethod
    def build(cls, topics: Sequence[tuple[str, int]], packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Subscribe(packet_id, [wire.SubscriptionRequest(*topic) for topic in topics]))

    @property
    def topics(self) -> list[tuple[str, int]]:
        """The Topic Filters with the QoS wished for."""
        return [(request.topic_filter, request.qos) for request in self.wire.requests]


class SubackPacket(_Identified):
    """SUBACK."""

    wire: wire.Suback
    PAYLOAD = ("return_codes",)

    @classmethod
    def build(cls, packet_id: int, return_codes: Sequence[int]) -> Self:
        """Make one."""
        return cls(wire.Suback(packet_id, list(return_codes)))

    @property
    def return_codes(self) -> list[int]:
        """The QoS granted to each Topic Filter; 0x80 and more refuse it."""
        return list(self.wire.reason_codes)


class UnsubscribePacket(_Identified):
    """UNSUBSCRIBE."""

    wire: wire.Unsubscribe
    PAYLOAD = ("topics",)

    @classmethod
    def build(cls, topics: Sequence[str], packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Unsubscribe(packet_id, list(topics)))

    @property
    def topics(self) -> list[str]:
        """The Topic Filters."""
        return list(self.wire.topic_filters)


class UnsubackPacket(_Identified):
    """UNSUBACK."""

    wire: wire.Unsuback

    @classmethod
    def build(cls, packet_id: int) -> Self:
        """Make one."""
        return cls(wire.Unsuback(packet_id, []))


class PingReqPacket(MQTTPacket):
    """PINGREQ."""

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        return wire.Pingreq()


class PingRespPacket(MQTTPacket):
    """PINGRESP."""

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        return wire.Pingresp()

    @classmethod
    def build(cls) -> Self:
        """Make one."""
        return cls()


class DisconnectPacket(MQTTPacket):
    """DISCONNECT."""

    @classmethod
    def _of_parts(cls, fixed: MQTTFixedHeader | None, header: Any, payload: Any) -> Packet:
        return wire.Disconnect()


LEGACY: dict[type[object], type[MQTTPacket]] = {
    wire.Connect: ConnectPacket,
    wire.Connack: ConnackPacket,
    wire.Publish: PublishPacket,
    wire.Puback: PubackPacket,
    wire.Pubrec: PubrecPacket,
    wire.Pubrel: PubrelPacket,
    wire.Pubcomp: PubcompPacket,
    wire.Subscribe: SubscribePacket,
    wire.Suback: SubackPacket,
    wire.Unsubscribe: UnsubscribePacket,
    wire.Unsuback: UnsubackPacket,
    wire.Pingreq: PingReqPacket,
    wire.Pingresp: PingRespPacket,
    wire.Disconnect: DisconnectPacket,
}
"""Ours → aMQTT's, which knew no AUTH."""

packet_dict: dict[int, type[MQTTPacket]] = {
    wire.CONNACK: ConnackPacket,
    wire.CONNECT: ConnectPacket,
    wire.DISCONNECT: DisconnectPacket,
    wire.PINGREQ: PingReqPacket,
    wire.PINGRESP: PingRespPacket,
    wire.PUBACK: PubackPacket,
    wire.PUBCOMP: PubcompPacket,
    wire.PUBLISH: PublishPacket,
    wire.PUBREC: PubrecPacket,
    wire.PUBREL: PubrelPacket,
    wire.SUBACK: SubackPacket,
    wire.SUBSCRIBE: SubscribePacket,
    wire.UNSUBACK: UnsubackPacket,
    wire.UNSUBSCRIBE: UnsubscribePacket,
}
"""Packet type → aMQTT's class of it."""

_TYPES = {kind: packet_type for packet_type, kind in packet_dict.items()}


def packet_class(fixed_header: MQTTFixedHeader) -> type[MQTTPacket]:
    """The class of the packet with this fixed header; AMQTTError for a type that there is not."""
    found = packet_dict.get(fixed_header.packet_type)
    if found is None:
        raise AMQTTError(f"Unexpected packet Type '{fixed_header.packet_type}'")
    return found


def legacy_packet(packet: Packet, version: int = MQTT_3_1_1) -> MQTTPacket:
    """Show a packet as aMQTT's plugins know it; `version` is its Client's Protocol Level."""
    if isinstance(packet, wire.Connect):
        version = packet.version
    return LEGACY.get(type(packet), MQTTPacket)(packet, version)


def password_text(password: bytes | None) -> str | None:
    """A password as aMQTT's plugins expect it: text."""
    return None if password is None else password.decode("utf-8", "surrogateescape")
