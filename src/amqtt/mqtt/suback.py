"""aMQTT's import path of SUBACK, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader, SubackPayload
from amqtt.compat.packets import SubackPacket

__all__ = ["PacketIdVariableHeader", "SubackPacket", "SubackPayload"]
