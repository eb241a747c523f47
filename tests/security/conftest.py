"""Brokers on loopback, and Clients of them, for what must go through a socket."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from support.loopback_fixtures import broker, broker_with, client, faults
from support.opener import Opener

__all__ = ["broker", "broker_with", "client", "faults", "opener"]


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack)
