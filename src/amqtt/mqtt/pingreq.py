"""aMQTT's import path of PINGREQ."""

from amqtt.compat.packets import PingReqPacket

__all__ = ["PingReqPacket"]
