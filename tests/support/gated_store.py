"""The store of a Broker with a door in front of it: the test says when a commit may go through."""

import asyncio
from collections.abc import Callable

from amqtt.abc import Batch
from amqtt.broker import Broker
from amqtt.errors import StoreError
from amqtt.store.sqlite import SqliteStore

ENOUGH = 60.0
"""Seconds for whatever must come; they only pass when the test fails."""


def store_of(broker: Broker) -> SqliteStore:
    """The store of a Broker that runs."""
    found = broker._keeping
    assert found is not None
    assert isinstance(found._store, SqliteStore)
    return found._store


class GatedStore:
    """Nothing is committed before `is_open` is set, nor while `fault` says why not; `commits` counts."""

    def __init__(self, broker: Broker) -> None:
        store = store_of(broker)
        self._commit = store.commit
        store.commit = self._through  # type: ignore[method-assign]
        self.is_open = asyncio.Event()
        self.reached = asyncio.Event()
        self.fault = ""
        self.commits = 0

    async def _through(self, batch: Batch) -> None:
        self.reached.set()
        if self.fault:
            raise StoreError(self.fault)
        await self.is_open.wait()
        await self._commit(batch)
        self.commits += 1


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(ENOUGH):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
