"""D4: a Will Message may be published at CONNECT and when its time has come, or not at all."""

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Publish, WillFields
from support.bench_server import Bench
from support.raw_client import properties

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


class Changing(Permissions):
    """May publish whatever `allowed` has at the moment; no retained messages to `plain`."""

    def __init__(self, allowed: set[str]) -> None:
        super().__init__()
        self.allowed = allowed

    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic in self.allowed and not (retain and topic == "plain")


class Door(Authenticator):
    def __init__(self) -> None:
        self.allowed = {"will", "plain"}

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Changing(self.allowed))


@BOTH
@pytest.mark.parametrize("topic", ["other", "$SYS/x", "$CONTROL/x", "$amqtt/x", "$share/g/x", "will/"])
def test_a_will_that_may_not_be_published_refuses_the_connect(version: int, topic: str) -> None:
    bench = Bench(Door())
    client = bench.client(version)
    connack = client.connect("c", will=WillFields(topic, b"x"))
    assert connack.reason_code == 0x87
    assert client.state.closed
    assert bench.server.realm.sessions == {}


@BOTH
@pytest.mark.parametrize("topic", ["$SYS/broker/uptime", "$CONTROL/x", "$x"])
def test_so_it_is_without_any_rules_for_what_is_ours(version: int, topic: str) -> None:
    assert Bench().client(version).connect("c", will=WillFields(topic, b"x")).reason_code == 0x87


@BOTH
def test_retain_is_asked_about_too(version: int) -> None:
    assert Bench(Door()).client(version).connect("c", will=WillFields("plain", b"")).reason_code == 0
    refused = Bench(Door()).client(version).connect("c", will=WillFields("plain", b"", 0, True))
    assert refused.reason_code == 0x87


@BOTH
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("revoked", [False, True])
def test_what_was_revoked_meanwhile_is_not_published(version: int, delayed: bool, revoked: bool) -> None:
    if delayed and version != MQTT_5:
        return
    door = Door()
    bench = Bench(door)
    seen: list[str] = []
    bench.server.subscribe("#", 0, lambda message, _: seen.append(message.topic))
    later = properties(will_delay_interval=5) if delayed else None
    more = {"session_expiry_interval": 100} if delayed else {}
    client = bench.connected("c", version, will=WillFields("will", b"x", properties=later), **more)
    if not delayed and revoked:
        door.allowed.clear()
    client.lose()
    if delayed and revoked:
        door.allowed.clear()
    bench.pass_time(6)
    assert seen == ([] if revoked else ["will"])
    assert bench.server.counters.dropped_refused == int(revoked)


@BOTH
def test_who_receives_a_will_must_be_permitted_to(version: int) -> None:
    class Deaf(Permissions):
        receives_everything = False

        def may_receive(self, topic: str) -> bool:
            return topic != "will"

    class Everybody(Authenticator):
        def authenticate(self, request: ConnectRequest) -> Answer:
            return Accepted(Deaf() if request.client_id == "deaf" else Permissions())

    bench = Bench(Everybody())
    deaf, other = bench.connected("deaf", version), bench.connected("other", version)
    for client in (deaf, other):
        client.subscribe("#")
    bench.connected("c", version, will=WillFields("will", b"x")).lose()
    assert [packet.topic for packet in other.received() if isinstance(packet, Publish)] == ["will"]
    assert deaf.received() == []
