"""A configuration that can be read as a dictionary too, as aMQTT's users do."""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from dataclasses import fields
from typing import Any

from amqtt.compat.plugins.options import Written, whole_configuration
from amqtt.config import Config


class LegacyConfig(Config):
    """A Config that is read by attribute as ours, and by key as what was written."""

    __slots__ = ("_dictionary",)
    _dictionary: Written

    def __init__(self, config: Config) -> None:
        for field in fields(Config):
            object.__setattr__(self, field.name, getattr(config, field.name))
        object.__setattr__(self, "_dictionary", whole_configuration(config))

    def __getitem__(self, key: str) -> Any:
        return self._dictionary[key]

    def __contains__(self, key: object) -> bool:
        return key in self._dictionary

    def __iter__(self) -> Iterator[str]:
        return iter(self._dictionary)

    def __len__(self) -> int:
        return len(self._dictionary)

    def get(self, key: str, default: Any = None) -> Any:
        """What is written under this key, or the default."""
        return self._dictionary.get(key, default)

    def keys(self) -> KeysView[str]:
        """What is written."""
        return self._dictionary.keys()

    def values(self) -> ValuesView[Any]:
        """What is written."""
        return self._dictionary.values()

    def items(self) -> ItemsView[str, Any]:
        """What is written."""
        return self._dictionary.items()


def listeners_config(config: Config) -> Written:
    """The section `listeners`, each Listener with what it takes from `default`."""
    written = Written({"listeners": config.written.get("listeners") or {}})["listeners"]
    if not written:
        opened = config.listeners.items()
        return Written({name: {"type": listener.type, "bind": listener.bind} for name, listener in opened})
    default = written.get("default") or {}
    return Written({name: {**default, **(own or {})} for name, own in written.items()})
