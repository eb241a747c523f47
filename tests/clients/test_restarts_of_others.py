"""aiomqtt and MQTT.js over several lives of the command `amqtt`, with messages on their way both ways."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.commands import Commands, missing
from support.lives import KILLED, STOPPED, Ends, Lives
from support.served import DEADLINE

HERE = Path(__file__).parent
OLD, NEW = aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5
COUNT = 300
"""Messages that are published in each of three lives."""
PAUSE = 0.05
"""Seconds between two attempts to connect."""

every_way = pytest.mark.parametrize("end", [KILLED, STOPPED])


@pytest.fixture
def lives(commands: Commands, tmp_path: Path) -> Iterator[Lives]:
    """These clients know one port."""
    made = Lives(commands, tmp_path, stays=True)
    yield made
    assert made.running.process.poll() is None, "it has ended by itself"


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [1, 2])
@every_way
def test_mqttjs_loses_nothing_and_has_qos_2_once(
    lives: Lives, commands: Commands, version: int, qos: int, end: Ends
) -> None:
    if not (HERE / "node_modules" / "mqtt").is_dir():
        missing("MQTT.js in tests/clients/node_modules")
    given = {
        "url": f"mqtt://127.0.0.1:{lives.port}", "topic": "t", "clientId": "one",
        "version": version, "qos": qos, "count": COUNT,
    }
    clients = commands.start("node", HERE / "mqttjs.mjs", "lives", json.dumps(given))
    unfinished = 0
    for _ in range(2):
        assert clients.line() == "sent"
        end(lives)
        unfinished += int(clients.line())
        lives.begin()
    clients.finish()
    assert unfinished or end is STOPPED


class Resuming:
    """An aiomqtt.Client that resumes its Session, and what it has received."""

    def __init__(self, lives: Lives, name: str, version: aiomqtt.ProtocolVersion) -> None:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 300
        old, new = {"clean_session": False}, {"clean_start": False, "properties": properties}
        kept = new if version is NEW else old
        self.client = aiomqtt.Client("127.0.0.1", lives.port, identifier=name, protocol=version, **kept)  # type: ignore[arg-type]
        self.got: list[bytes] = []

    async def receive(self, qos: int, subscribed: asyncio.Event) -> None:
        """Take messages until b"end", through as many lives of the broker as there are."""
        while True:
            try:
                async with self.client:
                    if not subscribed.is_set():
                        await self.client.subscribe("t", qos)
                        subscribed.set()
                    async for message in self.client.messages:
                        assert isinstance(message.payload, bytes)
                        self.got.append(message.payload)
                        if self.got[-1] == b"end":
                            return
            except aiomqtt.MqttError:
                await asyncio.sleep(PAUSE)

    async def publish(self, payloads: list[bytes], qos: int, end: Ends, lives: Lives) -> int:
        """Publish, and end the broker meanwhile; how many were not acknowledged then."""
        async with self.client:
            publishing = [
                asyncio.create_task(self.client.publish("t", payload, qos, timeout=DEADLINE))
                for payload in payloads
            ]
            await asyncio.sleep(0)
            await asyncio.to_thread(end, lives)
            outcomes = await asyncio.gather(*publishing, return_exceptions=True)
        return sum(isinstance(outcome, aiomqtt.MqttError) for outcome in outcomes)


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("qos", [1, 2])
@every_way
async def test_aiomqtt_loses_nothing_and_has_qos_2_once(
    lives: Lives, version: aiomqtt.ProtocolVersion, qos: int, end: Ends
) -> None:
    receiver, publisher = (Resuming(lives, name, version) for name in ("receiver", "publisher"))
    payloads = [b"%d" % number for number in range(3 * COUNT)]
    unfinished = 0
    async with asyncio.timeout(2 * DEADLINE), asyncio.TaskGroup() as tasks:
        subscribed = asyncio.Event()
        tasks.create_task(receiver.receive(qos, subscribed))
        await subscribed.wait()
        for life in range(2):
            now = payloads[life * COUNT : (life + 1) * COUNT]
            unfinished += await publisher.publish(now, qos, end, lives)
            lives.begin()
        async with publisher.client as client:
            await asyncio.gather(*[client.publish("t", each, qos) for each in payloads[2 * COUNT :]])
            await client.publish("t", b"end", qos)
    assert unfinished or end is STOPPED
    if qos == 2:
        assert receiver.got == [*payloads, b"end"]
    else:
        assert list(dict.fromkeys(receiver.got)) == [*payloads, b"end"]
