"""aMQTT's import path of PUBREC."""

from amqtt.compat.packets import PubrecPacket

__all__ = ["PubrecPacket"]
