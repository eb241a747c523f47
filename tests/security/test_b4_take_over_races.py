"""B4: however many come with one Client Identifier, in whatever order: one owner, one Session, one Will."""

import random

import pytest

from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Puback,
    Publish,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.bench_server import Bench, BenchClient


@pytest.mark.parametrize("seed", range(20))
def test_a_crowd_with_one_identifier_leaves_one_owner_and_loses_nothing(seed: int) -> None:
    chance = random.Random(seed)
    bench = Bench(maximum_reconnections=0)
    realm = bench.server.realm
    witness, publisher = bench.connected("witness"), bench.connected("publisher")
    witness.subscribe("will/#")
    line: list[BenchClient] = []
    wills = sent = 0
    fired: list[str] = []
    taken: set[bytes] = set()
    for step in range(300):
        what = chance.random()
        if what < 0.35 or not line:
            version = chance.choice((MQTT_3_1_1, MQTT_5))
            client = bench.client(version)
            more = {"session_expiry_interval": 10_000} if version == MQTT_5 else {}
            wills += 1
            client.connect("one", clean_start=False, will=WillFields(f"will/{wills}", b"", 1), **more)
            line.append(client)
            client.send(Subscribe(1, [SubscriptionRequest("news", 1)]))
        elif what < 0.5:
            chance.choice(line).lose()
        elif what < 0.6:
            chance.choice(line).send(Disconnect())
        elif what < 0.9:
            publisher.publish("news", b"%d" % sent, 1, packet_id=step + 1)
            sent += 1
        for client in line:
            for packet in client.received():
                if isinstance(packet, Publish):
                    taken.add(packet.payload)
                    client.send(Puback(packet.packet_id))
        there = [client for client in line if not client.state.closed]
        assert len(there) <= 1
        assert (realm.connected.get("one") is not None) == bool(there)
        assert len([name for name in realm.sessions if name == "one"]) <= 1
        fired += [packet.topic for packet in witness.received() if isinstance(packet, Publish)]
    last = bench.connected("one", clean_start=False)
    for packet in last.received():
        if isinstance(packet, Publish):
            taken.add(packet.payload)
    assert taken >= {b"%d" % number for number in range(sent)} - before_subscribed(sent, taken)
    assert len(fired) == len(set(fired))
    assert bench.faults == []


def before_subscribed(sent: int, taken: set[bytes]) -> set[bytes]:
    """What was published before the first Client was there."""
    first = min((int(payload) for payload in taken), default=sent)
    return {b"%d" % number for number in range(first)}
