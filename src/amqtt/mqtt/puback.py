"""aMQTT's import path of PUBACK."""

from amqtt.compat.packets import PubackPacket

__all__ = ["PubackPacket"]
