"""Many bad Network Connections: the Server forgets each of them, and serves the others."""

import gc
import random
import tracemalloc

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import Connect, Publish, Subscribe, SubscriptionRequest, WillFields
from support.packet_cases import FAULTS, VALID
from support.raw_client import MQTT_3_1_1, MQTT_5, RawClient

BAD_CONNECTIONS = 2000
BOUND = 512 * 1024
"""Bytes that the memory in use may differ by: a Session forgotten is about 2 KiB, 2,000 are 4 MiB."""


def mischief(number):
    """What the Client with this number sends: without CONNECT, with a bad one, or a bad packet behind it."""
    version = (MQTT_3_1_1, MQTT_5)[number % 2]
    connect = encode(Connect(f"bad/{number}", version, will=WillFields("bad", b"w")), version)
    subscribe = encode(Subscribe(1, [SubscriptionRequest(f"bad/{number}/#")]), version)
    bad = [case.data for case in FAULTS if case.version == version]
    first = [case.data for case in FAULTS if not case.version]
    choices = [
        connect + subscribe + bad[number % len(bad)],
        first[number % len(first)],
        connect[:-1],
        connect + connect,
        random.Random(number).randbytes(200),
        b"\x00",
        connect + subscribe + encode(Publish("x", bytes(1000)), version)[:-1],
    ]
    return choices[number % len(choices)]


async def misbehave(address, number):
    stranger = await RawClient.open(address)
    stranger.send(mischief(number))
    stranger._writer.write_eof()
    await stranger.read_to_end()
    await stranger.close()


def memory():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.mqtt5("4.13.1-1", "4.1.0-2")
@pytest.mark.mqtt311("4.8.0-1")
async def test_memory_does_not_grow_with_bad_connections(broker, client):
    witness = await client.connected("witness")
    await witness.subscribe("witness", 1)
    address = broker.listeners["test"].addresses[0]
    for number in range(200):
        await misbehave(address, number)
    tracemalloc.start()
    try:
        before = memory()
        for number in range(BAD_CONNECTIONS):
            await misbehave(address, number)
            if number % 100 == 0:
                witness.publish("witness", b"%d" % number)
                assert [packet.payload for packet in await witness.sync()] == [b"%d" % number]
        grown = memory() - before
    finally:
        tracemalloc.stop()
    assert grown < BOUND
    realm = broker.server.realm
    assert list(realm.sessions) == ["witness"]
    assert list(realm.connected) == ["witness"]
    assert len(realm.tree) == 1


@pytest.mark.mqtt5("4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
async def test_valid_packets_with_a_byte_changed_do_no_harm(broker, client, version):
    chance = random.Random(version)
    witness = await client.connected("witness")
    await witness.subscribe("witness", 1)
    address = broker.listeners["test"].addresses[0]
    packets = [case.data for case in VALID if case.version == version]
    for data in packets:
        changed = bytearray(data)
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        stranger = await RawClient.open(address, version)
        await stranger.connect("stranger")
        stranger.send(bytes(changed))
        stranger._writer.write_eof()
        await stranger.read_to_end()
        await stranger.close()
    witness.publish("witness", b"still here")
    assert [packet.payload for packet in await witness.sync()] == [b"still here"]
