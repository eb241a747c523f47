"""aMQTT's import path of PUBREL."""

from amqtt.compat.packets import PubrelPacket

__all__ = ["PubrelPacket"]
