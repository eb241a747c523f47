"""aMQTT's names for the plugins of a Broker."""

from amqtt.compat.contexts import BaseContext, BrokerContext
from amqtt.compat.plugins.base import BasePlugin
from amqtt.compat.plugins.loaded import LoadedPlugins as PluginManager
from amqtt.compat.plugins.loaded import Plugin
from amqtt.compat.plugins.loaded import loaded_in as get_plugin_manager

__all__ = ["BaseContext", "BasePlugin", "BrokerContext", "Plugin", "PluginManager", "get_plugin_manager"]
