"""`broker.plugins_manager`: the plugins of one Broker."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from amqtt.compat.contexts import BaseContext
from amqtt.compat.plugins.loading import Loaded

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class _Entry(NamedTuple):
    name: str
    ep: "EntryPoint"
    object: Any


class Plugin(_Entry):
    """A plugin that is registered as an entry point: its name, its entry point, and itself.

    Releases of aMQTT differ in whether this or the plugin itself is found in `plugins`. So it has
    the class and the attributes of the plugin, too.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.object, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.object)


class LoadedPlugins:
    """The plugins of one Broker, in the order in which they are asked and told."""

    def __init__(self, namespace: str, context: BaseContext, loaded: list[Loaded]) -> None:
        self.logger = logging.getLogger(namespace)
        self.context = context
        self.loaded = loaded
        _last[namespace] = self

    @property
    def app_context(self) -> BaseContext:
        """What each plugin has a copy of."""
        return self.context

    @property
    def plugins(self) -> list[Any]:
        """A Plugin for each that is registered, and those that the configuration chose themselves."""
        return [_entry(each) for each in self.loaded]

    @property
    def _plugins(self) -> list[Any]:
        """The same, by the name that programs took before there was another."""
        return self.plugins

    def get_plugin(self, name: str) -> Any:
        """By the name of its entry point a Plugin, by the name of its class the plugin; None: no such one."""
        for each in self.loaded:
            if each.name == name:
                return _entry(each)
        for each in self.loaded:
            if type(each.plugin).__name__ == name:
                return each.plugin
        return None

    def run_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """The Broker starts in this event loop."""
        for context in (self.context, *(each.context for each in self.loaded)):
            context.loop = loop


def _entry(loaded: Loaded) -> Any:
    if loaded.entry_point is None:
        return loaded.plugin
    return Plugin(loaded.name, loaded.entry_point, loaded.plugin)


_last: WeakValueDictionary[str, LoadedPlugins] = WeakValueDictionary()


def loaded_in(namespace: str) -> LoadedPlugins | None:
    """The plugins of the Broker that was made last with this namespace, while there is one."""
    return _last.get(namespace)
