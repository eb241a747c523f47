"""B8: Sessions that never expire are bounded in number, and their expiry can be bounded, too."""

import gc

import pytest

from amqtt.abc import Peer
from amqtt.sessions.link import Link
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connect, Disconnect
from support.bench_server import Bench
from support.raw_client import properties

FOR_EVER = 0xFFFFFFFF


@pytest.mark.parametrize(("version", "code"), [(MQTT_3_1_1, 0x88), (MQTT_5, 0x97)])
def test_sessions_are_refused_at_their_bound_and_those_there_are_may_be_resumed(
    version: int, code: int
) -> None:
    bench = Bench(maximum_sessions=100)
    for number in range(150):
        client = bench.client(version)
        given = properties(session_expiry_interval=FOR_EVER) if version == MQTT_5 else None
        client.send(Connect(f"c{number}", version, False, properties=given))
        (connack,) = client.received()
        assert connack.reason_code == (0 if number < 100 else code)  # type: ignore[union-attr]
        client.lose()
    assert len(bench.server.realm.sessions) == 100
    assert bench.server.realm.excess.counts == {"maximum_sessions": 50}
    again = bench.client(version)
    assert again.connect("c5", clean_start=False).session_present
    bench.pass_time(1e9)
    assert len(bench.server.realm.sessions) >= 99


def test_a_hundred_thousand_sessions_are_a_quota_like_any_other() -> None:
    most = 100_000
    bench = Bench(maximum_sessions=most)
    hello = Connect("", MQTT_5, False, properties=properties(session_expiry_interval=FOR_EVER))
    codes: dict[int, int] = {}
    gc.disable()  # or half of the time goes into looking at what is there for good
    try:
        for number in range(most + 10):
            link = Link(bench.turn, lambda: None)
            state = bench.server.open(link, Peer("192.0.2.1"))
            hello.client_id = f"c{number}"
            bench.server.received(state, encode(hello, MQTT_5))
            code = link.chunks[0][3]
            codes[code] = codes.get(code, 0) + 1
            bench.server.lost(state)
            bench.turn.flush()
    finally:
        gc.enable()
    assert codes == {0: most, 0x97: 10}
    assert len(bench.server.realm.sessions) == most
    assert bench.server.realm.excess.counts == {"maximum_sessions": 10}


def test_a_client_that_leaves_does_not_raise_its_expiry_interval_above_the_bound() -> None:
    bench = Bench(maximum_session_expiry=60)
    client = bench.connected("c", clean_start=False, session_expiry_interval=30)
    client.send(Disconnect(0, properties(session_expiry_interval=FOR_EVER)))
    bench.pass_time(59)
    assert len(bench.server.realm.sessions) == 1
    bench.pass_time(2)
    assert len(bench.server.realm.sessions) == 0


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_the_expiry_interval_can_be_bounded(version: int) -> None:
    bench = Bench(maximum_session_expiry=60)
    more = {"session_expiry_interval": FOR_EVER} if version == MQTT_5 else {}
    client = bench.client(version)
    connack = client.connect("c", clean_start=False, **more)
    if version == MQTT_5:
        assert connack.properties is not None
        assert connack.properties.session_expiry_interval == 60
    client.lose()
    bench.pass_time(59)
    assert len(bench.server.realm.sessions) == 1
    bench.pass_time(2)
    assert len(bench.server.realm.sessions) == 0
