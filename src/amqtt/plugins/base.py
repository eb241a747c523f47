"""aMQTT's base classes, and what stood beside them."""

from amqtt.compat.contexts import Action, BaseContext
from amqtt.compat.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin
from amqtt.compat.session import Session
from amqtt.compat.typed_config import BrokerConfig

__all__ = [
    "Action", "BaseAuthPlugin", "BaseContext", "BasePlugin", "BaseTopicPlugin", "BrokerConfig", "Session",
]
