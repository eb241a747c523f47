"""aMQTT's import path of PUBCOMP, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader
from amqtt.compat.packets import PubcompPacket

__all__ = ["PacketIdVariableHeader", "PubcompPacket"]
