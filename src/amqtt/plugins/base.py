"""aMQTT's base classes."""

from amqtt.compat.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin

__all__ = ["BaseAuthPlugin", "BasePlugin", "BaseTopicPlugin"]
