"""Our own Client with our Broker and with Mosquitto, over every transport."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from amqtt.clients import Client, Reconnect, TlsOptions
from support.loopback import Brokers
from support.mosquitto_server import MosquittoServer, mosquitto_server, url_of
from support.served import Served
from support.tls import Authority

SOON = Reconnect(first=0.01, longest=0.1)
"""Tests need not be polite."""


@pytest.fixture(scope="session")
def shared_mosquitto(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MosquittoServer]:
    with mosquitto_server(tmp_path_factory.mktemp("mosquitto"), authority) as server:
        yield server


@pytest.fixture(params=["amqtt", "mosquitto"])
def server_url(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The URL of a Server over a transport."""
    if request.param == "mosquitto":
        server: MosquittoServer = request.getfixturevalue("shared_mosquitto")
        return server.url
    served: Served = request.getfixturevalue("served")

    def url(transport: str) -> str:
        unix = transport == "unix"
        return url_of(transport, 0 if unix else served.port(transport), served.path("unix") if unix else "")

    return url


@pytest.fixture
def client_of(authority: Authority) -> Callable[..., Client]:
    """Make a Client that trusts the CA of the tests."""

    def make(url: str, **options: Any) -> Client:
        if url.startswith(("mqtts", "wss")):
            options.setdefault("tls", TlsOptions(cafile=authority.cafile))
        options.setdefault("reconnect", SOON)
        return Client(url, **options)

    return make


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """No task of a Client may be left."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()


@pytest.fixture
async def broker_with() -> AsyncIterator[Brokers]:
    """Start Brokers with limits of their own; a test in which one failed has failed."""
    faults: list[BaseException] = []
    async with AsyncExitStack() as stack:
        yield Brokers(stack, faults)
    assert faults == []
