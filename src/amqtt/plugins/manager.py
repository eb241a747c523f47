"""aMQTT's names for the plugins of a Broker."""

from amqtt.compat.contexts import Action, BaseContext, BrokerContext
from amqtt.compat.events import BrokerEvents, MQTTEvents
from amqtt.compat.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin
from amqtt.compat.plugins.loaded import LoadedPlugins as PluginManager
from amqtt.compat.plugins.loaded import Plugin
from amqtt.compat.plugins.loaded import loaded_in as get_plugin_manager
from amqtt.compat.session import Session
from amqtt.errors import PluginCoroError, PluginImportError, PluginInitError, PluginLoadError

__all__ = [
    "Action", "BaseAuthPlugin", "BaseContext", "BasePlugin", "BaseTopicPlugin", "BrokerContext",
    "BrokerEvents", "MQTTEvents", "Plugin", "PluginCoroError", "PluginImportError", "PluginInitError",
    "PluginLoadError", "PluginManager", "Session", "get_plugin_manager",
]
