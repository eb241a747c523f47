"""Where a Server is, as people write it: `mqtt://host:1883`, `wss://host/mqtt`, `unix:///run/mqtt.sock`."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

SCHEMES: Final = {
    "mqtt": ("tcp", False, 1883),
    "tcp": ("tcp", False, 1883),
    "mqtts": ("tcp", True, 8883),
    "ssl": ("tcp", True, 8883),
    "ws": ("ws", False, 80),
    "wss": ("ws", True, 443),
    "unix": ("unix", False, 0),
}
"""Scheme → transport, whether with TLS, the port where none is written."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a Server is. `path` is the socket file of "unix", and the URL path with its query of "ws"."""

    transport: str
    secure: bool
    host: str
    port: int
    path: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.transport == "unix":
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"


def parse_address(url: str) -> ServerAddress:
    """Read a URL; a bare `host` or `host:port` is mqtt. ValueError with a sentence that shows no password."""
    written = url if "://" in url else f"mqtt://{url}"
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        raise ValueError("this is no URL of an MQTT server; write mqtt://host:1883") from None
    known = SCHEMES.get(parts.scheme)
    if known is None:
        raise ValueError(
            f"the scheme {parts.scheme!r} is not one of MQTT's; there are {', '.join(SCHEMES)}"
        )
    transport, secure, default_port = known
    if transport == "unix":
        return _unix(parts)
    if not parts.hostname:
        raise ValueError(f"the URL names no host; write {parts.scheme}://host")
    if transport == "tcp" and parts.path not in ("", "/"):
        raise ValueError(f"a {parts.scheme} URL ends behind the port; {parts.path!r} has no meaning there")
    path = ""
    if transport == "ws":
        path = (parts.path or "/mqtt") + (f"?{parts.query}" if parts.query else "")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    used_port = default_port if port is None else port
    return ServerAddress(transport, secure, parts.hostname, used_port, path, username, password)


def _unix(parts: SplitResult) -> ServerAddress:
    if parts.netloc or not parts.path:
        raise ValueError("a Unix socket is written with its whole path: unix:///run/mqtt.sock")
    return ServerAddress("unix", False, "localhost", 0, unquote(parts.path))
