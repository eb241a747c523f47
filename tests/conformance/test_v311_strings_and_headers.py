"""MQTT 3.1.1, chapters 1 and 2: UTF-8 encoded strings, fixed header flags, Packet Identifiers."""

import pytest

from amqtt.wire.packets import Disconnect, Pingreq, Puback, Publish, Unsuback, Unsubscribe
from amqtt.wire.primitives import binary_field
from support import by_hand
from support.bench_server import Bench
from support.exchange import deliver, frame, messages
from support.legacy import ACCEPTED, BEFORE_5, CLEAN_SESSION, USER_NAME, WILL, answer_to, connect_bytes

ILL_FORMED = {
    "a byte that is never UTF-8": b"a\xff",
    "a sequence cut short": b"a\xe2\x82",
    "an overlong encoding": b"\xc0\xaf",
    "the surrogate U+D800": b"\xed\xa0\x80",
    "the surrogate U+DFFF": b"\xed\xbf\xbf",
    "a code point above U+10FFFF": b"\xf4\x90\x80\x80",
}
ill_formed = pytest.mark.parametrize("text", ILL_FORMED.values(), ids=ILL_FORMED)
NULL = {"alone": b"\x00", "in the middle": b"a\x00b", "overlong": b"a\xc0\x80"}
null = pytest.mark.parametrize("text", NULL.values(), ids=NULL)

CONNECTS_WITH = {
    "Client Identifier": connect_bytes,
    "Will Topic": lambda text: connect_bytes(b"c", text, b"x", flags=CLEAN_SESSION | WILL),
    "User Name": lambda text: connect_bytes(b"c", text, flags=CLEAN_SESSION | USER_NAME),
}
PACKETS_WITH = {
    "Topic Name": lambda text: by_hand.publish(4, text, b"x"),
    "Topic Filter of SUBSCRIBE": lambda text: by_hand.subscribe(4, (text, 0)),
    "Topic Filter of UNSUBSCRIBE": lambda text: by_hand.unsubscribe(4, text),
}
connects_with = pytest.mark.parametrize("packet", CONNECTS_WITH.values(), ids=CONNECTS_WITH)
packets_with = pytest.mark.parametrize("packet", PACKETS_WITH.values(), ids=PACKETS_WITH)

FLAGS = {
    "CONNACK": (0x20, 0, b"\x00\x00"),
    "PUBACK": (0x40, 0, b"\x00\x01"),
    "PUBREC": (0x50, 0, b"\x00\x01"),
    "PUBREL": (0x60, 2, b"\x00\x01"),
    "PUBCOMP": (0x70, 0, b"\x00\x01"),
    "SUBSCRIBE": (0x80, 2, b"\x00\x01\x00\x01a\x00"),
    "UNSUBSCRIBE": (0xA0, 2, b"\x00\x01\x00\x01a"),
    "PINGREQ": (0xC0, 0, b""),
    "DISCONNECT": (0xE0, 0, b""),
}
"""Packet → its type in place, the flags it must have, a body (table 2.2)."""


@ill_formed
@connects_with
@pytest.mark.mqtt311("1.5.3-1", "3.1.3-4", "3.1.3-10", "3.1.3-11", "3.1.4-1")
async def test_ill_formed_utf_8_in_connect_closes_without_connack(client, packet, text):
    assert await answer_to(await client(4), packet(text)) == b""


@null
@connects_with
@pytest.mark.mqtt311("1.5.3-2", "3.1.3-4", "3.1.3-10", "3.1.3-11", "3.1.4-1")
async def test_the_null_character_in_connect_closes_without_connack(client, packet, text):
    assert await answer_to(await client(4), packet(text)) == b""


@ill_formed
@packets_with
@pytest.mark.mqtt311("1.5.3-1", "3.3.2-1", "3.8.3-1", "3.10.3-1", "4.8.0-1")
async def test_ill_formed_utf_8_after_connect_closes(client, packet, text):
    sender = await client.connected("sender", 4)
    assert await answer_to(sender, packet(text)) == b""


@null
@packets_with
@pytest.mark.mqtt311("1.5.3-2", "4.7.3-2", "3.8.3-1", "3.10.3-1")
async def test_the_null_character_after_connect_closes(client, packet, text):
    sender = await client.connected("sender", 4)
    assert await answer_to(sender, packet(text)) == b""


@BEFORE_5
@pytest.mark.mqtt311("1.5.3-3", "4.7.3-4")
async def test_a_byte_order_mark_is_a_character_like_any_other(client, version):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a")
    await subscriber.subscribe("\ufeffa")
    publisher = await client.connected("\ufeffsubscriber", version)
    for topic, payload in [("a", b"without"), ("\ufeffa", b"with"), ("a\ufeff", b"behind")]:
        await deliver(publisher, topic, payload, 1)
    arrived = [(message.topic, message.payload) for message in await messages(subscriber)]
    assert arrived == [("a", b"without"), ("\ufeffa", b"with")]


@pytest.mark.parametrize(
    "character", ["\x01", "\x7f", "\x9f", "\ufdd0", "\uffff", "\U0010ffff", "é", "e\u0301", "\u200b"]
)
@pytest.mark.mqtt311("4.7.3-4", "7.0.0-2")
async def test_every_other_character_of_a_topic_arrives_as_it_was_sent(client, character):
    topic = f"{character}/x{character}"
    subscriber = await client.connected("subscriber", 4)
    await subscriber.subscribe(f"+/x{character}")
    publisher = await client.connected("publisher", 4)
    await deliver(publisher, topic, b"x", 1)
    assert [message.topic for message in await messages(subscriber)] == [topic]


@BEFORE_5
@pytest.mark.mqtt311("2.2.2-1", "2.3.1-6", "2.3.1-7", "3.1.4-4", "3.12.4-1")
async def test_what_the_server_sends_is_in_every_byte_as_the_standard_prints_it(client, version):
    """One Client that publishes to itself; everything that it is sent, flags and all."""
    speaker = await client(version)
    speaker.send(
        connect_bytes(b"speaker", version=version),
        by_hand.subscribe(version, (b"a", 2)),
        frame(0x34, b"\x00\x01a" + b"\x00\x01x"),  # PUBLISH, QoS 2, Packet Identifier 1
        frame(0x62, b"\x00\x01"),  # PUBREL
        frame(0x50, b"\x00\x01"),  # PUBREC for what the Server sends
        frame(0x70, b"\x00\x01"),  # PUBCOMP
        frame(0xA2, b"\x12\x34" + b"\x00\x01a"),
        frame(0x32, b"\x00\x01a" + b"\xff\xffx"),  # PUBLISH, QoS 1
        frame(0x30, b"\x00\x01a" + b"x"),
        b"\xc0\x00",
        b"\xe0\x00",
    )
    assert await speaker.read_to_end() == b"".join([
        ACCEPTED,
        b"\x90\x03\x00\x01\x02",  # SUBACK
        b"\x50\x02\x00\x01",  # PUBREC
        b"\x34\x06\x00\x01a\x00\x01x",  # PUBLISH, QoS 2, DUP 0, RETAIN 0, Packet Identifier 1
        b"\x70\x02\x00\x01",  # PUBCOMP
        b"\x62\x02\x00\x01",  # PUBREL
        b"\xb0\x02\x12\x34",  # UNSUBACK
        b"\x40\x02\xff\xff",  # PUBACK
        b"\xd0\x00",  # PINGRESP
    ])


@pytest.mark.parametrize(("first", "right", "body"), FLAGS.values(), ids=FLAGS)
@pytest.mark.mqtt311("2.2.2-1", "2.2.2-2", "3.6.1-1", "3.8.1-1", "3.10.1-1", "3.14.1-1")
async def test_flags_that_a_packet_must_not_have_close_without_a_word(client, first, right, body):
    for flags in set(range(16)) - {right}:
        sender = await client.connected("sender", 4)
        assert await answer_to(sender, frame(first | flags, body), b"\xc0\x00") == b"", flags


@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.mqtt311("2.2.2-1", "2.2.2-2", "3.1.4-1")
async def test_flags_of_connect_close_without_connack(client, flags):
    assert await answer_to(await client(4), connect_bytes(b"c", first=0x10 | flags)) == b""


PACKETS_OF_A_SERVER = {
    "CONNACK": b"\x20\x02\x00\x00",
    "SUBACK": b"\x90\x03\x00\x01\x00",
    "UNSUBACK": b"\xb0\x02\x00\x01",
    "PINGRESP": b"\xd0\x00",
    "type 0": b"\x00\x00",
    "type 15": b"\xf0\x00",
}


@BEFORE_5
@pytest.mark.parametrize("packet", PACKETS_OF_A_SERVER.values(), ids=PACKETS_OF_A_SERVER)
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_packet_that_no_client_may_send_closes(client, version, packet):
    sender = await client.connected("sender", version)
    assert await answer_to(sender, packet, b"\xc0\x00") == b""


WITHOUT_IDENTIFIER = {
    "SUBSCRIBE": frame(0x82, b"\x00\x00\x00\x01a\x00"),
    "UNSUBSCRIBE": frame(0xA2, b"\x00\x00\x00\x01a"),
    "PUBLISH with QoS 1": frame(0x32, b"\x00\x01a\x00\x00x"),
    "PUBLISH with QoS 2": frame(0x34, b"\x00\x01a\x00\x00x"),
}


@BEFORE_5
@pytest.mark.parametrize("packet", WITHOUT_IDENTIFIER.values(), ids=WITHOUT_IDENTIFIER)
@pytest.mark.mqtt311("2.3.1-1", "4.8.0-1")
async def test_the_packet_identifier_0_closes(client, version, packet):
    witness = await client.connected("witness", version)
    await witness.subscribe("a", 2)
    sender = await client.connected("sender", version)
    assert await answer_to(sender, packet) == b""
    assert await messages(witness) == []


@BEFORE_5
@pytest.mark.mqtt311("2.3.1-5")
async def test_behind_the_topic_of_a_qos_0_publish_comes_its_payload(client, version):
    listener = await client.connected("listener", version)
    await listener.subscribe("a", 2)
    listener.send(frame(0x30, b"\x00\x01a" + b"\x00\x07x"), Disconnect())
    assert await listener.read_to_end() == frame(0x30, b"\x00\x01a" + b"\x00\x07x")


@pytest.mark.mqtt311("2.3.1-1", "2.3.1-4", "4.3.2-1")
def test_the_servers_packet_identifiers_are_never_0_and_never_one_in_use():
    """More messages than there are Packet Identifiers, while the first one stays unacknowledged."""
    bench = Bench()
    publisher = bench.connected("publisher", 4)
    subscriber = bench.connected("subscriber", 4)
    subscriber.subscribe("a", 1)
    publisher.publish("a", b"first", 1)
    [first] = subscriber.received()
    assert isinstance(first, Publish)
    in_use = first.packet_id
    seen = 0
    while seen < 65_700:
        publisher.send(frame(0x32, binary_field(b"a") + b"\x00\x01x") * 200)
        arrived = [packet.packet_id for packet in subscriber.received() if isinstance(packet, Publish)]
        assert len(set(arrived)) == 200
        assert not {0, in_use} & set(arrived)
        subscriber.send(*(Puback(packet_id) for packet_id in arrived))
        seen += len(arrived)
    assert bench.faults == []


@BEFORE_5
@pytest.mark.mqtt311("2.3.1-4", "4.3.2-1")
async def test_an_acknowledged_packet_identifier_may_be_used_again_and_another_not(client, version):
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    open_identifiers = []
    for payload in (b"1", b"2", b"3"):
        await deliver(publisher, "a", payload, 1)
        open_identifiers.append((await subscriber.expect(Publish)).packet_id)
    assert len(set(open_identifiers)) == 3
    subscriber.send(Puback(open_identifiers[1]))
    await subscriber.sync()
    await deliver(publisher, "a", b"4", 1)
    assert (await subscriber.expect(Publish)).packet_id not in (open_identifiers[0], open_identifiers[2])


@BEFORE_5
@pytest.mark.parametrize("packet_id", [1, 255, 256, 65_535])
@pytest.mark.mqtt311("2.3.1-6", "2.3.1-7", "3.8.4-2", "3.10.4-4")
async def test_each_answer_has_the_packet_identifier_of_its_request(client, version, packet_id):
    speaker = await client.connected("speaker", version)
    assert (await speaker.subscribe("a/b", packet_id=packet_id)).packet_id == packet_id
    speaker.send(Unsubscribe(packet_id, ["a/b"]))
    assert (await speaker.expect(Unsuback)).packet_id == packet_id
    await deliver(speaker, "a", b"x", 1, packet_id)
    await deliver(speaker, "a", b"x", 2, packet_id)


@pytest.mark.mqtt311("4.8.0-1")
async def test_a_remaining_length_of_five_bytes_closes(client):
    sender = await client.connected("sender", 4)
    assert await answer_to(sender, b"\xc0\x80\x80\x80\x80\x00") == b""


@pytest.mark.parametrize(
    "packet", [b"\xc0\x01x", b"\xe0\x01x", frame(0x40, b"\x00\x01x"), frame(0x62, b"\x00")]
)
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_body_that_is_too_long_or_too_short_closes(client, packet):
    sender = await client.connected("sender", 4)
    assert await answer_to(sender, packet, b"\xc0\x00") == b""


@BEFORE_5
@pytest.mark.mqtt311("4.8.0-1", "7.0.0-2")
async def test_a_violation_of_one_client_touches_no_other(client, version):
    bystander = await client.connected("bystander", version)
    await bystander.subscribe("a", 1)
    offender = await client.connected("offender", version)
    assert await answer_to(offender, frame(0x30, b"\x00\x03a/#x")) == b""
    bystander.send(Pingreq())
    bystander.publish("a", b"still here", 2)
    assert [type(packet).__name__ for packet in [await bystander.receive() for _ in range(3)]] == [
        "Pingresp", "Pubrec", "Publish",
    ]
