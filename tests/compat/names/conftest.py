from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from amqtt.broker import Broker
from support.opener import Opener


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack)


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker({"listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0}) as running:
        yield running
