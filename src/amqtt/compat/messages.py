"""Application Messages as aMQTT's plugins know them."""

from typing import TYPE_CHECKING

from amqtt.compat.packets import MQTTPacket, PublishPacket
from amqtt.message import Message
from amqtt.wire import packets as wire

if TYPE_CHECKING:
    from amqtt.compat.session import Session

OUTGOING = 0
INCOMING = 1


class ApplicationMessage:
    """An Application Message. `data` is its payload, `qos` None where nobody chose one."""

    def __init__(
        self, packet_id: int | None, topic: str, qos: int | None, data: bytes | bytearray, retain: bool
    ) -> None:
        self.packet_id = packet_id
        self.topic = topic
        self.qos = qos
        self.data = data
        self.retain = retain
        self.puback_packet: MQTTPacket | None = None
        self.pubrec_packet: MQTTPacket | None = None
        self.pubrel_packet: MQTTPacket | None = None
        self.pubcomp_packet: MQTTPacket | None = None
        self._publish_packet: PublishPacket | None = None

    @property
    def publish_packet(self) -> PublishPacket | None:
        """The PUBLISH that carried it."""
        return self._publish_packet

    @publish_packet.setter
    def publish_packet(self, packet: PublishPacket | None) -> None:
        self._publish_packet = packet

    def build_publish_packet(self, dup: bool = False) -> PublishPacket:
        """A PUBLISH that carries it."""
        return PublishPacket.build(self.topic, bytes(self.data), self.packet_id, dup, self.qos, self.retain)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(topic={self.topic!r}, qos={self.qos}, retain={self.retain}, "
            f"{len(self.data)} bytes)"
        )


class IncomingApplicationMessage(ApplicationMessage):
    """One that a Client sent."""

    direction = INCOMING


class OutgoingApplicationMessage(ApplicationMessage):
    """One that is sent to a Client."""

    direction = OUTGOING


class RetainedApplicationMessage(ApplicationMessage):
    """A retained message. `source_session` is its publisher's, None for the program and the broker."""

    def __init__(
        self, source_session: "Session | None", topic: str, data: bytes | bytearray, qos: int | None = None
    ) -> None:
        super().__init__(None, topic, qos, data, retain=True)
        self.source_session = source_session


class ReceivedMessage(IncomingApplicationMessage):
    """A Message of ours; its PUBLISH is made when it is asked for."""

    def __init__(self, message: Message) -> None:
        super().__init__(None, message.topic, message.qos, message.payload, message.retain)
        self._message = message

    @property
    def publish_packet(self) -> PublishPacket:
        """The PUBLISH that carried it, without its Packet Identifier."""
        packet = self._publish_packet
        if packet is None:
            message = self._message
            packet = PublishPacket(wire.Publish(message.topic, message.payload, message.qos, message.retain))
            self._publish_packet = packet
        return packet

    @publish_packet.setter
    def publish_packet(self, packet: PublishPacket | None) -> None:
        self._publish_packet = packet


def message_view(message: Message, client_id: str) -> IncomingApplicationMessage:
    """A Message that this Client published, as `on_broker_message_received` is given it."""
    return ReceivedMessage(message)
