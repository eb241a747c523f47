"""The Broker: what a program embeds."""

from typing import TYPE_CHECKING

from amqtt.compat.broker import BrokerNames
from amqtt.compat.contexts import Action, BaseContext, BrokerContext
from amqtt.compat.event_names import (
    EVENT_BROKER_CLIENT_CONNECTED,
    EVENT_BROKER_CLIENT_DISCONNECTED,
    EVENT_BROKER_CLIENT_SUBSCRIBED,
    EVENT_BROKER_CLIENT_UNSUBSCRIBED,
    EVENT_BROKER_MESSAGE_RECEIVED,
    EVENT_BROKER_POST_SHUTDOWN,
    EVENT_BROKER_POST_START,
    EVENT_BROKER_PRE_SHUTDOWN,
    EVENT_BROKER_PRE_START,
)
from amqtt.compat.messages import RetainedApplicationMessage
from amqtt.compat.plugins.host import PluginHost
from amqtt.compat.session import Session
from amqtt.compat.views import Server
from amqtt.errors import BrokerError, BrokerException
from amqtt.net.settings import DEFAULT_PORTS
from amqtt.service import Service

if TYPE_CHECKING:
    from amqtt.compat.typed_config import BrokerConfig, ListenerConfig, ListenerType

__all__ = [
    "DEFAULT_PORTS", "EVENT_BROKER_CLIENT_CONNECTED", "EVENT_BROKER_CLIENT_DISCONNECTED",
    "EVENT_BROKER_CLIENT_SUBSCRIBED", "EVENT_BROKER_CLIENT_UNSUBSCRIBED", "EVENT_BROKER_MESSAGE_RECEIVED",
    "EVENT_BROKER_POST_SHUTDOWN", "EVENT_BROKER_POST_START", "EVENT_BROKER_PRE_SHUTDOWN",
    "EVENT_BROKER_PRE_START", "Action", "BaseContext", "Broker", "BrokerConfig", "BrokerContext",
    "BrokerError", "BrokerException", "ListenerConfig", "ListenerType", "RetainedApplicationMessage",
    "Server", "Session",
]


class Broker(BrokerNames, PluginHost, Service):
    """An MQTT 3.1, 3.1.1 and 5.0 Server that a program embeds, with the names that aMQTT's users know."""


def __getattr__(name: str) -> object:
    """Find aMQTT's typed configuration when it is asked for: most write a file or a dictionary."""
    if name in ("BrokerConfig", "ListenerConfig", "ListenerType"):
        from amqtt.compat import typed_config

        return getattr(typed_config, name)
    raise AttributeError(f"module 'amqtt.broker' has no attribute {name!r}")
