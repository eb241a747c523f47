"""The fifteen MQTT Control Packets, as plain typed classes.

A packet is the same object for every protocol version: what a version lacks (properties, Reason
Codes) stays at its default, and `encode` leaves it out.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from amqtt.wire.interned import TopicNames
from amqtt.wire.properties import Properties

MQTT_3_1: Final = 3
MQTT_3_1_1: Final = 4
MQTT_5: Final = 5

LARGEST_PACKET: Final = 5 + 268_435_455
"""Bytes of the largest Control Packet that there can be (2.1.4)."""

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14
AUTH: Final = 15


class WillFields:
    """The Will Message as it stands in a CONNECT packet (MQTT 5.0, 3.1.2.5 and 3.1.3.2 to 3.1.3.4)."""

    __slots__ = ("payload", "properties", "qos", "retain", "topic")

    def __init__(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties


class Connect:
    """CONNECT: the Client requests a connection (3.1). `version` is the Protocol Level: 3, 4 or 5.

    `bridge` is the bit 0x80 of the protocol level that bridges of Mosquitto set: it is to be sent
    nothing that it published, and RETAIN as it was published.
    """

    __slots__ = (
        "bridge", "clean_start", "client_id", "keep_alive", "password", "properties", "username",
        "version", "will",
    )

    def __init__(
        self,
        client_id: str,
        version: int = MQTT_5,
        clean_start: bool = True,
        keep_alive: int = 0,
        will: WillFields | None = None,
        username: str | None = None,
        password: bytes | None = None,
        properties: Properties | None = None,
        bridge: bool = False,
    ) -> None:
        self.client_id = client_id
        self.version = version
        self.clean_start = clean_start
        self.keep_alive = keep_alive
        self.will = will
        self.username = username
        self.password = password
        self.properties = properties
        self.bridge = bridge


class Connack:
    """CONNACK: the Server answers a CONNECT (3.2). `reason_code` is always one of MQTT 5.0's."""

    __slots__ = ("properties", "reason_code", "session_present")

    def __init__(
        self, session_present: bool = False, reason_code: int = 0, properties: Properties | None = None
    ) -> None:
        self.session_present = session_present
        self.reason_code = reason_code
        self.properties = properties


class Publish:
    """PUBLISH: an Application Message on its way (3.3). `packet_id` is 0 at QoS 0.

    `wire` is what arrived, as far as another Client may be sent just those bytes: at QoS 0 the whole
    packet, above it what stands before the Packet Identifier. None when RETAIN or DUP is 1, or there
    are properties.
    """

    __slots__ = ("dup", "packet_id", "payload", "properties", "qos", "retain", "topic", "wire")

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        properties: Properties | None = None,
        wire: bytes | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.dup = dup
        self.packet_id = packet_id
        self.properties = properties
        self.wire = wire


class PublishRun:
    """PUBLISH packets, one or more, that arrived one behind the other and may be sent on as they arrived.

    All have the same QoS, DUP 0 and RETAIN 0, and no properties but such as are forwarded unaltered.
    `wire` are their bytes, `count` is how many they are. At QoS 1 and 2 their Packet Identifiers rise by
    one from `first_id` on. Those of one topic in a row make a stretch: `topics`, `sizes` (in bytes) and
    `counts` (in packets) are those of each stretch. `names` is what the Topic Names are remembered by.
    """

    __slots__ = (
        "_begun_at", "_begun_count", "_put_back", "_taken", "_taken_bytes", "_taken_packets", "count",
        "counts", "first_id", "names", "qos", "sizes", "topics", "wire",
    )

    def __init__(self, names: TopicNames, qos: int) -> None:
        self.names = names
        self.qos = qos
        self.first_id = 0
        self.wire = b""
        self.count = 0
        self.topics: list[str] = []
        self.sizes: list[int] = []
        self.counts: list[int] = []
        self._put_back: Sequence[PublishRun | Publish] = ()
        self._begun_at = 0
        self._begun_count = 0
        self._taken = 0
        self._taken_bytes = 0
        self._taken_packets = 0

    def begin(self, topic: str, at: int, count: int) -> None:
        """A stretch of this topic begins at `at`, behind `count` packets; the one before it ends there."""
        if self.topics:
            self._end_stretch(at, count)
        self.topics.append(topic)

    def end(self, wire: bytes, count: int) -> None:
        """The last stretch ends with the bytes, and so many packets."""
        self._end_stretch(len(wire), count)
        self.wire = wire
        self.count = count

    def _end_stretch(self, at: int, count: int) -> None:
        self.sizes.append(at - self._begun_at)
        self.counts.append(count - self._begun_count)
        self._begun_at = at
        self._begun_count = count

    def take(self, last: int) -> "PublishRun":
        """The stretches before `last` that were not taken before, as a run of their own."""
        first = self._taken
        topics = self.topics[first:last]
        if len(topics) == len(self.topics):
            return self
        part = PublishRun(self.names, self.qos)
        part.topics = topics
        part.sizes = self.sizes[first:last]
        part.counts = self.counts[first:last]
        part.count = sum(part.counts)
        begin = self._taken_bytes
        end = begin + sum(part.sizes)
        part.wire = self.wire[begin:end]
        if self.qos:
            part.first_id = self.first_id + self._taken_packets
        self._taken = last
        self._taken_bytes = end
        self._taken_packets += part.count
        return part

    def put_back(self, packets: "Sequence[PublishRun | Publish]") -> None:
        """These were to be taken, and wait."""
        self._put_back = packets

    def rest(self) -> "list[PublishRun | Publish]":
        """What was put back, and what was not taken though something was."""
        rest = [*self._put_back]
        if 0 < self._taken < len(self.topics):
            rest.append(self.take(len(self.topics)))
        return rest


class Puback:
    """PUBACK: the response to a PUBLISH with QoS 1 (3.4)."""

    __slots__ = ("packet_id", "properties", "reason_code")

    def __init__(self, packet_id: int, reason_code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.reason_code = reason_code
        self.properties = properties


class Pubrec:
    """PUBREC: the response to a PUBLISH with QoS 2, part 1 of its delivery (3.5)."""

    __slots__ = ("packet_id", "properties", "reason_code")

    def __init__(self, packet_id: int, reason_code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.reason_code = reason_code
        self.properties = properties


class Pubrel:
    """PUBREL: the response to a PUBREC, part 2 of the delivery of QoS 2 (3.6)."""

    __slots__ = ("packet_id", "properties", "reason_code")

    def __init__(self, packet_id: int, reason_code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.reason_code = reason_code
        self.properties = properties


class Pubcomp:
    """PUBCOMP: the response to a PUBREL, part 3 of the delivery of QoS 2 (3.7)."""

    __slots__ = ("packet_id", "properties", "reason_code")

    def __init__(self, packet_id: int, reason_code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.reason_code = reason_code
        self.properties = properties


class AcknowledgementRun:
    """PUBACK, PUBREC, PUBREL or PUBCOMP packets of success, of one type, one behind the other.

    `packet_type` is theirs; they acknowledge `count` packets, 2 or more, whose Packet Identifiers rise by
    one from `first_id` on.
    """

    __slots__ = ("count", "first_id", "packet_type")

    def __init__(self, packet_type: int, first_id: int, count: int) -> None:
        self.packet_type = packet_type
        self.first_id = first_id
        self.count = count


class SubscriptionRequest:
    """One Topic Filter with its Subscription Options in a SUBSCRIBE packet (3.8.3.1)."""

    __slots__ = ("no_local", "qos", "retain_as_published", "retain_handling", "topic_filter")

    def __init__(
        self,
        topic_filter: str,
        qos: int = 0,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
    ) -> None:
        self.topic_filter = topic_filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling


class Subscribe:
    """SUBSCRIBE: the Client asks for Subscriptions (3.8)."""

    __slots__ = ("packet_id", "properties", "requests")

    def __init__(
        self, packet_id: int, requests: list[SubscriptionRequest], properties: Properties | None = None
    ) -> None:
        self.packet_id = packet_id
        self.requests = requests
        self.properties = properties


class Suback:
    """SUBACK: one Reason Code for each Topic Filter of the SUBSCRIBE, in its order (3.9)."""

    __slots__ = ("packet_id", "properties", "reason_codes")

    def __init__(self, packet_id: int, reason_codes: list[int], properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.reason_codes = reason_codes
        self.properties = properties


class Unsubscribe:
    """UNSUBSCRIBE: the Client ends Subscriptions (3.10)."""

    __slots__ = ("packet_id", "properties", "topic_filters")

    def __init__(
        self, packet_id: int, topic_filters: list[str], properties: Properties | None = None
    ) -> None:
        self.packet_id = packet_id
        self.topic_filters = topic_filters
        self.properties = properties


class Unsuback:
    """UNSUBACK: one Reason Code for each Topic Filter of the UNSUBSCRIBE (3.11); none before MQTT 5.0."""

    __slots__ = ("packet_id", "properties", "reason_codes")

    def __init__(self, packet_id: int, reason_codes: list[int], properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.reason_codes = reason_codes
        self.properties = properties


class Pingreq:
    """PINGREQ: the Client is alive and asks whether the Server is (3.12)."""

    __slots__ = ()


class Pingresp:
    """PINGRESP: the Server is alive (3.13)."""

    __slots__ = ()


class Disconnect:
    """DISCONNECT: the last packet on a Network Connection (3.14)."""

    __slots__ = ("properties", "reason_code")

    def __init__(self, reason_code: int = 0, properties: Properties | None = None) -> None:
        self.reason_code = reason_code
        self.properties = properties


class Auth:
    """AUTH: a step of enhanced authentication (MQTT 5.0, 3.15)."""

    __slots__ = ("properties", "reason_code")

    def __init__(self, reason_code: int = 0, properties: Properties | None = None) -> None:
        self.reason_code = reason_code
        self.properties = properties


Acknowledgement: TypeAlias = Puback | Pubrec | Pubrel | Pubcomp
Packet: TypeAlias = (
    Connect | Connack | Publish | Puback | Pubrec | Pubrel | Pubcomp | Subscribe | Suback
    | Unsubscribe | Unsuback | Pingreq | Pingresp | Disconnect | Auth
)
Arrived: TypeAlias = Packet | PublishRun | AcknowledgementRun
"""What a Decoder makes of bytes."""
