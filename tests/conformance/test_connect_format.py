"""What a CONNECT packet must look like, and where it must stand (MQTT 5.0, 3.1)."""

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.broker import Broker
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import Connack, Connect, Pingreq, Publish
from support.loopback import Brokers, Clients, connect_bytes, farewell, refusal

MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
UNSUPPORTED_PROTOCOL_VERSION = 0x84
CLIENT_IDENTIFIER_NOT_VALID = 0x85

WILL = b"\0\0\1w\0\1m"
"""No Will Properties, Will Topic w, Will Payload m."""


class Witness(Authenticator):
    """Lets everybody in and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[ConnectRequest] = []

    def authenticate(self, request: ConnectRequest) -> Answer:
        self.requests.append(request)
        return Accepted(Permissions(request.username))


@pytest.fixture
def witness(broker: Broker) -> Witness:
    witness = Witness()
    broker.server.authenticator = witness
    return witness


@pytest.mark.mqtt5("3.1.0-1")
@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x00", b"\x30\x05\0\1t\0x", b"\x82\x07\0\1\0\0\1t\0", b"\xe0\x00", b"\xf0\x00",
        b"\x20\x03\0\0\0", b"\x40\x02\0\1",
    ],
    ids=["PINGREQ", "PUBLISH", "SUBSCRIBE", "DISCONNECT", "AUTH", "CONNACK", "PUBACK"],
)
async def test_a_first_packet_that_is_no_connect_closes_the_network_connection(
    client: Clients, data: bytes
) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("#")
    stranger = await client()
    stranger.send(data + connect_bytes() + b"\x30\x05\0\1t\0x")
    assert await stranger.read_to_end() == b""
    assert await receiver.sync() == []


@pytest.mark.mqtt5("3.1.0-2")
@pytest.mark.parametrize("client_id", ["a", "another"])
async def test_a_second_connect_is_a_protocol_error(client: Clients, client_id: str) -> None:
    sender = await client.connected("a")
    sender.send(Connect(client_id), Pingreq())
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR


@pytest.mark.mqtt5("3.1.0-2")
async def test_a_second_connect_in_one_piece_with_the_first_is_a_protocol_error(client: Clients) -> None:
    sender = await client()
    sender.send(Connect("a"), Connect("a"))
    assert (await sender.expect(Connack)).reason_code == 0
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR


@pytest.mark.mqtt5("3.1.0-2", "3.14.2-1")
@pytest.mark.parametrize(
    "second", [connect_bytes(name=b"\0\4mqtt"), connect_bytes(level=9)], ids=["name", "level"]
)
async def test_a_second_connect_of_another_protocol_is_a_protocol_error(
    client: Clients, second: bytes
) -> None:
    sender = await client.connected("a")
    sender.send(second)
    assert (await farewell(sender)).reason_code == PROTOCOL_ERROR


@pytest.mark.mqtt5("3.1.2-1")
@pytest.mark.parametrize("name", [b"\0\4mqtt", b"\0\4MQTX", b"\0\0", b"\0\5MQTT5", b"\0\4\xff\xff\xff\xff"])
async def test_another_protocol_name_closes_the_network_connection(client: Clients, name: bytes) -> None:
    stranger = await client()
    stranger.send(connect_bytes(name=name))
    assert await stranger.read_to_end() == b""


@pytest.mark.mqtt5("3.1.2-2", "3.1.4-1")
@pytest.mark.parametrize("level", [6, 7, 0x7F, 0x85, 0xFF])
async def test_a_later_protocol_version_is_told_that_it_is_not_supported(client: Clients, level: int) -> None:
    stranger = await client()
    stranger.send(connect_bytes(level=level))
    assert (await refusal(stranger)).reason_code == UNSUPPORTED_PROTOCOL_VERSION


@pytest.mark.mqtt5("3.1.2-2")
@pytest.mark.parametrize("level", [0, 1, 2, 3])
async def test_an_earlier_protocol_version_is_answered_as_mqtt_3_1_1_has_it(
    client: Clients, level: int
) -> None:
    stranger = await client()
    stranger.send(connect_bytes(level=level))
    assert await stranger.read_to_end() == b"\x20\x02\x00\x01"


@pytest.mark.mqtt5("3.1.2-3", "3.1.4-1")
@pytest.mark.parametrize("flags", [0x01, 0x03])
async def test_the_reserved_connect_flag_must_be_zero(client: Clients, flags: int) -> None:
    stranger = await client()
    stranger.send(connect_bytes(flags=flags))
    assert (await refusal(stranger)).reason_code == MALFORMED


@pytest.mark.mqtt5("3.1.2-11", "3.1.2-13", "3.1.4-1")
@pytest.mark.parametrize("flags", [0x08, 0x10, 0x18, 0x20, 0x2A], ids=hex)
async def test_without_a_will_its_qos_and_retain_must_be_zero(client: Clients, flags: int) -> None:
    stranger = await client()
    stranger.send(connect_bytes(flags=flags))
    assert (await refusal(stranger)).reason_code == MALFORMED


@pytest.mark.mqtt5("3.1.2-12")
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_will_may_have_each_qos(client: Clients, qos: int) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w", 2)
    sender = await client()
    sender.send(connect_bytes(b"\0\1a" + WILL, 0x06 | qos << 3))
    assert (await sender.expect(Connack)).reason_code == 0
    await sender.close()
    assert (await receiver.expect(Publish)).qos == qos


@pytest.mark.mqtt5("3.1.2-12", "3.1.4-1")
async def test_a_will_qos_of_three_is_malformed(client: Clients) -> None:
    stranger = await client()
    stranger.send(connect_bytes(b"\0\1a" + WILL, 0x1E))
    assert (await refusal(stranger)).reason_code == MALFORMED


BROKEN = {
    "Will Flag without Will fields": (b"\0\1a", 0x06),
    "Will Flag without Will Topic": (b"\0\1a\0", 0x06),
    "Will Flag without Will Payload": (b"\0\1a\0\0\1w", 0x06),
    "Will fields without Will Flag": (b"\0\1a" + WILL, 0x02),
    "User Name without its flag": (b"\0\1a\0\1u", 0x02),
    "User Name Flag without User Name": (b"\0\1a", 0x82),
    "Password without its flag": (b"\0\1a\0\1u\0\1p", 0x82),
    "Password Flag without Password": (b"\0\1a\0\1u", 0xC2),
    "a Password Flag alone without Password": (b"\0\1a", 0x42),
    "no Client Identifier": (b"", 0x02),
    "half a Client Identifier": (b"\0\2a", 0x02),
    "bytes behind the fields": (b"\0\1a\0", 0x02),
}


@pytest.mark.mqtt5("3.1.2-9", "3.1.2-16", "3.1.2-17", "3.1.2-18", "3.1.2-19", "3.1.3-1", "3.1.3-3", "3.1.4-1")
@pytest.mark.parametrize(("payload", "flags"), BROKEN.values(), ids=BROKEN)
async def test_the_connect_flags_say_which_fields_are_there(
    client: Clients, payload: bytes, flags: int
) -> None:
    stranger = await client()
    stranger.send(connect_bytes(payload, flags))
    assert (await refusal(stranger)).reason_code == MALFORMED


@pytest.mark.mqtt5("3.1.2-9", "3.1.2-16", "3.1.2-17", "3.1.2-18", "3.1.2-19")
@pytest.mark.mqtt5("3.1.3-1", "3.1.3-3", "3.1.3-12")
@pytest.mark.parametrize(
    ("payload", "flags", "username", "password"),
    [
        (b"", 0x02, None, None),
        (b"\0\1u", 0x82, "u", None),
        (b"\0\1p", 0x42, None, b"p"),
        (b"\0\2\xc3\xa9\0\2\xff\0", 0xC2, "é", b"\xff\0"),
        (b"\0\0\0\0", 0xC2, "", b""),
        (WILL + b"\0\1u\0\1p", 0xC6, "u", b"p"),
    ],
)
async def test_the_fields_stand_in_the_order_of_the_standard(
    client: Clients,
    witness: Witness,
    payload: bytes,
    flags: int,
    username: str | None,
    password: bytes | None,
) -> None:
    sender = await client()
    sender.send(connect_bytes(b"\0\1a" + payload, flags))
    assert (await sender.expect(Connack)).reason_code == 0
    (request,) = witness.requests
    assert (request.client_id, request.username, request.password) == ("a", username, password)


BAD_PROPERTIES = {
    "unknown identifier": (b"\x02\x7f\0", MALFORMED),
    "one of PUBLISH": (b"\x02\x01\0", MALFORMED),
    "one of the Will": (b"\x05\x18\0\0\0\1", MALFORMED),
    "length beyond the packet": (b"\x7f\x11\0\0\0\1", MALFORMED),
    "Session Expiry Interval twice": (b"\x0a\x11\0\0\0\1\x11\0\0\0\1", PROTOCOL_ERROR),
    "Receive Maximum twice": (b"\x06\x21\0\1\x21\0\1", PROTOCOL_ERROR),
    "Receive Maximum 0": (b"\x03\x21\0\0", PROTOCOL_ERROR),
    "Maximum Packet Size twice": (b"\x0a\x27\0\0\0\7\x27\0\0\0\7", PROTOCOL_ERROR),
    "Maximum Packet Size 0": (b"\x05\x27\0\0\0\0", PROTOCOL_ERROR),
    "Topic Alias Maximum twice": (b"\x06\x22\0\1\x22\0\1", PROTOCOL_ERROR),
    "Request Response Information twice": (b"\x04\x19\0\x19\0", PROTOCOL_ERROR),
    "Request Response Information 2": (b"\x02\x19\2", PROTOCOL_ERROR),
    "Request Problem Information twice": (b"\x04\x17\0\x17\0", PROTOCOL_ERROR),
    "Request Problem Information 2": (b"\x02\x17\2", PROTOCOL_ERROR),
    "Authentication Method twice": (b"\x08\x15\0\1m\x15\0\1m", PROTOCOL_ERROR),
    "Authentication Data without a method": (b"\x04\x16\0\1d", PROTOCOL_ERROR),
}


@pytest.mark.mqtt5("3.1.4-1", "3.2.2-7")
@pytest.mark.parametrize(("properties", "reason_code"), BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
async def test_a_connect_with_a_wrong_property_is_refused(
    client: Clients, properties: bytes, reason_code: int
) -> None:
    stranger = await client()
    stranger.send(connect_bytes(properties=properties))
    assert (await refusal(stranger)).reason_code == reason_code


BAD_WILL_PROPERTIES = {
    "Will Delay Interval twice": (b"\x0a\x18\0\0\0\1\x18\0\0\0\1", PROTOCOL_ERROR),
    "Payload Format Indicator 2": (b"\x02\x01\2", PROTOCOL_ERROR),
    "Message Expiry Interval twice": (b"\x0a\x02\0\0\0\1\x02\0\0\0\1", PROTOCOL_ERROR),
    "Response Topic with a wildcard": (b"\x04\x08\0\1#", PROTOCOL_ERROR),
    "Topic Alias": (b"\x03\x23\0\1", MALFORMED),
    "Session Expiry Interval": (b"\x05\x11\0\0\0\1", MALFORMED),
}


@pytest.mark.mqtt5("3.1.4-1")
@pytest.mark.parametrize(("properties", "reason_code"), BAD_WILL_PROPERTIES.values(), ids=BAD_WILL_PROPERTIES)
async def test_a_connect_with_a_wrong_will_property_is_refused(
    client: Clients, properties: bytes, reason_code: int
) -> None:
    stranger = await client()
    stranger.send(connect_bytes(b"\0\1a" + properties + b"\0\1w\0\0", 0x06))
    assert (await refusal(stranger)).reason_code == reason_code


@pytest.mark.mqtt5("3.1.4-1", "4.7.3-1")
@pytest.mark.parametrize(("topic", "reason_code"), [(b"a/+", 0x90), (b"#", 0x90), (b"", 0x90)])
async def test_a_will_topic_must_be_a_topic_name(client: Clients, topic: bytes, reason_code: int) -> None:
    stranger = await client()
    stranger.send(connect_bytes(b"\0\1a\0" + bytes((0, len(topic))) + topic + b"\0\0", 0x06))
    assert (await refusal(stranger)).reason_code == reason_code


@pytest.mark.mqtt5("3.1.4-6")
@pytest.mark.parametrize("refused", [b"\0\1axxx", b"\0\x40" + b"c" * 64], ids=["malformed", "identifier"])
async def test_what_follows_a_refused_connect_is_not_acted_on(
    client: Clients, broker_with: Brokers, refused: bytes
) -> None:
    strict = await broker_with(maximum_client_id_length=23)
    receiver = await client.connected("receiver", broker=strict)
    await receiver.subscribe("#")
    stranger = await client(broker=strict)
    publish = b"\x30\x05\0\1t\0x"
    stranger.send(connect_bytes(refused) + publish + connect_bytes(b"\0\1b") + publish)
    await refusal(stranger)
    assert await receiver.sync() == []
    assert "b" not in strict.server.realm.sessions
