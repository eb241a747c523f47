"""MQTT 3.1.1, 3.1.3.1, 3.1.4 and 3.2: Client Identifiers, and what CONNECT is answered with."""

import string

import pytest

from amqtt.abc import Permissions
from amqtt.server.events import ClientConnected
from amqtt.wire.packets import Connack, Publish, WillFields
from support.exchange import deliver, frame, lasting, leave, messages, payloads
from support.legacy import (
    ACCEPTED,
    ALL_VERSIONS,
    BEFORE_5,
    CLEAN_SESSION,
    USER_NAME,
    Recorder,
    answer_to,
    connect_bytes,
    refusing,
)

IDENTIFIER_REJECTED = 0x02
SERVER_UNAVAILABLE = 0x03
BAD_USER_NAME_OR_PASSWORD = 0x04
NOT_AUTHORIZED = 0x05
PUBLISH = b"\x31\x04\x00\x01ax"

ALLOWED = string.digits + string.ascii_letters


@BEFORE_5
@pytest.mark.parametrize(
    "client_id", [*ALLOWED, ALLOWED[:23], ALLOWED[23:46], ALLOWED[-23:]], ids=lambda client_id: client_id
)
@pytest.mark.mqtt311("3.1.3-5")
async def test_a_client_identifier_that_every_server_must_allow_is_accepted(client, version, client_id):
    connect = connect_bytes(client_id.encode(), version=version)
    assert await answer_to(await client(version), connect, b"\xe0\x00") == ACCEPTED


@BEFORE_5
@pytest.mark.parametrize("client_id", ["a/b", "§ é 漢 🦊", "+#", "$SYS", " ", "x" * 1024])
@pytest.mark.mqtt311("3.1.3-4", "7.0.0-2")
async def test_longer_and_stranger_client_identifiers_are_accepted(client, version, client_id):
    connect = connect_bytes(client_id.encode(), version=version)
    assert await answer_to(await client(version), connect, b"\xe0\x00") == ACCEPTED


@pytest.mark.mqtt311("3.1.3-6", "3.1.4-4")
async def test_clients_without_client_identifier_are_each_given_one_of_their_own(broker, client):
    told = []
    broker.server.events.on(ClientConnected, lambda event: told.append(event.client_id))
    clients = [await client.connected("", 4) for _ in range(3)]
    assert len(set(told)) == 3
    assert "" not in told
    for nobody in clients:
        await nobody.subscribe("a", 1)
    await deliver(await client.connected("somebody", 4), "a", b"x", 1)
    assert [await payloads(nobody) for nobody in clients] == [[b"x"]] * 3


@pytest.mark.mqtt311("3.1.3-8", "3.1.3-9", "3.2.2-4", "3.2.2-5")
async def test_an_empty_client_identifier_with_clean_session_0_is_refused_with_0x02(client):
    refusal = await answer_to(await client(4), connect_bytes(b"", flags=0), b"\xc0\x00")
    assert refusal == refusing(IDENTIFIER_REJECTED)


@BEFORE_5
@pytest.mark.mqtt311("3.1.3-9", "3.2.2-4", "3.2.2-5")
async def test_a_client_identifier_that_is_too_long_is_refused_with_0x02(broker_with, client, version):
    strict = await broker_with(maximum_client_id_length=23)
    too_long = connect_bytes("é".encode() * 12, version=version)
    assert await answer_to(await client(version, broker=strict), too_long) == refusing(IDENTIFIER_REJECTED)
    right = connect_bytes(b"x" * 23, version=version)
    assert await answer_to(await client(version, broker=strict), right, b"\xe0\x00") == ACCEPTED


@ALL_VERSIONS
@pytest.mark.mqtt311("3.1.3-2")
async def test_client_identifiers_are_told_apart_character_by_character(client, version):
    """Each of these is a Client of its own, with Subscriptions of its own."""
    names = ["name", "Name", "name ", "n\u00e4me", "na\u0308me", "\ufeffname"]
    for at, name in enumerate(names):
        lasting_client = await client.connected(name, version, **lasting(version))
        await lasting_client.subscribe(f"for/{at}", 1)
        await leave(lasting_client)
    publisher = await client.connected("publisher", version)
    for at in range(len(names)):
        await deliver(publisher, f"for/{at}", b"%d" % at, 1)
    for at, name in enumerate(names):
        back = await client(version)
        assert (await back.connect(name, **lasting(version))).session_present is (version != 3)
        assert await payloads(back) == [b"%d" % at]


@BEFORE_5
@pytest.mark.mqtt311("3.1.4-2", "3.1.2-8", "3.1.3-2")
async def test_a_client_that_connects_again_ends_its_older_connection(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("#", 1)
    old = await client.connected("twin", version, will=WillFields("will", b"old"))
    await old.subscribe("a")
    new = await client.connected("twin", version, will=WillFields("will", b"new"))
    assert await old.expect_closed() == []
    assert await payloads(witness) == [b"old"]
    await deliver(new, "a", b"x", 1)
    assert await payloads(witness) == [b"x"]


@pytest.mark.parametrize("of", [3, 4, 5])
@BEFORE_5
@pytest.mark.mqtt311("3.1.4-2")
async def test_a_client_is_the_same_in_whatever_version_it_connects(client, version, of):
    old = await client.connected("twin", of)
    await client.connected("twin", version)
    last = await old.expect_closed()
    assert [getattr(packet, "reason_code", None) for packet in last] == ([0x8E] if of == 5 else [])


@BEFORE_5
@pytest.mark.parametrize(
    ("reason_code", "return_code"),
    [(0x88, SERVER_UNAVAILABLE), (0x86, BAD_USER_NAME_OR_PASSWORD), (0x87, NOT_AUTHORIZED)],
)
@pytest.mark.mqtt311("3.1.4-5", "3.2.2-4", "3.2.2-5")
async def test_after_a_refusal_nothing_that_the_client_sent_is_acted_on(
    broker, client, version, reason_code, return_code
):
    witness = await client.connected("witness", version)
    await witness.subscribe("#")
    broker.server.authenticator = Recorder(reason_code)
    connect = connect_bytes(b"c", version=version, flags=0)
    assert await answer_to(await client(version), connect, PUBLISH, b"\xc0\x00") == refusing(return_code)
    assert await messages(witness) == []
    assert list(broker.server.retained.match("#").take(10, 0.0)) == []


@BEFORE_5
@pytest.mark.mqtt311("3.2.2-4", "3.1.4-5")
async def test_a_refusal_says_session_present_0_even_of_a_session_that_is_there(broker, client, version):
    stored = await client.connected("stored", version, clean_start=False)
    await leave(stored)
    broker.server.authenticator = Recorder(0x87)
    connect = connect_bytes(b"stored", b"user", version=version, flags=USER_NAME)
    assert await answer_to(await client(version), connect) == refusing(NOT_AUTHORIZED)


@BEFORE_5
@pytest.mark.parametrize("reason_code", [0x80, 0x83, 0x99])
@pytest.mark.mqtt311("3.2.2-6", "3.1.4-5")
async def test_a_refusal_that_has_no_return_code_closes_without_connack(broker, client, version, reason_code):
    broker.server.authenticator = Recorder(reason_code)
    connect = connect_bytes(b"c", version=version)
    assert await answer_to(await client(version), connect, PUBLISH) == b""


@BEFORE_5
@pytest.mark.parametrize("topic", [b"", b"a/+", b"#"])
@pytest.mark.mqtt311("3.2.2-6", "3.1.4-1", "4.7.1-1", "4.7.3-1")
async def test_a_will_topic_that_is_no_topic_name_closes_without_connack(client, version, topic):
    connect = connect_bytes(b"c", topic, b"message", version=version, flags=CLEAN_SESSION | 0x04)
    assert await answer_to(await client(version), connect) == b""


@BEFORE_5
@pytest.mark.mqtt311("3.1.4-4", "3.2.0-1", "3.2.2-1")
async def test_connack_is_the_first_packet_even_where_messages_wait(client, version):
    sleeper = await client.connected("sleeper", version, clean_start=False)
    await sleeper.subscribe("a", 1)
    await leave(sleeper)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"x", 1)
    back = await client(version)
    back.send(connect_bytes(b"sleeper", version=version, flags=0))
    assert isinstance(await back.receive(), Connack)
    assert (await back.expect(Publish)).payload == b"x"


@pytest.mark.mqtt311("3.2.2-1", "3.2.2-2", "3.2.2-3")
async def test_session_present_says_whether_there_was_a_session(client):
    """The exact CONNACK of a Client that comes and goes with CleanSession 0, 0, 1, 0."""
    present = b"\x20\x02\x01\x00"
    expected = [(0, ACCEPTED), (0, present), (CLEAN_SESSION, ACCEPTED), (0, ACCEPTED), (0, present)]
    for flags, connack in expected:
        assert await answer_to(await client(4), connect_bytes(b"c", flags=flags), b"\xe0\x00") == connack


@pytest.mark.mqtt311("3.2.2-2", "3.1.2-4")
async def test_session_present_does_not_depend_on_how_the_last_connection_ended(client):
    for _ in range(2):
        lost = await client(4)
        lost.send(connect_bytes(b"c", flags=0), frame(0x30, b"\x00\x03a/#"))
        await lost.read_to_end()
    assert await answer_to(await client(4), connect_bytes(b"c", flags=0), b"\xe0\x00") == b"\x20\x02\x01\x00"


class NothingPublished(Permissions):
    def may_publish(self, topic: str, retain: bool) -> bool:
        return False


@BEFORE_5
@pytest.mark.mqtt311("3.3.5-2")
async def test_a_publish_that_is_not_allowed_is_acknowledged_and_goes_nowhere(broker, client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("#", 2)
    broker.server.authenticator = Recorder(permissions=NothingPublished())
    mute = await client.connected("mute", version)
    for qos in (0, 1, 2):
        await deliver(mute, "a", b"x", qos)
    assert await messages(witness) == []
