"""MQTT 3.1.1, 3.1.2.5 to 3.1.2.7 and 3.14: Will Messages and DISCONNECT."""

import pytest

from amqtt.wire.packets import Disconnect, Publish, WillFields
from support.bench_server import Bench
from support.exchange import frame, leave, messages, payloads
from support.legacy import ALL_VERSIONS, BEFORE_5, CLEAN_SESSION, WILL, Recorder, answer_to, connect_bytes

GOODBYE = WillFields("will", b"goodbye")
qualities = pytest.mark.parametrize("qos", [0, 1, 2])

VIOLATIONS = {
    "a wildcard in a Topic Name": b"\x30\x03\x00\x01#",
    "QoS 3": b"\x36\x06\x00\x01a\x00\x01x",
    "a second CONNECT": connect_bytes(b"doomed"),
    "a DISCONNECT with reserved bits": b"\xe1\x00",
    "a DISCONNECT with a body": b"\xe0\x01\x00",
    "no packet": b"\x00\x00",
}


@BEFORE_5
@qualities
@pytest.mark.mqtt311("3.1.2-8", "3.1.2-14", "3.1.2-16", "4.5.0-1")
async def test_the_will_is_published_with_its_qos_when_the_connection_breaks(client, version, qos):
    witness = await client.connected("witness", version)
    await witness.subscribe("will", 2)
    doomed = await client.connected("doomed", version, will=WillFields("will", b"goodbye", qos))
    assert await messages(witness) == []
    doomed.abort()
    will = await witness.expect(Publish)
    assert (will.topic, will.payload, will.qos) == ("will", b"goodbye", qos)
    assert (will.retain, will.dup) == (False, False)


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-8")
async def test_the_will_is_published_when_the_client_closes_without_disconnect(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("will")
    doomed = await client.connected("doomed", version, will=GOODBYE)
    await doomed.close()
    assert (await witness.expect(Publish)).payload == b"goodbye"


@pytest.mark.parametrize("violation", VIOLATIONS.values(), ids=VIOLATIONS)
@pytest.mark.mqtt311("3.1.2-8", "3.14.1-1", "3.1.0-2", "4.8.0-1")
async def test_the_will_is_published_when_the_server_closes(client, violation):
    witness = await client.connected("witness", 4)
    await witness.subscribe("will")
    doomed = await client.connected("doomed", 4, will=GOODBYE)
    assert await answer_to(doomed, violation) == b""
    assert (await witness.expect(Publish)).payload == b"goodbye"


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-8", "3.1.2-9")
async def test_an_empty_will_message_is_published(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("will")
    doomed = await client(version)
    connect = connect_bytes(b"doomed", b"will", b"", version=version, flags=CLEAN_SESSION | WILL)
    assert await answer_to(doomed, connect, b"\x00\x00") == b"\x20\x02\x00\x00"
    assert (await witness.expect(Publish)).payload == b""


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-8", "3.1.2-12")
async def test_the_will_of_a_connect_that_was_refused_is_never_published(broker, client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("will")
    broker.server.authenticator = Recorder(0x87)
    connect = connect_bytes(b"c", b"will", b"x", version=version, flags=CLEAN_SESSION | WILL)
    assert await answer_to(await client(version), connect) == b"\x20\x02\x00\x05"
    assert await messages(witness) == []


@BEFORE_5
@pytest.mark.parametrize("clean_session", [True, False])
@pytest.mark.mqtt311("3.14.4-3", "3.1.2-8", "3.1.2-10")
async def test_disconnect_discards_the_will(client, version, clean_session):
    witness = await client.connected("witness", version)
    await witness.subscribe("will")
    leaver = await client.connected("leaver", version, clean_start=clean_session, will=GOODBYE)
    await leave(leaver)
    assert await messages(witness) == []
    again = await client.connected("leaver", version, clean_start=clean_session)
    assert await answer_to(again, b"\x00\x00") == b""
    assert await messages(witness) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-12")
async def test_without_will_flag_nothing_is_published_at_the_end(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("#")
    plain = await client.connected("plain", version)
    assert await answer_to(plain, b"\x00\x00") == b""
    assert await messages(witness) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-10", "3.1.2-12")
async def test_a_will_is_published_once_although_the_session_goes_on(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("will")
    doomed = await client.connected("doomed", version, clean_start=False, will=GOODBYE)
    assert await answer_to(doomed, b"\x00\x00") == b""
    assert await payloads(witness) == [b"goodbye"]
    for clean_session in (False, True):
        doomed = await client.connected("doomed", version, clean_start=clean_session)
        assert await answer_to(doomed, b"\x00\x00") == b""
    assert await messages(witness) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-8", "3.1.2-10")
async def test_the_will_is_that_of_the_last_connect(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("#")
    first = await client.connected("doomed", version, clean_start=False, will=WillFields("first", b"1"))
    await leave(first)
    second = await client.connected("doomed", version, clean_start=False, will=WillFields("second", b"2"))
    assert await answer_to(second, b"\x00\x00") == b""
    assert [(message.topic, message.payload) for message in await messages(witness)] == [("second", b"2")]


@BEFORE_5
@qualities
@pytest.mark.mqtt311("3.1.2-16")
async def test_a_will_without_will_retain_is_not_retained(client, version, qos):
    doomed = await client.connected("doomed", version, will=WillFields("will", b"goodbye", qos))
    assert await answer_to(doomed, b"\x00\x00") == b""
    late = await client.connected("late", version)
    await late.subscribe("will", 2)
    assert await messages(late) == []


@BEFORE_5
@qualities
@pytest.mark.mqtt311("3.1.2-17", "3.1.2-14", "3.3.1-5", "3.3.1-8", "3.3.1-9")
async def test_a_will_with_will_retain_is_retained(client, version, qos):
    witness = await client.connected("witness", version)
    await witness.subscribe("will", 2)
    doomed = await client.connected("doomed", version, will=WillFields("will", b"goodbye", qos, retain=True))
    assert await answer_to(doomed, b"\x00\x00") == b""
    [live] = await messages(witness)
    assert (live.payload, live.qos, live.retain) == (b"goodbye", qos, False)
    late = await client.connected("late", version)
    await late.subscribe("will", 2)
    [retained] = await messages(late)
    assert (retained.payload, retained.qos, retained.retain) == (b"goodbye", qos, True)


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-17", "3.3.1-10", "3.3.1-11")
async def test_an_empty_will_with_will_retain_clears_the_topic(client, version):
    publisher = await client.connected("publisher", version)
    publisher.publish("will", b"alive", retain=True)
    await publisher.sync()
    doomed = await client.connected("doomed", version, will=WillFields("will", b"", retain=True))
    assert await answer_to(doomed, b"\x00\x00") == b""
    late = await client.connected("late", version)
    await late.subscribe("will")
    assert await messages(late) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-5", "3.1.2-8", "4.5.0-1")
async def test_a_will_is_stored_for_a_session_without_connection(client, version):
    sleeper = await client.connected("sleeper", version, clean_start=False)
    await sleeper.subscribe("will", 1)
    await leave(sleeper)
    doomed = await client.connected("doomed", version, will=WillFields("will", b"goodbye", 2))
    assert await answer_to(doomed, b"\x00\x00") == b""
    back = await client.connected("sleeper", version, clean_start=False)
    assert [(message.payload, message.qos) for message in await messages(back)] == [(b"goodbye", 1)]


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-8", "3.1.2-4")
async def test_a_session_may_be_sent_its_own_will(client, version):
    doomed = await client.connected("doomed", version, clean_start=False, will=WillFields("will", b"mine", 1))
    await doomed.subscribe("will", 1)
    assert await answer_to(doomed, b"\x00\x00") == b""
    back = await client.connected("doomed", version, clean_start=False)
    assert await payloads(back) == [b"mine"]


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-24", "3.1.2-8")
def test_the_will_is_published_when_the_keep_alive_has_passed(version):
    bench = Bench()
    witness = bench.connected("witness", version)
    witness.subscribe("will")
    silent = bench.connected("silent", version, keep_alive=2, will=GOODBYE)
    bench.pass_time(2.9)
    assert witness.received() == []
    bench.pass_time(0.2)
    assert silent.received() == []
    assert silent.closed
    assert [packet.payload for packet in witness.received() if isinstance(packet, Publish)] == [b"goodbye"]


@ALL_VERSIONS
@pytest.mark.mqtt311("3.1.2-8")
async def test_a_will_reaches_clients_of_every_version(client, version):
    witnesses = [await client.connected(f"witness-{of}", of) for of in (3, 4, 5)]
    for witness in witnesses:
        await witness.subscribe("will", 1)
    doomed = await client.connected("doomed", version, will=WillFields("will", b"goodbye", 2))
    doomed.abort()
    for witness in witnesses:
        will = await witness.expect(Publish)
        assert (will.payload, will.qos) == (b"goodbye", 1)


@BEFORE_5
@pytest.mark.mqtt311("3.14.4-3")
async def test_the_server_closes_after_a_disconnect_and_sends_nothing(client, version):
    leaver = await client.connected("leaver", version)
    leaver.send(Disconnect())
    assert await leaver.expect_closed() == []


@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.mqtt311("3.14.1-1", "2.2.2-2")
async def test_a_disconnect_with_reserved_bits_is_none(client, flags):
    witness = await client.connected("witness", 4)
    await witness.subscribe("will")
    doomed = await client.connected("doomed", 4, will=GOODBYE)
    assert await answer_to(doomed, frame(0xE0 | flags, b"")) == b""
    assert (await witness.expect(Publish)).payload == b"goodbye"
