"""aMQTT's plugins that are asked at CONNECT, and what stood beside them."""

from amqtt.compat.contexts import BaseContext, BrokerContext
from amqtt.compat.plugins.base import BaseAuthPlugin
from amqtt.compat.plugins.builtin import AnonymousAuthPlugin, FileAuthPlugin
from amqtt.compat.session import Session

__all__ = [
    "AnonymousAuthPlugin", "BaseAuthPlugin", "BaseContext", "BrokerContext", "FileAuthPlugin", "Session",
]
