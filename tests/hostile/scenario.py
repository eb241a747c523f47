"""What an attack is made of: a broker's configuration, and what is done to it for the Site's seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_5, Connect, Packet
from hostile.site import Deaf, Site
from support.raw_client import properties

Attack = Callable[[Site], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One attack on a broker with this configuration besides the usual one."""

    row: str
    text: str
    attack: Attack
    config: Mapping[str, Any] = field(default_factory=dict)
    descriptors: int = 0
    """As many as there are if it is 0."""
    rounds: int = 2
    """How often it is made. Where much is kept for a while, an allocator needs some until it has enough."""
    rest: float = 3.0
    """Seconds for the broker to be alone again: longer than it waits for a peer to close its side."""


SCENARIOS: list[Scenario] = []


def scenario(
    row: str, text: str, *, descriptors: int = 0, rounds: int = 2, rest: float = 3.0, **config: Any
) -> Callable[[Attack], Attack]:
    def note(attack: Attack) -> Attack:
        SCENARIOS.append(Scenario(row, text, attack, config, descriptors, rounds, rest))
        return attack

    return note


def hello(client_id: str, version: int = MQTT_5, *, clean: bool = True, **more: Any) -> bytes:
    given = {name: more.pop(name) for name in ("username", "password", "will") if name in more}
    packet = Connect(client_id, version, clean, **given, properties=properties(**more) if more else None)
    return encode(packet, version)


def written(*packets: Packet, version: int = MQTT_5) -> bytes:
    return b"".join(encode(packet, version) for packet in packets)


async def inside(site: Site, client_id: str, listener: str = "tcp", **more: Any) -> Deaf:
    """A Client that was accepted, and reads and forgets what it is sent."""
    made = await site.open(listener)
    await made.send(hello(client_id, **more))
    return made


async def again_and_again(site: Site, one: Callable[[int], Awaitable[None]], at_a_time: int = 20) -> None:
    """Do it over and over, a few at a time, until the time is over."""
    begun, numbers = asyncio.get_running_loop().time(), count()

    async def on() -> None:
        while not site.over(begun):
            await one(next(numbers))

    await asyncio.gather(*(on() for _ in range(at_a_time)))


def leave(crowd: list[Deaf]) -> None:
    for each in crowd:
        each.abort()
