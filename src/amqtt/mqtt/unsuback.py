"""aMQTT's import path of UNSUBACK."""

from amqtt.compat.packets import UnsubackPacket

__all__ = ["UnsubackPacket"]
