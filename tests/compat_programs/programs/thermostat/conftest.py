"""A broker for each test, as everybody's conftest.py has it."""

import asyncio

import pytest_asyncio

from amqtt.broker import Broker

CONFIG = {
    "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0", "max_connections": 15}},
    "sys_interval": 0,
    "auth": {"allow-anonymous": True},
}


class Spy:
    """Told by the broker what happens; waiting for it is what these tests do."""

    def __init__(self):
        self.arrived = asyncio.Condition()
        self.messages = []
        self.filters = []

    async def on_broker_message_received(self, client_id, message):
        async with self.arrived:
            self.messages.append((client_id, message.topic, bytes(message.data)))
            self.arrived.notify_all()

    async def on_broker_client_subscribed(self, client_id, topic, qos):
        async with self.arrived:
            self.filters.append((client_id, topic, qos))
            self.arrived.notify_all()

    async def wait(self, found):
        async with self.arrived, asyncio.timeout(60):
            await self.arrived.wait_for(found)


@pytest_asyncio.fixture
async def spy():
    return Spy()


@pytest_asyncio.fixture
async def broker(spy):
    broker = Broker({**CONFIG, "plugins": ["auth_anonymous", spy]}, plugin_namespace="amqtt.test.plugins")
    await broker.start()
    assert broker.transitions.is_started()
    assert broker._sessions == {}
    assert "default" in broker._servers
    yield broker
    if not broker.transitions.is_stopped():
        await broker.shutdown()


@pytest_asyncio.fixture
async def address(broker):
    return broker.listeners["default"].addresses[0]
