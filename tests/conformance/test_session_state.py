"""How long Session State is kept, and the Network Connection under it (MQTT 5.0, 4.1 and 4.2)."""

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from support.bench_server import Bench
from support.raw_client import MQTT_3_1_1, MQTT_5

DAY = 86_400.0


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    assert bench.faults == []


def payloads(packets):
    return [packet.payload for packet in packets if isinstance(packet, Publish)]


@pytest.mark.parametrize("expiry", [0, 1, 3600])
@pytest.mark.mqtt5("4.1.0-1")
def test_session_state_is_kept_while_the_network_connection_is_open(bench, expiry):
    client = bench.connected("client", session_expiry_interval=expiry)
    client.subscribe("a", 2)
    client.publish("x", b"half", 2, packet_id=77)
    client.publish("a", b"in flight", 2, packet_id=78)
    client.received()
    bench.pass_time(30 * DAY)
    client.publish("a", b"later")
    assert payloads(client.received()) == [b"later"]
    client.send(Pubrel(77))
    [pubcomp] = client.received()
    assert (type(pubcomp), pubcomp.reason_code) == (Pubcomp, 0)
    client.send(Pubrec(1))
    [pubrel] = client.received()
    assert (type(pubrel), pubrel.reason_code) == (Pubrel, 0)


@pytest.mark.parametrize("clean_start", [True, False])
@pytest.mark.mqtt311("4.1.0-1", "4.1.0-2")
def test_a_session_lasts_as_long_as_its_network_connection_in_3_1_1(bench, clean_start):
    client = bench.connected("client", MQTT_3_1_1, clean_start=clean_start)
    client.subscribe("a", 1)
    bench.pass_time(30 * DAY)
    client.publish("a", b"later")
    assert payloads(client.received()) == [b"later"]


@pytest.mark.mqtt5("4.1.0-2", "3.1.2-23")
@pytest.mark.parametrize(
    ("expiry", "away", "present"), [(60, 59, True), (60, 61, False), (0, 0, False), (0xFFFFFFFF, 4e10, True)]
)
@pytest.mark.parametrize("ending", ["DISCONNECT", "lost"])
def test_session_state_is_discarded_when_its_expiry_interval_has_passed(bench, expiry, away, present, ending):
    client = bench.connected("client", session_expiry_interval=expiry)
    client.subscribe("a", 1)
    bench.pass_time(1000)
    if ending == "lost":
        client.lose()
    else:
        client.send(Disconnect())
    other = bench.connected("other")
    other.publish("a", b"missed", 1)
    bench.pass_time(away)
    again = bench.client()
    connack = again.connect("client", clean_start=False, session_expiry_interval=expiry)
    assert connack.session_present is present
    assert payloads(again.received()) == ([b"missed"] if present else [])
    other.publish("a", b"live", packet_id=0)
    assert payloads(again.received()) == ([b"live"] if present else [])


@pytest.mark.mqtt5("4.1.0-2")
def test_discarded_session_state_leaves_nothing_behind(bench):
    for number in range(100):
        client = bench.connected(f"client/{number}", session_expiry_interval=10)
        client.subscribe(f"a/{number}", 2)
        client.subscribe("b/#", 1, packet_id=2)
        client.subscribe("$share/group/b/#", 1, packet_id=3)
        client.publish(f"a/{number}", b"in flight", 2)
        client.lose()
    bench.connected("other").publish("b/c", b"queued", 1)
    realm = bench.server.realm
    assert len(realm.sessions) == 101
    bench.pass_time(11)
    assert len(realm.sessions) == 1
    assert len(realm.tree) == 0
    assert len(realm.shared) == 0
    counters = bench.server.counters
    assert (counters.inflight_out, counters.inflight_in) == (0, 0)
    assert (counters.queued_messages, counters.queued_bytes) == (0, 0)


@pytest.mark.mqtt311("4.1.0-1")
async def test_a_session_of_3_1_1_keeps_its_state_between_network_connections(client):
    first = await client.connected("client", MQTT_3_1_1, clean_start=False)
    await first.subscribe("a", 2)
    first.publish("x", b"half", 2, packet_id=77)
    await first.expect(Pubrec)
    other = await client.connected("other", MQTT_3_1_1)
    other.publish("a", b"in flight", 1)
    begun = await first.expect(Publish)
    first.abort()
    other.publish("a", b"missed", 1, packet_id=2)
    assert [packet.packet_id for packet in await other.sync()] == [1, 2]
    second = await client(MQTT_3_1_1)
    assert (await second.connect("client", clean_start=False)).session_present
    resent = await second.expect(Publish)
    assert (resent.payload, resent.dup, resent.packet_id) == (b"in flight", True, begun.packet_id)
    assert (await second.expect(Publish)).payload == b"missed"
    second.send(Puback(resent.packet_id), Pubrel(77))
    assert (await second.expect(Pubcomp)).packet_id == 77


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.mqtt5("4.2-1", "3.8.4-1", "3.12.4-1", "4.6.0-5")
async def test_packets_arrive_whole_and_in_order_however_the_stream_is_cut(client, version, piece):
    sender = await client(version)
    packets = [
        Connect("sender", version),
        Subscribe(1, [SubscriptionRequest("a/#", 0)]),
        *(Publish(f"a/{number}", b"%d" % number * number) for number in range(60)),
    ]
    stream = b"".join(encode(packet, version) for packet in packets) + b"\xc0\x00"
    for at in range(0, len(stream), piece):
        sender.send(stream[at : at + piece])
        await sender._writer.drain()
    assert (await sender.expect(Connack)).reason_code == 0
    await sender.expect(Suback)
    for number in range(60):
        message = await sender.expect(Publish)
        assert (message.topic, message.payload) == (f"a/{number}", b"%d" % number * number)
    await sender.expect(Pingresp)
