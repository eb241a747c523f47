"""A Config as a configuration file would say it, with every default written out."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

from amqtt.config import Config
from amqtt.config_file.listeners import LISTENER_KEYS, TLS_KEYS
from amqtt.net.settings import ListenerSettings, TlsSettings

HIDDEN: Final = "(hidden)"
_SECRET: Final = re.compile(r"(?i)(pass(word|wd|phrase)?|secret|token|credential|api[-_]?key)$")
_OTHERWISE: Final = (
    "listeners", "auth", "topic_check", "limits", "persistence", "hardened", "plugins", "registered_plugins",
    "sections", "traces", "mdns", "telemetry", "written", "notices",
)
"""Fields of a Config that are written in a way of their own, or not at all."""


def effective(config: Config) -> dict[str, object]:
    """The configuration as plain data. What looks like a password is hidden; what is absent is left out."""
    found: dict[str, object] = {
        "listeners": {name: _listener(listener) for name, listener in config.listeners.items()},
        "auth": _section(config.auth),
        "topic-check": _section(config.topic_check),
        "limits": _section(config.limits),
        "persistence": _section(config.persistence),
    }
    others = [field.name for field in dataclasses.fields(config) if field.name not in _OTHERWISE]
    written = {name.replace("_", "-"): _plain(getattr(config, name)) for name in others}
    found |= {key: value for key, value in written.items() if value not in ("", None)}
    found["security"] = "hardened" if config.hardened else "default"
    if config.mdns.enabled:
        found["mdns"] = _section(config.mdns)
    if config.telemetry.enabled:
        found["opentelemetry"] = _section(config.telemetry)
    if config.traces:
        found["trace"] = [_section(trace) for trace in config.traces]
    if config.plugins:
        found["plugins"] = [{choice.name: _shown(choice.options)} for choice in config.plugins]
    return found | {name: _shown(value) for name, value in config.sections.items() if name != "plugins"}


def _section(settings: object) -> dict[str, object]:
    """The fields of a dataclass by their keys."""
    fields = dataclasses.fields(settings)  # type: ignore[arg-type]  # every section is one
    values = {field.name.replace("_", "-"): getattr(settings, field.name) for field in fields}
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _listener(settings: ListenerSettings) -> dict[str, object]:
    values: dict[str, object] = {key: getattr(settings, name) for key, (name, _) in LISTENER_KEYS.items()}
    if settings.type == "unix":
        values.pop("bind")
        values["mode"] = f"{settings.mode:04o}"
    else:
        values.pop("mode")
    if isinstance(settings.bind, tuple):
        host, port = settings.bind
        values["bind"] = f"[{host}]:{port}" if host and ":" in host else f"{host or ''}:{port}"
    if settings.tls is not None:
        values |= {"ssl": True} | _tls(settings.tls)
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _tls(tls: TlsSettings) -> dict[str, object]:
    values: dict[str, object] = {key: getattr(tls, name) for key, (name, _) in TLS_KEYS.items()}
    values["keyfile-password"] = None if tls.password is None else HIDDEN
    pairs = {
        name: {"certfile": pair.certfile, "keyfile": pair.keyfile}
        | ({} if pair.password is None else {"keyfile-password": HIDDEN})
        for name, pair in tls.server_names.items()
    }
    return values | ({"server-names": pairs} if pairs else {})


def _shown(value: object) -> object:
    """What others have written, without what looks like a secret."""
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if _SECRET.search(str(key)) and not isinstance(inner, Mapping) else _shown(inner)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_shown(inner) for inner in value]
    return _plain(value)


def _plain(value: object) -> object:
    """What YAML and JSON can say."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
