"""What a Client asks for in CONNECT: packet sizes, Topic Aliases, less information (MQTT 5.0, 3.1.2.11)."""

from typing import Any

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.encoder import encode, encode_within
from amqtt.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench
from support.loopback import Clients, refusal
from support.raw_client import properties


class OnlyOwnTopics(Authenticator):
    """Everybody may use topics below own/ alone."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(OwnTopics())


class OwnTopics(Permissions):
    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic.startswith("own/")

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if topic_filter.startswith("own/") else -1


# -- Maximum Packet Size


@pytest.mark.mqtt5("3.1.2-24", "3.1.2-25")
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_publish_that_is_too_large_for_its_receiver_is_discarded(client: Clients, qos: int) -> None:
    overhead = 6 + (2 if qos else 0)
    receiver = await client.connected("a", maximum_packet_size=60, receive_maximum=1)
    await receiver.subscribe("t", qos)
    other = await client.connected("other")
    await other.subscribe("t", qos)
    sender = await client.connected("sender")
    for number, size in enumerate((61 - overhead, 60 - overhead), 1):
        sender.publish("t", bytes(size), qos, packet_id=number)
    message = await receiver.expect(Publish)
    assert len(encode(message, 5)) == 60
    assert await receiver.sync() == []
    assert len((await other.expect(Publish)).payload) == 61 - overhead


@pytest.mark.mqtt5("3.1.2-25")
@pytest.mark.parametrize("qos", [1, 2])
async def test_a_discarded_message_counts_as_sent(client: Clients, qos: int) -> None:
    options: dict[str, Any] = {"maximum_packet_size": 60, "session_expiry_interval": 100}
    receiver = await client.connected("a", **options)
    await receiver.subscribe("t", qos)
    sender = await client.connected("sender")
    sender.publish("t", bytes(100), qos)
    assert [type(packet) for packet in await sender.sync()] == [Puback if qos == 1 else Pubrec]
    assert await receiver.sync() == []
    await receiver.close()
    again = await client.connected("a", clean_start=False, session_expiry_interval=100)
    assert await again.sync() == []


@pytest.mark.mqtt5("3.1.2-24", "3.1.2-25")
async def test_retained_and_queued_messages_that_are_too_large_are_discarded(client: Clients) -> None:
    first = await client.connected("a", session_expiry_interval=100)
    await first.subscribe("queued", 1)
    await first.close()
    sender = await client.connected("sender")
    for topic in ("queued", "kept/1"):
        sender.publish(topic, bytes(100), 1, retain=True)
        sender.publish(topic + "/small", b"", 1)
        await sender.sync()
    sender.publish("queued", b"x", 1)
    sender.publish("kept/2", b"y", retain=True)
    await sender.sync()
    again = await client.connected("a", clean_start=False, maximum_packet_size=60)
    assert (await again.expect(Publish)).payload == b"x"
    await again.subscribe("kept/+")
    assert [packet.payload for packet in await again.sync() if isinstance(packet, Publish)] == [b"y"]


@pytest.mark.mqtt5("3.1.2-24")
def test_a_topic_alias_that_makes_a_publish_too_large_is_left_out() -> None:
    bench = Bench()
    receiver = bench.connected("a", maximum_packet_size=30, topic_alias_maximum=10)
    receiver.subscribe("t")
    sender = bench.connected("sender")
    for _ in range(4):
        sender.publish("t", bytes(24))
    messages = receiver.received()
    assert [len(encode(message, 5)) for message in messages] == [30] * 4


@pytest.mark.mqtt5("3.1.2-24")
@pytest.mark.parametrize("maximum", range(1, 60))
def test_connack_keeps_to_the_maximum_packet_size_or_the_client_is_refused(maximum: int) -> None:
    bench = Bench()
    client = bench.client()
    client.send(Connect("", properties=properties(maximum_packet_size=maximum)))
    data = client.received_bytes()
    assert len(data) <= maximum
    if client.closed:
        assert data[:1] + data[3:4] == (b"\x20\x95" if maximum >= 5 else b"")
        assert bench.server.realm.sessions == {}
    else:
        assert data[3] == 0
        assert b"\x12" in data, "the Assigned Client Identifier must not be left out"


@pytest.mark.mqtt5("3.1.2-24")
def test_a_client_does_without_topic_aliases_where_connack_has_no_room() -> None:
    bench = Bench()
    first = bench.client().connect("a")
    size = len(encode(first, 5))
    for maximum, alias_maximum in ((size, 16), (size - 1, None), (size - 3, None)):
        connack = bench.client().connect("a", maximum_packet_size=maximum)
        assert (connack.reason_code, len(encode(connack, 5)) <= maximum) == (0, True)
        assert connack.properties is not None
        assert connack.properties.topic_alias_maximum == alias_maximum
    assert bench.client().connect("a", maximum_packet_size=size - 4).reason_code == 0x95


@pytest.mark.mqtt5("3.1.2-24", "3.2.2-19", "3.2.2-7")
async def test_the_reason_string_of_a_connack_gives_way(client: Clients) -> None:
    refused = []
    for maximum in (200, 10):
        stranger = await client()
        asked = properties(authentication_method="none", maximum_packet_size=maximum)
        stranger.send(Connect("a", properties=asked))
        refused.append(await refusal(stranger))
    assert [connack.reason_code for connack in refused] == [0x8C, 0x8C]
    assert refused[0].properties is not None
    assert refused[0].properties.reason_string
    assert refused[1].properties is None


@pytest.mark.mqtt5("3.1.2-24", "3.14.2-3")
async def test_the_reason_string_of_a_disconnect_gives_way(client: Clients) -> None:
    reasons = []
    for maximum in (200, 25):
        sender = await client.connected("a", maximum_packet_size=maximum)
        sender.send(b"\x00\x00")
        (goodbye,) = await sender.expect_closed()
        assert isinstance(goodbye, Disconnect)
        assert goodbye.reason_code == 0x81
        reasons.append(goodbye.properties is not None and goodbye.properties.reason_string is not None)
    assert reasons == [True, False]


@pytest.mark.mqtt5("3.2.2-19", "3.2.2-20")
@pytest.mark.parametrize(
    ("room", "reason_string", "user_properties"), [(0, "why", True), (-1, None, True), (-7, None, False)]
)
def test_what_explains_a_connack_is_left_out_where_it_does_not_fit(
    room: int, reason_string: str | None, user_properties: bool
) -> None:
    pairs = (("k", "v"),)
    explained = Connack(False, 0x80, properties(reason_string="why", user_properties=pairs, maximum_qos=1))
    encoded = encode_within(explained, 5, len(encode(explained, 5)) + room)
    left = properties(reason_string=reason_string, maximum_qos=1)
    left.user_properties = pairs if user_properties else ()
    assert encoded == encode(Connack(False, 0x80, left), 5)
    assert encode_within(explained, 5, 6) is None


# -- Topic Alias Maximum


@pytest.mark.mqtt5("3.1.2-26", "3.3.2-11", "3.3.2-8")
@pytest.mark.parametrize("maximum", [1, 2, 16, 65535])
def test_the_server_sends_no_topic_alias_above_the_maximum_of_the_client(maximum: int) -> None:
    bench = Bench()
    receiver = bench.connected("a", topic_alias_maximum=maximum)
    receiver.subscribe("#")
    sender = bench.connected("sender")
    used = set()
    for number in range(400):
        sender.publish(f"t/{number * number % 23}")
        for message in receiver.received():
            assert isinstance(message, Publish)
            alias = None if message.properties is None else message.properties.topic_alias
            if alias is not None:
                assert 1 <= alias <= maximum
                used.add(alias)
    assert used


@pytest.mark.mqtt5("3.1.2-27")
@pytest.mark.parametrize("values", [{}, {"topic_alias_maximum": 0}], ids=["absent", "zero"])
async def test_the_server_sends_no_topic_alias_unasked(client: Clients, values: dict[str, Any]) -> None:
    receiver = await client.connected("a", **values)
    await receiver.subscribe("t")
    for _ in range(10):
        receiver.publish("t")
    messages = await receiver.sync()
    assert [packet.topic for packet in messages if isinstance(packet, Publish)] == ["t"] * 10
    assert all(packet.properties is None for packet in messages if isinstance(packet, Publish))


# -- Request Problem Information


@pytest.mark.mqtt5("3.1.2-29")
def test_without_request_problem_information_only_a_publish_has_user_properties() -> None:
    bench = Bench(OnlyOwnTopics())
    client = bench.connected("a", request_problem_information=0)
    pairs = (("k", "v"),)
    assert client.subscribe("own/t", 2) == 2
    assert client.subscribe("others", 2, packet_id=2) >= 0x80
    client.send(Unsubscribe(3, ["nothing"], properties(user_properties=pairs)))
    client.publish("others", b"", 1, packet_id=4, user_properties=pairs)
    client.publish("others", b"", 2, packet_id=5, user_properties=pairs)
    client.send(Pubrel(6, 0, properties(user_properties=pairs, reason_string="why")))
    client.publish("own/t", b"", 2, packet_id=7, user_properties=pairs)
    client.send(Pubrec(1, 0, properties(user_properties=pairs, reason_string="why")))
    packets = client.received()
    kinds = [type(packet) for packet in packets]
    assert kinds == [Unsuback, Puback, Pubrec, Pubcomp, Pubrec, Publish, Pubrel]
    for packet in packets:
        given = packet.properties  # type: ignore[union-attr]
        if isinstance(packet, Publish):
            assert given is not None
            assert given.user_properties == pairs
        else:
            assert given is None or (given.reason_string, given.user_properties) == (None, ())
