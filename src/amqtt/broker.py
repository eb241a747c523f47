"""The Broker: what a program embeds."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from amqtt.compat.broker import BrokerNames
from amqtt.compat.contexts import Action, BaseContext, BrokerContext
from amqtt.compat.messages import RetainedApplicationMessage
from amqtt.compat.plugins.host import PluginHost
from amqtt.compat.session import Session
from amqtt.compat.views import Server
from amqtt.errors import BrokerError, BrokerException
from amqtt.service import Service

if TYPE_CHECKING:
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
    from amqtt.compat.typed_config import BrokerConfig, ListenerConfig, ListenerType
    from amqtt.net.settings import DEFAULT_PORTS

__all__ = [
    "DEFAULT_PORTS", "EVENT_BROKER_CLIENT_CONNECTED", "EVENT_BROKER_CLIENT_DISCONNECTED",
    "EVENT_BROKER_CLIENT_SUBSCRIBED", "EVENT_BROKER_CLIENT_UNSUBSCRIBED", "EVENT_BROKER_MESSAGE_RECEIVED",
    "EVENT_BROKER_POST_SHUTDOWN", "EVENT_BROKER_POST_START", "EVENT_BROKER_PRE_SHUTDOWN",
    "EVENT_BROKER_PRE_START", "Action", "BaseContext", "Broker", "BrokerConfig", "BrokerContext",
    "BrokerError", "BrokerException", "ListenerConfig", "ListenerType", "RetainedApplicationMessage",
    "Server", "Session",
]

_ELSEWHERE: Final = {
    "BrokerConfig": "amqtt.compat.typed_config",
    "DEFAULT_PORTS": "amqtt.net.settings",
    "ListenerConfig": "amqtt.compat.typed_config",
    "ListenerType": "amqtt.compat.typed_config",
}
"""Where the names are that aMQTT has here and most programs do not ask for, beside those of events."""


class Broker(BrokerNames, PluginHost, Service):
    """An MQTT 3.1, 3.1.1 and 5.0 Server that a program embeds, with the names that aMQTT's users know."""


def __getattr__(name: str) -> object:
    """Find what most do not ask for when somebody does: they write a file or a dictionary, and hooks."""
    module = "amqtt.compat.event_names" if name.startswith("EVENT_BROKER_") else _ELSEWHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'amqtt.broker' has no attribute {name!r}")
    return getattr(import_module(module), name)
