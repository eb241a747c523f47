"""aMQTT's import path of PINGRESP."""

from amqtt.compat.packets import PingRespPacket

__all__ = ["PingRespPacket"]
