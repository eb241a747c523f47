"""Topic Names and Topic Filters (MQTT 5.0, 4.7)."""

import pytest

from amqtt.wire.packets import Publish, Suback, Subscribe, SubscriptionRequest
from support import by_hand
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5

both_versions = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])

MATCHES = [
    ("sport/tennis/player1/#",
     ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
     ["sport/tennis", "sport/tennis/player10", "sport/tennis/player1x/y", "/sport/tennis/player1"]),
    ("sport/#", ["sport", "sport/", "sport/x"], ["sports", "/sport", "Sport/x"]),
    ("#", ["a", "/", "a/b", "/a", "//"], ["$a", "$a/b"]),
    ("/#", ["/", "/a", "//b"], ["a", "a/b", "$a/b"]),
    ("sport/tennis/+", ["sport/tennis/player1", "sport/tennis/player2", "sport/tennis/"],
     ["sport/tennis", "sport/tennis/player1/ranking"]),
    ("sport/+", ["sport/", "sport/x"], ["sport", "sport/x/"]),
    ("+", ["finance", " "], ["/finance", "finance/", "/", "$finance"]),
    ("+/+", ["/finance", "a/b", "/"], ["finance", "a/b/c", "$a/b"]),
    ("/+", ["/finance", "/"], ["finance", "/finance/", "//"]),
    ("+/tennis/#", ["sport/tennis", "/tennis/x", "a/tennis/b/c"], ["tennis", "sport/golf", "$a/tennis"]),
    ("sport/+/player1", ["sport/tennis/player1", "sport//player1"], ["sport/player1", "sport/a/b/player1"]),
    ("a/+/+/#", ["a/b/c", "a//", "a/b/c/d/e"], ["a/b", "a"]),
    ("a/b", ["a/b"], ["a/b/", "/a/b", "a", "A/b", "a/B", "a//b", "a/ b", "a/b "]),
    ("$a/#", ["$a", "$a/b"], ["a", "$b/a", "$A/b"]),
    ("$a/+", ["$a/b"], ["$a", "$a/b/c", "x/b"]),
]


def topics(packets):
    return [packet.topic for packet in packets if isinstance(packet, Publish)]


@both_versions
@pytest.mark.parametrize("topic", [b"+", b"#", b"a/+", b"a/#", b"a+b", b"a#", b"/+/", b"$SYS/#"])
@pytest.mark.mqtt5("4.7.0-1")
@pytest.mark.mqtt311("4.7.1-1")
async def test_a_wildcard_in_a_topic_name_ends_the_network_connection(client, version, topic):
    watcher = await client.connected("watcher")
    await watcher.subscribe("#")
    publisher = await client.connected("publisher", version)
    publisher.send(by_hand.publish(version, topic, b"wrong"))
    await expect_disconnect(publisher, 0x90)
    assert await watcher.sync() == []


@both_versions
@pytest.mark.parametrize("shared", ["", "$share/group/"])
@pytest.mark.parametrize(
    "topic_filter",
    ["sport/tennis#", "sport/tennis/#/ranking", "#/", "#/a", "##", "a/##", "#a", "a/b#/c", "a/#+"],
)
@pytest.mark.mqtt5("4.7.1-1", "4.13.1-1")
@pytest.mark.mqtt311("4.7.1-2", "4.8.0-1")
async def test_a_multi_level_wildcard_elsewhere_than_alone_at_the_end_is_refused(
    client, version, shared, topic_filter
):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(Subscribe(1, [SubscriptionRequest(shared + topic_filter)]))
    await expect_disconnect(subscriber, 0x8F)


@both_versions
@pytest.mark.parametrize("shared", ["", "$share/group/"])
@pytest.mark.parametrize("topic_filter", ["sport+", "+sport", "a/+b/c", "a/b+", "++", "a/++/b", "+#"])
@pytest.mark.mqtt5("4.7.1-2", "4.13.1-1")
@pytest.mark.mqtt311("4.7.1-3", "4.8.0-1")
async def test_a_single_level_wildcard_that_does_not_occupy_its_level_is_refused(
    client, version, shared, topic_filter
):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(Subscribe(1, [SubscriptionRequest(shared + topic_filter)]))
    await expect_disconnect(subscriber, 0x8F)


@both_versions
@pytest.mark.parametrize("retained", [False, True], ids=["live", "retained"])
@pytest.mark.parametrize(("topic_filter", "matching", "others"), MATCHES)
@pytest.mark.mqtt5("4.7.1-1", "4.7.1-2", "4.7.2-1", "4.7.3-4", "3.3.2-3")
@pytest.mark.mqtt311("4.7.1-2", "4.7.1-3", "4.7.2-1", "4.7.3-4", "3.3.2-3")
async def test_a_topic_filter_matches_what_the_standard_says(
    broker, client, version, retained, topic_filter, matching, others
):
    subscriber = await client.connected("subscriber", version)
    if not retained:
        await subscriber.subscribe(topic_filter)
    for topic in matching + others:
        broker.publish(topic, b"1", retain=retained)
    if retained:
        await subscriber.subscribe(topic_filter)
    assert sorted(topics(await subscriber.sync())) == sorted(matching)


@both_versions
@pytest.mark.parametrize("retained", [False, True], ids=["live", "retained"])
@pytest.mark.mqtt5("4.7.2-1")
@pytest.mark.mqtt311("4.7.2-1")
async def test_wildcards_do_not_match_the_first_level_of_system_topics(broker, client, version, retained):
    subscriber = await client.connected("subscriber", version)
    wishes = ["#", "+/monitor/Clients", "+/#", "+/+/+", "$share/group/#"]
    real = ["$SYS/#", "$SYS/monitor/+"]
    if retained:
        broker.publish("$SYS/monitor/Clients", b"7", retain=True)
    subscriber.send(Subscribe(1, [SubscriptionRequest(wish) for wish in wishes]))
    await subscriber.expect(Suback)
    if not retained:
        broker.publish("$SYS/monitor/Clients", b"7")
    assert topics(await subscriber.sync()) == []
    subscriber.send(Subscribe(2, [SubscriptionRequest(wish) for wish in real]))
    await subscriber.expect(Suback)
    if not retained:
        broker.publish("$SYS/monitor/Clients", b"7")
    expected = 2 if retained else 1
    assert topics(await subscriber.sync()) == ["$SYS/monitor/Clients"] * expected


@both_versions
@pytest.mark.mqtt5("4.7.3-1")
@pytest.mark.mqtt311("4.7.3-1")
async def test_an_empty_topic_filter_ends_the_network_connection(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version, (b"", 0)))
    await expect_disconnect(subscriber, 0x81)


@both_versions
@pytest.mark.mqtt5("4.7.3-1")
@pytest.mark.mqtt311("4.7.3-1")
async def test_unsubscribing_from_an_empty_topic_filter_ends_the_network_connection(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.unsubscribe(version, b""))
    await expect_disconnect(subscriber, 0x81)


@pytest.mark.mqtt5("4.7.3-1")
async def test_an_empty_topic_name_without_topic_alias_is_a_protocol_error(client):
    publisher = await client.connected("publisher")
    publisher.send(by_hand.publish(MQTT_5, b""))
    await expect_disconnect(publisher, 0x82)


@pytest.mark.mqtt311("4.7.3-1", "4.8.0-1")
async def test_an_empty_topic_name_closes_in_3_1_1(client):
    publisher = await client.connected("publisher", MQTT_3_1_1)
    publisher.send(by_hand.publish(MQTT_3_1_1, b""))
    await expect_disconnect(publisher, 0x90)


@both_versions
@pytest.mark.parametrize("topic", [b"\x00", b"a\x00", b"a/\x00/b"])
@pytest.mark.mqtt5("4.7.3-2", "1.5.4-2")
@pytest.mark.mqtt311("4.7.3-2", "1.5.3-2")
async def test_a_null_character_in_a_topic_ends_the_network_connection(client, version, topic):
    publisher = await client.connected("publisher", version)
    publisher.send(by_hand.publish(version, topic, b"wrong"))
    await expect_disconnect(publisher, 0x81)
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version, (topic, 0)))
    await expect_disconnect(subscriber, 0x81)


@both_versions
@pytest.mark.mqtt5("4.7.3-3")
@pytest.mark.mqtt311("4.7.3-3")
async def test_a_topic_of_65535_bytes_is_served(client, version):
    subscriber = await client.connected("subscriber", version)
    topic = "a/" + "é" * 32_766 + "x"
    assert len(topic.encode()) == 65_535
    assert (await subscriber.subscribe(topic)).reason_codes == [0]
    subscriber.publish(topic, b"1")
    subscriber.publish(topic[:-1] + "y", b"2")
    assert topics(await subscriber.sync()) == [topic]


@both_versions
@pytest.mark.parametrize(
    "topic",
    [
        "a", " ", "/", "//", "a b", "Accounts payable", "\ufeffa", "\u00e9", "e\u0301", "\ufb03", "ffi",
        "\u017f", "s", "\u212a", "K", "k", "a\tb", "a\u200bb", "\U0001f600", "%61", "a\\b", "a?b=c", "../a",
        "./a", "\u0661",
    ],
)
@pytest.mark.mqtt5("4.7.3-4", "4.7.3-1", "1.5.4-3")
@pytest.mark.mqtt311("4.7.3-4", "4.7.3-1", "1.5.3-3")
async def test_a_topic_name_is_matched_character_by_character_and_not_changed(client, version, topic):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe(topic)
    near = [
        "a", "/", "//", "a b", "\ufeffa", "\u00e9", "e\u0301", "\ufb03", "ffi", "\u017f", "s",
        "\u212a", "K", "k", "A", topic + "/", "/" + topic, topic + " ", " " + topic, "%61", "a/b",
        "../a", "./a", "1", "\u0661",
    ]
    for each in near:
        if each != topic:
            subscriber.publish(each, b"near")
    subscriber.publish(topic, b"exact")
    sent = await subscriber.sync()
    assert [(packet.topic, packet.payload) for packet in sent] == [(topic, b"exact")]


@both_versions
@pytest.mark.mqtt5("4.7.3-4")
@pytest.mark.mqtt311("4.7.3-4")
async def test_a_topic_of_too_many_levels_costs_only_its_own_network_connection(client, version):
    publisher = await client.connected("publisher", version)
    subscriber = await client.connected("subscriber", version)
    publisher.send(Publish("/" * 60_000, b"deep"))
    await expect_disconnect(publisher, 0x90)
    subscriber.send(Subscribe(1, [SubscriptionRequest("/" * 60_000)]))
    await expect_disconnect(subscriber, 0x8F)
    other = await client.connected("other", version)
    await other.subscribe("a")
    other.publish("a", b"1")
    assert topics(await other.sync()) == ["a"]
