"""aMQTT's import path of SUBACK."""

from amqtt.compat.packets import SubackPacket

__all__ = ["SubackPacket"]
