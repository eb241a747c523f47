"""aMQTT's import path of CONNECT."""

from amqtt.compat.packets import ConnectPacket

__all__ = ["ConnectPacket"]
