"""B8: Sessions that never expire are bounded in number, and their expiry can be bounded, too."""

import pytest

from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connect
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
