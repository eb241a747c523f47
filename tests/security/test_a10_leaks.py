"""A10: nothing stays of what was refused, however it was refused."""

import gc

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions, Refusal
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Publish,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.bench_server import Bench
from support.packet_cases import FAULTS

ROUNDS = 300


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


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_no_object_stays_of_packets_that_are_refused(version: int) -> None:
    bench = Bench(Choosy(), maximum_failed_logins=0)
    faults = [case.data for case in FAULTS if case.version == version]
    first = [case.data for case in FAULTS if not case.version]

    def one_round(number: int) -> None:
        for data in first:
            stranger = bench.client(version)
            stranger.send(data)
            stranger.lose()
        for data in faults:
            client = bench.connected(f"c{number}", version, will=WillFields("w", b""))
            client.send(data)
            client.lose()
        refused = bench.client(version)
        refused.send(Connect(f"r{number}", version, username="no", will=WillFields("w", bytes(1000))))
        client = bench.client(version)
        client.send(Connect(f"s{number}", version))
        client.send(Subscribe(1, [SubscriptionRequest(f"{number}/{n}/#") for n in range(20)]))
        client.send(encode(Publish(f"t/{number}", bytes(1000), 1, True, packet_id=1), version))
        client.lose()

    for number in range(20):
        one_round(number)
    bench.pass_time(20)
    before = objects()
    for number in range(20, 20 + ROUNDS // 10):
        one_round(number)
    bench.pass_time(20)
    assert objects() - before < 100
    realm = bench.server.realm
    assert (realm.sessions, realm.connected) == ({}, {})
    assert (len(realm.tree), realm.tree.nodes, len(realm.retained)) == (0, 0, 0)
    assert len(bench.server.deadlines) == 0
