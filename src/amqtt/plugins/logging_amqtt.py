"""aMQTT's plugins that log."""

from amqtt.compat.plugins.builtin import EventLoggerPlugin, PacketLoggerPlugin

__all__ = ["EventLoggerPlugin", "PacketLoggerPlugin"]
