"""Every packet type in every state of a Network Connection, and what nobody should send.

After each: the right answer or none, the Network Connection closed where it must be, other Clients
served, and no Fault (the fixtures see to that).
"""

import asyncio

import pytest

from amqtt.abc import Accepted, AuthenticationExchange, Authenticator, Challenge
from amqtt.sessions.permissions import Permissions
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
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
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5, properties

both_versions = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])

RESERVED = b"\x00\x00"
AUTH = b"\xf0\x00"
ACCEPTED = {
    "PUBLISH": (Publish("a", b"1"), None),
    "PUBLISH at QoS 1": (Publish("a", b"1", 1, packet_id=3), Puback),
    "PUBLISH at QoS 2": (Publish("a", b"1", 2, packet_id=3), Pubrec),
    "PUBACK": (Puback(1), None),
    "PUBREC": (Pubrec(1), Pubrel),
    "PUBREL": (Pubrel(1), Pubcomp),
    "PUBCOMP": (Pubcomp(1), None),
    "SUBSCRIBE": (Subscribe(1, [SubscriptionRequest("b")]), Suback),
    "UNSUBSCRIBE": (Unsubscribe(1, ["b"]), Unsuback),
    "PINGREQ": (Pingreq(), Pingresp),
}
"""What a connected Client may send, and what answers it."""

REFUSED = {
    "type 0": (RESERVED, 0x81),
    "CONNECT": (Connect("again"), 0x82),
    "CONNACK": (Connack(), 0x82),
    "SUBACK": (Suback(1, [0]), 0x82),
    "UNSUBACK": (Unsuback(1, [0]), 0x82),
    "PINGRESP": (Pingresp(), 0x82),
    "AUTH": (AUTH, 0x82),
}
"""What it must not send, and the Reason Code."""

EVERY = {name: packet for name, (packet, _) in {**ACCEPTED, **REFUSED}.items()} | {"DISCONNECT": Disconnect()}


def written(packet, version):
    if isinstance(packet, bytes):
        return packet
    if isinstance(packet, Connect):
        packet = Connect(packet.client_id, version)
    return encode(packet, version)


async def is_served(client):
    """Another Client can come in, subscribe and publish."""
    other = await client.connected("witness")
    await other.subscribe("witness")
    other.publish("witness", b"1")
    assert [packet.payload for packet in await other.sync()] == [b"1"]


class Waits(Authenticator):
    """Lets everybody in, but only when `door` is opened."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.door = asyncio.Event()

    def authenticate(self, request):
        return Accepted(Permissions()) if request.client_id == "witness" else self._wait()

    async def _wait(self):
        self.asked.set()
        await self.door.wait()
        return Accepted(Permissions())


class Asks(AuthenticationExchange, Authenticator):
    """Asks for another AUTH again and again."""

    methods = ("endless",)

    def authenticate(self, request):
        return Accepted(Permissions())

    def exchange(self, request):
        return self

    def step(self, data):
        return Challenge(b"more")


@both_versions
@pytest.mark.parametrize("name", [name for name in EVERY if name != "CONNECT"])
@pytest.mark.mqtt5("3.1.0-1", "3.14.0-1", "4.13.1-1")
@pytest.mark.mqtt311("3.1.0-1", "4.8.0-1")
async def test_new_anything_but_connect_closes_without_an_answer(client, version, name):
    stranger = await client(version)
    stranger.send(written(EVERY[name], version), encode(Connect("late", version), version))
    assert await stranger.read_to_end() == b""
    await is_served(client)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("AUTH", "DISCONNECT")])
@pytest.mark.mqtt5("3.1.2-30", "3.14.0-1", "4.13.1-1", "4.13.2-1")
async def test_connecting_with_an_authentication_method_only_auth_and_disconnect_are_allowed(
    broker, client, name
):
    broker.server.authenticator = Asks()
    half = await client()
    half.send(Connect("half", properties=properties(authentication_method="endless")))
    await half.expect(Auth)
    half.send(written(EVERY[name], MQTT_5))
    [connack] = await half.expect_closed()
    assert isinstance(connack, Connack)
    assert connack.reason_code == (0x81 if name == "type 0" else 0x82)
    await is_served(client)


@pytest.mark.mqtt5("3.14.4-2")
async def test_connecting_a_client_may_disconnect(broker, client):
    broker.server.authenticator = Asks()
    half = await client()
    half.send(Connect("half", properties=properties(authentication_method="endless")))
    await half.expect(Auth)
    half.send(Disconnect())
    assert await half.expect_closed() == []
    await is_served(client)


@both_versions
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.mqtt5("3.1.0-2", "3.1.4-5", "4.13.1-1")
@pytest.mark.mqtt311("3.1.0-2", "3.1.4-5", "4.8.0-1")
async def test_connecting_what_is_not_allowed_is_found_when_the_answer_is_there(
    broker, client, version, name
):
    broker.server.authenticator = waits = Waits()
    half = await client(version)
    packet, reason_code = REFUSED[name]
    half.send(encode(Connect("half", version), version), written(packet, version))
    await waits.asked.wait()
    await is_served(client)
    waits.door.set()
    assert (await half.expect(Connack)).reason_code == 0
    await expect_disconnect(half, reason_code)
    await is_served(client)


@both_versions
@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one piece", "later"])
@pytest.mark.mqtt5("3.1.4-5", "3.2.0-1")
@pytest.mark.mqtt311("3.1.4-5", "3.2.0-1")
async def test_connecting_what_is_allowed_is_answered_behind_connack(broker, client, version, name, at_once):
    broker.server.authenticator = waits = Waits()
    half = await client(version)
    packet, kind = ACCEPTED[name]
    connect = encode(Connect("half", version), version)
    if at_once:
        half.send(connect, written(packet, version))
        await waits.asked.wait()
    else:
        half.send(connect)
        await waits.asked.wait()
        half.send(written(packet, version))
    await is_served(client)
    waits.door.set()
    assert (await half.expect(Connack)).reason_code == 0
    answers = await half.sync() if kind is not Pingresp else [await half.receive()]
    assert [type(answer) for answer in answers] == ([kind] if kind else [])


@both_versions
@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.mqtt5("3.12.4-1", "3.8.4-1", "3.10.4-4")
@pytest.mark.mqtt311("3.12.4-1", "3.8.4-1", "3.10.4-4")
async def test_connected_what_is_allowed_is_answered(client, version, name):
    sender = await client.connected("sender", version)
    packet, kind = ACCEPTED[name]
    for _ in range(3):
        sender.send(written(packet, version))
        answers = await sender.sync() if kind is not Pingresp else [await sender.receive()]
        assert [type(answer) for answer in answers] == ([kind] if kind else [])


@both_versions
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.mqtt5("3.1.0-2", "4.13.1-1", "4.13.2-1")
@pytest.mark.mqtt311("3.1.0-2", "4.8.0-1")
async def test_connected_what_is_not_allowed_ends_the_network_connection(client, version, name):
    sender = await client.connected("sender", version)
    packet, reason_code = REFUSED[name]
    sender.send(written(packet, version), Pingreq(), Pingreq())
    await expect_disconnect(sender, reason_code)
    await is_served(client)


@both_versions
@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("ending", ["DISCONNECT of the Client", "error"])
@pytest.mark.mqtt5("3.14.4-1", "3.14.4-2", "4.13.1-1")
@pytest.mark.mqtt311("3.14.4-2", "4.8.0-1")
async def test_closing_nothing_is_heard_any_more(broker, client, version, name, ending):
    taken = broker.server.counters.published
    sender = await client.connected("sender", version)
    last = encode(Disconnect(), version) if ending.startswith("DISCONNECT") else RESERVED
    late = written(EVERY[name], version)
    sender.send(last, late)
    if last == RESERVED:
        await expect_disconnect(sender, 0x81)
    else:
        assert await sender.expect_closed() == []
    sender.send(late * 10)
    await is_served(client)
    assert broker.server.counters.published == taken + 1


@both_versions
@pytest.mark.parametrize("kind", [1, 2, *range(4, 15)])
@pytest.mark.mqtt5("2.1.3-1", "4.13.1-1")
@pytest.mark.mqtt311("2.2.2-1", "2.2.2-2", "4.8.0-1")
async def test_connected_wrong_flags_of_any_type_but_publish_are_malformed(client, version, kind):
    right = 2 if kind in (6, 8, 10) else 0
    sender = await client.connected("sender", version)
    sender.send(bytes((kind << 4 | (right ^ 1), 0)))
    await expect_disconnect(sender, 0x81)


@both_versions
@pytest.mark.mqtt5("3.1.2-24", "4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_packet_beyond_the_maximum_size_is_refused_by_its_length_alone(broker_with, client, version):
    broker = await broker_with(maximum_packet_size=1000)
    for data in (by_hand.publish(version, b"a", bytes(2000)), b"\x30\xf0\xff\xff\x7f", b"\x82\xff\xff\x7f"):
        sender = await client.connected("sender", version, broker=broker)
        sender.send(data)
        await expect_disconnect(sender, 0x95)
    sender = await client.connected("sender", version, broker=broker)
    head = len(by_hand.publish(version, b"a", bytes(900))) - 900
    sender.send(by_hand.publish(version, b"a", bytes(1000 - head)))
    assert await sender.sync() == []


@pytest.mark.mqtt5("3.1.0-1", "4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_first_packet_beyond_the_bound_of_connect_is_refused_by_its_length_alone(broker_with, client):
    broker = await broker_with(maximum_connect_size=1000)
    for length in (b"\xe9\x07", b"\xff\xff\x7f", b"\xff\xff\xff\x7f"):
        stranger = await client(broker=broker)
        stranger.send(b"\x10" + length + b"\x00\x04MQTT\x05")
        assert await stranger.read_to_end() == b""
    assert (await (await client(broker=broker)).connect("next")).reason_code == 0


@both_versions
@pytest.mark.parametrize("first", [0x30, 0x32, 0x40, 0x62, 0x82, 0xA2, 0xC0, 0xE0])
@pytest.mark.parametrize(
    "length",
    [b"\xff\xff\xff\xff", b"\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\x7f", b"\x80\x00", b"\xff\x80\x00"],
)
@pytest.mark.mqtt5("1.5.5-1", "4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_a_malformed_remaining_length_ends_the_network_connection(client, version, first, length):
    sender = await client.connected("sender", version)
    sender.send(bytes((first,)) + length)
    await expect_disconnect(sender, 0x81)
    stranger = await client(version)
    stranger.send(b"\x10" + length)
    assert await stranger.read_to_end() == b""
    await is_served(client)


@pytest.mark.parametrize(
    "text", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x00", b"a\x00"]
)
@both_versions
@pytest.mark.mqtt5("1.5.4-1", "1.5.4-2", "3.14.0-1", "4.13.1-1")
@pytest.mark.mqtt311("1.5.3-1", "1.5.3-2", "4.8.0-1")
async def test_a_client_identifier_that_is_no_utf8_is_refused(client, version, text):
    stranger = await client(version)
    body = b"\x00\x04MQTT" + bytes((version,)) + b"\x02\x00\x00" + (b"\x00" if version == MQTT_5 else b"")
    stranger.send(by_hand.packet(0x10, body + len(text).to_bytes(2, "big") + text))
    packets = await stranger.expect_closed()
    if version == MQTT_5:
        [connack] = packets
        assert isinstance(connack, Connack)
        assert connack.reason_code == 0x81
    else:
        assert packets == []
    await is_served(client)
