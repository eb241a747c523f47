"""aMQTT's import path of PUBLISH."""

from amqtt.compat.packets import PublishPacket

__all__ = ["PublishPacket"]
