"""What a SUBSCRIBE does and how it is answered (MQTT 5.0, 3.8.4 and 3.9)."""

import asyncio

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    Disconnect,
    Puback,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5

both_versions = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def messages(packets):
    return [(packet.topic, packet.payload, packet.qos) for packet in packets if isinstance(packet, Publish)]


async def answered(subscriber, *requests):
    """The Reason Codes for these Topic Filters, and the messages that came with them."""
    subscriber.send(Subscribe(7, list(requests)))
    packets = await subscriber.sync()
    [suback] = [packet for packet in packets if isinstance(packet, Suback)]
    return suback.reason_codes, messages(packets)


@both_versions
@pytest.mark.mqtt5("3.8.4-3")
@pytest.mark.mqtt311("3.8.4-3")
async def test_an_identical_topic_filter_replaces_the_subscription(client, version):
    subscriber = await client.connected("subscriber", version)
    publisher = await client.connected("publisher", version)
    assert (await subscriber.subscribe("a/+", 2)).reason_codes == [2]
    assert (await subscriber.subscribe("a/+", 0, packet_id=2)).reason_codes == [0]
    publisher.publish("a/b", b"1", 1)
    await publisher.sync()
    assert messages(await subscriber.sync()) == [("a/b", b"1", 0)]


@pytest.mark.mqtt5("3.8.4-3")
async def test_a_replaced_subscription_has_the_options_and_identifier_of_the_new_one(client):
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a", 1, identifier=5, retain_as_published=True)
    await subscriber.subscribe("a", 0, identifier=6, packet_id=2)
    subscriber.publish("a", b"1", retain=True)
    [message] = await subscriber.sync()
    assert isinstance(message, Publish)
    assert message.properties is not None
    assert message.properties.subscription_identifiers == (6,)
    assert message.retain is False


@pytest.mark.mqtt5("3.8.4-3")
async def test_a_shared_subscription_does_not_replace_a_non_shared_one(client):
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a", identifier=1)
    await subscriber.subscribe("$share/group/a", identifier=2, packet_id=2)
    subscriber.publish("a", b"1")
    identifiers = sorted(message.properties.subscription_identifiers for message in await subscriber.sync())
    assert identifiers == [(1,), (2,)]


@both_versions
@pytest.mark.mqtt5("3.8.4-4")
@pytest.mark.mqtt311("3.8.4-3")
async def test_retained_messages_are_sent_again_when_a_subscription_is_replaced(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.publish("a/1", b"one", retain=True)
    subscriber.publish("a/2", b"two", retain=True)
    for packet_id in (1, 2, 3):
        await subscriber.subscribe("a/#", 1, packet_id=packet_id)
        sent = await subscriber.sync()
        assert sorted(messages(sent)) == [("a/1", b"one", 0), ("a/2", b"two", 0)]
        assert all(message.retain for message in sent)


@pytest.mark.mqtt5("3.8.4-4")
async def test_retain_handling_says_whether_retained_messages_are_sent_again(client):
    subscriber = await client.connected("subscriber")
    subscriber.publish("a", b"one", retain=True)
    retained = [("a", b"one", 0)]
    assert (await answered(subscriber, SubscriptionRequest("a", retain_handling=2)))[1] == []
    assert (await answered(subscriber, SubscriptionRequest("a", retain_handling=1)))[1] == []
    assert (await answered(subscriber, SubscriptionRequest("a", retain_handling=0)))[1] == retained
    assert (await answered(subscriber, SubscriptionRequest("+", retain_handling=1)))[1] == retained


@both_versions
@pytest.mark.mqtt5("3.8.4-4")
@pytest.mark.mqtt311("3.8.4-3")
async def test_no_message_is_lost_while_a_subscription_is_replaced(client, version):
    subscriber = await client.connected("subscriber", version)
    publisher = await client.connected("publisher", version)
    await subscriber.subscribe("a", 1)

    async def resubscribe():
        for number in range(40):
            subscriber.send(Subscribe(1000 + number, [SubscriptionRequest("a", 1)]))
            await asyncio.sleep(0)

    async def publish():
        for number in range(1, 201):
            publisher.publish("a", b"%d" % number, 1, packet_id=number)
            await publisher.expect(Puback)

    await asyncio.gather(resubscribe(), publish())
    sent = messages(await subscriber.sync())
    assert sent == [("a", b"%d" % number, 1) for number in range(1, 201)]


@both_versions
@pytest.mark.mqtt5("3.8.4-5", "3.8.4-6", "3.9.3-1")
@pytest.mark.mqtt311("3.8.4-4", "3.8.4-5", "3.9.3-1")
async def test_several_topic_filters_are_one_subscribe_after_the_other(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.publish("a", b"kept", retain=True)
    wishes = [("a", 2), ("b", 1), ("a", 0), ("c", 2)]
    codes, retained = await answered(subscriber, *(SubscriptionRequest(*wish) for wish in wishes))
    assert codes == [2, 1, 0, 2]
    assert set(retained) == {("a", b"kept", 0)}
    subscriber.publish("a", b"live", 1)
    assert messages(await subscriber.sync()) == [("a", b"live", 0)]


@pytest.mark.mqtt5("3.8.4-6", "3.8.4-7", "3.9.3-1", "3.9.3-2")
async def test_reason_codes_come_in_the_order_of_the_topic_filters(broker_with, client):
    broker = await broker_with(maximum_wildcard_levels=2, maximum_qos=1)
    subscriber = await client.connected("subscriber", broker=broker)
    wishes = [("a", 0), ("b/#", 0), ("c", 1), ("$share/group/+/d", 0), ("e", 2), ("+", 1)]
    codes, _ = await answered(subscriber, *(SubscriptionRequest(*wish) for wish in wishes))
    assert codes == [0x00, 0x00, 0x01, 0x97, 0x01, 0x97]
    codes, _ = await answered(subscriber, *(SubscriptionRequest(*wish) for wish in reversed(wishes)))
    assert codes == [0x97, 0x01, 0x97, 0x01, 0x00, 0x00]


@pytest.mark.parametrize(
    ("limit", "topic_filter", "reason_code"),
    [
        ("wildcard_subscription_available", "b/#", 0xA2),
        ("wildcard_subscription_available", "+", 0xA2),
        ("wildcard_subscription_available", "$share/group/+", 0xA2),
        ("shared_subscription_available", "$share/group/d", 0x9E),
    ],
)
@pytest.mark.mqtt5("4.13.1-1", "3.9.3-2")
async def test_to_subscribe_to_what_connack_said_is_not_available_is_a_protocol_error(
    broker_with, client, limit, topic_filter, reason_code
):
    broker = await broker_with(**{limit: False})
    subscriber = await client.connected("subscriber", broker=broker)
    subscriber.send(Subscribe(7, [SubscriptionRequest("a"), SubscriptionRequest(topic_filter)]))
    await expect_disconnect(subscriber, reason_code)


@pytest.mark.mqtt311("3.8.3-2", "3.8.4-5", "3.9.3-1", "3.9.3-2")
async def test_a_refused_topic_filter_is_0x80_in_3_1_1(broker_with, client):
    broker = await broker_with(wildcard_subscription_available=False, maximum_qos=1)
    subscriber = await client.connected("subscriber", MQTT_3_1_1, broker=broker)
    wishes = [("a", 0), ("b/#", 0), ("c", 1), ("+", 2), ("e", 2)]
    codes, _ = await answered(subscriber, *(SubscriptionRequest(*wish) for wish in wishes))
    assert codes == [0x00, 0x80, 0x01, 0x80, 0x01]
    subscriber.publish("b/c", b"1")
    assert messages(await subscriber.sync()) == []


@pytest.mark.mqtt5("3.8.4-7", "3.9.3-2")
async def test_a_subscription_beyond_the_limit_is_quota_exceeded_but_a_replacement_is_not(
    broker_with, client
):
    broker = await broker_with(maximum_subscriptions=2)
    subscriber = await client.connected("subscriber", broker=broker)
    wishes = ["a", "b", "c", "a", "$share/group/d"]
    codes, _ = await answered(subscriber, *(SubscriptionRequest(wish, 1) for wish in wishes))
    assert codes == [1, 1, 0x97, 1, 0x97]


@both_versions
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.mqtt5("3.8.4-7", "3.8.4-8")
@pytest.mark.mqtt311("3.8.4-5", "3.8.4-6")
async def test_a_message_comes_at_the_lower_of_both_qos(client, version, granted, published):
    subscriber = await client.connected("subscriber", version)
    publisher = await client.connected("publisher", version)
    assert (await subscriber.subscribe("a", granted)).reason_codes == [granted]
    publisher.publish("a", b"live", published)
    await publisher.sync()
    assert messages(await subscriber.sync()) == [("a", b"live", min(granted, published))]


@both_versions
@pytest.mark.mqtt5("3.8.4-7", "3.8.4-8")
@pytest.mark.mqtt311("3.8.4-6")
async def test_a_message_comes_at_no_higher_qos_than_the_server_granted(broker_with, client, version):
    broker = await broker_with(maximum_qos=1)
    subscriber = await client.connected("subscriber", version, broker=broker)
    assert (await subscriber.subscribe("a", 2)).reason_codes == [1]
    broker.publish("a", b"from within", 2)
    assert messages(await subscriber.sync()) == [("a", b"from within", 1)]


@pytest.mark.mqtt5("3.8.4-8")
async def test_a_retained_message_comes_at_the_lower_of_both_qos(client):
    subscriber = await client.connected("subscriber")
    for qos in (0, 1):
        subscriber.publish(f"a/{qos}", b"kept", qos, retain=True)
    await subscriber.sync()
    codes, retained = await answered(subscriber, SubscriptionRequest("a/+", 1))
    assert codes == [1]
    assert sorted(retained) == [("a/0", b"kept", 0), ("a/1", b"kept", 1)]


@pytest.mark.mqtt5("3.8.4-4")
async def test_what_a_subscription_is_still_owed_is_not_lost_when_it_is_replaced(client):
    publisher = await client.connected("publisher")
    for number in range(500):
        publisher.publish(f"a/{number}", b"kept", retain=True)
    await publisher.sync()
    subscriber = await client.connected("subscriber")
    subscriber.send(
        Subscribe(1, [SubscriptionRequest("a/#", 0)]),
        Subscribe(2, [SubscriptionRequest("a/#", 0, retain_handling=2)]),
        Subscribe(3, [SubscriptionRequest("a/#", 0, retain_handling=1)]),
    )
    topics = {f"a/{number}" for number in range(500)}
    while topics:
        packet = await subscriber.receive()
        if isinstance(packet, Publish):
            topics.remove(packet.topic)


@pytest.mark.mqtt5("3.8.4-4")
async def test_what_a_client_is_owed_does_not_grow_with_how_often_it_subscribes(broker, client):
    subscriber = await client.connected("subscriber")
    subscriber.publish("a", b"kept", retain=True)
    wish = [SubscriptionRequest("a")] * 1_000
    subscriber.send(Subscribe(1, wish))
    assert len((await subscriber.expect(Suback)).reason_codes) == 1_000
    assert len(messages(await subscriber.sync())) < 200
    assert not broker.server.realm.sessions["subscriber"].retained


@pytest.mark.mqtt5("3.9.2-1", "3.9.2-2", "3.1.2-24")
async def test_a_suback_of_exactly_the_maximum_packet_size_has_no_properties(client):
    exactly = len(encode(Suback(7, [0x8F] * 20), MQTT_5))
    subscriber = await client.connected("subscriber", maximum_packet_size=exactly)
    subscriber.send(Subscribe(7, [SubscriptionRequest(f"a/{number}") for number in range(20)]))
    suback = await subscriber.expect(Suback)
    assert suback.reason_codes == [0] * 20
    assert len(encode(suback, MQTT_5)) == exactly


@pytest.mark.mqtt5("3.1.2-24", "4.13.2-1")
async def test_a_suback_beyond_the_maximum_packet_size_is_not_sent(client):
    exactly = len(encode(Suback(7, [0x8F] * 20), MQTT_5))
    subscriber = await client.connected("subscriber", maximum_packet_size=exactly - 1)
    subscriber.send(Subscribe(7, [SubscriptionRequest(f"a/{number}") for number in range(20)]))
    [disconnect] = await subscriber.expect_closed()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == 0x95
    assert len(encode(disconnect, MQTT_5)) < exactly


@both_versions
@pytest.mark.mqtt5("3.8.4-5")
@pytest.mark.mqtt311("3.8.4-4")
async def test_an_invalid_topic_filter_among_valid_ones_ends_the_network_connection(client, version):
    subscriber = await client.connected("subscriber", version)
    requests = [SubscriptionRequest("a"), SubscriptionRequest("b/#/c"), SubscriptionRequest("d")]
    subscriber.send(Subscribe(1, requests))
    await expect_disconnect(subscriber, 0x8F)
