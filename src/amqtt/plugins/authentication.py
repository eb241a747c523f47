"""aMQTT's plugins that are asked at CONNECT."""

from amqtt.compat.plugins.base import BaseAuthPlugin
from amqtt.compat.plugins.builtin import AnonymousAuthPlugin, FileAuthPlugin

__all__ = ["AnonymousAuthPlugin", "BaseAuthPlugin", "FileAuthPlugin"]
