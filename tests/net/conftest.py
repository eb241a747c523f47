import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from amqtt.net.connection import Connection
from amqtt.net.house import House
from amqtt.net.listeners import Listener, open_listener
from amqtt.net.settings import ListenerSettings
from amqtt.server.limits import Limits
from amqtt.sessions.link import Turn
from support.echo_server import EchoServer
from support.tls import Authority


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@dataclass
class Site:
    """A House with an EchoServer, and what went wrong in it."""

    server: EchoServer
    house: House
    faults: list[BaseException]
    noise: list[dict[str, Any]]
    listeners: list[Listener] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)

    async def listen(self, **settings: Any) -> Listener:
        wanted = {"name": "test", "bind": ("127.0.0.1", 0), **settings}
        listener = await open_listener(ListenerSettings(**wanted), self.house)
        self.listeners.append(listener)
        return listener

    async def port(self, **settings: Any) -> int:
        address = (await self.listen(**settings)).addresses[0]
        assert isinstance(address, tuple)
        return address[1]

    async def connect(self, port: int, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A Client's side of a Network Connection; the Site closes it in the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
        self.writers.append(writer)
        return reader, writer

    def connect_deaf(self, port: int) -> socket.socket:
        """A peer that reads nothing until it is told to, with a small buffer."""
        deaf = socket.socket()
        self.sockets.append(deaf)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", port))
        deaf.setblocking(False)
        return deaf

    async def only_connection(self) -> Connection:
        await self.server.first()
        (connection,) = self.house.connections
        if connection._handshake is not None:
            await asyncio.wait([connection._handshake], timeout=10)
        return connection

    async def close(self) -> None:
        for listener in self.listeners:
            await listener.close()
            inside = [one for one in self.house.connections if one.listener is listener]
            assert listener.open_connections == len(inside)
        self.house.abort()
        async with asyncio.timeout(10):
            await self.house.emptied()
        for writer in self.writers:
            writer.transport.abort()
        for peer in self.sockets:
            peer.close()
        await asyncio.sleep(0)
        assert all(state.reason is not None for state in self.server.states)
        assert self.noise == []


@pytest.fixture
async def open_site() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Make a Site with given limits; at the end nothing may be left of it, nor anything complained of."""
    made: list[Site] = []
    loop = asyncio.get_running_loop()

    async def make(**limits: Any) -> Site:
        server = EchoServer(Limits(**limits))
        faults: list[BaseException] = []
        noise: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: noise.append(context))
        turn = Turn(lambda: None)
        house = House(server, turn, lambda fault, _: faults.append(fault))
        made.append(Site(server, house, faults, noise))
        return made[-1]

    yield make
    for site in made:
        await site.close()


@pytest.fixture
async def site(open_site: Callable[..., Awaitable[Site]]) -> Site:
    return await open_site()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))
