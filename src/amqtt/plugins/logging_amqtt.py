"""aMQTT's plugins that log, and what stood beside them."""

from amqtt.compat.contexts import BaseContext
from amqtt.compat.events import BrokerEvents
from amqtt.compat.packets import MQTTPacket
from amqtt.compat.plugins.base import BasePlugin
from amqtt.compat.plugins.builtin import EventLoggerPlugin, PacketLoggerPlugin
from amqtt.compat.session import Session

__all__ = [
    "BaseContext", "BasePlugin", "BrokerEvents", "EventLoggerPlugin", "MQTTPacket", "PacketLoggerPlugin",
    "Session",
]
