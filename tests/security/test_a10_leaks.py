"""A10: nothing stays of what was refused, however it was refused."""

import gc
import sys
from collections.abc import Iterator

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions, Refusal
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Packet,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    WillFields,
)
from support.bench_server import Bench
from support.packet_cases import FAULTS

REFUSED = 50_000
"""Packets for each version, so that there are 100,000 of all kinds together."""
FLAT = REFUSED // 50
"""Pieces of memory by which the process may grow meanwhile: not one for 50 packets."""
WARM_UP = 3_000
OURS = WillFields("w", bytes(1000))


class Choosy(Authenticator):
    """Refuses those whose name says so, and lets nobody subscribe."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Refusal() if request.username == "no" else Accepted(Strict(request.username))


class Strict(Permissions):
    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return -1

    def may_publish(self, topic: str, retain: bool) -> bool:
        return False


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def connects(name: str, version: int) -> list[Packet]:
    """CONNECT packets that are well formed and refused, each for another reason."""
    return [
        Connect(f"r{name}", version, username="no", will=OURS),
        Connect(f"w{name}", version, will=OURS),
        Connect(f"t{name}", version, will=WillFields("/" * 300, bytes(1000))),
        Connect(f"l{name}" + "x" * 1100, version),
        Connect(f"p{name}", version, username="u", password=bytes(1000), keep_alive=61),
        Connect("" if version != MQTT_5 else "x" * 1100, version, clean_start=False),
    ]


def packets(name: str, version: int) -> list[Packet | bytes]:
    """What a Client that is connected may not ask for."""
    return [
        Subscribe(1, [SubscriptionRequest(f"{name}/{n}/#") for n in range(20)]),
        Subscribe(1, [SubscriptionRequest(f"{name}/{n}") for n in range(20)] + [SubscriptionRequest("a#")]),
        Subscribe(1, [SubscriptionRequest(f"$share/{name}/{n}") for n in range(20)]),
        Unsubscribe(1, [f"{name}/{n}" for n in range(20)]),
        encode(Publish(f"t/{name}", bytes(1000), 1, True, packet_id=1), version),
        encode(Publish(f"t/{name}", bytes(1000), 2, True, packet_id=2), version),
    ]


def refused(bench: Bench, version: int) -> Iterator[None]:
    """One packet of each kind after the other, for as long as it is asked for one."""
    faults = [case.data for case in FAULTS if case.version == version]
    first = [case.data for case in FAULTS if not case.version]
    number = 0
    while True:
        number += 1
        name = str(number)
        for data in [*first, *connects(name, version)]:
            stranger = bench.client(version)
            stranger.send(data)
            yield
            stranger.lose()
        for data in [*faults, *packets(name, version)]:
            client = bench.connected(f"c{name}", version)
            client.send(data)
            yield
            client.lose()


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_no_object_stays_of_packets_that_are_refused(version: int) -> None:
    bench = Bench(Choosy(), maximum_failed_logins=0, maximum_keep_alive=60)
    source = refused(bench, version)
    figures = []
    for count in (WARM_UP, REFUSED):
        for _ in range(count):
            next(source)
        bench.pass_time(20)
        figures.append((objects(), sys.getallocatedblocks()))
    source.close()
    (objects_before, pieces_before), (objects_after, pieces_after) = figures
    assert objects_after - objects_before < 200
    assert pieces_after - pieces_before < FLAT
    realm = bench.server.realm
    assert (realm.connected.keys() | realm.sessions.keys() | realm.paced) <= {f"c{n}" for n in range(10**6)}
    assert (len(realm.sessions), len(realm.paced)) <= (1, 1)
    assert (len(realm.tree), realm.tree.nodes, len(realm.retained)) == (0, 0, 0)
    assert len(realm.shared) == 0
    assert len(bench.server.deadlines) == 0
    assert bench.faults == []
