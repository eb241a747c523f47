"""Configurations as plugins see them: dictionaries, and the inner `Config` of a plugin."""

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from amqtt.config import Config


class Written(dict[str, Any]):
    """A section as it was written, for plugins: `-` and `_` are the same character in its keys.

    What is in it is an attribute, too.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__({str(key): shown(value) for key, value in content.items()})

    def __missing__(self, key: object) -> Any:
        written = self._spelling(key)
        if written is None:
            raise KeyError(key)
        return super().__getitem__(written)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._spelling(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """The value of this key, in either spelling."""
        try:
            return self[key]
        except KeyError:
            return default

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def _spelling(self, key: object) -> str | None:
        """How the key is written here, None if it is not here."""
        if not isinstance(key, str):
            return None
        for written in (key.replace("_", "-"), key.replace("-", "_")):
            if super().__contains__(written):
                return written
        canonical = key.replace("_", "-")
        return next((each for each in self if each.replace("_", "-") == canonical), None)


def shown(content: Any) -> Any:
    """A copy of plain data, its sections as Written; anything else as it is."""
    if isinstance(content, Mapping):
        return Written(content)
    if isinstance(content, list | tuple):
        return [shown(item) for item in content]
    return content


def whole_configuration(config: "Config") -> Written:
    """The configuration that `context.config` is: as written, on top of aMQTT's defaults."""
    auth = config.auth
    defaults: dict[str, Any] = {
        "timeout-disconnect-delay": config.timeout_disconnect_delay,
        "auth": {
            "allow-anonymous": "auth_anonymous" in auth.asked and auth.admits_anonymous,
            "password-file": None if auth.password_file is None else str(auth.password_file),
        },
    }
    whole = Written(config.written)
    for key, value in defaults.items():
        if key not in whole:
            whole[key] = shown(value)
    return whole


class WrongOption(ValueError):
    """An option that a plugin does not have, or not with this value; the text says which."""


def filled(kind: type, options: Mapping[str, Any], place: str = "") -> Any:
    """An instance of a dataclass with these options; raises WrongOption."""
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    values: dict[str, Any] = {}
    for written, value in options.items():
        name = str(written).replace("-", "_")
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise WrongOption(f"{place}{written}: there is no such option; known are {known}")
        if name in values:
            raise WrongOption(f"{place}{written}: it is there twice, in two spellings")
        values[name] = _fitted(hints.get(name, Any), value, f"{place}{written}")
    for name, field in fields.items():
        if name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise WrongOption(f"{place}{name}: it is needed")
    try:
        return kind(**values)
    except Exception as error:
        raise WrongOption(f"{place or kind.__qualname__}: {error}") from error


def _fitted(hint: Any, value: Any, place: str) -> Any:
    """The value as its annotation has it; raises WrongOption where it is of another kind."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(parts, value, place)
    if origin is list and isinstance(value, list | tuple) and parts:
        return [_fitted(parts[0], item, f"{place}[{at}]") for at, item in enumerate(value)]
    if origin is dict and isinstance(value, Mapping) and len(parts) == 2:
        return {key: _fitted(parts[1], item, f"{place}.{key}") for key, item in value.items()}
    kind = origin or hint
    if not isinstance(kind, type) or kind is Any:
        return value
    return _of_kind(kind, value, place)


def _one_of(parts: tuple[Any, ...], value: Any, place: str) -> Any:
    for part in parts:
        try:
            return _fitted(part, value, place)
        except WrongOption:
            continue
    raise WrongOption(f"{place}: it must not be {type(value).__name__}")


def _member(kind: type[Enum], value: Any) -> Enum:
    for member in kind:
        if value in (member.value, member.name):
            return member
    raise ValueError(f"it must be one of {', '.join(str(member.value) for member in kind)}")


def _of_kind(kind: type, value: Any, place: str) -> Any:
    from pathlib import Path

    from amqtt.config_file.values import switch

    try:
        if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
            return filled(kind, value, f"{place}.")
        if kind is bool:
            return switch(value)
        if issubclass(kind, Enum) and not isinstance(value, kind):
            return _member(kind, value)
        if issubclass(kind, Path) and isinstance(value, str):
            return kind(value)
    except WrongOption:
        raise
    except ValueError as error:
        raise WrongOption(f"{place}: {error}") from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is int and isinstance(value, bool):
        raise WrongOption(f"{place}: it must be a number")
    if not isinstance(value, kind):
        raise WrongOption(f"{place}: it must be {kind.__name__}, not {type(value).__name__}")
    return value
