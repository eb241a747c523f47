"""Brokers on loopback, and Clients of them: what the tests of conformance are made with."""

import dataclasses
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from amqtt.broker import Broker
from amqtt.server.events import Fault
from amqtt.wire.packets import Connack, Disconnect
from amqtt.wire.primitives import variable_byte_integer
from support.raw_client import MQTT_5, RawClient


class Brokers:
    """Starts Brokers: `await broker_with(maximum_qos=1)` is one with other limits.

    `server` are fields of ServerSettings beside the limits (`server={"server_reference": "x"}`).
    """

    def __init__(self, stack: AsyncExitStack, faults: list[BaseException]) -> None:
        self._stack = stack
        self._faults = faults

    async def __call__(self, *, server: Mapping[str, Any] | None = None, **limits: Any) -> Broker:
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp"}, "test": {"bind": "127.0.0.1:0"}},
                "sys_interval": 0,
                "limits": limits,
            }
        )
        realm = broker.server.realm
        realm.settings = dataclasses.replace(realm.settings, **(server or {}))
        broker.server.events.on(Fault, lambda event: self._faults.append(event.exception))
        return await self._stack.enter_async_context(broker)


class Clients:
    """Opens Network Connections: `await client(version=5)`, with CONNECT `await client.connected("id")`."""

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
        self, client_id: str = "", version: int = MQTT_5, *, broker: Broker | None = None, **options: Any
    ) -> RawClient:
        """A Client that was accepted; `options` are those of RawClient.connect."""
        opened = await self(version, broker=broker)
        connack = await opened.connect(client_id, **options)
        assert connack.reason_code == 0
        return opened


def connect_bytes(
    payload: bytes = b"\0\1a",
    flags: int = 0x02,
    name: bytes = b"\0\4MQTT",
    level: int = 5,
    properties: bytes = b"\0",
    keep_alive: bytes = b"\0\0",
) -> bytes:
    """A CONNECT packet of any fields, also of wrong ones; `properties` begin with their length."""
    body = name + bytes((level, flags)) + keep_alive + properties + payload
    return b"\x10" + variable_byte_integer(len(body)) + body


async def refusal(client: RawClient) -> Connack:
    """The CONNACK that refuses: the only packet before the Server closes the Network Connection."""
    (packet,) = await client.expect_closed()
    assert isinstance(packet, Connack), packet
    assert packet.reason_code >= 0x80
    return packet


async def farewell(client: RawClient) -> Disconnect:
    """The DISCONNECT: the only packet before the Server closes the Network Connection."""
    (packet,) = await client.expect_closed()
    assert isinstance(packet, Disconnect), packet
    return packet
