"""Other people's plugins: finding their classes, and making one of each."""

import copy
import importlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, Final

from amqtt.access.assembly import AUTHENTICATORS, TOPIC_CHECKS
from amqtt.compat.contexts import BaseContext
from amqtt.compat.plugins.base import BasePlugin
from amqtt.compat.plugins.options import Written, WrongOption, filled
from amqtt.errors import BrokerError, PluginImportError, PluginInitError, PluginLoadError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from amqtt.config import PluginChoice

GROUP: Final = "amqtt.broker.plugins"
"""The group of entry points that plugins of a Broker are registered in."""
OLD_GROUP: Final = "hbmqtt.broker.plugins"
"""The same before the name changed; looked at together with GROUP."""
OURS: Final = ("amqtt.", "hbmqtt.")
"""Modules whose entry points are not other people's: what they name is built in, or gone."""
CONTRIBUTED: Final = "amqtt.contrib."
"""Where aMQTT had plugins that need more than it needs itself."""
BUILT_IN: Final = frozenset((*AUTHENTICATORS, *TOPIC_CHECKS))


class Loaded:
    """A plugin that was made. `name` is what it is asked by, and logged as.

    `entry_point` is where it is registered, None for one that the configuration chose. `is_modern`
    says that it was written for aMQTT 0.11.2 or later, which told and asked more.
    """

    def __init__(
        self, name: str, plugin: Any, context: BaseContext, entry_point: "EntryPoint | None" = None
    ) -> None:
        self.name = name
        self.plugin = plugin
        self.context = context
        self.entry_point = entry_point
        self.is_modern = entry_point is None and isinstance(plugin, BasePlugin)


def registered(group: str) -> "dict[str, EntryPoint]":
    """The plugins of other people that are installed, by the names of their entry points.

    Raises BrokerError where a name says nothing: two plugins have it, or a built-in one.
    """
    from importlib.metadata import entry_points

    groups = (group, OLD_GROUP) if group == GROUP else (group,)
    found: dict[str, EntryPoint] = {}
    for each in groups:
        for entry_point in entry_points(group=each):
            if f"{entry_point.module}.".startswith(OURS):
                continue
            name = entry_point.name
            if name in BUILT_IN:
                raise BrokerError(f"{_origin(entry_point)} is registered as {name}, a plugin of ours")
            if name in found and found[name].value != entry_point.value:
                both = f"{_origin(found[name])} and {_origin(entry_point)}"
                raise BrokerError(f"two plugins are registered as {name}, by {both}")
            found[name] = entry_point
    return found


def _origin(entry_point: "EntryPoint") -> str:
    return entry_point.value if entry_point.dist is None else f"{entry_point.dist.name} ({entry_point.value})"


def load_registered(found: "Mapping[str, EntryPoint]", context: BaseContext, namespace: str) -> list[Loaded]:
    """Make one of each; raises PluginError for one that cannot be used."""
    return [_load_registered(name, entry_point, context, namespace) for name, entry_point in found.items()]


def _load_registered(name: str, entry_point: "EntryPoint", context: BaseContext, namespace: str) -> Loaded:
    try:
        target = entry_point.load()
    except Exception as error:
        raise PluginImportError(f"Plugin import failed: {_origin(entry_point)} as {name}: {error}") from error
    own = _own_context(context, logging.getLogger(namespace).getChild(name))
    return Loaded(name, _made(name, target, own), own, entry_point)


def load_chosen(
    choices: "Sequence[PluginChoice]", context: BaseContext, namespace: str, has_sections: bool
) -> list[Loaded]:
    """Make what the configuration chooses; raises PluginError for one that cannot be used.

    `has_sections` says that it has the sections `auth` and `topic-check`, where plugins look for
    their options that have no `Config` of their own.
    """
    return [_load_chosen(choice, context, namespace, has_sections) for choice in choices]


def _load_chosen(choice: "PluginChoice", context: BaseContext, namespace: str, has_sections: bool) -> Loaded:
    name = choice.name
    target = _imported(choice.target) if isinstance(choice.target, str) else choice.target
    own = _own_context(context, logging.getLogger(namespace).getChild(name.rpartition(".")[2]))
    if not callable(target) or (not isinstance(target, type) and _is_plugin(target)):
        if choice.options:
            raise PluginLoadError(f"{name}: it is made already, so it cannot be given options")
        _give_context(target, own)
        return Loaded(name, target, own)
    if not has_sections or getattr(target, "Config", None) is not BasePlugin.Config or choice.options:
        own.config = _options(name, target, choice.options, own.config)
    return Loaded(name, _made(name, target, own), own)


def _imported(path: str) -> Any:
    """What a dotted path names: `package.module.Class`, or a class in that class."""
    if path.startswith(CONTRIBUTED):
        raise PluginImportError(
            f"{path}: aMQTT's contributed plugins are not in this package; the page "
            "\"Move from aMQTT\" says how they go on, or what does the same here"
        )
    parts = path.replace(":", ".").split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{name}.".startswith(f"{error.name}."):
                continue
            raise PluginImportError(f"{path}: {error}") from error
        except Exception as error:
            raise PluginImportError(f"{path}: importing {name} failed: {error}") from error
        return _attribute(path, found, parts[length:])
    raise PluginImportError(f"{path}: there is no such module")


def _attribute(path: str, found: Any, names: Iterable[str]) -> Any:
    for name in names:
        if not hasattr(found, name):
            raise PluginImportError(f"{path}: {getattr(found, '__name__', found)} has no {name}")
        found = getattr(found, name)
    return found


def _is_plugin(target: object) -> bool:
    """Whether a thing that can be called is a plugin itself, and not what makes one."""
    names = [*dir(type(target)), *getattr(target, "__dict__", ())]
    return any(name in ("authenticate", "topic_filtering") or name.startswith("on_") for name in names)


def _options(name: str, target: Any, options: Mapping[str, Any], whole: Written) -> Any:
    """What its `context.config` is: its inner `Config` filled, or else everything and its options."""
    kind = getattr(target, "Config", None)
    if isinstance(kind, type) and is_dataclass(kind):
        try:
            return filled(kind, options)
        except WrongOption as error:
            raise PluginLoadError(f"plugins.{name}: {error}") from error
    return Written({**whole, **options}) if options else whole


def _own_context(context: BaseContext, logger: logging.Logger) -> BaseContext:
    own = copy.copy(context)
    own.logger = logger
    return own


def _give_context(plugin: Any, context: BaseContext) -> None:
    if getattr(plugin, "context", None) is None:
        try:
            plugin.context = context
        except AttributeError:
            context.logger.debug("it has no place for a context")


def _made(name: str, target: Any, context: BaseContext) -> Any:
    if not callable(target):
        raise PluginLoadError(f"{name}: {target!r} is no class")
    try:
        return target(context)
    except Exception as error:
        raise PluginInitError(f"{name}: {type(error).__name__}: {error}") from error
