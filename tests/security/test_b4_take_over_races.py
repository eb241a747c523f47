"""B4: however many come with one Client Identifier, in whatever order: one owner, one Session, one Will."""

import random

import pytest

from amqtt.server.events import ClientConnected, ClientDisconnected
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
from support.sizes import sized

SECONDS = 60
STEPS = sized(300, 600)
"""A third of them is somebody who connects: a hundred Clients, or two hundred."""


@pytest.mark.parametrize("seed", range(sized(20, 100)))
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
    for step in range(STEPS):
        bench.pass_time(SECONDS / STEPS)
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
                if isinstance(packet, Publish) and chance.random() < 0.7:
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


@pytest.mark.parametrize("goes", ["lost", "taken over"])
@pytest.mark.parametrize("ends", ["in time", "by a Client that starts clean"])
def test_a_will_that_was_published_is_not_published_again_when_its_session_ends(goes: str, ends: str) -> None:
    bench = Bench()
    fired: list[str] = []
    bench.server.subscribe("will", 0, lambda message, _: fired.append(message.topic))
    lasting = {"clean_start": False, "session_expiry_interval": 100}
    client = bench.connected("one", will=WillFields("will", b"dead"), **lasting)
    if goes == "lost":
        client.lose()
    else:
        bench.connected("one", **lasting).send(Disconnect())
    assert fired == ["will"]
    if ends == "in time":
        bench.pass_time(101)
    else:
        bench.connected("one", clean_start=True)
    assert fired == ["will"]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_who_was_taken_over_is_gone_before_its_successor_is_welcome(version: int) -> None:
    """Its Will Message, and that it left, come before the CONNACK; nothing that it says counts any more."""
    bench = Bench()
    witness = bench.connected("witness", version)
    witness.subscribe("#")
    old = bench.connected("one", version, will=WillFields("will", b"dead"))
    new = bench.client(version)
    order = []
    for kind in (ClientDisconnected, ClientConnected):
        bench.server.events.on(kind, lambda event: order.append((type(event), old.state.closed)))
    new.connect("one")
    assert order == [(ClientDisconnected, True), (ClientConnected, True)]
    assert [packet.payload for packet in witness.received() if isinstance(packet, Publish)] == [b"dead"]
    old.send(Publish("late", b"x"), Subscribe(1, [SubscriptionRequest("#")]))
    assert witness.received() == []
    assert bench.server.realm.sessions["one"].subscriptions == {}
    old.lose()
    assert not new.state.closed
    assert bench.server.realm.connected["one"] is new.state


def before_subscribed(sent: int, taken: set[bytes]) -> set[bytes]:
    """What was published before the first Client was there."""
    first = min((int(payload) for payload in taken), default=sent)
    return {b"%d" % number for number in range(first)}
