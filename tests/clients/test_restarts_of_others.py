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
"""Messages that begin each of three lives. paho, below aiomqtt, forgets our Receive Maximum of 256; MQTT.js
sends again what was not acknowledged one after the other, and waits for each."""
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
        "version": version, "qos": qos, "count": COUNT, "goOn": end is KILLED,
    }
    clients = commands.start("node", HERE / "mqttjs.mjs", "lives", json.dumps(given))
    for _ in range(2):
        assert clients.line() == "sent"
        end(lives)
        unfinished = int(clients.line())
        assert unfinished >= COUNT or end is STOPPED, "too few are on their way"
        lives.begin()
    clients.finish()


def client_of(lives: Lives, name: str, version: aiomqtt.ProtocolVersion) -> aiomqtt.Client:
    """One whose Session lasts."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 300
    old, new = {"clean_session": False}, {"clean_start": False, "properties": properties}
    kept = new if version is NEW else old
    return aiomqtt.Client("127.0.0.1", lives.port, identifier=name, protocol=version, **kept)  # type: ignore[arg-type]


class Receiver:
    """An aiomqtt.Client that resumes its Session, and what it has received."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.got: list[int] = []
        self.subscribed = asyncio.Event()

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
            except aiomqtt.MqttError:
                await asyncio.sleep(PAUSE)


async def publish(
    client: aiomqtt.Client, payloads: list[bytes], qos: int, end: Ends, lives: Lives
) -> set[int]:
    """Publish, and end the broker meanwhile; those that were acknowledged.

    Each life has a publisher of its own: one that comes back loses its way. aiomqtt then publishes before
    its CONNACK, for which paho, below, leaves unsent what it should send again; and when a second attempt to
    connect fails, paho publishes anew what it had released.
    """
    done: set[int] = set()
    with suppress(aiomqtt.MqttError):
        async with client:
            publishing = [asyncio.create_task(client.publish("t", each, qos)) for each in payloads]
            await asyncio.sleep(0)
            await asyncio.to_thread(end, lives)
            for payload, task in zip(payloads, publishing, strict=True):
                if not task.cancel() and task.exception() is None:
                    done.add(int(payload))
            await asyncio.wait(publishing)
    return done


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("qos", [1, 2])
@every_way
async def test_aiomqtt_loses_nothing_that_was_acknowledged_and_has_qos_2_once(
    lives: Lives, version: aiomqtt.ProtocolVersion, qos: int, end: Ends
) -> None:
    receiver = Receiver(client_of(lives, "receiver", version))
    payloads = [b"%d" % number for number in range(3 * COUNT)]
    acknowledged: set[int] = set()
    async with asyncio.timeout(2 * DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(receiver.receive(qos))
        await receiver.subscribed.wait()
        for life in range(2):
            now = payloads[life * COUNT : (life + 1) * COUNT]
            publisher = client_of(lives, f"publisher-{life}", version)
            acknowledged |= await publish(publisher, now, qos, end, lives)
            lives.begin()
        async with client_of(lives, "publisher-2", version) as client:
            last = payloads[2 * COUNT :]
            await asyncio.gather(*[client.publish("t", each, qos) for each in last])
            await client.publish("t", b"end", qos)
    acknowledged |= {int(each) for each in last}
    assert acknowledged <= set(receiver.got)
    assert qos == 1 or len(receiver.got) == len(set(receiver.got))
