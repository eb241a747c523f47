"""aMQTT's import path of DISCONNECT."""

from amqtt.compat.packets import DisconnectPacket

__all__ = ["DisconnectPacket"]
