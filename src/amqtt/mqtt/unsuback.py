"""aMQTT's import path of UNSUBACK, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader
from amqtt.compat.packets import UnsubackPacket

__all__ = ["PacketIdVariableHeader", "UnsubackPacket"]
