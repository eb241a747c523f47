"""aMQTT's import path of SUBSCRIBE."""

from amqtt.compat.packets import SubscribePacket

__all__ = ["SubscribePacket"]
