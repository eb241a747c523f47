"""aMQTT's import path of CONNECT, and of what it is made of."""

from amqtt.compat.packet_parts import ConnectPayload, ConnectVariableHeader
from amqtt.compat.packets import ConnectPacket

__all__ = ["ConnectPacket", "ConnectPayload", "ConnectVariableHeader"]
