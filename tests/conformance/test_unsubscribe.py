"""UNSUBSCRIBE and UNSUBACK (MQTT 5.0, 3.10 and 3.11)."""

import pytest

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    Disconnect,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support import by_hand
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5

both_versions = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def payloads(packets):
    return [packet.payload for packet in packets if isinstance(packet, Publish)]


async def unsubscribed(subscriber, *topic_filters, packet_id=9):
    """The Reason Codes for these Topic Filters."""
    subscriber.send(Unsubscribe(packet_id, list(topic_filters)))
    unsuback = await subscriber.expect(Unsuback)
    assert unsuback.packet_id == packet_id
    return unsuback.reason_codes


@both_versions
@pytest.mark.parametrize("flags", [flags for flags in range(16) if flags != 2])
@pytest.mark.mqtt5("3.10.1-1")
@pytest.mark.mqtt311("3.10.1-1")
async def test_reserved_flags_of_unsubscribe_are_malformed(client, version, flags):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.unsubscribe(version, b"a", first=0xA0 | flags))
    await expect_disconnect(subscriber, 0x81)


@both_versions
@pytest.mark.parametrize("topic_filter", [b"\xff", b"\xed\xa0\x80", b"a\x00b", b"\xc0\x80"])
@pytest.mark.mqtt5("3.10.3-1", "1.5.4-1", "1.5.4-2")
@pytest.mark.mqtt311("3.10.3-1", "1.5.3-1", "1.5.3-2")
async def test_a_topic_filter_that_is_no_utf8_is_malformed(client, version, topic_filter):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.unsubscribe(version, b"good", topic_filter))
    await expect_disconnect(subscriber, 0x81)


@both_versions
@pytest.mark.mqtt5("3.10.3-2")
@pytest.mark.mqtt311("3.10.3-2")
async def test_an_unsubscribe_without_topic_filter_is_a_protocol_error(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.unsubscribe(version))
    await expect_disconnect(subscriber, 0x82)


@both_versions
@pytest.mark.mqtt5("2.2.1-3")
@pytest.mark.mqtt311("2.3.1-1")
async def test_an_unsubscribe_with_packet_identifier_0_is_a_protocol_error(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.unsubscribe(version, b"a").replace(b"\x00\x01", b"\x00\x00", 1))
    await expect_disconnect(subscriber, 0x82)


@both_versions
@pytest.mark.parametrize("other", ["a/#", "a/+/c", "A/B", "a/b/", "/a/b", "a", "a/b/#", "#", " a/b"])
@pytest.mark.mqtt5("3.10.4-1", "3.10.4-5", "4.7.3-4")
@pytest.mark.mqtt311("3.10.4-1", "3.10.4-5", "4.7.3-4")
async def test_only_the_very_same_topic_filter_ends_a_subscription(client, version, other):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a/b")
    assert await unsubscribed(subscriber, other) == ([0x11] if version == MQTT_5 else [])
    subscriber.publish("a/b", b"1")
    assert payloads(await subscriber.sync()) == [b"1"]


@both_versions
@pytest.mark.parametrize("topic_filter", ["a/b", "a/#", "+/b", "#", "+/+", "a/b/#"])
@pytest.mark.mqtt5("3.10.4-1", "3.10.4-2", "3.10.4-4", "3.10.4-5")
@pytest.mark.mqtt311("3.10.4-1", "3.10.4-2", "3.10.4-4")
async def test_the_same_topic_filter_ends_the_subscription(client, version, topic_filter):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe(topic_filter, 1)
    subscriber.publish("a/b", b"before")
    assert payloads(await subscriber.sync()) == [b"before"]
    assert await unsubscribed(subscriber, topic_filter) == ([0] if version == MQTT_5 else [])
    subscriber.publish("a/b", b"after")
    assert payloads(await subscriber.sync()) == []


@both_versions
@pytest.mark.mqtt5("3.10.4-1", "3.10.4-2")
@pytest.mark.mqtt311("3.10.4-1", "3.10.4-2")
async def test_it_leaves_other_subscriptions_that_match_alone(client, version):
    subscriber = await client.connected("subscriber", version)
    other = await client.connected("other", version)
    await subscriber.subscribe("a/b", 1)
    await subscriber.subscribe("a/+", 0, packet_id=2)
    await other.subscribe("a/b", 1)
    await unsubscribed(subscriber, "a/b")
    subscriber.publish("a/b", b"1", 1)
    sent = [packet for packet in await subscriber.sync() if isinstance(packet, Publish)]
    assert [(packet.payload, packet.qos) for packet in sent] == [(b"1", 0)]
    assert payloads(await other.sync()) == [b"1"]


@both_versions
@pytest.mark.mqtt5("3.10.4-2")
@pytest.mark.mqtt311("3.10.4-2")
async def test_retained_messages_still_owed_to_the_subscription_are_not_sent_behind_unsuback(client, version):
    publisher = await client.connected("publisher", version)
    for number in range(1000):
        publisher.publish(f"a/{number}", b"kept", retain=True)
    await publisher.sync()
    subscriber = await client.connected("subscriber", version)
    subscriber.send(Subscribe(1, [SubscriptionRequest("a/#")]), Unsubscribe(2, ["a/#"]))
    while not isinstance(await subscriber.receive(), Unsuback):
        pass
    assert await subscriber.sync() == []
    assert await subscriber.sync() == []


@both_versions
@pytest.mark.mqtt5("3.10.4-3")
@pytest.mark.mqtt311("3.10.4-3")
async def test_the_delivery_of_a_qos_1_message_that_was_begun_is_completed(client, version):
    expiry = {"session_expiry_interval": 60} if version == MQTT_5 else {}
    subscriber = await client.connected("subscriber", version, clean_start=False, **expiry)
    await subscriber.subscribe("a", 1)
    subscriber.publish("a", b"begun", 1)
    sent = [packet for packet in await subscriber.sync() if isinstance(packet, Publish)]
    assert payloads(sent) == [b"begun"]
    await unsubscribed(subscriber, "a")
    subscriber.abort()
    again = await client.connected("subscriber", version, clean_start=False, **expiry)
    resent = await again.expect(Publish)
    assert (resent.payload, resent.dup, resent.packet_id) == (b"begun", True, sent[0].packet_id)
    again.send(Puback(resent.packet_id))
    assert await again.sync() == []


@both_versions
@pytest.mark.mqtt5("3.10.4-3")
@pytest.mark.mqtt311("3.10.4-3")
async def test_the_delivery_of_a_qos_2_message_that_was_begun_is_completed(client, version):
    publisher = await client.connected("publisher", version)
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher.publish("a", b"begun", 2)
    begun = await subscriber.expect(Publish)
    await unsubscribed(subscriber, "a")
    subscriber.send(Pubrec(begun.packet_id))
    assert (await subscriber.expect(Pubrel)).packet_id == begun.packet_id
    subscriber.send(Pubcomp(begun.packet_id))
    assert await subscriber.sync() == []


@both_versions
@pytest.mark.parametrize("packet_id", [1, 0x0A0B, 65535])
@pytest.mark.mqtt5("3.10.4-4", "3.10.4-5")
@pytest.mark.mqtt311("3.10.4-4", "3.10.4-5")
async def test_an_unsubscribe_is_answered_with_its_packet_identifier_even_if_nothing_ends(
    client, version, packet_id
):
    subscriber = await client.connected("subscriber", version)
    codes = await unsubscribed(subscriber, "never/subscribed", packet_id=packet_id)
    assert codes == ([0x11] if version == MQTT_5 else [])


@both_versions
@pytest.mark.mqtt5("3.10.4-6", "3.11.3-1", "3.11.3-2")
@pytest.mark.mqtt311("3.10.4-6")
async def test_several_topic_filters_are_one_unsubscribe_after_the_other(client, version):
    subscriber = await client.connected("subscriber", version)
    for number, topic_filter in enumerate(("a", "b/#", "c"), start=1):
        await subscriber.subscribe(topic_filter, packet_id=number)
    codes = await unsubscribed(subscriber, "b/#", "x", "a", "b/#", "$share/group/c")
    assert codes == ([0x00, 0x11, 0x00, 0x11, 0x11] if version == MQTT_5 else [])
    for topic in ("a", "b/c", "c"):
        subscriber.publish(topic, topic.encode())
    assert payloads(await subscriber.sync()) == [b"c"]


@both_versions
@pytest.mark.mqtt5("3.10.4-4", "4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_unsubscribing_from_an_invalid_topic_filter_ends_the_network_connection(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(Unsubscribe(1, ["a", "b/#/c"]))
    await expect_disconnect(subscriber, 0x8F)


@pytest.mark.mqtt5("3.11.2-1", "3.11.2-2", "3.1.2-24")
async def test_an_unsuback_of_exactly_the_maximum_packet_size_has_no_properties(client):
    exactly = len(encode(Unsuback(7, [0x11] * 20), MQTT_5))
    subscriber = await client.connected("subscriber", maximum_packet_size=exactly)
    assert await unsubscribed(subscriber, *(f"a/{number}" for number in range(20))) == [0x11] * 20


@pytest.mark.mqtt5("3.1.2-24", "4.13.2-1")
async def test_an_unsuback_beyond_the_maximum_packet_size_is_not_sent(client):
    exactly = len(encode(Unsuback(7, [0x11] * 20), MQTT_5))
    subscriber = await client.connected("subscriber", maximum_packet_size=exactly - 1)
    subscriber.send(Unsubscribe(7, [f"a/{number}" for number in range(20)]))
    [disconnect] = await subscriber.expect_closed()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == 0x95
