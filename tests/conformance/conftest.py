"""Brokers on loopback, and Clients of them, that are closed whatever becomes of the test."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from amqtt.broker import Broker
from amqtt.server.events import Fault
from support.raw_client import MQTT_5, RawClient


class Brokers:
    """Starts Brokers: `await broker_with(maximum_qos=1)` is one with other limits.

    `server` are fields of ServerSettings beside the limits (`server={"server_reference": "x"}`).
    """

    def __init__(self, stack: AsyncExitStack, faults: list[BaseException]) -> None:
        self._stack = stack
        self._faults = faults

    async def __call__(self, *, server: dict[str, object] | None = None, **limits: object) -> Broker:
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp"}, "test": {"bind": "127.0.0.1:0"}},
                "sys_interval": 0,
                "limits": limits,
            }
        )
        realm = broker.server.realm
        realm.settings = dataclasses.replace(realm.settings, **(server or {}))  # type: ignore[arg-type]
        broker.server.events.on(Fault, lambda event: self._faults.append(event.exception))
        return await self._stack.enter_async_context(broker)


class Clients:
    """Opens Network Connections: `await client(version=5)`; `await client.connected("id")` sends CONNECT, too."""

    def __init__(self, stack: AsyncExitStack, broker: Broker) -> None:
        self._stack = stack
        self._broker = broker

    async def __call__(self, version: int = MQTT_5, *, broker: Broker | None = None) -> RawClient:
        """A Network Connection without CONNECT; `broker` is another one than the fixture's."""
        address = (broker or self._broker).listeners["test"].addresses[0]
        opened = await RawClient.open(address, version)
        self._stack.push_async_callback(opened.close)
        return opened

    async def connected(
        self, client_id: str = "", version: int = MQTT_5, *, broker: Broker | None = None, **options: object
    ) -> RawClient:
        """A Client that was accepted; `options` are those of RawClient.connect."""
        opened = await self(version, broker=broker)
        connack = await opened.connect(client_id, **options)  # type: ignore[arg-type]
        assert connack.reason_code == 0
        return opened


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
