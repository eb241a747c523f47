"""DISCONNECT, of the Client and of the Server (MQTT 5.0, 3.14)."""

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support import by_hand
from support.bench_server import Bench
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5, properties

every_version = pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1, MQTT_5])

SENT_BY_SERVER = {
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
    0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
}
"""The Reason Codes of table 3-10 that a Server sends."""

MISTAKES = {
    "a reserved packet type": b"\x00\x00",
    "a second CONNECT": encode(Connect("other"), MQTT_5),
    "a packet of the Server": b"\xd0\x00",
    "an invalid Topic Filter": by_hand.subscribe(MQTT_5, (b"a/#/b", 0)),
    "an invalid Topic Name": by_hand.publish(MQTT_5, b"a/+"),
    "a Topic Alias beyond the maximum": by_hand.publish(MQTT_5, b"a", properties=b"\x23\xff\xff"),
    "an oversize packet": b"\x30\xff\xff\xff\x7f",
    "a SUBSCRIBE without Topic Filter": by_hand.subscribe(MQTT_5),
    "an AUTH without Authentication Method": b"\xf0\x00",
}
mistakes = pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)


@pytest.mark.parametrize(
    "connect",
    [
        encode(Connect("", MQTT_5, properties=properties(authentication_method="none such")), MQTT_5),
        encode(Connect("a" * 2000), MQTT_5),
        encode(Connect("a"), MQTT_5)[:-1] + b"\xff",
        b"\x10\x0d\x00\x04MQTT\x07\x02\x00\x00\x00\x00\x00",
    ],
    ids=["Authentication Method", "Client Identifier too long", "not UTF-8", "Protocol Level 7"],
)
@pytest.mark.mqtt5("3.14.0-1", "4.13.2-1")
async def test_a_refused_client_gets_no_disconnect(client, connect):
    refused = await client()
    refused.send(connect)
    [connack] = await refused.expect_closed()
    assert isinstance(connack, Connack)
    assert connack.reason_code >= 0x80


@pytest.mark.parametrize("first", [b"\x00\x00", b"\xc0\x00", b"\xe0\x00", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.mqtt5("3.14.0-1", "3.1.0-1")
async def test_who_does_not_begin_with_connect_gets_no_disconnect(client, first):
    stranger = await client()
    stranger.send(first)
    assert await stranger.read_to_end() == b""


@every_version
@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.mqtt5("3.14.1-1")
@pytest.mark.mqtt311("3.14.1-1")
async def test_reserved_flags_of_disconnect_are_malformed(client, version, flags):
    leaver = await client.connected("leaver", version, will=WillFields("will", b"lost"))
    watcher = await client.connected("watcher")
    await watcher.subscribe("will")
    leaver.send(bytes((0xE0 | flags, 0)))
    await expect_disconnect(leaver, 0x81)
    assert (await watcher.expect(Publish)).payload == b"lost"


@pytest.mark.parametrize("reason_code", [0x01, 0x02, 0x05, 0x18, 0x7F, 0x84, 0x85, 0x91, 0xA3, 0xFF])
@pytest.mark.mqtt5("3.14.2-1", "4.13.1-1")
async def test_a_disconnect_with_another_reason_code_is_a_protocol_error(client, reason_code):
    leaver = await client.connected("leaver")
    leaver.send(bytes((0xE0, 1, reason_code)))
    await expect_disconnect(leaver, 0x82)


@mistakes
@pytest.mark.mqtt5("3.14.2-1", "3.14.2-2", "3.14.4-2", "4.13.1-1", "4.13.2-1")
async def test_the_disconnect_of_the_server_has_one_of_its_reason_codes_and_no_expiry(client, mistake):
    mistaken = await client.connected("mistaken", session_expiry_interval=100)
    mistaken.send(mistake)
    [disconnect] = await mistaken.expect_closed()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code >= 0x80
    assert disconnect.reason_code in SENT_BY_SERVER
    assert disconnect.properties is None or disconnect.properties.session_expiry_interval is None


@mistakes
@pytest.mark.mqtt5("3.14.2-3", "3.14.2-4", "3.1.2-24")
async def test_the_disconnect_of_the_server_keeps_to_the_maximum_packet_size(client, mistake):
    mistaken = await client.connected("mistaken", maximum_packet_size=20)
    mistaken.send(mistake)
    sent = await mistaken.read_to_end()
    assert len(sent) <= 20
    assert sent[0] == 0xE0
    assert sent[2] >= 0x80


@pytest.mark.mqtt5("3.14.4-1", "3.14.4-2")
async def test_nothing_follows_the_disconnect_of_the_server(broker, client):
    mistaken = await client.connected("mistaken")
    await mistaken.subscribe("a", 1)
    mistaken.send(Subscribe(2, [SubscriptionRequest("b")]), b"\x00\x00", Pingreq(), Publish("a", b"late"))
    broker.publish("a", b"too late", 1)
    packets = await mistaken.expect_closed()
    kinds = [type(packet) for packet in packets if not isinstance(packet, Publish)]
    assert kinds == [Suback, Disconnect]
    assert isinstance(packets[-1], Disconnect)
    broker.publish("a", b"too late", 1)
    await mistaken.close()


@every_version
@pytest.mark.mqtt5("3.14.4-1", "3.14.4-2")
@pytest.mark.mqtt311("3.14.4-1", "3.14.4-2")
async def test_what_follows_the_disconnect_of_a_client_is_not_heard(client, version):
    watcher = await client.connected("watcher")
    await watcher.subscribe("a", 1)
    leaver = await client.connected("leaver", version)
    leaver.send(
        Publish("a", b"before"), Disconnect(), Publish("a", b"after"), Pingreq(), b"\x00\x00",
    )
    assert await leaver.expect_closed() == []
    assert [packet.payload for packet in await watcher.sync()] == [b"before"]


@every_version
@pytest.mark.mqtt5("3.14.4-3")
@pytest.mark.mqtt311("3.14.4-3")
async def test_a_normal_disconnect_discards_the_will_message(client, version):
    watcher = await client.connected("watcher")
    await watcher.subscribe("will")
    leaver = await client.connected("leaver", version, will=WillFields("will", b"never"))
    leaver.send(Disconnect())
    assert await leaver.expect_closed() == []
    leaver = await client.connected("leaver", version)
    await leaver.sync()
    assert await watcher.sync() == []


@pytest.mark.mqtt5("3.14.4-3")
def test_a_normal_disconnect_discards_a_will_message_with_a_delay_for_good():
    bench = Bench()
    watcher = bench.connected("watcher")
    watcher.subscribe("will")
    will = WillFields("will", b"never", properties=properties(will_delay_interval=5))
    leaver = bench.connected("leaver", will=will, session_expiry_interval=1000)
    leaver.send(Disconnect())
    assert leaver.closed
    bench.pass_time(5000)
    assert watcher.received() == []
    assert bench.faults == []


@pytest.mark.parametrize("reason_code", [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x97, 0x99])
@pytest.mark.mqtt5("3.14.4-3", "4.13.2-1")
async def test_a_disconnect_with_any_other_reason_code_publishes_the_will_message(client, reason_code):
    watcher = await client.connected("watcher")
    await watcher.subscribe("will")
    leaver = await client.connected("leaver", will=WillFields("will", b"left"))
    leaver.send(Disconnect(reason_code))
    assert await leaver.expect_closed() == []
    assert (await watcher.expect(Publish)).payload == b"left"


@every_version
@pytest.mark.mqtt5("3.14.4-3")
@pytest.mark.mqtt311("3.14.4-3")
async def test_a_network_connection_that_breaks_publishes_the_will_message(client, version):
    watcher = await client.connected("watcher")
    await watcher.subscribe("will")
    leaver = await client.connected("leaver", version, will=WillFields("will", b"left"))
    leaver.abort()
    assert (await watcher.expect(Publish)).payload == b"left"


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1])
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_disconnect_with_a_payload_is_malformed_before_mqtt_5(client, version):
    watcher = await client.connected("watcher")
    await watcher.subscribe("will")
    leaver = await client.connected("leaver", version, will=WillFields("will", b"left"))
    leaver.send(b"\xe0\x01\x00")
    await expect_disconnect(leaver, 0x81)
    assert (await watcher.expect(Publish)).payload == b"left"


@pytest.mark.mqtt5("3.1.2-23", "4.1.0-2")
def test_a_disconnect_may_change_the_session_expiry_interval():
    bench = Bench()
    for expiry, after, present in [(10, 9, True), (10, 11, False), (0, 0, False), (0xFFFFFFFF, 10**8, True)]:
        leaver = bench.connected("leaver", session_expiry_interval=100)
        leaver.send(Disconnect(0, properties(session_expiry_interval=expiry)))
        bench.pass_time(after)
        again = bench.client()
        assert again.connect("leaver", clean_start=False).session_present is present
        again.send(Disconnect())
    assert bench.faults == []


@pytest.mark.mqtt5("4.13.1-1", "3.14.2-1")
async def test_a_session_expiry_interval_raised_from_0_by_disconnect_is_a_protocol_error(client):
    leaver = await client.connected("leaver")
    leaver.send(Disconnect(0, properties(session_expiry_interval=1)))
    await expect_disconnect(leaver, 0x82)
    assert (await (await client()).connect("leaver", clean_start=False)).session_present is False


@pytest.mark.mqtt5("3.14.2-1", "3.14.4-2")
async def test_a_server_that_stops_says_so_and_closes(broker, client):
    newer, older = await client.connected("newer"), await client.connected("older", MQTT_3_1_1)
    await broker.shutdown()
    await expect_disconnect(newer, 0x8B)
    await expect_disconnect(older, 0x8B)
