"""The section `listeners`: where the Broker listens, each Listener after the pattern of `default`."""

from collections.abc import Callable, Mapping
from typing import Any

from amqtt.config import DEFAULT_LISTENER, default_listeners
from amqtt.config_file import values
from amqtt.config_file.section import Findings, KeyPath, Section
from amqtt.net.settings import (
    PORTS,
    TYPES,
    CertificatePair,
    ListenerSettings,
    TlsSettings,
    parse_bind,
)

LISTENER_KEYS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "type": ("type", values.one_of(*TYPES)),
    "bind": ("bind", values.bind),
    "max-connections": ("max_connections", values.whole(0, 10_000_000)),
    "path": ("path", values.file_name),
    "mode": ("mode", values.file_mode),
    "owner": ("owner", values.text),
    "group": ("group", values.text),
    "proxy-from": ("proxy_from", values.networks),
    "allowed-origins": ("allowed_origins", values.texts),
    "token-file": ("token_file", values.file_name),
}
TLS_KEYS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "certfile": ("certfile", values.file_name),
    "keyfile": ("keyfile", values.file_name),
    "keyfile-password": ("password", values.text),
    "cafile": ("cafile", values.file_name),
    "capath": ("capath", values.file_name),
    "cadata": ("cadata", values.text),
    "crlfile": ("crlfile", values.file_name),
    "require-certificate": ("require_certificate", values.switch),
    "minimum-tls-version": ("minimum_version", values.one_of("1.2", "1.3")),
    "ciphers": ("ciphers", values.text),
}


class _Written:
    """What one Listener says itself, or, below a Listener, what it and `default` say together."""

    def __init__(self, listener: Mapping[str, Any], tls: Mapping[str, Any], ssl: bool | None) -> None:
        self.listener = listener
        self.tls = tls
        self.ssl = ssl

    def over(self, default: "_Written") -> "_Written":
        ssl = default.ssl if self.ssl is None else self.ssl
        return _Written({**default.listener, **self.listener}, {**default.tls, **self.tls}, ssl)


def read_listeners(findings: Findings, path: KeyPath, content: object) -> Mapping[str, ListenerSettings]:
    """The Listeners to open. One without `bind` (unix: without `path`) is only a pattern, or skipped."""
    if content is None:
        return default_listeners()
    if not isinstance(content, Mapping):
        Section(findings, path, content)
        return {}
    default = _written(findings, (*path, DEFAULT_LISTENER), content.get(DEFAULT_LISTENER))
    opened: dict[str, ListenerSettings] = {}
    for name, own in content.items():
        if not isinstance(name, str) or not name:
            findings.mistake(path, f"a listener's name must be text, not {name!r}")
            continue
        here = (*path, name)
        together = default if name == DEFAULT_LISTENER else _written(findings, here, own).over(default)
        if own is not None and _is_opened(together):
            opened[name] = _settings(findings, here, name, together)
        elif name != DEFAULT_LISTENER:
            findings.notice(here, "it has no bind, so it is not opened")
    _refuse_shared_binds(findings, path, opened)
    if not opened:
        findings.notice(path, "none of them has a bind: Clients cannot connect over a network")
    return opened


def check_binds(findings: Findings, path: KeyPath, listeners: Mapping[str, ListenerSettings]) -> None:
    """Count binds that cannot be read as mistakes."""
    for name, listener in listeners.items():
        if not isinstance(listener.bind, tuple):
            try:
                parse_bind(listener.bind, 0)
            except ValueError as error:
                findings.mistake((*path, name, "bind"), str(error))


def _written(findings: Findings, path: KeyPath, content: object) -> _Written:
    section = Section(findings, path, content)
    listener = _taken(section, LISTENER_KEYS)
    tls = _taken(section, TLS_KEYS)
    names = section.raw("server-names")
    if names is not None:
        tls["server_names"] = _server_names(findings, section.path_of("server-names"), names)
    if "-----BEGIN" in tls.get("capath", ""):
        section.mistake("capath", "it must be a directory, and is a certificate (did you mean 'cadata'?)")
    if "port" in section.unknown():
        section.raw("port")
        section.mistake("port", "it stands behind the address in bind, as in 127.0.0.1:1883")
    ssl = section.take("ssl", values.switch, None)
    section.refuse_unknown()
    return _Written(listener, tls, ssl)


def _taken(section: Section, keys: Mapping[str, tuple[str, Callable[[object], object]]]) -> dict[str, Any]:
    found = {attribute: section.take(key, read, None) for key, (attribute, read) in keys.items()}
    return {attribute: value for attribute, value in found.items() if value is not None}


def _server_names(findings: Findings, path: KeyPath, content: object) -> dict[str, CertificatePair]:
    pairs = {}
    for name, pair in content.items() if isinstance(content, Mapping) else ():
        section = Section(findings, (*path, str(name)), pair)
        certfile = section.take_stated("certfile", values.file_name, "")
        keyfile = section.take_stated("keyfile", values.file_name, "")
        password = section.take("keyfile-password", values.text, None)
        if not ("certfile" in section and "keyfile" in section):
            findings.mistake(section.path, "'certfile' or 'keyfile' configuration parameter missing")
        section.refuse_unknown()
        pairs[str(name)] = CertificatePair(certfile, keyfile, password)
    if not isinstance(content, Mapping):
        Section(findings, path, content)
    return pairs


def _is_opened(written: _Written) -> bool:
    kind = written.listener.get("type")
    return kind == "external" or ("path" if kind == "unix" else "bind") in written.listener


def _settings(findings: Findings, path: KeyPath, name: str, written: _Written) -> ListenerSettings:
    listener = dict(written.listener)
    if listener.get("type") == "http":
        listener["bind"] = _local_bind(listener["bind"])
    tls = None
    if written.ssl:
        tls = TlsSettings(**written.tls)
        if not (tls.certfile and tls.keyfile):
            findings.mistake(path, "'certfile' or 'keyfile' configuration parameter missing")
    return ListenerSettings(name, tls=tls, **listener)


def _local_bind(bind: str | int) -> str | int:
    """A bind without a host as one of this machine alone: what is said of a broker is not for everybody."""
    if str(bind).strip().startswith("*"):
        return bind
    host, port = parse_bind(bind, PORTS["http"])
    return bind if host is not None else f"localhost:{port}"


def _refuse_shared_binds(findings: Findings, path: KeyPath, opened: Mapping[str, ListenerSettings]) -> None:
    first: dict[object, str] = {}
    for name, listener in opened.items():
        if listener.type == "external":
            continue
        address: object = listener.path
        if listener.type != "unix" and not isinstance(listener.bind, tuple):
            host, port = parse_bind(listener.bind, PORTS[listener.type])
            address = (host, port) if port else name
        if address in first:
            findings.mistake(
                (*path, name), f"it would listen where {first[address]!r} does; give it a bind of its own"
            )
        first.setdefault(address, name)
