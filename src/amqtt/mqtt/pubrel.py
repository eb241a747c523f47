"""aMQTT's import path of PUBREL, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader
from amqtt.compat.packets import PubrelPacket

__all__ = ["PacketIdVariableHeader", "PubrelPacket"]
