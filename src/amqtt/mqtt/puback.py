"""aMQTT's import path of PUBACK, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader
from amqtt.compat.packets import PubackPacket

__all__ = ["PacketIdVariableHeader", "PubackPacket"]
