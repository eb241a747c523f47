"""Brokers on loopback, and Clients of them, for what must go through a socket."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from amqtt.broker import Broker
from support.loopback import Brokers, Clients
from support.opener import Opener


@pytest.fixture
def faults() -> Iterator[list[BaseException]]:
    """The Faults that the Servers told of; a test that means to bring one about clears it."""
    told: list[BaseException] = []
    yield told
    assert told == []


@pytest.fixture
async def broker_with(faults: list[BaseException]) -> AsyncIterator[Brokers]:
    async with AsyncExitStack() as stack:
        yield Brokers(stack, faults)


@pytest.fixture
async def broker(broker_with: Brokers) -> Broker:
    return await broker_with()


@pytest.fixture
async def client(broker: Broker) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(stack, broker)


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack)
