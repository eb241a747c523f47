"""MQTT 3.1: what a Client that says MQIsdp may expect, where it differs from 3.1.1; all versions at once."""

import pytest

from amqtt.abc import Permissions
from amqtt.wire.packets import (
    Connack,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Unsuback,
    WillFields,
)
from support import by_hand
from support.exchange import deliver, frame, leave, messages, payloads, take
from support.legacy import (
    ACCEPTED,
    CLEAN_SESSION,
    PASSWORD,
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

MQIsdp = 3
VERSIONS = [3, 4, 5]
DUP = 0x08


# -- CONNECT and CONNACK


@pytest.mark.parametrize("level", [0, 1, 2, 4, 5, 6, 0x7F, 0x84, 0xFF])
async def test_another_level_of_mqisdp_is_refused_with_0x01(client, level):
    connect = connect_bytes(b"c", version=MQIsdp, level=level)
    assert await answer_to(await client(MQIsdp), connect, b"\xc0\x00") == refusing(0x01)


@pytest.mark.parametrize("name", [b"MQISDP", b"MQIsd", b"MQIsdp3"])
async def test_another_protocol_name_closes(client, name):
    assert await answer_to(await client(MQIsdp), connect_bytes(b"c", version=MQIsdp, name=name)) == b""


@pytest.mark.parametrize("flags", [0, CLEAN_SESSION])
async def test_an_empty_client_identifier_is_refused_with_0x02(client, flags):
    connect = connect_bytes(b"", version=MQIsdp, flags=flags)
    assert await answer_to(await client(MQIsdp), connect, b"\xc0\x00") == refusing(0x02)


async def test_connack_never_says_session_present(client):
    """The byte is reserved; the Session is there all the same."""
    stored = await client.connected("stored", MQIsdp, clean_start=False)
    await stored.subscribe("a", 1)
    await leave(stored)
    await deliver(await client.connected("publisher", MQIsdp), "a", b"x", 1)
    back = await client(MQIsdp)
    back.send(connect_bytes(b"stored", version=MQIsdp, flags=0), b"\xe0\x00")
    assert await back.read_to_end() == ACCEPTED + frame(0x32, b"\x00\x01a\x00\x01x")


@pytest.mark.parametrize(
    "flags", [0x01, WILL_QOS_1, WILL_QOS_2, WILL_QOS_1 | WILL_QOS_2, WILL_RETAIN, 0x01 | WILL_RETAIN]
)
async def test_flags_that_are_not_used_are_disregarded(client, flags):
    witness = await client.connected("witness", 4)
    await witness.subscribe("#")
    connect = connect_bytes(b"c", version=MQIsdp, flags=CLEAN_SESSION | flags)
    assert await answer_to(await client(MQIsdp), connect, b"\x00\x00") == ACCEPTED
    assert await messages(witness) == []


@pytest.mark.parametrize(
    ("flags", "fields", "expected"),
    [
        (USER_NAME, [], (None, None)),
        (USER_NAME | PASSWORD, [], (None, None)),
        (USER_NAME | PASSWORD, [b"user"], ("user", None)),
        (USER_NAME | PASSWORD, [b"user", b"password"], ("user", b"password")),
    ],
)
async def test_the_remaining_length_takes_precedence_over_the_flags_of_user_name_and_password(
    broker, client, flags, fields, expected
):
    """ "Server implementations must allow for the possibility that the User Name string is missing"."""
    authenticator = Recorder()
    broker.server.authenticator = authenticator
    connect = connect_bytes(b"c", *fields, version=MQIsdp, flags=CLEAN_SESSION | flags)
    assert await answer_to(await client(MQIsdp), connect, b"\xe0\x00") == ACCEPTED
    assert [(asked.username, asked.password) for asked in authenticator.requests] == [expected]


async def test_a_password_without_user_name_closes(client):
    connect = connect_bytes(b"c", b"password", version=MQIsdp, flags=CLEAN_SESSION | PASSWORD)
    assert await answer_to(await client(MQIsdp), connect) == b""


@pytest.mark.parametrize("body", [b"", b"\x00\x06MQIsdp\x03", b"\x00\x06MQIsdp\x03\x02\x00\x00\x00\x02c"])
async def test_a_malformed_connect_closes_without_connack(client, body):
    assert await answer_to(await client(MQIsdp), frame(0x10, body)) == b""


@pytest.mark.parametrize("first", range(0x10, 0x20))
async def test_the_flags_of_the_fixed_header_are_not_used_in_connect(client, first):
    sender = await client(MQIsdp)
    assert await answer_to(sender, connect_bytes(b"c", version=MQIsdp, first=first), b"\xe0\x00") == ACCEPTED


# -- DUP on packets that are of QoS 1 in MQTT 3.1


async def test_subscribe_and_unsubscribe_may_be_marked_as_sent_again(client):
    subscriber = await client.connected("subscriber", MQIsdp)
    for first in (0x82, 0x82 | DUP):
        subscriber.send(by_hand.subscribe(MQIsdp, (b"a", 1), first=first))
        suback = await subscriber.expect(Suback)
        assert (suback.packet_id, suback.reason_codes) == (1, [1])
    publisher = await client.connected("publisher", MQIsdp)
    await deliver(publisher, "a", b"once", 1)
    assert await payloads(subscriber) == [b"once"]
    for first in (0xA2, 0xA2 | DUP):
        subscriber.send(by_hand.unsubscribe(MQIsdp, b"a", first=first))
        assert (await subscriber.expect(Unsuback)).packet_id == 1
    await deliver(publisher, "a", b"never", 1)
    assert await messages(subscriber) == []


async def test_pubrel_may_be_marked_as_sent_again(client):
    publisher = await client.connected("publisher", MQIsdp)
    publisher.publish("a", b"x", 2, packet_id=7)
    await publisher.expect(Pubrec)
    for first in (0x62, 0x62 | DUP):
        publisher.send(frame(first, b"\x00\x07"))
        assert (await publisher.expect(Pubcomp)).packet_id == 7


@pytest.mark.parametrize(
    "packet",
    [
        by_hand.subscribe(4, (b"a", 1), first=0x82 | DUP),
        by_hand.unsubscribe(4, b"a", first=0xA2 | DUP),
        frame(0x62 | DUP, b"\x00\x07"),
    ],
    ids=["SUBSCRIBE", "UNSUBSCRIBE", "PUBREL"],
)
@pytest.mark.mqtt311("3.6.1-1", "3.8.1-1", "3.10.1-1")
async def test_in_3_1_1_the_same_closes(client, packet):
    sender = await client.connected("sender", 4)
    assert await answer_to(sender, packet) == b""


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x03, 0x04, 0x06, 0x0B])
async def test_subscribe_with_another_qos_than_1_closes(client, flags):
    sender = await client.connected("sender", MQIsdp)
    assert await answer_to(sender, by_hand.subscribe(MQIsdp, (b"a", 1), first=0x80 | flags)) == b""


# -- SUBACK has no word for a refusal


class NothingReceived(Permissions):
    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return -1 if topic_filter == "secret" else min(qos, 1)


async def test_a_subscribe_that_is_not_allowed_is_acknowledged_positively_and_does_nothing(broker, client):
    broker.server.authenticator = Recorder(permissions=NothingReceived())
    subscriber = await client.connected("subscriber", MQIsdp)
    subscriber.send(by_hand.subscribe(MQIsdp, (b"secret", 2), (b"open", 2), (b"secret", 0)))
    assert (await subscriber.expect(Suback)).reason_codes == [2, 1, 0]
    publisher = await client.connected("publisher", MQIsdp)
    for topic in ("secret", "open"):
        await deliver(publisher, topic, b"x", 2)
    assert [(message.topic, message.qos) for message in await messages(subscriber)] == [("open", 1)]


@pytest.mark.mqtt311("3.8.4-5", "3.9.3-2")
async def test_in_3_1_1_the_same_is_told_with_0x80(broker, client):
    broker.server.authenticator = Recorder(permissions=NothingReceived())
    subscriber = await client.connected("subscriber", 4)
    subscriber.send(by_hand.subscribe(4, (b"secret", 2), (b"open", 2), (b"secret", 0)), b"\xe0\x00")
    assert await subscriber.read_to_end() == b"\x90\x05\x00\x01\x80\x01\x80"


# -- the flows, as this version prints them


async def test_the_qos_2_flow_to_a_client_is_in_every_byte_as_printed(client):
    echo = await client(MQIsdp)
    echo.send(
        connect_bytes(b"echo", version=MQIsdp),
        by_hand.subscribe(MQIsdp, (b"a", 2)),
        frame(0x34, b"\x00\x01a\x00\x01x"),
        frame(0x62, b"\x00\x01"),
        frame(0x50, b"\x00\x01"),
        frame(0x70, b"\x00\x01"),
        b"\xe0\x00",
    )
    assert await echo.read_to_end() == (
        ACCEPTED + b"\x90\x03\x00\x01\x02" + b"\x50\x02\x00\x01"
        + frame(0x34, b"\x00\x01a\x00\x01x") + b"\x70\x02\x00\x01" + b"\x62\x02\x00\x01"
    )


async def test_the_will_has_its_qos_and_retain(client):
    witness = await client.connected("witness", MQIsdp)
    await witness.subscribe("will", 2)
    flags = CLEAN_SESSION | WILL | WILL_QOS_2 | WILL_RETAIN
    connect = connect_bytes(b"doomed", b"will", b"gone", version=MQIsdp, flags=flags)
    assert await answer_to(await client(MQIsdp), connect, b"\x00\x00") == ACCEPTED
    live = await witness.expect(Publish)
    assert (live.payload, live.qos, live.retain) == (b"gone", 2, False)
    late = await client.connected("late", MQIsdp)
    await late.subscribe("will", 1)
    retained = await late.expect(Publish)
    assert (retained.payload, retained.qos, retained.retain) == (b"gone", 1, True)


async def test_a_retained_message_without_payload_clears_the_topic(client):
    publisher = await client.connected("publisher", MQIsdp)
    publisher.publish("a", b"x", retain=True)
    publisher.publish("a", b"", retain=True)
    await publisher.sync()
    await publisher.subscribe("a")
    assert await messages(publisher) == []


# -- all versions at once


@pytest.mark.parametrize("of", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt311("4.5.0-1", "3.3.5-1", "7.0.0-2")
async def test_one_message_goes_to_each_version_in_its_own_form(client, of, qos):
    """Each receiver is sent bytes of its own version, whatever the version of the sender."""
    subscribers = {}
    for version in VERSIONS:
        for granted in (0, 1, 2):
            subscriber = await client.connected(f"{version}-{granted}", version)
            await subscriber.subscribe("a", granted)
            subscribers[version, granted] = subscriber
    publisher = await client.connected("publisher", of)
    await deliver(publisher, "a", b"x", qos)
    await deliver(publisher, "a", b"\x00y", qos)
    for (version, granted), subscriber in subscribers.items():
        lesser = min(qos, granted)
        no_properties = b"\x00" if version == 5 else b""
        subscriber.send(b"\xe0\x00")
        expected = b""
        for packet_id, payload in [(b"\x00\x01", b"x"), (b"\x00\x02", b"\x00y")]:
            identifier = packet_id if lesser else b""
            expected += frame(0x30 | lesser << 1, b"\x00\x01a" + identifier + no_properties + payload)
        assert await subscriber.read_to_end() == expected, (version, granted)


@pytest.mark.parametrize("of", VERSIONS)
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt311("3.1.2-5", "4.4.0-1")
async def test_sessions_of_each_version_store_what_any_version_publishes(client, of, qos):
    options = {5: {"session_expiry_interval": 1000}}
    for version in VERSIONS:
        sleeper = await client.connected(
            f"sleeper-{version}", version, clean_start=False, **options.get(version, {})
        )
        await sleeper.subscribe("a", 2)
        await leave(sleeper)
    publisher = await client.connected("publisher", of)
    for payload in (b"1", b"2", b"3"):
        await deliver(publisher, "a", payload, qos)
    for version in VERSIONS:
        back = await client.connected(
            f"sleeper-{version}", version, clean_start=False, **options.get(version, {})
        )
        assert [(message.payload, message.qos) for message in await take(back, 3)] == [
            (b"1", qos), (b"2", qos), (b"3", qos),
        ]


@pytest.mark.parametrize("of", VERSIONS)
@pytest.mark.mqtt311("3.1.2-8")
async def test_a_will_with_properties_is_a_plain_message_to_the_others(client, of):
    witnesses = []
    for version in VERSIONS:
        witness = await client.connected(f"witness-{version}", version)
        await witness.subscribe("will", 1)
        witnesses.append(witness)
    doomed = await client.connected("doomed", of, will=WillFields("will", b"gone", 1))
    doomed.send(b"\x00\x00")
    await doomed.read_to_end()
    for witness in witnesses:
        [will] = await take(witness, 1)
        assert (will.topic, will.payload, will.qos, will.properties) == ("will", b"gone", 1, None)


@pytest.mark.mqtt311("4.5.0-1")
async def test_a_shared_group_may_have_members_of_every_version(client):
    members = []
    for version in VERSIONS:
        member = await client.connected(f"member-{version}", version)
        await member.subscribe("$share/group/a", 1)
        members.append(member)
    publisher = await client.connected("publisher", 4)
    sent = [b"%d" % number for number in range(30)]
    for payload in sent:
        await deliver(publisher, "a", payload, 1)
    shares = [await payloads(member) for member in members]
    assert sorted(payload for share in shares for payload in share) == sorted(sent)
    assert all(shares)


@pytest.mark.mqtt311("3.1.4-2", "3.1.2-4", "4.4.0-1")
async def test_a_client_may_come_back_in_each_version_with_a_message_still_open(client):
    """The Packet Identifier, the QoS 2 handshake and the Subscriptions go from version to version."""
    receiver = await client.connected("receiver", 3, clean_start=False)
    await receiver.subscribe("a", 2)
    publisher = await client.connected("publisher", 5)
    await deliver(publisher, "a", b"x", 2)
    packet_id = (await receiver.expect(Publish)).packet_id
    receiver = await client(4)
    assert (await receiver.connect("receiver", clean_start=False)).session_present
    again = await receiver.expect(Publish)
    assert (again.packet_id, again.payload, again.dup) == (packet_id, b"x", True)
    receiver.send(Pubrec(packet_id))
    assert (await receiver.expect(Pubrel)).packet_id == packet_id
    receiver = await client(5)
    assert (await receiver.connect("receiver", clean_start=False, session_expiry_interval=9)).session_present
    assert (await receiver.expect(Pubrel)).packet_id == packet_id
    receiver.send(Pubcomp(packet_id))
    await receiver.sync()
    receiver = await client(3)
    receiver.send(connect_bytes(b"receiver", version=3, flags=0))
    assert isinstance(await receiver.receive(), Connack)
    assert await receiver.sync() == []
    publisher.publish("a", b"y", 1)
    assert (await publisher.expect(Puback)).reason_code == 0
    assert await payloads(receiver) == [b"y"]
