"""MQTT 3.1.1, 3.3, 3.8 to 3.12 and 4.3, as Clients of 3.1 and 3.1.1 see them; mixtures of all versions."""

import pytest

from amqtt.wire.packets import (
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support import by_hand
from support.exchange import deliver, frame, messages, payloads, take
from support.legacy import ALL_VERSIONS, BEFORE_5, answer_to
from support.raw_client import properties

QUALITIES = [0, 1, 2]


@pytest.mark.parametrize("of", [3, 4, 5])
@ALL_VERSIONS
@pytest.mark.parametrize("granted", QUALITIES)
@pytest.mark.mqtt311("3.8.4-6", "3.3.5-1", "3.3.2-3", "3.3.4-1", "4.5.0-1", "7.0.0-2")
async def test_a_message_arrives_with_the_lesser_qos_in_every_version(client, version, of, granted):
    """Publishers of each version to subscribers of each, at each QoS, with the whole handshakes."""
    subscriber = await client.connected("subscriber", version)
    assert (await subscriber.subscribe("a/+", granted)).reason_codes == [granted]
    publisher = await client.connected("publisher", of)
    for qos in QUALITIES:
        await deliver(publisher, "a/b", b"%d" % qos, qos)
    taken = await take(subscriber, 3)
    assert [(m.topic, m.payload, m.qos, m.retain, m.dup) for m in taken] == [
        ("a/b", b"%d" % qos, min(qos, granted), False, False) for qos in QUALITIES
    ]
    assert await messages(subscriber) == []


@pytest.mark.parametrize("of", [3, 4, 5])
@ALL_VERSIONS
@pytest.mark.parametrize("qos", QUALITIES)
@pytest.mark.mqtt311("3.3.1-5", "3.3.1-6", "3.3.1-7", "3.3.1-8", "3.3.1-9")
async def test_a_retained_message_is_for_clients_of_every_version(client, version, of, qos):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", of)
    for payload in (b"old", b"new"):
        publisher.publish("a", payload, qos, retain=True, packet_id=3 if qos else 0)
        if qos:
            await publisher.expect(Puback if qos == 1 else Pubrec)
        if qos == 2:
            publisher.send(Pubrel(3))
            await publisher.expect(Pubcomp)
        await publisher.sync()
    assert [(m.payload, m.retain) for m in await take(subscriber, 2)] == [(b"old", False), (b"new", False)]
    await subscriber.subscribe("+", 2)
    [retained] = await take(subscriber, 1)
    assert (retained.topic, retained.payload, retained.qos, retained.retain) == ("a", b"new", qos, True)


@BEFORE_5
@pytest.mark.mqtt311("3.3.2-3", "7.0.0-2")
async def test_what_only_mqtt_5_knows_is_left_out_for_the_others(client, version):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", 5)
    values = {
        "content_type": "text/plain", "user_properties": (("a", "b"),), "message_expiry_interval": 60,
        "response_topic": "r", "correlation_data": b"c", "topic_alias": 1, "payload_format_indicator": 1,
    }
    for qos in (0, 1):
        publisher.publish("a", b"x", qos, packet_id=qos, **values)
    publisher.publish("", b"y", topic_alias=1)
    await publisher.expect(Puback)
    await publisher.sync()
    subscriber.send(b"\xe0\x00")
    assert await subscriber.read_to_end() == b"".join([
        frame(0x30, b"\x00\x01ax"), frame(0x32, b"\x00\x01a\x00\x01x"), frame(0x30, b"\x00\x01ay"),
    ])


@BEFORE_5
@pytest.mark.mqtt311("3.3.2-3", "7.0.0-2")
async def test_a_session_may_go_on_in_another_version(client, version):
    """What an MQTT 5.0 Client subscribed to, and left unacknowledged, its older self is sent."""
    new = await client.connected("turncoat", 5, clean_start=False, session_expiry_interval=1000)
    given = properties(subscription_identifiers=(7,))
    new.send(Subscribe(1, [SubscriptionRequest("a", 1, retain_as_published=True)], given))
    await new.expect(Suback)
    publisher = await client.connected("publisher", 5)
    publisher.publish("a", b"1", 1, user_properties=(("a", "b"),))
    await publisher.expect(Puback)
    first = await new.expect(Publish)
    assert first.properties is not None
    await new.close()
    old = await client(version)
    assert (await old.connect("turncoat", clean_start=False)).session_present is (version == 4)
    again = await old.expect(Publish)
    assert (again.packet_id, again.payload, again.dup) == (first.packet_id, b"1", True)
    old.send(Puback(again.packet_id))
    await old.sync()
    await old.close()
    new = await client.connected("turncoat", 5, clean_start=False, session_expiry_interval=1000)
    await deliver(await client.connected("publisher", version), "a", b"2", 1)
    last = await new.expect(Publish)
    assert last.properties is not None
    assert (last.payload, last.properties.subscription_identifiers) == (b"2", (7,))


@BEFORE_5
@pytest.mark.mqtt311("3.3.5-1")
async def test_overlapping_subscriptions_deliver_at_the_highest_qos(client, version):
    subscriber = await client.connected("subscriber", version)
    for packet_id, (topic_filter, qos) in enumerate([("#", 0), ("a/+", 2), ("+/b", 1), ("a/b", 0)], 1):
        await subscriber.subscribe(topic_filter, qos, packet_id=packet_id)
    publisher = await client.connected("publisher", version)
    for qos in QUALITIES:
        await deliver(publisher, "a/b", b"%d" % qos, qos)
        await deliver(publisher, "c/b", b"%d" % qos, qos)
    highest: dict[tuple[str, bytes], int] = {}
    for message in await messages(subscriber):
        key = message.topic, message.payload
        highest[key] = max(highest.get(key, 0), message.qos)
    assert highest == {
        ("a/b", b"0"): 0, ("a/b", b"1"): 1, ("a/b", b"2"): 2,
        ("c/b", b"0"): 0, ("c/b", b"1"): 1, ("c/b", b"2"): 1,
    }


@BEFORE_5
@pytest.mark.mqtt311("4.3.3-2", "3.3.1-3")
async def test_a_qos_2_publish_is_delivered_once_until_pubrel_and_again_after_pubcomp(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    for dup in (False, True, True):
        publisher.publish("a", b"first", 2, packet_id=5, dup=dup)
        assert (await publisher.expect(Pubrec)).packet_id == 5
    publisher.send(Pubrel(5))
    assert (await publisher.expect(Pubcomp)).packet_id == 5
    publisher.publish("a", b"second", 2, packet_id=5, dup=True)
    assert (await publisher.expect(Pubrec)).packet_id == 5
    arrived = [(m.payload, m.qos, m.dup) for m in await messages(witness)]
    assert arrived == [(b"first", 1, False), (b"second", 1, False)]


@BEFORE_5
@pytest.mark.mqtt311("4.3.2-2")
async def test_after_puback_the_same_packet_identifier_is_a_new_publication(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("a")
    publisher = await client.connected("publisher", version)
    for payload in (b"1", b"2"):
        publisher.publish("a", payload, 1, packet_id=5, dup=True)
        assert (await publisher.expect(Puback)).packet_id == 5
    assert await payloads(witness) == [b"1", b"2"]


@BEFORE_5
@pytest.mark.mqtt311("4.3.3-2", "3.3.4-1")
async def test_packet_identifiers_of_the_two_sides_are_independent(client, version):
    """A Client that publishes to itself uses the same number in both directions."""
    echo = await client.connected("echo", version)
    await echo.subscribe("a", 2)
    echo.publish("a", b"x", 2, packet_id=1)
    arrived = {type(packet): packet.packet_id for packet in [await echo.receive(), await echo.receive()]}
    assert arrived == {Publish: 1, Pubrec: 1}
    echo.send(Pubrec(1), Pubrel(1))
    arrived = {type(packet): packet.packet_id for packet in [await echo.receive(), await echo.receive()]}
    assert arrived == {Pubrel: 1, Pubcomp: 1}
    echo.send(Pubcomp(1))
    assert await messages(echo) == []


@BEFORE_5
@pytest.mark.mqtt311("4.3.3-1", "4.3.2-1")
async def test_acknowledgements_of_what_was_never_sent_change_nothing(client, version):
    """3.1.1 has no rule against them: a Server that lost its state must not lose its Clients, too."""
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    subscriber.send(Puback(9), Pubcomp(9), Pubrel(9))
    [answer] = await subscriber.sync()
    assert isinstance(answer, Pubcomp)
    await deliver(await client.connected("publisher", version), "a", b"x", 2)
    packet_id = (await subscriber.expect(Publish)).packet_id
    subscriber.send(Puback(packet_id), Pubcomp(packet_id))
    assert await subscriber.sync() == []
    subscriber.send(Pubrec(packet_id))
    assert (await subscriber.expect(Pubrel)).packet_id == packet_id


@BEFORE_5
@pytest.mark.parametrize("topic", [b"", b"#", b"+", b"a/+/b", b"a#", b"a/#"])
@pytest.mark.mqtt311("3.3.2-2", "4.7.1-1", "4.7.3-1", "4.8.0-1")
async def test_a_publish_to_what_is_no_topic_name_closes(client, version, topic):
    witness = await client.connected("witness", version)
    await witness.subscribe("#")
    publisher = await client.connected("publisher", version)
    assert await answer_to(publisher, by_hand.publish(version, topic, b"x")) == b""
    assert await messages(witness) == []


BAD_FILTERS = [b"", b"a#", b"#/a", b"a/#/b", b"##", b"a+", b"+a", b"a/b+/c", b"a/++"]


@BEFORE_5
@pytest.mark.parametrize("topic_filter", BAD_FILTERS)
@pytest.mark.mqtt311("4.7.1-2", "4.7.1-3", "4.7.3-1", "4.8.0-1")
async def test_a_subscribe_to_what_is_no_topic_filter_closes(client, version, topic_filter):
    subscriber = await client.connected("subscriber", version, clean_start=False)
    assert await answer_to(subscriber, by_hand.subscribe(version, (b"good", 1), (topic_filter, 0))) == b""


@BEFORE_5
@pytest.mark.parametrize("length", [65_535, 65_534])
@pytest.mark.mqtt311("4.7.3-3")
async def test_a_topic_may_have_65535_bytes(client, version, length):
    topic = "é" * (length // 2) + "a" * (length % 2)
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe(topic, 1)
    await deliver(await client.connected("publisher", version), topic, b"x", 1)
    assert [message.topic for message in await messages(subscriber)] == [topic]


DEEP = ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/a/b"]
TOPICS = ["sport", "Sport", "sport/", "/finance", *DEEP]
MATCHES = [
    ("sport/tennis/player1/#", DEEP),
    ("sport/#", ["sport", "sport/", *DEEP]),
    ("sport/+", ["sport/"]),
    ("+", ["sport", "Sport"]),
    ("+/+", ["/finance", "sport/"]),
    ("/+", ["/finance"]),
    ("+/tennis/#", DEEP),
    ("sport/+/player1", DEEP[:1]),
    ("#", TOPICS),
    ("SPORT", []),
    ("Sport", ["Sport"]),
    ("finance", []),
]


@BEFORE_5
@pytest.mark.parametrize(("topic_filter", "matching"), MATCHES, ids=[each for each, _ in MATCHES])
@pytest.mark.mqtt311("3.3.2-3", "4.7.1-2", "4.7.1-3", "4.7.3-4", "4.5.0-1")
async def test_a_filter_matches_as_the_examples_of_the_standard_say(client, version, topic_filter, matching):
    publisher = await client.connected("publisher", version)
    for topic in TOPICS:
        publisher.publish(topic, b"retained", retain=True)
    await publisher.sync()
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe(topic_filter)
    assert {message.topic for message in await messages(subscriber)} == set(matching)
    for topic in TOPICS:
        publisher.publish(topic, b"live")
    await publisher.sync()
    assert sorted(message.topic for message in await messages(subscriber)) == sorted(matching)


@BEFORE_5
@pytest.mark.mqtt311("4.7.2-1")
async def test_filters_that_begin_with_a_wildcard_match_no_topic_of_the_server(broker, client, version):
    ignorant = await client.connected("ignorant", version)
    for packet_id, topic_filter in enumerate(["#", "+/monitor/Clients", "+/#", "/#"], 1):
        await ignorant.subscribe(topic_filter, packet_id=packet_id)
    knowing = await client.connected("knowing", version)
    await knowing.subscribe("$SYS/monitor/+")
    await knowing.subscribe("$SYS/#", packet_id=2)
    await broker.publish("$SYS/monitor/Clients", b"3", retain=True)
    assert await messages(ignorant) == []
    assert {message.topic for message in await messages(knowing)} == {"$SYS/monitor/Clients"}
    await ignorant.subscribe("#")
    assert await messages(ignorant) == []


@BEFORE_5
@pytest.mark.mqtt311("3.8.4-4", "3.8.4-5", "3.9.3-1", "3.9.3-2", "3.10.4-4", "3.10.4-5", "3.10.4-6")
async def test_several_filters_are_answered_together(client, version):
    subscriber = await client.connected("subscriber", version)
    subscriber.send(by_hand.subscribe(version, (b"a", 0), (b"b", 2), (b"c/#", 1), (b"a", 1)))
    subscriber.send(Unsubscribe(2, ["b", "unknown", "c/#"]), Unsubscribe(3, ["unknown"]))
    assert (await subscriber.expect(Suback)).reason_codes == [0, 2, 1, 1]
    assert [(await subscriber.expect(Unsuback)).packet_id for _ in range(2)] == [2, 3]
    publisher = await client.connected("publisher", version)
    for topic in ("b", "c/d", "a"):
        await deliver(publisher, topic, b"x", 2)
    assert [(message.topic, message.qos) for message in await messages(subscriber)] == [("a", 1)]
