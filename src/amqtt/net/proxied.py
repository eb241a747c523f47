"""Reading the header of the PROXY protocol that precedes everything else, TLS included."""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, cast

from amqtt.net.proxy_protocol import MAXIMUM_HEADER, ProxyHeader, ProxyHeaderError, proxy_header

if TYPE_CHECKING:
    from amqtt.net.connection import Connection
    from amqtt.net.tls_transport import TlsTransport

UNIX = "unix"
"""What `proxy_from` calls whoever may write to the file of a Unix socket."""


class Proxied(asyncio.BufferedProtocol):
    """The protocol of a transport until its PROXY header is complete; `above` is the protocol then.

    The Client that the header announces takes the place of the proxy as the Peer.
    """

    __slots__ = ("_above", "_begun", "_buffer", "_connection", "_deadline", "_transport")

    def __init__(self, connection: "Connection", above: "Connection | TlsTransport") -> None:
        self._connection = connection
        self._above = above
        self._begun = bytearray()
        self._buffer = bytearray(MAXIMUM_HEADER)
        self._deadline: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy is there."""
        self._transport = cast(asyncio.Transport, transport)
        house = self._connection.house
        self._deadline = house.loop.call_later(house.limits.proxy_timeout, self._overdue)
        self._connection.accepted(self._transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Read no more at once than a header has."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """A part of the header arrived, or more."""
        self._begun += memoryview(self._buffer)[:nbytes]
        try:
            header = proxy_header(bytes(self._begun))
        except ProxyHeaderError as fault:
            self._give_up(str(fault))
            return
        if header is not None:
            self._step_aside(header)

    def eof_received(self) -> None:
        """The proxy has closed its side; so do we."""
        self._give_up("it was closed before its PROXY header was complete")

    def connection_lost(self, exc: Exception | None) -> None:
        """The Network Connection is gone."""
        self._stop_the_clock()
        self._connection.connection_lost(exc)

    def _step_aside(self, header: ProxyHeader) -> None:
        self._stop_the_clock()
        peer = self._connection.peer
        peer.proxied = True
        peer.secure = peer.secure or header.secure
        if header.address:
            peer.address, peer.port = header.address, header.port
        rest = self._begun[header.size :]
        self._transport.set_protocol(self._above)
        self._above.connection_made(self._transport)
        if rest:
            self._above.get_buffer(-1)[: len(rest)] = rest
            self._above.buffer_updated(len(rest))

    def _overdue(self) -> None:
        house = self._connection.house
        reason = f"its PROXY header did not come within {house.limits.proxy_timeout:g} seconds"
        house.give_up_on(self._connection, "proxy_timeout", reason)

    def _give_up(self, reason: str) -> None:
        self._stop_the_clock()
        self._connection.abort(reason)

    def _stop_the_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def proxies(proxy_from: Sequence[str]) -> Callable[[str], bool]:
    """Whether an address ("" is a Unix socket's) is one of these networks; raises ValueError."""
    has_unix = UNIX in proxy_from
    networks = [network(written) for written in proxy_from if written != UNIX]

    @lru_cache(maxsize=1024)
    def is_proxy(address: str) -> bool:
        if not address:
            return has_unix
        client = ip_address(address.partition("%")[0])
        return any(client in one for one in networks)

    return is_proxy


def network(written: str) -> IPv4Network | IPv6Network:
    """The network of `10.0.0.0/8`, `2001:db8::/32` or a single address; raises ValueError."""
    try:
        return ip_network(written.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"{written!r} is no network; write one as 10.0.0.0/8, an address, or {UNIX}"
        ) from None
