"""Every way in, with every version of MQTT: TCP, TLS, WebSocket, both, and Unix sockets."""

import asyncio
import random
import ssl
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from support.commands import Commands
from support.paho_client import Connects, Paho, given
from support.served import DEADLINE, Served
from support.tls import Authority

PAHO_TRANSPORTS = {"tcp": "tcp", "tls": "tcp", "ws": "websockets", "wss": "websockets", "unix": "unix"}
MIB = 1024 * 1024


def large(mebibytes: int) -> bytes:
    """A payload of which no two pieces are alike."""
    return random.Random(mebibytes).randbytes(mebibytes * MIB)


@pytest.fixture
def connected(served: Served, authority: Authority, paho_client: Connects) -> Callable[..., Paho]:
    """A paho client on one of the Listeners."""

    def connect(listener: str, client_id: str, version: int) -> Paho:
        client = paho_client(client_id, version, transport=PAHO_TRANSPORTS[listener])
        if listener in {"tls", "wss"}:
            client.client.tls_set_context(authority.client_context())
        where = served.path(listener) if listener == "unix" else served.port(listener)
        assert client.open(where) == 0
        return client

    return connect


@pytest.mark.parametrize("version", [paho.MQTTv31, paho.MQTTv311, paho.MQTTv5])
@pytest.mark.parametrize("listener", PAHO_TRANSPORTS)
def test_paho_publishes_and_receives(
    connected: Callable[..., Paho], name: str, listener: str, version: int
) -> None:
    client = connected(listener, name[-23:], version)
    for qos in (0, 1, 2):
        assert client.subscribe(f"{name}/{qos}", qos) == qos
        client.published(client.publish(f"{name}/{qos}", b"payload", qos))
        message = client.message()
        assert (message.topic, message.payload, message.qos) == (f"{name}/{qos}", b"payload", qos)


@pytest.mark.parametrize(
    ("listener", "mebibytes"), [("tcp", 10), ("tls", 10), ("unix", 10), ("tcp", 1), ("ws", 1), ("wss", 1)]
)
def test_paho_publishes_and_receives_large_payloads(
    connected: Callable[..., Paho], name: str, listener: str, mebibytes: int
) -> None:
    client, payload = connected(listener, name, paho.MQTTv5), large(mebibytes)
    client.subscribe(name, 1)
    client.publish(name, payload, 1)
    assert client.message().payload == payload


async def exchange_with_aiomqtt(name: str, **options: object) -> None:
    async with asyncio.timeout(DEADLINE), aiomqtt.Client(**options) as client:  # type: ignore[arg-type]
        await client.subscribe(f"{name}/#", qos=2)
        for qos in (0, 1, 2):
            await client.publish(f"{name}/{qos}", b"payload", qos=qos)
        received = [await anext(client.messages) for _ in range(3)]
    assert [(str(message.topic), message.payload, message.qos) for message in received] == [
        (f"{name}/{qos}", b"payload", qos) for qos in (0, 1, 2)
    ]


@pytest.mark.parametrize("version", list(aiomqtt.ProtocolVersion))
@pytest.mark.parametrize("listener", ["tcp", "tls", "ws", "wss"])
async def test_aiomqtt_publishes_and_receives(
    served: Served, authority: Authority, name: str, listener: str, version: aiomqtt.ProtocolVersion
) -> None:
    tls: ssl.SSLContext | None = authority.client_context() if listener in {"tls", "wss"} else None
    await exchange_with_aiomqtt(
        name,
        hostname="127.0.0.1",
        port=served.port(listener),
        identifier=name[-23:],
        protocol=version,
        tls_context=tls,
        transport=PAHO_TRANSPORTS[listener],
    )


async def test_aiomqtt_is_told_what_a_client_left_behind(served: Served, name: str) -> None:
    where, port = "127.0.0.1", served.port("tcp")
    will = aiomqtt.Will(name, b"gone", qos=1)
    version = aiomqtt.ProtocolVersion.V5
    async with asyncio.timeout(DEADLINE), aiomqtt.Client(where, port) as reader:
        await reader.subscribe(name)
        first = aiomqtt.Client(where, port, will=will, identifier=name, protocol=version)
        second = aiomqtt.Client(where, port, identifier=name, protocol=version)
        # The first one loses its Network Connection to another Client of its name, so its Will counts.
        async with first, second:
            assert (await anext(reader.messages)).payload == b"gone"


@pytest.fixture
def reach(served: Served, authority: Authority) -> dict[str, tuple[object, ...]]:
    """The options of Mosquitto's commands, by Listener."""
    return {
        "tcp": ("-h", "127.0.0.1", "-p", served.port("tcp")),
        "tls": ("-h", "127.0.0.1", "-p", served.port("tls"), "--cafile", authority.cafile),
        "unix": ("--unix", served.path("unix")),
    }


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
@pytest.mark.parametrize("listener", ["tcp", "tls", "unix"])
def test_mosquitto_publishes_and_receives(
    served: Served,
    commands: Commands,
    reach: dict[str, tuple[object, ...]],
    name: str,
    listener: str,
    version: str,
) -> None:
    where = (*reach[listener], "-V", version)
    reader = commands.start(
        "mosquitto_sub", *where, "-i", name[-23:], "-q", 2, "-t", f"{name}/+", "-C", 3, "-F", "%t %q %p"
    )
    served.subscribed(name[-23:], f"{name}/+")
    for qos in (0, 1, 2):
        commands.run("mosquitto_pub", *where, "-q", qos, "-t", f"{name}/{qos}", "-m", "payload")
    assert reader.lines() == [f"{name}/{qos} {qos} payload" for qos in (0, 1, 2)]


@pytest.mark.parametrize("mebibytes", [1, 10])
@pytest.mark.parametrize("listener", ["tcp", "tls", "unix"])
def test_mosquitto_publishes_and_receives_large_payloads(
    served: Served,
    commands: Commands,
    reach: dict[str, tuple[object, ...]],
    name: str,
    tmp_path: Path,
    listener: str,
    mebibytes: int,
) -> None:
    payload, path = large(mebibytes), tmp_path / "payload"
    path.write_bytes(payload)
    reader = commands.start("mosquitto_sub", *reach[listener], "-i", name, "-q", 1, "-t", name, "-C", 1, "-N")
    served.subscribed(name, name)
    commands.run("mosquitto_pub", *reach[listener], "-q", 1, "-t", name, "-f", path)
    assert reader.finish() == payload


def test_a_client_that_does_not_trust_us_stays_out(
    served: Served, commands: Commands, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    for options in (("-p", served.port("tls"), "--cafile", stranger.cafile), ("-p", served.port("tls"))):
        _, _, status = commands.start("mosquitto_pub", *options, "-t", "a", "-m", "x").end()
        assert status != 0


@pytest.mark.parametrize("listener", ["tcp", "unix"])
def test_a_will_of_mqtt_5_is_published_with_its_properties(
    connected: Callable[..., Paho], paho_client: Connects, served: Served, name: str, listener: str
) -> None:
    watcher = connected(listener, f"{name}-watcher", paho.MQTTv5)
    watcher.subscribe(name, 2)
    client = paho_client(name, paho.MQTTv5, transport=PAHO_TRANSPORTS[listener])
    values = given(PacketTypes.WILLMESSAGE, ContentType="text/plain", UserProperty=("why", "crash"))
    client.client.will_set(name, b"gone", 2, properties=values)
    client.open(served.path("unix") if listener == "unix" else served.port("tcp"))
    client.client.disconnect(reasoncode=ReasonCode(PacketTypes.DISCONNECT, identifier=4))
    message = watcher.message()
    assert (message.payload, message.qos) == (b"gone", 2)
    assert message.properties is not None
    assert message.properties.json() == {"ContentType": "text/plain", "UserProperty": [("why", "crash")]}
