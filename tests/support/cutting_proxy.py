"""A network that breaks: a TCP proxy that drops its connections after so many bytes."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Listens on a port of its own and passes bytes to `port`, both ways.

    Each new connection asks `allowance` how many bytes may pass until everything is cut; None lets
    all of them pass.
    """

    def __init__(self, port: int, allowance: Callable[[], int | None]) -> None:
        self.target = port
        self.cuts = 0
        self._ask = allowance
        self._left: int | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Drop every connection, with whatever is on its way."""
        self.cuts += 1
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._left = self._ask()
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(server_writer)
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(4096):
                passing = data if self._left is None else data[: self._left]
                sink.write(passing)
                await sink.drain()
                if self._left is not None:
                    self._left -= len(passing)
                    if self._left <= 0:
                        self.cut()
                        break
        self._writers.discard(sink)
        sink.close()
