"""Opening a Listener: its sockets, its TLS, and what is made of each Network Connection."""

import socket
import ssl
from collections.abc import Callable, Sequence

from amqtt.net.acceptor import Acceptor
from amqtt.net.connection import Connection
from amqtt.net.house import House
from amqtt.net.listener import Listener, ListenerError
from amqtt.net.settings import TYPES, ListenerSettings
from amqtt.net.tcp import tcp_sockets
from amqtt.net.tls import server_context
from amqtt.net.unix import unix_socket

__all__ = ["Listener", "ListenerError", "open_listener", "tls_of"]

_ALPN = {"tcp": ["mqtt"], "ws": ["http/1.1"]}
_WITHOUT_TLS = {
    "unix": "a Unix socket has no TLS",
    "external": "who hands in its Network Connections sees to their TLS",
}


async def open_listener(
    settings: ListenerSettings, house: House, sockets: Sequence[socket.socket] = ()
) -> Listener:
    """Listen as the settings say; Clients are accepted when this returns.

    With `sockets`, which are bound and listen already, it is there instead; they become ours.
    Raises ListenerError, which says which Listener, what is wrong and what to do; nothing is left
    bound then.
    """
    if settings.type not in TYPES:
        raise ListenerError(
            f"listener {settings.name!r}: type is one of {', '.join(TYPES)}, not {settings.type!r}"
        )
    try:
        listener = Listener(settings, tls_of(settings))
    except ValueError as wrong:
        raise ListenerError(f"listener {settings.name!r}: proxy-from: {wrong}") from None
    if settings.type == "external":
        return listener
    make_connection = _connections(house, listener)
    if sockets:
        for handed_in in sockets:
            address = handed_in.getsockname()
            where = address if isinstance(address, str) else address[:2]
            listener.accepts(where, Acceptor(handed_in, house, make_connection, listener.tls))
        return listener
    if settings.type == "unix":
        listening, removal = unix_socket(settings)
        listener.accepts(settings.path or "", Acceptor(listening, house, make_connection, None), removal)
    else:
        for listening in await tcp_sockets(settings):
            host, port = listening.getsockname()[:2]
            listener.accepts((host, port), Acceptor(listening, house, make_connection, listener.tls))
    return listener


def tls_of(settings: ListenerSettings) -> ssl.SSLContext | None:
    """The certificates of a Listener, read now; None without TLS. Raises ListenerError."""
    if settings.tls is None:
        return None
    if settings.type in _WITHOUT_TLS:
        reason = _WITHOUT_TLS[settings.type]
        raise ListenerError(f"listener {settings.name!r}: {reason}; remove its ssl: keys")
    try:
        return server_context(settings.tls, _ALPN[settings.type])
    except (ValueError, OSError) as wrong:
        raise ListenerError(f"listener {settings.name!r}: {wrong}") from None


def _connections(house: House, listener: Listener) -> Callable[[], Connection]:
    if listener.settings.type != "ws":
        return lambda: Connection(house, listener)
    # Who serves no WebSocket need not load its library.
    from amqtt.net.websocket import WebSocketConnection

    return lambda: WebSocketConnection(house, listener)
