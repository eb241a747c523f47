"""The configuration as dataclasses, as later releases of aMQTT have it; they are read as a dictionary."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self

from amqtt.errors import BrokerError


class ListenerType(StrEnum):
    """What a Listener serves."""

    TCP = "tcp"
    WS = "ws"
    EXTERNAL = "external"


class Dictable:
    """A dataclass that can be read as a dictionary, `-` and `_` being the same character of a key."""

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise KeyError(key)
        return getattr(self, key.replace("-", "_"))

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self.keys():
            raise KeyError(key)
        setattr(self, key.replace("-", "_"), value)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(_names(self))

    def keys(self) -> "KeyNames":
        """The names of its fields."""
        return KeyNames(_names(self))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or the default where there is none."""
        value = getattr(self, key.replace("-", "_"), None) if key in self.keys() else None
        return default if value is None else value

    def copy(self) -> Self:
        """Another one that says the same."""
        return replace(self)  # type: ignore[type-var]


class KeyNames(tuple[str, ...]):
    """Keys, of which `-` and `_` are the same character."""

    __slots__ = ()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and super().__contains__(key.replace("-", "_"))


def _names(config: Any) -> list[str]:
    return [each.name for each in fields(config)]


@dataclass
class ListenerConfig(Dictable):
    """One Listener. What is not set is taken from the one that is called `default`."""

    type: ListenerType | str = ListenerType.TCP
    bind: str | int | None = "0.0.0.0:1883"
    max_connections: int = 0
    ssl: bool | str = False
    cafile: Any = None
    capath: Any = None
    cadata: Any = None
    certfile: Any = None
    keyfile: Any = None
    reader: str | None = None
    writer: str | None = None

    def __post_init__(self) -> None:
        if (self.certfile is None) != (self.keyfile is None):
            raise ValueError("If specifying the 'certfile' or 'keyfile', both are required.")

    def written(self, all_of_it: bool) -> dict[str, Any]:
        """What it says, as a section; only what differs from the defaults unless `all_of_it`."""
        said: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("reader", "writer") or value is None:
                continue
            if value == each.default and not all_of_it:
                continue
            is_path = each.name in ("cafile", "capath", "certfile", "keyfile") or each.name == "type"
            said[each.name] = str(value) if is_path else value
        return said


def default_listeners() -> dict[str, ListenerConfig]:
    """The Listener of a BrokerConfig that names none: port 1883 of every interface, as in aMQTT."""
    return {"default": ListenerConfig()}


def default_broker_plugins() -> dict[str, Any]:
    """The plugins of a BrokerConfig that names none: anybody may connect, as in aMQTT."""
    return {
        "amqtt.plugins.logging_amqtt.EventLoggerPlugin": {},
        "amqtt.plugins.logging_amqtt.PacketLoggerPlugin": {},
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        "amqtt.plugins.sys.broker.BrokerSysPlugin": {"sys_interval": 20},
    }


@dataclass
class BrokerConfig(Dictable):
    """The configuration of a Broker.

    `plugins` stands in place of `auth` and `topic_check`. Where those are set and `plugins` is
    not, they count: the default of `plugins` would let anybody in.
    """

    listeners: dict[str, ListenerConfig] = field(default_factory=default_listeners)
    sys_interval: int | None = None
    timeout_disconnect_delay: int | None = 0
    session_expiry_interval: int | None = None
    auth: dict[str, Any] | None = None
    topic_check: dict[str, Any] | None = None
    plugins: dict[Any, Any] | list[Any] | None = field(default_factory=default_broker_plugins)
    sections: dict[str, Any] = field(default_factory=dict)
    """The sections of plugins."""

    def __post_init__(self) -> None:
        says_who = self.auth is not None or self.topic_check is not None
        if says_who and self.plugins == default_broker_plugins():
            self.plugins = None

    @classmethod
    def from_dict(cls, d: Mapping[str, Any] | None) -> Self:
        """Read a dictionary, which is left as it is. BrokerError: a Listener has an unknown key."""
        if d is None:
            return cls()
        known = {name for name in _names(cls) if name != "sections"}
        said: dict[str, Any] = {}
        sections: dict[str, Any] = {}
        for key, value in d.items():
            name = str(key).replace("-", "_")
            if name in known:
                said[name] = value
            else:
                sections[key] = value
        if "listeners" in said:
            said["listeners"] = _listeners(said["listeners"] or {})
        return cls(**said, sections=sections)

    def written(self) -> dict[str, Any]:
        """What it says, as a dictionary."""
        said: dict[str, Any] = {
            "listeners": {name: one.written(name == "default") for name, one in self.listeners.items()}
        }
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name not in ("listeners", "sections") and value is not None:
                said[each.name] = value
        return said | self.sections


def _listeners(written: Mapping[str, Any]) -> dict[str, ListenerConfig]:
    default = _said(written.get("default") or {})
    if "default" in written and "bind" not in default:
        default["bind"] = None
    opened = {}
    for name, own in written.items():
        try:
            opened[name] = ListenerConfig(**(default if name == "default" else _said(own or {})))
        except TypeError as unknown:
            raise BrokerError(f"listeners.{name}: {unknown}") from None
    return opened


def _said(written: Any) -> dict[str, Any]:
    if isinstance(written, ListenerConfig):
        return written.written(all_of_it=True)
    return {str(key).replace("-", "_"): value for key, value in written.items()}
