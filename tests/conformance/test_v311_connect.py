"""MQTT 3.1.1, 3.1: the CONNECT packet, its Protocol Level, its flags, the order of its fields."""

import pytest

from amqtt.wire.packets import Connack, Pingresp, Publish
from support.bench_server import Bench
from support.exchange import deliver, frame, leave, messages, payloads
from support.legacy import (
    ACCEPTED,
    BEFORE_5,
    CLEAN_SESSION,
    PASSWORD,
    PROTOCOL_NAMES,
    USER_NAME,
    WILL,
    WILL_QOS_1,
    WILL_QOS_2,
    WILL_RETAIN,
    Recorder,
    answer_to,
    connect_bytes,
    refusing,
)

UNACCEPTABLE_PROTOCOL_LEVEL = 0x01

NOT_CONNECT = {
    "CONNACK": b"\x20\x02\x00\x00",
    "PUBLISH": b"\x30\x04\x00\x01ax",
    "PUBACK": b"\x40\x02\x00\x01",
    "PUBREC": b"\x50\x02\x00\x01",
    "PUBREL": b"\x62\x02\x00\x01",
    "PUBCOMP": b"\x70\x02\x00\x01",
    "SUBSCRIBE": b"\x82\x06\x00\x01\x00\x01a\x00",
    "UNSUBSCRIBE": b"\xa2\x05\x00\x01\x00\x01a",
    "PINGREQ": b"\xc0\x00",
    "DISCONNECT": b"\xe0\x00",
    "no packet at all": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("packet", NOT_CONNECT.values(), ids=NOT_CONNECT)
@pytest.mark.mqtt311("3.1.0-1", "3.2.0-1", "4.8.0-1")
async def test_anything_but_connect_at_first_closes_without_a_word(client, packet):
    witness = await client.connected("witness", 4)
    await witness.subscribe("#")
    assert await answer_to(await client(4), packet, connect_bytes(b"c")) == b""
    assert await messages(witness) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.0-2", "4.8.0-1")
async def test_a_second_connect_closes(client, version):
    again = await client(version)
    connect = connect_bytes(b"again", version=version)
    assert await answer_to(again, connect, connect, b"\xc0\x00") == ACCEPTED


@pytest.mark.parametrize("name", [b"", b"mqtt", b"MQT", b"MQTTT", b"MQTT\xef\xbb\xbf", b"HTTP"])
@pytest.mark.mqtt311("3.1.2-1")
async def test_another_protocol_name_closes_without_connack(client, name):
    assert await answer_to(await client(4), connect_bytes(b"c", name=name)) == b""


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.mqtt311("3.1.2-2", "3.2.2-4", "3.2.2-5")
async def test_a_protocol_level_that_is_not_there_is_refused_with_0x01(client, level):
    refusal = await answer_to(await client(4), connect_bytes(b"c", level=level), b"\xc0\x00")
    assert refusal == refusing(UNACCEPTABLE_PROTOCOL_LEVEL)


@pytest.mark.parametrize("level", [6, 0x7F, 0x80, 0xFF])
@pytest.mark.mqtt5("3.1.2-2")
async def test_a_client_of_a_later_standard_is_refused_in_the_form_of_the_latest(client, level):
    late = await client(5)
    late.send(connect_bytes(b"c", level=level), b"\xc0\x00")
    refusal = await late.expect(Connack)
    assert (refusal.session_present, refusal.reason_code) == (False, 0x84)
    assert await late.expect_closed() == []


@pytest.mark.mqtt311("3.1.2-2", "3.1.4-1")
async def test_an_unknown_protocol_level_is_refused_whatever_stands_behind_it(client):
    assert await answer_to(await client(4), frame(0x10, b"\x00\x04MQTT\x02")) == refusing(0x01)


@pytest.mark.mqtt311("3.1.2-3", "3.1.4-1")
async def test_the_reserved_flag_closes_without_connack(client):
    assert await answer_to(await client(4), connect_bytes(b"c", flags=CLEAN_SESSION | 0x01)) == b""


@pytest.mark.parametrize("flags", [WILL_QOS_1, WILL_QOS_2, WILL_QOS_1 | WILL_QOS_2, WILL_RETAIN])
@pytest.mark.mqtt311("3.1.2-11", "3.1.2-13", "3.1.2-15", "3.1.4-1")
async def test_will_qos_and_will_retain_without_will_flag_close(client, flags):
    assert await answer_to(await client(4), connect_bytes(b"c", flags=CLEAN_SESSION | flags)) == b""


@pytest.mark.mqtt311("3.1.2-11", "3.1.4-1")
async def test_will_fields_without_will_flag_close(client):
    assert await answer_to(await client(4), connect_bytes(b"c", b"topic", b"message")) == b""


@BEFORE_5
@pytest.mark.parametrize("fields", [[], [b"topic"]], ids=["no fields", "no Will Message"])
@pytest.mark.mqtt311("3.1.2-9", "3.1.4-1")
async def test_a_will_flag_without_will_fields_closes(client, version, fields):
    connect = connect_bytes(b"c", *fields, version=version, flags=CLEAN_SESSION | WILL)
    assert await answer_to(await client(version), connect) == b""


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-14", "3.1.4-1")
async def test_a_will_qos_of_3_closes(client, version):
    flags = CLEAN_SESSION | WILL | WILL_QOS_1 | WILL_QOS_2
    connect = connect_bytes(b"c", b"topic", b"message", version=version, flags=flags)
    assert await answer_to(await client(version), connect) == b""


@pytest.mark.parametrize("flags", [0, PASSWORD], ids=["neither", "password only"])
@pytest.mark.mqtt311("3.1.2-18", "3.1.2-22", "3.1.4-1")
async def test_a_user_name_without_its_flag_closes(client, flags):
    connect = connect_bytes(b"c", b"user", b"password", flags=CLEAN_SESSION | flags)
    assert await answer_to(await client(4), connect) == b""


@pytest.mark.mqtt311("3.1.2-19", "3.1.4-1")
async def test_a_user_name_flag_without_user_name_closes(client):
    assert await answer_to(await client(4), connect_bytes(b"c", flags=CLEAN_SESSION | USER_NAME)) == b""


@pytest.mark.mqtt311("3.1.2-20", "3.1.4-1")
async def test_a_password_without_its_flag_closes(client):
    connect = connect_bytes(b"c", b"user", b"password", flags=CLEAN_SESSION | USER_NAME)
    assert await answer_to(await client(4), connect) == b""


@pytest.mark.mqtt311("3.1.2-21", "3.1.4-1")
async def test_a_password_flag_without_password_closes(client):
    connect = connect_bytes(b"c", b"user", flags=CLEAN_SESSION | USER_NAME | PASSWORD)
    assert await answer_to(await client(4), connect) == b""


@pytest.mark.mqtt311("3.1.2-22", "3.1.4-1")
async def test_a_password_flag_without_user_name_flag_closes(client):
    connect = connect_bytes(b"c", b"password", flags=CLEAN_SESSION | PASSWORD)
    assert await answer_to(await client(4), connect) == b""


MALFORMED = {
    "nothing": b"",
    "half a Protocol Name": b"\x00\x04MQ",
    "no Protocol Level": b"\x00\x04MQTT",
    "no flags": b"\x00\x04MQTT\x04",
    "half a Keep Alive": b"\x00\x04MQTT\x04\x02\x00",
    "no Client Identifier": b"\x00\x04MQTT\x04\x02\x00\x00",
    "half a Client Identifier": b"\x00\x04MQTT\x04\x02\x00\x00\x00\x02c",
    "bytes behind the Client Identifier": b"\x00\x04MQTT\x04\x02\x00\x00\x00\x01cx",
    "half a user name": b"\x00\x04MQTT\x04\x82\x00\x00\x00\x01c\x00\x05user",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.mqtt311("3.1.4-1", "3.1.3-3")
async def test_a_malformed_connect_closes_without_connack(client, body):
    assert await answer_to(await client(4), frame(0x10, body)) == b""


@BEFORE_5
@pytest.mark.mqtt311("3.1.3-1", "3.1.3-3", "3.1.2-19", "3.1.2-21", "3.1.2-9")
async def test_the_fields_stand_in_the_order_of_the_standard(broker, client, version):
    authenticator = Recorder()
    broker.server.authenticator = authenticator
    witness = await client.connected("witness", version)
    await witness.subscribe("second", 2)
    whole = await client(version)
    flags = CLEAN_SESSION | WILL | WILL_QOS_1 | USER_NAME | PASSWORD
    fields = (b"first", b"second", b"third", b"fourth", b"fifth\x00\xff")
    whole.send(connect_bytes(*fields, version=version, flags=flags, keep_alive=300))
    assert (await whole.expect(Connack)).reason_code == 0
    whole.abort()
    will = await witness.expect(Publish)
    asked = authenticator.requests[-1]
    assert (asked.client_id, asked.username, asked.password) == ("first", "fourth", b"fifth\x00\xff")
    assert (asked.version, asked.clean_start, asked.keep_alive) == (version, True, 300)
    assert (will.topic, will.payload, will.qos) == ("second", b"third", 1)


@pytest.mark.parametrize(
    "fields", [(b"c", b"user"), (b"c", b""), (b"c", b"user", b""), (b"c", b"u", b"\x00")]
)
@pytest.mark.mqtt311("3.1.2-19", "3.1.2-20", "3.1.2-21", "3.1.4-4")
async def test_user_name_and_password_are_as_their_flags_say(broker, client, fields):
    authenticator = Recorder()
    broker.server.authenticator = authenticator
    flags = CLEAN_SESSION | USER_NAME | (PASSWORD if len(fields) == 3 else 0)
    assert await answer_to(await client(4), connect_bytes(*fields, flags=flags), b"\xe0\x00") == ACCEPTED
    [asked] = authenticator.requests
    assert asked.username == fields[1].decode()
    assert asked.password == (fields[2] if len(fields) == 3 else None)


@pytest.mark.mqtt311("3.1.2-18", "3.1.2-20")
async def test_without_their_flags_there_is_neither_user_name_nor_password(broker, client):
    authenticator = Recorder()
    broker.server.authenticator = authenticator
    assert await answer_to(await client(4), connect_bytes(b"c"), b"\xe0\x00") == ACCEPTED
    assert [(asked.username, asked.password) for asked in authenticator.requests] == [(None, None)]


# -- Keep Alive (3.1.2.10)


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-24")
def test_one_and_a_half_keep_alives_without_a_packet_end_the_connection_as_if_the_network_failed(version):
    bench = Bench()
    witness = bench.connected("witness", version)
    witness.subscribe("will")
    silent = bench.client(version)
    silent.send(
        connect_bytes(b"silent", b"will", b"gone", version=version, flags=CLEAN_SESSION | WILL, keep_alive=10)
    )
    bench.pass_time(14.9)
    assert (silent.received_bytes(), silent.closed) == (ACCEPTED, False)
    bench.pass_time(0.2)
    assert (silent.received_bytes(), silent.closed) == (b"", True)
    assert [packet.payload for packet in witness.received() if isinstance(packet, Publish)] == [b"gone"]
    assert bench.faults == []


@pytest.mark.parametrize(
    "packet",
    [b"\xc0\x00", b"\x30\x03\x00\x01a", b"\x82\x06\x00\x01\x00\x01a\x00", b"\x40\x02\x00\x09"],
    ids=["PINGREQ", "PUBLISH", "SUBSCRIBE", "PUBACK"],
)
@pytest.mark.mqtt311("3.1.2-24")
def test_every_control_packet_keeps_the_connection_alive(packet):
    bench = Bench()
    lively = bench.connected("lively", 4, keep_alive=10)
    for _ in range(5):
        bench.pass_time(14.9)
        lively.send(packet)
    assert not lively.closed
    bench.pass_time(15.1)
    lively.received()
    assert lively.closed


@pytest.mark.mqtt311("3.1.2-24")
def test_the_beginning_of_a_control_packet_keeps_nothing_alive():
    bench = Bench()
    slow = bench.connected("slow", 4, keep_alive=10)
    bench.pass_time(10)
    slow.send(b"\x30\x80")
    bench.pass_time(5.1)
    assert slow.received() == []
    assert slow.closed


@pytest.mark.mqtt311("3.1.2-24")
def test_a_keep_alive_of_0_never_ends_the_connection():
    bench = Bench()
    patient = bench.connected("patient", 4, keep_alive=0)
    bench.pass_time(10 * 86_400)
    patient.send(b"\xc0\x00")
    assert [type(packet) for packet in patient.received()] == [Pingresp]


@pytest.mark.mqtt311("3.1.2-24")
async def test_a_client_that_is_silent_is_disconnected_over_a_real_connection(client):
    silent = await client(4)
    assert await answer_to(silent, connect_bytes(b"silent", keep_alive=1)) == ACCEPTED


# -- what a Server has to accept


@BEFORE_5
@pytest.mark.mqtt311("3.1.4-4", "7.0.0-2")
async def test_the_least_connect_is_accepted(client, version):
    connect = connect_bytes(b"c", version=version)
    assert await answer_to(await client(version), connect, b"\xe0\x00") == ACCEPTED


@BEFORE_5
@pytest.mark.mqtt311("7.1.1-1", "3.1.4-4")
async def test_a_connect_in_single_bytes_is_accepted(client, version):
    slow = await client(version)
    for byte in connect_bytes(b"slow", version=version) + b"\x30\x04\x00\x01ax" + b"\xc0\x00":
        slow.send(bytes((byte,)))
    assert (await slow.expect(Connack)).reason_code == 0
    await slow.expect(Pingresp)


@BEFORE_5
@pytest.mark.mqtt311("3.1.4-4")
async def test_a_client_need_not_wait_for_connack(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("a", 1)
    hasty = await client(version)
    hasty.send(connect_bytes(b"hasty", version=version), b"\x32\x06\x00\x01a\x00\x01x", b"\xe0\x00")
    assert await hasty.read_to_end() == ACCEPTED + b"\x40\x02\x00\x01"
    assert await payloads(witness) == [b"x"]


@pytest.mark.parametrize("bridge", [3, 4])
@pytest.mark.mqtt311("7.0.0-2")
async def test_a_bridge_may_set_the_highest_bit_of_its_protocol_level(client, bridge):
    connect = connect_bytes(b"bridge", name=PROTOCOL_NAMES[bridge], level=0x80 | bridge)
    assert await answer_to(await client(bridge), connect, b"\xe0\x00") == ACCEPTED


async def bridge_of(client, version):
    """A bridge, by its Protocol Level, that has subscribed to `a`, at QoS 1 and as one of a group."""
    bridge = await client(version)
    bridge.send(connect_bytes(b"bridge", name=PROTOCOL_NAMES[version], level=0x80 | version))
    await bridge.expect(Connack)
    for packet_id, topic_filter in enumerate(("a", "$share/group/b"), 1):
        assert (await bridge.subscribe(topic_filter, 1, packet_id=packet_id)).reason_codes == [1]
    return bridge


@BEFORE_5
@pytest.mark.mqtt311("7.0.0-2")
async def test_a_bridge_is_not_sent_what_it_published_but_shares_like_others(client, version):
    bridge = await bridge_of(client, version)
    bridge.publish("a", b"its own")
    bridge.publish("b", b"shared")
    assert await payloads(bridge) == [b"shared"]


@BEFORE_5
@pytest.mark.mqtt311("7.0.0-2")
async def test_a_bridge_is_sent_retain_as_it_was_published(client, version):
    bridge = await bridge_of(client, version)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"kept", retain=True)
    publisher.publish("a", b"passes")
    await publisher.sync()
    assert [(message.payload, message.retain) for message in await messages(bridge)] == [
        (b"kept", True), (b"passes", False),
    ]


@pytest.mark.mqtt311("3.14.4-3")
async def test_after_disconnect_nothing_is_acted_on(client):
    witness = await client.connected("witness", 4)
    await witness.subscribe("a")
    leaver = await client.connected("leaver", 4)
    assert await answer_to(leaver, b"\xe0\x00", b"\x30\x04\x00\x01ax", b"\xc0\x00") == b""
    assert await messages(witness) == []
    again = await client.connected("leaver", 4)
    await deliver(again, "a", b"y", 1)
    assert (await witness.expect(Publish)).payload == b"y"
    await leave(again)
