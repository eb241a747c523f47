"""Every Limit is tried on both of its sides: those of the table that have no file of their own are here."""

import dataclasses
from pathlib import Path

import pytest

from amqtt.server.limits import Limits
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Puback, Publish
from support.bench_server import Bench

VERSIONS = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
TABLE = {
    "maximum_packet_size": 16 * 1024 * 1024, "maximum_connect_size": 64 * 1024, "connect_timeout": 10.0,
    "maximum_client_id_length": 1024, "maximum_topic_length": 65_535, "maximum_topic_levels": 200,
    "maximum_inflight": 256, "receive_maximum": 256, "maximum_queued_messages": 10_000,
    "maximum_queued_bytes": 16 * 1024 * 1024, "maximum_unsent_bytes": 1024 * 1024, "stall_timeout": 15.0,
    "maximum_subscriptions": 10_000, "maximum_shared_members": 1000, "topic_alias_maximum": 16,
    "maximum_user_properties": 64, "maximum_user_property_bytes": 16 * 1024,
    "maximum_retained_messages": 100_000, "maximum_retained_bytes": 256 * 1024 * 1024,
    "maximum_session_expiry": 0xFFFFFFFF, "session_expiry_3_1_1": 0xFFFFFFFF, "maximum_keep_alive": 0,
    "maximum_publish_rate": 0, "maximum_connection_rate": 0, "maximum_reconnections": 0,
    "maximum_failed_logins": 16, "ban_time": 300.0, "lag_to_hold_publishers": 0.1,
    "lag_to_refuse_clients": 0.5, "lag_to_drop_qos_0": 2.0,
}
"""What is promised without a configuration."""


@pytest.mark.parametrize("name", TABLE)
def test_the_default_is_what_is_promised(name: str) -> None:
    assert getattr(Limits(), name) == TABLE[name]


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_every_limit_is_tried_by_a_test(field: "dataclasses.Field[object]") -> None:
    here = Path(__file__)
    tests = [path for path in here.parents[1].rglob("test_*.py") if "config_file" not in path.parts]
    assert any(field.name in path.read_text(encoding="utf-8") for path in tests if path != here) or (
        here.read_text(encoding="utf-8").count(f"{field.name}=") > 0
    )


@VERSIONS
@pytest.mark.parametrize(("length", "code"), [(1024, 0), (1025, 0x85)])
def test_client_identifiers_may_be_so_long(version: int, length: int, code: int) -> None:
    bench = Bench()
    assert bench.client(version).connect("\u00e9" * (length // 2) + "x" * (length % 2)).reason_code == code
    assert bench.server.realm.excess.counts == ({"maximum_client_id_length": 1} if code else {})


@pytest.mark.parametrize(("keep_alive", "code"), [(0, 0x85), (1, 0), (60, 0), (61, 0x85), (65_535, 0x85)])
def test_an_mqtt_3_client_keeps_to_the_longest_keep_alive_or_stays_out(keep_alive: int, code: int) -> None:
    bench = Bench(maximum_keep_alive=60)
    connack = bench.client(MQTT_3_1_1).connect("c", keep_alive=keep_alive)
    assert connack.reason_code == code
    assert bench.server.realm.excess.counts == ({"maximum_keep_alive": 1} if code else {})


@pytest.mark.parametrize(("keep_alive", "told"), [(0, 60), (60, None), (61, 60)])
def test_an_mqtt_5_client_is_told_of_it(keep_alive: int, told: int | None) -> None:
    connack = Bench(maximum_keep_alive=60).client().connect("c", keep_alive=keep_alive)
    assert connack.properties is not None
    assert connack.properties.server_keep_alive == told


@VERSIONS
def test_so_many_messages_are_in_flight_and_the_next_one_waits(version: int) -> None:
    bench = Bench(maximum_inflight=3)
    client, publisher = bench.connected("c", version), bench.connected("p")
    client.subscribe("a", 1)
    for number in range(1, 5):
        publisher.publish("a", b"%d" % number, 1, packet_id=number)
    first = [packet for packet in client.received() if isinstance(packet, Publish)]
    assert [packet.payload for packet in first] == [b"1", b"2", b"3"]
    client.send(Puback(first[0].packet_id))
    assert [packet.payload for packet in client.received() if isinstance(packet, Publish)] == [b"4"]


@VERSIONS
@pytest.mark.parametrize(("seconds", "closed"), [(9.9, False), (10.0, True)])
def test_a_connect_must_come_within_its_time(version: int, seconds: float, closed: bool) -> None:
    bench = Bench()
    client = bench.client(version)
    bench.pass_time(seconds)
    assert client.state.closed is closed
    assert bench.server.realm.excess.counts == ({"connect_timeout": 1} if closed else {})


@pytest.mark.parametrize(("share", "level"), [(0.89, 0), (0.9, 2)])
def test_so_much_of_the_memory_may_be_used_before_newcomers_are_refused(share: float, level: int) -> None:
    bench = Bench(memory_to_refuse_clients=0.9)
    for _ in range(3):
        bench.server.lagged(0.0, share)
    assert bench.server.realm.overload.level == level


@pytest.mark.parametrize(("seconds", "kept"), [(59, True), (60, False)])
def test_a_session_of_an_mqtt_3_client_is_kept_so_long(seconds: int, kept: bool) -> None:
    bench = Bench(session_expiry_3_1_1=60)
    bench.connected("c", MQTT_3_1_1, clean_start=False).lose()
    bench.pass_time(seconds)
    assert bool(bench.server.realm.sessions) is kept
