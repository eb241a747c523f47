"""aMQTT's import path of SUBSCRIBE, and of what it is made of."""

from amqtt.compat.packet_parts import PacketIdVariableHeader, SubscribePayload
from amqtt.compat.packets import SubscribePacket

__all__ = ["PacketIdVariableHeader", "SubscribePacket", "SubscribePayload"]
