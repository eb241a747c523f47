"""A Listener: where Clients come in, and how many of them are inside."""

import ssl
from collections.abc import Callable

from amqtt.net.acceptor import Acceptor
from amqtt.net.proxied import proxies
from amqtt.net.settings import ListenerSettings

BACKLOG = 1024
"""Network Connections that wait in the kernel to be accepted: Clients return all at once."""


class ListenerError(Exception):
    """A Listener cannot be opened: which one, what is wrong, and what to do about it."""


class Listener:
    """What is listened on under one name, from `open_listener` to `close`.

    `addresses` are the real (host, port) pairs, or the path of a Unix socket; `open_connections`
    counts the Network Connections that it accepted and that are not gone, `refused` those closed at
    once because enough were open.
    """

    def __init__(self, settings: ListenerSettings, tls: ssl.SSLContext | None) -> None:
        self.settings = settings
        self.name = settings.name
        self.tls = tls
        self.is_proxy = proxies(settings.proxy_from)
        """Whether who connects from an address ("": the Unix socket) speaks the PROXY protocol."""
        self.addresses: list[tuple[str, int] | str] = []
        self.open_connections = 0
        self.refused = 0
        self._acceptors: list[Acceptor] = []
        self._removal: Callable[[], None] | None = None

    def accepts(
        self, address: tuple[str, int] | str, acceptor: Acceptor, removal: Callable[[], None] | None = None
    ) -> None:
        """Add an address and who accepts there; `removal` is done when nobody does any more."""
        self.addresses.append(address)
        self._acceptors.append(acceptor)
        self._removal = removal

    def renew_tls(self, tls: ssl.SSLContext) -> None:
        """Show who comes from now on these certificates; a Listener without TLS has none."""
        if self.tls is not None:
            self.tls = tls
            for acceptor in self._acceptors:
                acceptor.tls = tls

    def admit(self, is_full: bool = False) -> bool:
        """Count one more Network Connection; False: there are enough, of it or (`is_full`) of all."""
        maximum = self.settings.max_connections
        if is_full or (maximum and self.open_connections >= maximum):
            self.refused += 1
            return False
        self.open_connections += 1
        return True

    def leave(self) -> None:
        """Count an admitted Network Connection out again."""
        self.open_connections -= 1

    def stop_accepting(self) -> None:
        """Take in nobody any more and free the addresses; who is inside stays. Idempotent."""
        for acceptor in self._acceptors:
            acceptor.stop()
        removal, self._removal = self._removal, None
        if removal is not None:
            removal()

    async def close(self) -> None:
        """Stop accepting, and return when nobody is on the way in any more."""
        self.stop_accepting()
        for acceptor in self._acceptors:
            await acceptor.stopped()
