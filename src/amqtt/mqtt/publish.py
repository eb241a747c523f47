"""aMQTT's import path of PUBLISH, and of what it is made of."""

from amqtt.compat.packet_parts import PublishPayload, PublishVariableHeader
from amqtt.compat.packets import PublishPacket

__all__ = ["PublishPacket", "PublishPayload", "PublishVariableHeader"]
