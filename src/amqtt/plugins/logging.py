"""The same as `logging_amqtt`, by its older name."""

from amqtt.compat.plugins.builtin import EventLoggerPlugin, PacketLoggerPlugin

__all__ = ["EventLoggerPlugin", "PacketLoggerPlugin"]
