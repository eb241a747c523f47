"""aMQTT's import path of UNSUBSCRIBE."""

from amqtt.compat.packets import UnsubscribePacket

__all__ = ["UnsubscribePacket"]
