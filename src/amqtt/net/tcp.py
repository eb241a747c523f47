"""Listening TCP sockets for a bind as the user wrote it."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from amqtt.net.listener import BACKLOG, ListenerError
from amqtt.net.settings import PORTS, ListenerSettings, parse_bind

_PORT_ATTEMPTS = 5
_UNAVAILABLE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)

_KEEP_ALIVE = tuple(
    (getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 300), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
    if hasattr(socket, name)
)
"""Seconds of silence after which the system asks a peer whether it is there, and between asking again,
and how often: seven minutes at most, where the system's own default is two hours."""

_Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


async def tcp_sockets(settings: ListenerSettings) -> list[socket.socket]:
    """Bind what `settings.bind` names, all of it or nothing; raises ListenerError.

    No host is every interface, of IPv4 and IPv6 where there is one. Port 0 is one free port, the
    same on every address.
    """
    host, port = _bind(settings)
    addresses = await _resolve(settings.name, host, port)
    for attempt in range(_PORT_ATTEMPTS):
        try:
            return _bind_all(addresses)
        except OSError as failed:
            last = attempt == _PORT_ATTEMPTS - 1
            if port or failed.errno != errno.EADDRINUSE or last:
                raise ListenerError(_cannot_bind(settings.name, host, port, failed)) from None
    raise AssertionError("the last attempt returns or raises")


def _bind(settings: ListenerSettings) -> tuple[str | None, int]:
    if isinstance(settings.bind, tuple):
        return settings.bind
    try:
        return parse_bind(settings.bind, PORTS[settings.type])
    except ValueError as wrong:
        raise ListenerError(f"listener {settings.name!r}: {wrong}") from None


async def _resolve(name: str, host: str | None, port: int) -> list[_Address]:
    if host is None:
        wildcards: list[_Address] = [(socket.AF_INET, ("0.0.0.0", port))]  # noqa: S104 - as asked
        if socket.has_ipv6:
            wildcards.append((socket.AF_INET6, ("::", port)))
        return wildcards
    if host == "localhost":
        # It is loopback everywhere (RFC 6761, 6.3), also where no resolver says so.
        return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port))]
    if _is_number(host):
        # Nothing to wait for, and so no thread to be left behind.
        numeric = socket.AI_NUMERICHOST
        return _addresses(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric))
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else str(failed)
        raise ListenerError(
            f"listener {name!r}: cannot resolve {host!r}: {reason}; "
            "name an address of this machine with bind:"
        ) from None
    return _addresses(found)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(
    found: Sequence[tuple[socket.AddressFamily, object, object, object, object]],
) -> list[_Address]:
    """Each TCP address once, in the resolver's order."""
    addresses: dict[_Address, None] = {}
    for family, _, _, _, address in found:
        if family in (socket.AF_INET, socket.AF_INET6):
            addresses[(family, address)] = None  # type: ignore[index]  # only these two shapes
    return list(addresses)


def _bind_all(addresses: list[_Address]) -> list[socket.socket]:
    """Bind every address of which this machine has the family, at least one; OSError: none is bound."""
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in addresses:
            same_port = bound[0].getsockname()[1] if bound else address[1]
            try:
                bound.append(_bind_one(family, (address[0], same_port, *address[2:])))
            except OSError as failed:
                if failed.errno not in _UNAVAILABLE:
                    raise
                missing = failed
        if not bound:
            raise missing or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound


def _bind_one(family: socket.AddressFamily, address: tuple[str | int, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _cannot_bind(name: str, host: str | None, port: int, failed: OSError) -> str:
    where = f"{'*' if host is None else f'[{host}]' if ':' in host else host}:{port}"
    reason = os.strerror(failed.errno).lower() if failed.errno else str(failed)
    advice = {
        errno.EADDRINUSE: "is another broker running? choose another port with bind:",
        errno.EACCES: "ports below 1024 need a privilege; choose another port with bind:",
        errno.EADDRNOTAVAIL: "it is no address of this machine; choose one that is with bind:",
    }.get(failed.errno or 0, "choose another address with bind:")
    return f"listener {name!r}: cannot bind {where}: {reason}; {advice}"


def set_tcp_options(connected: socket.socket) -> None:
    """Send small packets at once, and notice in the end that a peer is gone without a word."""
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)
