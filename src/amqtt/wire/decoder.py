"""Bytes, in whatever pieces they arrive, into Control Packets."""

from typing import Final, cast

from amqtt.wire.bounds import USUAL_BOUNDS, PacketBounds
from amqtt.wire.connection_packets import auth_at, connack_at, connect_at, disconnect_at, protocol_level_at
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT_3_1,
    MQTT_5,
    PINGREQ,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Arrived,
    Connect,
    Packet,
    Pingreq,
    Pingresp,
)
from amqtt.wire.primitives import variable_byte_integer_at
from amqtt.wire.publish_packets import acknowledgement_at, publish_at
from amqtt.wire.reasons import ReasonCode
from amqtt.wire.runs import has_properties, run_at
from amqtt.wire.subscription_packets import suback_at, subscribe_at, unsuback_at, unsubscribe_at

_DUP: Final = 0x08
_FIRST_BYTES: Final = frozenset(
    (0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2,
     0xC0, 0xE0)
)
"""What a Client's packets begin with in every version; these need no closer look once it has connected."""
_MAKES_RUNS: Final = bytes([value in (0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70) for value in range(256)])
"""By the first byte: whether such packets may make a run."""
_IS_USUAL: Final = bytes([value in _FIRST_BYTES for value in range(256)])
"""The same by value: 1 or 0."""
_LARGE_PIECE: Final = 4096
"""From this size on, a piece of a packet costs next to nothing to keep by itself, and less to copy."""


class Decoder:
    """The packets of one Network Connection, one direction.

    It never raises: the first fault of the peer becomes `error`, and nothing is read from then on
    [MQTT-4.13.1-1]. Whatever the sizes of the pieces, it takes time linear in the bytes, and holds
    no more memory than the bytes of the one packet that is not complete.

    `version` is 0 until a CONNECT packet names it; a Decoder of a Client's is given it at once.
    When the first packet is a CONNECT of an unknown Protocol Level, or broken behind its Protocol
    Level, `version` says all the same in which version it may be answered; it stays 0 where there
    is nobody to answer. Sizes are of whole packets, fixed header included.
    """

    __slots__ = (
        "_missing", "_pieces", "_topics", "bounds", "error", "maximum_connect_size",
        "maximum_packet_size", "version",
    )

    def __init__(
        self,
        topics: TopicNames,
        maximum_packet_size: int,
        maximum_connect_size: int,
        version: int = 0,
        bounds: PacketBounds = USUAL_BOUNDS,
    ) -> None:
        self.version = version
        self.maximum_packet_size = maximum_packet_size
        self.maximum_connect_size = maximum_connect_size
        self.bounds = bounds
        self.error: MalformedPacket | ProtocolError | None = None
        self._topics = topics
        # The pieces of a packet that is not complete, and how many of its bytes are to come; 0 while
        # its fixed header is not complete either.
        self._pieces: list[bytes | bytearray] = []
        self._missing = 0

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes, in order; those before a fault, then `error` is set."""
        return cast(list[Packet], self._packets_in(data, joins=False))

    def feed_joined(self, data: bytes) -> list[Arrived]:
        """The same, with the packets that make a run as one PublishRun or AcknowledgementRun."""
        return self._packets_in(data, joins=True)

    def _packets_in(self, data: bytes, joins: bool) -> list[Arrived]:
        packets: list[Arrived] = []
        if self.error is None:
            try:
                self._feed(data, packets, joins)
            except (MalformedPacket, ProtocolError) as error:
                error.__traceback__ = None  # It would keep the peer's bytes alive.
                self.error = error
                self._pieces = []
        return packets

    def _feed(self, data: bytes, packets: list[Arrived], joins: bool) -> None:
        if not self._pieces:
            self._read(data, 0, packets, joins)
        elif len(data) < self._missing:
            self._gather(data)
        else:
            # Of a fixed header that is not complete there are four bytes at most.
            taken = self._missing or len(data)
            packet = b"".join([*self._pieces, data[:taken]])
            self._pieces = []
            self._read(packet, 0, packets, joins)
            if taken < len(data):
                self._read(data, taken, packets, joins)

    def _gather(self, data: bytes) -> None:
        """Keep bytes within a packet; large pieces as they are, small ones together."""
        self._missing -= len(data)
        last = self._pieces[-1]
        if len(data) >= _LARGE_PIECE:
            self._pieces.append(data)
        elif isinstance(last, bytearray):
            last += data
        else:
            self._pieces.append(bytearray(data))

    def _read(self, buffer: bytes, at: int, packets: list[Arrived], joins: bool) -> None:
        """Every complete packet from `at` on; keeps the rest."""
        size = len(buffer)
        version = self.version
        maximum = self._maximum()
        topics = self._topics
        bounds = self.bounds
        while at < size:
            start = at
            first = buffer[start]
            if version == 0 or not _IS_USUAL[first]:
                _check_first_byte(first, version)
            if start + 1 < size and buffer[start + 1] < 0x80:
                length = buffer[start + 1]
                at = start + 2
            else:
                length, at = _remaining_length(buffer, start + 1, size)
            if length < 0:
                self._keep(buffer, start, 0)
                return
            end = at + length
            if end - start > maximum:
                raise ProtocolError(
                    "the packet is larger than we take",
                    ReasonCode.PACKET_TOO_LARGE,
                    "maximum_packet_size" if version else "maximum_connect_size",
                )
            if end > size:
                self._keep(buffer, start, end - size)
                return
            # A run of one costs more than the packet by itself, but for Properties that stay as they are.
            if joins and _MAKES_RUNS[first] and (
                end < size or (version == MQTT_5 and has_properties(buffer, first, at, end))
            ):
                run, behind = run_at(topics, buffer, start, version, maximum, bounds)
                if run is not None:
                    packets.append(run)
                    at = behind
                    continue
            if first >> 4 == PUBLISH:
                packets.append(publish_at(topics, buffer, start, at, end, version, bounds))
            else:
                packets.append(self._packet_at(first, buffer, at, end))
                version = self.version
                maximum = self._maximum()
            at = end

    def _maximum(self) -> int:
        """The bound of the next packet; the first one comes from nobody knows whom."""
        return self.maximum_packet_size if self.version else self.maximum_connect_size

    def _keep(self, buffer: bytes, at: int, missing: int) -> None:
        self._pieces = [buffer[at:]]
        self._missing = missing

    def _packet_at(self, first: int, buffer: bytes, at: int, end: int) -> Packet:
        kind = first >> 4
        version = self.version
        bounds = self.bounds
        if PUBACK <= kind <= PUBCOMP:
            return acknowledgement_at(kind, buffer, at, end, version, bounds)
        if kind == SUBSCRIBE:
            return subscribe_at(buffer, at, end, version, bounds)
        if kind == UNSUBSCRIBE:
            return unsubscribe_at(buffer, at, end, version, bounds)
        if kind == SUBACK:
            return suback_at(buffer, at, end, version, bounds)
        if kind == UNSUBACK:
            return unsuback_at(buffer, at, end, version, bounds)
        if kind == DISCONNECT:
            return disconnect_at(buffer, at, end, version, bounds)
        if kind == CONNECT:
            return self._connect_at(first & 0x0F, buffer, at, end)
        if kind == CONNACK:
            return connack_at(buffer, at, end, version, bounds)
        if kind == AUTH:
            return auth_at(buffer, at, end, bounds)
        if at != end:
            raise MalformedPacket("a PINGREQ or PINGRESP packet has bytes behind its fixed header")
        return Pingreq() if kind == PINGREQ else Pingresp()

    def _connect_at(self, flags: int, buffer: bytes, at: int, end: int) -> Connect:
        level, at = protocol_level_at(buffer, at, end)
        if flags and level.version != MQTT_3_1:
            raise _reserved_flags(CONNECT)
        if self.version == 0:
            self.version = level.version
        if not level.supported:
            raise ProtocolError(
                "the Protocol Level is not supported", ReasonCode.UNSUPPORTED_PROTOCOL_VERSION
            )
        return connect_at(level, buffer, at, end, self.bounds)


def _check_first_byte(first: int, version: int) -> None:
    """Whether a packet may begin with this byte, none of _FIRST_BYTES once `version` is known.

    Before, it must be that of a CONNECT packet [MQTT-3.1.0-1]; MQTT 3.1 does not use the flags of that.
    """
    kind = first >> 4
    flags = first & 0x0F
    if version == 0:
        if kind != CONNECT:
            raise ProtocolError("the first packet is not a CONNECT")
        return
    if kind == 0 or (kind == AUTH and version != MQTT_5):
        raise MalformedPacket(f"there is no packet type {kind}")
    if kind == PUBLISH:
        if flags & 0x06 == 0x06:
            raise MalformedPacket("the QoS is 3")  # [MQTT-3.3.1-4]
        # What is left of those that are not in _FIRST_BYTES [MQTT-3.3.1-2].
        raise ProtocolError("DUP is set at QoS 0")
    # MQTT 3.1 knows these three as packets of QoS 1, so they may be marked as sent again.
    acknowledged = kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE)
    if acknowledged and version == MQTT_3_1:
        flags &= ~_DUP
    if flags != (2 if acknowledged else 0):
        raise _reserved_flags(kind)


def _reserved_flags(kind: int) -> MalformedPacket:
    return MalformedPacket(f"reserved flags of packet type {kind} are set")  # [MQTT-2.1.3-1]


def _remaining_length(buffer: bytes, at: int, size: int) -> tuple[int, int]:
    """The Remaining Length (2.1.4) in one to four bytes and where it ends; -1 if it is not complete."""
    available = min(size, at + 4)
    for last in range(at, available):
        if buffer[last] < 0x80:
            return variable_byte_integer_at(buffer, at, available)
    if available < at + 4:
        return -1, at
    raise MalformedPacket("the Remaining Length has more than four bytes")
