"""aMQTT's plugins that are asked about topics, and what stood beside them."""

from amqtt.compat.contexts import Action, BaseContext
from amqtt.compat.plugins.base import BaseTopicPlugin
from amqtt.compat.plugins.builtin import TopicAccessControlListPlugin, TopicTabooPlugin
from amqtt.compat.session import Session
from amqtt.errors import PluginInitError

__all__ = [
    "Action", "BaseContext", "BaseTopicPlugin", "PluginInitError", "Session", "TopicAccessControlListPlugin",
    "TopicTabooPlugin",
]
