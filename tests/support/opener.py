"""Opens Network Connections to several Brokers."""

from contextlib import AsyncExitStack

from amqtt.broker import Broker
from support.raw_client import RawClient


class Opener:
    """Opens Network Connections to Brokers, and closes them behind the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(self, broker: Broker) -> RawClient:
        """A Network Connection to the Listener `test`, without CONNECT."""
        address = broker.listeners["test"].addresses[0]
        client = await RawClient.open(address)
        self._stack.push_async_callback(client.close)
        return client

    async def connected(self, broker: Broker, client_id: str) -> RawClient:
        """A Client that was accepted."""
        client = await self(broker)
        assert (await client.connect(client_id)).reason_code == 0
        return client
