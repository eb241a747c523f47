"""aMQTT's plugins that are asked about topics."""

from amqtt.compat.plugins.base import BaseTopicPlugin
from amqtt.compat.plugins.builtin import TopicAccessControlListPlugin, TopicTabooPlugin

__all__ = ["BaseTopicPlugin", "TopicAccessControlListPlugin", "TopicTabooPlugin"]
