"""aMQTT's import path of what all Control Packets have, and of their types."""

from amqtt.compat.packet_parts import MQTTPayload, MQTTVariableHeader, PacketIdVariableHeader
from amqtt.compat.packets import MQTTFixedHeader, MQTTPacket
from amqtt.wire.packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)

__all__ = [
    "CONNACK", "CONNECT", "DISCONNECT", "PINGREQ", "PINGRESP", "PUBACK", "PUBCOMP", "PUBLISH", "PUBREC",
    "PUBREL", "SUBACK", "SUBSCRIBE", "UNSUBACK", "UNSUBSCRIBE", "MQTTFixedHeader", "MQTTPacket",
    "MQTTPayload", "MQTTVariableHeader", "PacketIdVariableHeader",
]
