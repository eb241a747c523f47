"""Accepting Network Connections from one listening socket.

Not left to the event loops: asyncio's complains a thousand times a second when it is out of file
descriptors (python/cpython issue 151615), and neither can be told to stop for a while.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from amqtt.net.house import House
from amqtt.net.proxied import Proxied
from amqtt.net.tls_transport import TlsTransport

if TYPE_CHECKING:
    from amqtt.net.connection import Connection

ACCEPTED_PER_PASS = 64
"""A crowd of newcomers leaves the rest of each pass of the event loop to who is inside."""
EXHAUSTED_PAUSE = 1.0
"""Seconds without accepting when the system is out of file descriptors or memory."""
CROWDED_PAUSE = 0.05
"""Seconds without accepting when too many are inside of whom nobody knows who they are."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Accepts from `listening`, which is bound and listens, and owns it until `stop`.

    `tls` may be replaced at any time; it counts for those who come then.
    """

    def __init__(
        self,
        listening: socket.socket,
        house: House,
        make_connection: "Callable[[], Connection]",
        tls: ssl.SSLContext | None,
    ) -> None:
        self.tls = tls
        self._listening = listening
        self._house = house
        self._make_connection = make_connection
        self._unowned: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._spare = _open_spare()
        self._resume()

    def stop(self) -> None:
        """Accept no more and free the address. Idempotent."""
        if self._listening.fileno() < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._house.loop.remove_reader(self._listening)
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        self._close_spare()

    async def stopped(self) -> None:
        """Wait for those that were just being accepted; call `stop` before."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _resume(self) -> None:
        self._house.loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_PASS):
            if self._house.is_crowded:
                self._wait(CROWDED_PAUSE)
                return
            try:
                accepted, _ = self._listening.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                return
            except OSError as failed:
                self._wait_for_better_days(failed)
                return
            self._take_in(accepted)

    def _take_in(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        connection = self._make_connection()
        if not connection.enter(accepted):
            accepted.close()
            return
        self._unowned.add(accepted)
        task = self._house.loop.create_task(self._connect(connection, accepted))
        connection.connect_by(task)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._taken_in(done, accepted))

    def _taken_in(self, task: asyncio.Task[None], accepted: socket.socket) -> None:
        self._tasks.discard(task)
        if accepted in self._unowned:
            # Cancelled before its first step: no transport knows of it.
            self._unowned.discard(accepted)
            accepted.close()

    async def _connect(self, connection: "Connection", accepted: socket.socket) -> None:
        """Make the transport; it owns the accepted socket from here on."""
        self._unowned.discard(accepted)
        first = self._first_protocol(connection)
        await self._house.loop.connect_accepted_socket(lambda: first, accepted)

    def _first_protocol(self, connection: "Connection") -> asyncio.BufferedProtocol:
        """What the transport gives its bytes to: who announces a Client, then TLS, then the Connection."""
        protocol = connection if self.tls is None else TlsTransport(self.tls, connection)
        if connection.listener.is_proxy(connection.peer.address):
            return Proxied(connection, protocol)
        return protocol

    def _wait_for_better_days(self, failed: OSError) -> None:
        """Refuse who waits now, so that nobody hangs, then do not accept for a moment."""
        self._house.report(failed, None)
        if failed.errno in _EXHAUSTED:
            self._refuse_waiting()
        self._wait(EXHAUSTED_PAUSE)

    def _wait(self, seconds: float) -> None:
        self._house.loop.remove_reader(self._listening)
        self._pause = self._house.loop.call_later(seconds, self._resume)

    def _refuse_waiting(self) -> None:
        """Close what waits, with the one file descriptor that was kept for this."""
        if self._spare < 0:
            self._spare = _open_spare()
            return
        self._close_spare()
        try:
            while True:
                self._listening.accept()[0].close()
        except OSError:
            self._spare = _open_spare()

    def _close_spare(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def _open_spare() -> int:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
