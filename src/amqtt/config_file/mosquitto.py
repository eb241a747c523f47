"""A mosquitto.conf as a configuration of ours, and what of it could not be carried over.

Nobody may get in, or do, what Mosquitto would have refused: where a rule cannot be carried over,
what it ruled is closed, and said to be.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amqtt.config_file import load
from amqtt.config_file.mosquitto_keys import (
    ELSEWHERE,
    FILE_PLUGINS,
    ITS_OWN_ANONYMOUS,
    LIMITS,
    NEEDLESS,
    PLUGINS,
    PLUGINS_WITHOUT_RULES,
    SECURITY,
    TRUE,
    UNBOUNDED,
    Remark,
    duration,
    plugin_name,
    truth,
)
from amqtt.errors import BrokerError, ConfigurationError, Mistake

DEEPEST_INCLUDE: Final = 10
"""Files that include files."""
LARGEST_FILE: Final = 1024 * 1024
"""Bytes."""

_OF_TLS: Final = ("cafile", "capath", "certfile", "keyfile", "crlfile", "ciphers")
_CLOSED: Final[Mapping[str, object]] = {}
"""The section `auth` that admits nobody."""


@dataclass(frozen=True, slots=True)
class Line:
    """One setting of a mosquitto.conf and where it stands."""

    place: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """The configuration as plain data, and a remark for everything that is not quite the same."""

    configuration: Mapping[str, Any]
    remarks: tuple[Remark, ...]


def convert(path: Path) -> Conversion:
    """The mosquitto.conf of this path in our terms; ConfigurationError where it cannot be read."""
    conversion = _Conversion()
    for line in read_lines(path):
        conversion.take(line)
    return conversion.result()


def read_lines(path: Path, depth: int = 0) -> Iterator[Line]:
    """Every setting, those of included folders in their place."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError([Mistake(f"it cannot be read: {error.strerror}", "", str(path))]) from error
    except UnicodeDecodeError:
        raise ConfigurationError([Mistake("it is not UTF-8", "", str(path))]) from None
    if len(data) > LARGEST_FILE or depth > DEEPEST_INCLUDE:
        raise ConfigurationError([Mistake("it is too large, or includes itself", "", str(path))])
    for number, written in enumerate(text.splitlines(), start=1):
        stripped = written.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, _, value = stripped.partition(" ")
        if key == "include_dir":
            folder = Path(value.strip())
            if not folder.is_dir():
                text = f"there is no folder {value.strip()!r} to include"
                raise ConfigurationError([Mistake(text, "", str(path), number, 1)])
            for included in sorted(folder.glob("*.conf")):
                yield from read_lines(included, depth + 1)
        else:
            yield Line(f"{path}:{number}", key, value.strip())


class _Conversion:
    """What was understood so far: the settings of each Listener, and those of the whole broker."""

    def __init__(self) -> None:
        self._remarks: list[Remark] = []
        self._whole: dict[str, Any] = {}
        self._limits: dict[str, Any] = {}
        self._listeners: list[dict[str, Any]] = [{}]
        self._security: list[dict[str, Line]] = [{}]
        self._anonymous: list[bool | None] = [None]
        # The files of plugins: of all Listeners, by the name that they are loaded under, of each Listener.
        self._everywhere: dict[str, Line] = {}
        self._loaded: dict[str, dict[str, Line]] = {}
        self._used: list[dict[str, Line]] = [{}]
        self._plugin: tuple[str, dict[str, Line]] = ("", {})
        self._each_its_own = False
        self._ruled_elsewhere: set[str] = set()
        self._bridge = ""
        self._kept: bool | None = None
        self._folder = ""
        self._takers: Mapping[str, Callable[[Line], None]] = {
            "listener": self._listener, "port": self._port, "bind_address": self._address,
            "bind_interface": self._interface, ITS_OWN_ANONYMOUS: self._listener_anonymous,
            "protocol": self._protocol, "max_connections": self._connections, "socket_domain": self._domain,
            "require_certificate": self._certificate, "tls_version": self._tls_version,
            "websockets_origin": self._origin, "per_listener_settings": self._per_listener,
            "sys_interval": self._sys, "persistent_client_expiration": self._expiry,
            "retain_available": self._retain, "connection": self._connection,
            "persistence": self._persistence, "persistence_location": self._location,
            "plugin_use": self._use, **dict.fromkeys(PLUGINS, self._load),
        }  # fmt: skip

    # -- taking lines

    def take(self, line: Line) -> None:
        """Understand one setting."""
        if self._bridge:
            # What follows `connection` is the bridge's until a listener begins.
            if line.key not in ("listener", "connection"):
                return
            self._bridge = ""
        try:
            self._take(line)
        except ValueError as error:
            self._remark(line, f"{error}; left out")

    def _take(self, line: Line) -> None:
        listener = self._listeners[-1]
        if line.key in self._takers:
            self._takers[line.key](line)
        elif line.key in _OF_TLS:
            listener[line.key] = line.value
        elif line.key in SECURITY:
            self._security[-1][line.key] = line
            if line.key == "allow_anonymous":
                truth(line.value)  # so that it is said; what is not true is false
        elif line.key in LIMITS:
            self._limit(line)
        elif line.key.startswith(("auth_opt_", "plugin_opt_")):
            self._option(line)
        elif line.key in ELSEWHERE:
            self._missing(line)
        elif line.key in NEEDLESS:
            self._remark(line, NEEDLESS[line.key], harmless=True)
        else:
            self._remark(line, "it is not known here")

    def _missing(self, line: Line) -> None:
        closes, text = ELSEWHERE[line.key]
        self._ruled_elsewhere |= set(closes)
        self._remark(line, text)

    def _remark(self, line: Line, text: str, harmless: bool = False) -> None:
        self._remarks.append(Remark(line.place, line.key, text, harmless))

    def _listener(self, line: Line) -> None:
        port, _, where = line.value.partition(" ")
        where = where.strip()
        # What follows belongs to it also where it cannot be opened.
        listener: dict[str, Any] = {"type": "tcp"}
        self._listeners.append(listener)
        self._security.append({})
        self._anonymous.append(None)
        self._used.append({})
        if _whole(port):
            listener["bind"] = _bind(where, int(port))
        elif where:
            listener |= {"type": "unix", "path": where}
        else:
            raise ValueError("with port 0 it must have a path")

    def _port(self, line: Line) -> None:
        self._listeners[0]["port"] = _whole(line.value)

    def _address(self, line: Line) -> None:
        self._listeners[0]["address"] = line.value

    def _interface(self, line: Line) -> None:
        listener = self._listeners[-1]
        bind = listener.get("bind", "")
        if bind.startswith(":"):
            listener["bind"] = f"localhost{bind}"
        elif listener is self._listeners[0]:
            listener.setdefault("address", "localhost")
        self._remark(line, "bind names an address of that interface instead; without one: this machine alone")

    def _listener_anonymous(self, line: Line) -> None:
        self._anonymous[-1] = False
        self._anonymous[-1] = truth(line.value)

    def _protocol(self, line: Line) -> None:
        kinds = {"mqtt": "tcp", "websockets": "ws"}
        if line.value not in kinds:
            raise ValueError(f"there is no protocol {line.value!r} here")
        if self._listeners[-1].get("type") != "unix":
            self._listeners[-1]["type"] = kinds[line.value]

    def _connections(self, line: Line) -> None:
        if line.value != UNBOUNDED:
            self._listeners[-1]["max-connections"] = _whole(line.value)

    def _domain(self, line: Line) -> None:
        self._remark(line, "bind names an address instead, such as 0.0.0.0:1883 or [::]:1883")

    def _certificate(self, line: Line) -> None:
        # Until it is known to be false: what is mistyped opens no door, here and below.
        self._listeners[-1]["require-certificate"] = True
        self._listeners[-1]["require-certificate"] = truth(line.value)

    def _tls_version(self, line: Line) -> None:
        versions = {"tlsv1.3": "1.3", "tlsv1.2": "1.2"}
        if line.value not in versions:
            raise ValueError("TLS is 1.2 or newer here")
        self._listeners[-1]["minimum-tls-version"] = versions[line.value]

    def _origin(self, line: Line) -> None:
        self._listeners[-1].setdefault("allowed-origins", []).append(line.value)

    def _per_listener(self, line: Line) -> None:
        self._each_its_own = True
        self._each_its_own = truth(line.value)

    def _sys(self, line: Line) -> None:
        self._whole["sys-interval"] = _whole(line.value)

    def _expiry(self, line: Line) -> None:
        self._whole["session-expiry-interval"] = duration(line.value)

    def _retain(self, line: Line) -> None:
        self._limits["retain-available"] = truth(line.value)

    def _persistence(self, line: Line) -> None:
        self._kept = truth(line.value)
        if self._kept:
            self._remark(line, "what mosquitto.db holds is not taken over: sessions begin anew")

    def _location(self, line: Line) -> None:
        self._folder = line.value

    def _connection(self, line: Line) -> None:
        self._bridge = line.value
        self._remark(line, "there are no bridges here; all that belongs to this one is left out")

    # -- plugins

    def _load(self, line: Line) -> None:
        files, path = self._security[-1], line.value
        if line.key == "plugin_load":
            name, _, path = line.value.partition(" ")
            files = self._loaded.setdefault(name, {})
        elif line.key == "global_plugin":
            files = self._everywhere
        plugin = plugin_name(path.strip())
        self._plugin = (plugin, files)
        if plugin in PLUGINS_WITHOUT_RULES:
            self._kept = self._kept or plugin == "mosquitto_persist_sqlite" or None
            self._remark(line, PLUGINS_WITHOUT_RULES[plugin])
        elif plugin not in FILE_PLUGINS:
            self._missing(line)
        else:
            key = FILE_PLUGINS[plugin]
            is_second = key in files
            # Without its option there is no such file, and nothing starts until one is named.
            files[key] = Line(line.place, key, "")
            if is_second:
                self._plugin = ("", {})
                raise ValueError("there is one file of this kind here, and now there were two")

    def _option(self, line: Line) -> None:
        plugin, files = self._plugin
        key = FILE_PLUGINS.get(plugin)
        if key is not None and line.key.endswith(f"_opt_{key}"):
            files[key] = Line(line.place, key, line.value)

    def _use(self, line: Line) -> None:
        self._used[-1] |= self._loaded.get(line.value, {})

    # -- limits

    def _limit(self, line: Line) -> None:
        keys, unbounded, off = LIMITS[line.key]
        if line.value == UNBOUNDED and line.key.startswith("global_"):
            return
        value: int | None = _whole(line.value)
        if value == 0 and off is not None:
            value = unbounded
        if value is None:
            self._remark(line, f"there is always a bound here; {', '.join(keys)} stays as it is by default")
            return
        for key in keys:
            self._limits[key] = value

    # -- putting it together

    def result(self) -> Conversion:
        """All that was understood, in an order that reads well."""
        found: dict[str, Any] = {}
        first, *others = self._listeners
        if others and not {"port", "address"} & first.keys():
            # There is no listener before the first one that is named.
            del self._anonymous[0], self._used[0]
        is_for_all = bool(others or {"port", "address"} & first.keys())
        opened = self._opened()
        if opened:
            found["listeners"] = opened
        found |= self._access(is_for_all)
        if self._kept and self._folder:
            found["persistence"] = {"file": str(Path(self._folder) / "amqtt.db")}
        elif self._kept is False:
            found["persistence"] = {"durability": "memory"}
        found |= self._whole
        if self._limits:
            found["limits"] = self._limits
        return Conversion(self._usable(found), tuple(self._remarks))

    def _opened(self) -> dict[str, Any]:
        first, *others = self._listeners
        port, address = first.pop("port", None), first.pop("address", "")
        if port is not None or address:
            first = {"type": "tcp", "bind": _bind(address, port or 1883), **first}
            others.insert(0, first)
        elif others and first:
            self._remarks.append(Remark("", "listener", "what stood before the first one is left out", False))
        elif not others and first:
            others = [{"type": "tcp", "bind": "localhost:1883", **first}]
        names: dict[str, Any] = {}
        for number, listener in enumerate(others, start=1):
            settings = dict(listener)
            if "certfile" in settings or "keyfile" in settings:
                settings["ssl"] = True
            else:
                for key in (*_OF_TLS, "require-certificate", "minimum-tls-version"):
                    settings.pop(key, None)
            names["default" if len(others) == 1 else f"listener-{number}"] = settings
        return names

    def _access(self, is_for_all: bool) -> dict[str, Any]:
        """Who may come in and what they may do; `is_for_all`: whoever reaches a Listener that was set up."""
        security = self._one_security()
        if security is None:
            text = "the listeners have rules of their own, and here all have the same: nobody may enter"
            self._remarks.append(Remark("", "per_listener_settings", text, False))
            return {"auth": dict(_CLOSED)}
        found: dict[str, Any] = {}
        values = {key: line.value for key, line in security.items()}
        # Since Mosquitto 2.0 a listener that is configured admits nobody unless it is told to.
        anonymous = self._anonymous_enter(values.get("allow_anonymous"), not is_for_all)
        auth: dict[str, Any] = {"allow-anonymous": anonymous and "auth" not in self._ruled_elsewhere}
        if "password_file" in values:
            auth["password-file"] = values["password_file"]
        found["auth"] = auth
        if "acl_file" in values:
            found["topic-check"] = {"enabled": True, "acl-file": values["acl_file"]}
        elif "topics" in self._ruled_elsewhere:
            found["topic-check"] = {"enabled": True, "plugins": []}
            text = "what ruled the topics is not here; nothing is granted until you write rules"
            self._remarks.append(Remark("", "topic-check", text, False))
        return found

    def _anonymous_enter(self, stated: str | None, unstated: bool) -> bool:
        """Whether Clients without a name come in on every Listener; else they do on none."""
        all_alike = unstated if stated is None else stated.lower() in TRUE
        answers = {all_alike if own is None else own for own in self._anonymous}
        if len(answers) > 1:
            text = "the listeners differ in it, and here all are alike: nobody comes in without a name"
            self._remarks.append(Remark("", ITS_OWN_ANONYMOUS, text, False))
        return answers == {True}

    def _one_security(self) -> Mapping[str, Line] | None:
        """The rules of access that all Listeners have; None: they differ."""
        of_each = self._security[-len(self._used) :]
        if not self._each_its_own:
            merged: dict[str, Line] = {}
            for key, line in (rule for rules in self._security for rule in rules.items()):
                if key != "allow_anonymous" and merged.setdefault(key, line).value != line.value:
                    return None
                merged[key] = line
            of_each = [merged] * len(self._used)
        rules = [self._everywhere | stated | used for stated, used in zip(of_each, self._used, strict=True)]
        values = [{key: line.value for key, line in each.items()} for each in rules]
        return rules[0] if all(each == values[0] for each in values) else None

    def _usable(self, found: dict[str, Any]) -> dict[str, Any]:
        """The same without the limits that are out of their range here."""
        try:
            load(found)
        except ConfigurationError as error:
            for mistake in error.mistakes:
                section, _, key = mistake.path.partition(".")
                target = found.get(section, {}) if key else found
                if section in ("limits", "session-expiry-interval", "sys-interval"):
                    target.pop(key or section, None)
                self._remarks.append(Remark("", mistake.path, f"{mistake.text}; left out", False))
        except BrokerError as error:
            self._remarks.append(Remark("", "", str(error), False))
        return found


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _bind(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
