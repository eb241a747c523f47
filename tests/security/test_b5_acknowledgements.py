"""B5: acknowledgements of nothing, or of the wrong kind, change nothing and are answered as they must be."""

import pytest

from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Puback, Pubcomp, Publish, Pubrec, Pubrel
from support.bench_server import Bench

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


@BOTH
def test_unknown_identifiers_are_answered_where_there_is_an_answer(version: int) -> None:
    bench = Bench()
    client = bench.connected("c", version)
    client.send(Puback(7), Pubcomp(7), Pubrec(7), Pubrel(7))
    pubrel, pubcomp = client.received()
    assert isinstance(pubrel, Pubrel)
    assert isinstance(pubcomp, Pubcomp)
    expected = 0x92 if version == MQTT_5 else 0
    assert (pubrel.reason_code, pubcomp.reason_code) == (expected, expected)
    assert not client.state.closed
    assert bench.faults == []


@BOTH
@pytest.mark.parametrize(("qos", "wrong"), [(1, Pubrec), (1, Pubcomp), (2, Puback), (2, Pubcomp)])
def test_an_acknowledgement_of_another_qos_completes_nothing(version: int, qos: int, wrong) -> None:  # type: ignore[no-untyped-def]
    bench = Bench(maximum_inflight=1)
    client = bench.connected("c", version)
    client.subscribe("a", qos)
    publisher = bench.connected("p")
    publisher.publish("a", b"1", qos, packet_id=1)
    publisher.publish("a", b"2", qos, packet_id=2)
    (first,) = [packet for packet in client.received() if isinstance(packet, Publish)]
    client.send(wrong(first.packet_id))
    assert not [packet for packet in client.received() if isinstance(packet, Publish)]
    assert bench.server.counters.inflight_out == 1
    assert not client.state.closed


@BOTH
def test_an_acknowledgement_of_somebody_elses_message_is_none(version: int) -> None:
    bench = Bench()
    client, thief = bench.connected("c", version), bench.connected("t", version)
    client.subscribe("a", 1)
    bench.connected("p").publish("a", b"1", 1)
    (packet,) = [packet for packet in client.received() if isinstance(packet, Publish)]
    thief.send(Puback(packet.packet_id))
    assert bench.server.counters.inflight_out == 1
    client.send(Puback(packet.packet_id), Puback(packet.packet_id))
    assert bench.server.counters.inflight_out == 0
