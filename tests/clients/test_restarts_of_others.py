"""aiomqtt and MQTT.js over several lives of the command `amqtt`, with messages on their way both ways."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
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
COUNT = 80
"""Messages in each of three lives. paho, below aiomqtt, forgets our Receive Maximum of 256; MQTT.js sends
again what was not acknowledged one after the other, and waits for each."""
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
    """An aiomqtt.Client that resumes its Session, and what it has received.

    It publishes before its CONNACK has come, so in another order than that of before.
    """

    def __init__(self, lives: Lives, name: str, version: aiomqtt.ProtocolVersion) -> None:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 300
        old, new = {"clean_session": False}, {"clean_start": False, "properties": properties}
        kept = new if version is NEW else old
        self.client = aiomqtt.Client("127.0.0.1", lives.port, identifier=name, protocol=version, **kept)  # type: ignore[arg-type]
        self.got: list[int] = []
        self.subscribed, self.has_all = asyncio.Event(), asyncio.Event()

    async def receive(self, qos: int) -> None:
        """Take messages until b"end", through as many lives of the broker as there are."""
        while True:
            try:
                async with self.client:
                    if not self.subscribed.is_set():
                        await self.client.subscribe("t", qos)
                        self.subscribed.set()
                    async for message in self.client.messages:
                        assert isinstance(message.payload, bytes)
                        if message.payload == b"end":
                            return
                        self.got.append(int(message.payload))
                        if len(set(self.got)) == 3 * COUNT:
                            self.has_all.set()
            except aiomqtt.MqttError:
                await asyncio.sleep(PAUSE)

    async def publish(self, payloads: list[bytes], qos: int, end: Ends, lives: Lives) -> int:
        """Publish, and end the broker meanwhile; how many were not acknowledged then.

        To be told is what is given up: paho, below, sends them again when it is back.
        """
        publishing: list[asyncio.Task[None]] = []
        with suppress(aiomqtt.MqttError):
            async with self.client:
                publishing += [asyncio.create_task(self.client.publish("t", each, qos)) for each in payloads]
                await asyncio.sleep(0)
                await asyncio.to_thread(end, lives)
                unfinished = sum(task.cancel() for task in publishing)
                await asyncio.wait(publishing)
        return unfinished


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
        tasks.create_task(receiver.receive(qos))
        await receiver.subscribed.wait()
        for life in range(2):
            now = payloads[life * COUNT : (life + 1) * COUNT]
            unfinished += await publisher.publish(now, qos, end, lives)
            lives.begin()
        async with publisher.client as client:
            await asyncio.gather(*[client.publish("t", each, qos) for each in payloads[2 * COUNT :]])
            await receiver.has_all.wait()
            await client.publish("t", b"end", qos)
    assert unfinished or end is STOPPED
    once = receiver.got if qos == 2 else set(receiver.got)
    assert sorted(once) == list(range(3 * COUNT))
