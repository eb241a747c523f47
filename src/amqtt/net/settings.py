"""How a Listener is described: where it listens, for whom, and with which keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address

DEFAULT_PORTS: Mapping[str, int] = {"tcp": 1883, "ws": 8883}
"""The port of a bind that names none, by the type of its Listener; both are aMQTT's."""

PORTS: Mapping[str, int] = {**DEFAULT_PORTS, "http": 9883}
"""The same for every type that has a port."""

TYPES = ("tcp", "ws", "unix", "external", "http")

LONGEST_INSTANCE_NAME = 63
"""Bytes of what a Listener is announced as: one label of the DNS (RFC 6763, 4.1.1)."""


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """A certificate chain and its private key, both PEM files."""

    certfile: str
    keyfile: str
    password: str | None = field(default=None, repr=False)
    """Of an encrypted keyfile."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The TLS of one Listener; the same for MQTT over TCP and over WebSocket."""

    certfile: str | None = None
    """PEM file of the server's certificate and the chain up to its CA."""
    keyfile: str | None = None
    """PEM file of the private key of `certfile`."""
    password: str | None = field(default=None, repr=False)
    """Of an encrypted keyfile."""
    cafile: str | None = None
    """PEM file of the CAs whose client certificates are trusted."""
    capath: str | None = None
    """Directory of such CAs under their hashed names (`openssl rehash`)."""
    cadata: str | None = None
    """Such CAs as PEM text."""
    crlfile: str | None = None
    """PEM file of the Certificate Revocation Lists that client certificates are checked against."""
    require_certificate: bool = False
    """Whether a Client without a certificate is refused; else it is asked for one and may have none."""
    minimum_version: str = "1.2"
    """"1.2" or "1.3"."""
    ciphers: str | None = None
    """OpenSSL cipher list for TLS 1.2; None: OpenSSL's own."""
    server_names: Mapping[str, CertificatePair] = field(default_factory=dict)
    """Certificates for other names that Clients ask for (SNI); `*.example.org` covers one label."""


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One Listener. `bind` is read by `parse_bind`; `path` is a file for "unix", a URL path for "ws"."""

    name: str
    type: str = "tcp"
    """"tcp", "ws" (MQTT over WebSocket), "unix", "http" (no MQTT: metrics and health) or "external": the
    program hands Network Connections in."""
    bind: str | int | tuple[str | None, int] | None = None
    max_connections: int = 0
    """Network Connections at a time; those beyond are closed at once. 0: no limit."""
    tls: TlsSettings | None = None
    path: str | None = None
    """unix: the socket file. ws: the only URL path that is served; None: any."""
    mode: int = 0o660
    """unix: permissions of the socket file: who may write to it may connect."""
    owner: str | None = None
    """unix: user name or number that is to own the socket file; None: whoever runs the broker."""
    group: str | None = None
    """unix: the same for its group."""
    token_file: str | None = None
    """http: a file with the token that `/metrics` asks other machines for (`Authorization: Bearer …`)."""
    proxy_from: Sequence[str] = ()
    """Networks (`10.0.0.0/8`; `unix` is the socket file) of the proxies in front of it. From there each
    Network Connection must begin with a header of the PROXY protocol, version 1 or 2, which says whose
    it is; from anywhere else such a header is an error."""
    allowed_origins: Sequence[str] | None = None
    """ws: the Origins (`https://app.example.org`; `*`: any) that web pages may come from, beside those of
    the same host and clients that are no browsers. None: any, but none where anonymous Clients come in."""


@dataclass(frozen=True, slots=True)
class MdnsSettings:
    """Whether, and where, Listeners are announced (`mdns:` in the configuration)."""

    enabled: bool = False
    """Whether the Listeners of type `tcp` and `ws` are announced to the local network."""
    name: str = ""
    """What people see; absent: `amqtt on HOST`. At most 63 bytes; one that is taken gets a number."""
    interfaces: Sequence[str] = ()
    """Addresses of this machine: announced are these alone, on their networks alone. absent: all but
    loopback."""


def parse_bind(text: str | int | None, default_port: int) -> tuple[str | None, int]:
    """Read a bind as aMQTT writes it: the host (None: all interfaces) and the port.

    Forms: `host:port`, `[v6]:port`, `:port`, `port`, `host`, `[v6]`, a bare IPv6 address, nothing;
    `*` is all interfaces, port 0 any free one. Raises ValueError with a sentence.
    """
    if text is None or text == "":
        return None, default_port
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise ValueError(f"bind is host:port or a port, not {text!r}")
    if isinstance(text, int):
        return None, _port(str(text), text, default_port)
    written = text.strip()
    if written.isascii() and written.lstrip("+-").isdigit():
        return None, _port(written, text, default_port)
    host, port = _split(written, text)
    return _host(host), _port(port, text, default_port)


def _split(written: str, text: str) -> tuple[str, str]:
    if written.startswith("["):
        host, bracket, rest = written[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise ValueError(f"Invalid address in bind value: {text}; an IPv6 address is written [::1]:1883")
        return host, rest[1:]
    if written.count(":") > 1:
        if not _is_ipv6(written):
            raise ValueError(f"Invalid address in bind value: {text}; an IPv6 address is written [::1]:1883")
        return written, ""
    host, _, port = written.partition(":")
    return host.strip(), port.strip()


def _host(host: str) -> str | None:
    if host in ("", "*"):
        return None
    if any(character.isspace() or character in "/@[]?#" for character in host):
        raise ValueError(f"Invalid host in bind value: {host!r} is neither a host name nor an IP address")
    return host


def _port(port: str, text: str | int, default_port: int) -> int:
    if not port:
        return default_port
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65535 and len(port) <= 6):
        raise ValueError(f"Invalid port value in bind value: {text}; a port is a number from 0 to 65535")
    return int(port)


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True
