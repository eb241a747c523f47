"""SUBSCRIBE: what is taken and what is refused (MQTT 5.0, 3.8.1 to 3.8.3)."""

import pytest

from amqtt.wire.packets import Publish, Suback, Subscribe, SubscriptionRequest, WillFields
from support import by_hand
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5, properties

both_versions = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])

NOT_UTF8 = [b"\xff", b"a/\xc3\x28", b"\xed\xa0\x80", b"a\x00b", b"\xc0\x80", b"\xf4\x90\x80\x80"]


def payloads(packets):
    return [packet.payload for packet in packets if isinstance(packet, Publish)]


@both_versions
@pytest.mark.parametrize("flags", [flags for flags in range(16) if flags != 2])
@pytest.mark.mqtt5("3.8.1-1")
@pytest.mark.mqtt311("3.8.1-1")
async def test_reserved_flags_of_subscribe_are_malformed(client, version, flags):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version, (b"a", 0), first=0x80 | flags))
    await expect_disconnect(subscriber, 0x81)


@both_versions
@pytest.mark.parametrize("topic_filter", NOT_UTF8)
@pytest.mark.mqtt5("3.8.3-1", "1.5.4-1", "1.5.4-2", "4.7.3-2")
@pytest.mark.mqtt311("3.8.3-1", "1.5.3-1", "1.5.3-2", "4.7.3-2")
async def test_a_topic_filter_that_is_no_utf8_is_malformed(client, version, topic_filter):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version, (b"good", 0), (topic_filter, 0)))
    await expect_disconnect(subscriber, 0x81)


@both_versions
@pytest.mark.mqtt5("3.8.3-2")
@pytest.mark.mqtt311("3.8.3-3")
async def test_a_subscribe_without_topic_filter_is_a_protocol_error(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version))
    await expect_disconnect(subscriber, 0x82)


@both_versions
@pytest.mark.mqtt5("3.8.3-2")
@pytest.mark.mqtt311("3.8.3-3")
async def test_a_topic_filter_without_options_is_malformed(client, version):
    subscriber = await client.connected("subscriber", version)
    body = b"\x00\x01" + (b"\x00" if version == MQTT_5 else b"") + b"\x00\x01a"
    subscriber.send(by_hand.packet(0x82, body))
    await expect_disconnect(subscriber, 0x81)


@pytest.mark.parametrize("options", [0x40, 0x80, 0xC0, 0x41])
@pytest.mark.mqtt5("3.8.3-5")
async def test_reserved_subscription_options_are_malformed(client, options):
    subscriber = await client.connected("subscriber")
    subscriber.send(by_hand.subscribe(MQTT_5, (b"a", options)))
    await expect_disconnect(subscriber, 0x81)


@pytest.mark.parametrize("options", [0x03, 0x04, 0x08, 0x10, 0x40, 0x80, 0xFC])
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_requested_qos_byte_beyond_two_closes_in_3_1_1(client, options):
    subscriber = await client.connected("subscriber", MQTT_3_1_1)
    subscriber.send(by_hand.subscribe(MQTT_3_1_1, (b"a", options)))
    await expect_disconnect(subscriber, 0x81)


@pytest.mark.parametrize("options", [0x03, 0x30], ids=["QoS 3", "Retain Handling 3"])
@pytest.mark.mqtt5("4.13.1-1")
async def test_subscription_options_of_value_three_are_a_protocol_error(client, options):
    subscriber = await client.connected("subscriber")
    subscriber.send(by_hand.subscribe(MQTT_5, (b"a", options)))
    await expect_disconnect(subscriber, 0x82)


@pytest.mark.parametrize(
    "identifiers", [b"\x0b\x00", b"\x0b\x01\x0b\x02"], ids=["of value 0", "more than one"]
)
@pytest.mark.mqtt5("4.13.1-1")
async def test_a_wrong_subscription_identifier_is_a_protocol_error(client, identifiers):
    subscriber = await client.connected("subscriber")
    subscriber.send(by_hand.subscribe(MQTT_5, (b"a", 0), properties=identifiers))
    await expect_disconnect(subscriber, 0x82)


@both_versions
@pytest.mark.mqtt5("2.2.1-3")
@pytest.mark.mqtt311("2.3.1-1")
async def test_a_subscribe_with_packet_identifier_0_is_a_protocol_error(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version, (b"a", 0)).replace(b"\x00\x01", b"\x00\x00", 1))
    await expect_disconnect(subscriber, 0x82)


@pytest.mark.mqtt5("4.13.1-1")
async def test_a_subscription_identifier_that_is_not_available_is_refused(broker_with, client):
    broker = await broker_with(subscription_identifier_available=False)
    subscriber = await client.connected("subscriber", broker=broker)
    request = [SubscriptionRequest("a")]
    subscriber.send(Subscribe(1, request, properties(subscription_identifiers=(1,))))
    await expect_disconnect(subscriber, 0xA1)


@pytest.mark.mqtt5("3.8.3-3")
async def test_no_local_keeps_a_clients_own_messages_from_it(client):
    subscriber = await client.connected("subscriber")
    other = await client.connected("other")
    await subscriber.subscribe("a/#", 1, no_local=True)
    subscriber.publish("a/b", b"own")
    subscriber.publish("a/b", b"own at QoS 1", 1)
    assert payloads(await subscriber.sync()) == []
    other.publish("a/b", b"of another")
    await other.sync()
    assert payloads(await subscriber.sync()) == [b"of another"]


@pytest.mark.mqtt5("3.8.3-3")
async def test_without_no_local_a_client_receives_its_own_messages(client):
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a")
    subscriber.publish("a", b"own")
    assert payloads(await subscriber.sync()) == [b"own"]


@pytest.mark.mqtt5("3.8.3-3")
async def test_no_local_concerns_only_the_subscription_that_has_it(client):
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a/b", no_local=True, identifier=1)
    await subscriber.subscribe("a/#", packet_id=2, identifier=2)
    subscriber.publish("a/b", b"own")
    [own] = await subscriber.sync()
    assert isinstance(own, Publish)
    assert own.properties is not None
    assert own.properties.subscription_identifiers == (2,)


@pytest.mark.mqtt5("3.8.3-3")
async def test_no_local_holds_by_client_identifier_for_retained_messages_too(client):
    publisher = await client.connected("same")
    publisher.publish("a", b"own", retain=True)
    await publisher.sync()
    await publisher.close()
    subscriber = await client.connected("same")
    await subscriber.subscribe("a", no_local=True)
    assert payloads(await subscriber.sync()) == []
    await subscriber.subscribe("a", no_local=False, packet_id=2)
    assert payloads(await subscriber.sync()) == [b"own"]


@pytest.mark.mqtt5("3.8.3-3")
async def test_no_local_holds_for_the_will_message_of_the_same_client_identifier(client):
    first = await client.connected("same", will=WillFields("a", b"will", 1), session_expiry_interval=60)
    await first.subscribe("a", 1, no_local=True)
    watcher = await client.connected("watcher")
    await watcher.subscribe("a")
    first.abort()
    assert (await watcher.expect(Publish)).payload == b"will"
    second = await client.connected("same", clean_start=False)
    assert payloads(await second.sync()) == []


@pytest.mark.mqtt5("3.8.3-4", "4.13.1-1")
async def test_no_local_on_a_shared_subscription_is_a_protocol_error(client):
    subscriber = await client.connected("subscriber")
    request = SubscriptionRequest("$share/group/a", no_local=True)
    subscriber.send(Subscribe(1, [SubscriptionRequest("b"), request]))
    await expect_disconnect(subscriber, 0x82)


@both_versions
@pytest.mark.parametrize("packet_id", [1, 0x0A0B, 65535])
@pytest.mark.mqtt5("3.8.4-1", "3.8.4-2")
@pytest.mark.mqtt311("3.8.4-1", "3.8.4-2")
async def test_a_subscribe_is_answered_with_its_packet_identifier(client, version, packet_id):
    subscriber = await client.connected("subscriber", version)
    suback = await subscriber.subscribe("a", packet_id=packet_id)
    assert suback.packet_id == packet_id


@both_versions
@pytest.mark.mqtt5("3.8.4-1", "3.8.4-2")
@pytest.mark.mqtt311("3.8.4-1", "3.8.4-2")
async def test_subscribe_packets_in_one_piece_are_each_answered(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(*(Subscribe(number, [SubscriptionRequest(f"a/{number}")]) for number in range(1, 101)))
    answers = await subscriber.sync()
    assert [type(answer) for answer in answers] == [Suback] * 100
    assert [answer.packet_id for answer in answers] == list(range(1, 101))
