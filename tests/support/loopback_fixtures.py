"""Fixtures: Brokers on loopback, and Clients of them, that are closed whatever becomes of the test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from amqtt.broker import Broker
from support.loopback import Brokers, Clients


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
