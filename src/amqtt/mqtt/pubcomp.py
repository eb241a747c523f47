"""aMQTT's import path of PUBCOMP."""

from amqtt.compat.packets import PubcompPacket

__all__ = ["PubcompPacket"]
