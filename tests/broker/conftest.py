from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from support.opener import Opener


@pytest.fixture
async def opener() -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack)
