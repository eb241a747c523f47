"""aMQTT's import path of UNSUBSCRIBE, and of what it is made of, in aMQTT's spelling."""

from amqtt.compat.packet_parts import PacketIdVariableHeader
from amqtt.compat.packet_parts import UnsubscribePayload as UnubscribePayload
from amqtt.compat.packets import UnsubscribePacket

__all__ = ["PacketIdVariableHeader", "UnsubscribePacket", "UnubscribePayload"]
