"""B1, B6: a Client that never releases, or does not heed Receive Maximum, is stopped at the limit."""

import tracemalloc

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Disconnect, Publish, Pubrec, Pubrel
from support.bench_server import Bench


def flood(count: int, version: int) -> bytes:
    return b"".join(encode(Publish("a", b"x", 2, packet_id=n), version) for n in range(1, count + 1))


def test_qos_2_without_pubrel_is_closed_at_receive_maximum_and_memory_is_flat() -> None:
    bench = Bench()
    client = bench.connected("c")
    data = flood(65_535, MQTT_5)
    tracemalloc.start()
    try:
        for at in range(0, len(data), 65_536):
            client.send(data[at:at + 65_536])
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    *answers, last = client.received()
    assert [type(packet) for packet in answers] == [Pubrec] * 256
    assert isinstance(last, Disconnect)
    assert last.reason_code == 0x93
    assert grown < 1024 * 1024
    assert bench.server.realm.excess.counts == {"receive_maximum": 1}
    assert bench.server.counters.inflight_in == 0


@pytest.mark.parametrize(("count", "closed"), [(8, False), (9, True)])
def test_receive_maximum_is_what_was_announced(count: int, closed: bool) -> None:
    bench = Bench(receive_maximum=8)
    client = bench.client()
    connack = client.connect("c")
    assert connack.properties is not None
    assert connack.properties.receive_maximum == 8
    client.send(flood(count, MQTT_5))
    assert client.state.closed is closed


def test_who_releases_may_go_on_for_ever() -> None:
    bench = Bench(receive_maximum=2)
    client = bench.connected("c")
    for number in range(1, 50):
        client.send(Publish("a", b"", 2, packet_id=number), Pubrel(number))
    assert not client.state.closed
    assert bench.server.counters.inflight_in == 0


def test_the_same_packet_identifier_again_is_one_message() -> None:
    bench = Bench()
    program: list[bytes] = []
    bench.server.subscribe("a", 2, lambda message, _: program.append(message.payload))
    client = bench.connected("c", MQTT_3_1_1)
    for _ in range(100):
        client.publish("a", b"x", 2, packet_id=7, dup=True)
    assert program == [b"x"]
    assert bench.server.counters.inflight_in == 1


def test_packet_identifiers_of_an_mqtt_3_client_are_as_many_as_there_are() -> None:
    """It knows no Receive Maximum; each costs a few bytes, and there are 65,535."""
    bench = Bench()
    client = bench.connected("c", MQTT_3_1_1)
    data = flood(65_535, MQTT_3_1_1)
    client.send(data)
    client.send(data[:1000])
    assert bench.server.counters.inflight_in == 65_535
    client.lose()
    assert bench.server.counters.inflight_in == 0
