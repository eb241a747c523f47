"""Opening a Network Connection to a Server, over whatever transport its address names."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from amqtt.client_session.settings import ClientSettings
from amqtt.clients.address import ServerAddress
from amqtt.clients.network import NetworkConnection, Receiver, sentence
from amqtt.clients.tls import TlsOptions, client_context
from amqtt.errors import ConnectError
from amqtt.sessions.link import Turn

HAPPY_EYEBALLS = 0.25
"""Seconds after which the next address of a host is tried beside the first (RFC 8305)."""

def _answers_something_else(failed: Exception) -> bool:
    """Whether somebody is there who does not understand what he is told."""
    if isinstance(failed, ssl.SSLError):
        return not isinstance(failed, ssl.SSLCertVerificationError)
    return isinstance(failed, (ConnectionResetError, ConnectionAbortedError)) or type(failed) in (
        ConnectionError, ValueError,
    )


class Door:
    """How to reach one Server: its address, the TLS, and what a WebSocket handshake says besides."""

    def __init__(
        self,
        address: ServerAddress,
        tls: ssl.SSLContext | TlsOptions | None,
        headers: Mapping[str, str],
    ) -> None:
        self.address = address
        self._headers = headers
        self._context: ssl.SSLContext | None = None
        if address.secure:
            options = tls or TlsOptions()
            if isinstance(options, TlsOptions):
                options = client_context(options, for_websocket=address.transport == "ws")
            self._context = options
        elif tls is not None:
            raise ValueError("TLS is for mqtts:// and wss:// addresses; this one is not encrypted")

    @property
    def doubt(self) -> str:
        """What to ask oneself where a port answers with something else than what was expected."""
        if self.address.secure:
            return "; does this port speak TLS?"
        if self.address.transport == "tcp":
            return "; is this a port for TLS (mqtts://) or for WebSocket (ws://)?"
        return "; is this a port for WebSocket?" if self.address.transport == "ws" else ""

    async def open(self, receiver: Receiver, turn: Turn, settings: ClientSettings) -> NetworkConnection:
        """A Network Connection that is ready for CONNECT; ConnectError says why there is none."""
        maximum_unsent, seconds = settings.maximum_unsent_bytes, settings.connect_timeout
        connection: NetworkConnection
        if self.address.transport == "ws":
            from amqtt.clients.websocket import WebSocketConnection

            connection = WebSocketConnection(
                receiver, turn, maximum_unsent, self.address, self._headers,
                settings.maximum_packet_size,
            )
        else:
            connection = NetworkConnection(receiver, turn, maximum_unsent)
        try:
            async with asyncio.timeout(seconds):
                await self._connect(connection)
                await connection.opened
        except TimeoutError:
            connection.abort()
            raise ConnectError(f"cannot connect to {self.address}: no answer within {seconds:g} s") from None
        except (OSError, ValueError) as failed:
            connection.abort()
            why = sentence(failed) + (self.doubt if _answers_something_else(failed) else "")
            raise ConnectError(f"cannot connect to {self.address}: {why}") from failed
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _connect(self, connection: NetworkConnection) -> None:
        address = self.address
        loop = connection.loop
        if address.transport == "unix":
            await loop.create_unix_connection(lambda: connection, address.path)
            return
        options: dict[str, Any] = {} if self._context is None else {"ssl": self._context}
        if isinstance(loop, asyncio.BaseEventLoop):
            options["happy_eyeballs_delay"] = HAPPY_EYEBALLS  # uvloop does not know of it.
        await loop.create_connection(lambda: connection, address.host, address.port, **options)
