"""aMQTT's import path of PUBREC, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader
from amqtt.compat.packets import PubrecPacket

__all__ = ["PacketIdVariableHeader", "PubrecPacket"]
