"""The form of AUTH packets, of the Client and of the Server (MQTT 5.0, 3.15)."""

import pytest

from amqtt.abc import Accepted, AuthenticationExchange, Authenticator, Challenge, Refusal
from amqtt.sessions.permissions import Permissions
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1, Auth, Connack, Connect, Disconnect, Pingresp
from support import by_hand
from support.bench_server import Bench
from support.by_hand import expect_disconnect
from support.raw_client import MQTT_3_1_1, MQTT_5, properties

METHOD = b"\x15\x00\x05plain"


class Word(AuthenticationExchange):
    """Asks once, and wants to hear b"please"."""

    def __init__(self):
        self._asked = False

    def step(self, data):
        if not self._asked:
            self._asked = True
            return Challenge(b"the word?")
        return Accepted(Permissions("somebody"), b"thanks") if data == b"please" else Refusal()


class Words(Authenticator):
    """Serves the Authentication Method "plain"."""

    methods = ("plain",)

    def authenticate(self, request):
        return Accepted(Permissions())

    def exchange(self, request):
        return Word() if request.authentication_method == "plain" else None


@pytest.fixture
def bench():
    bench = Bench(Words())
    yield bench
    assert bench.faults == []


def begun(bench, **options):
    """A Client that was asked for the word, and the AUTH that asked."""
    client = bench.client()
    given = properties(authentication_method="plain", **options)
    client.send(Connect("client", properties=given))
    [auth] = client.received()
    assert isinstance(auth, Auth)
    return client, auth


MISTAKES = {
    "a Topic Alias of 0": by_hand.publish(MQTT_5, b"a", properties=b"\x23\x00\x00"),
    "a Topic Alias in a SUBSCRIBE": by_hand.subscribe(MQTT_5, (b"a", 0), properties=b"\x23\x00\x01"),
    "a PUBLISH": by_hand.publish(MQTT_5, b"a"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.mqtt5("3.2.2-8", "3.14.0-1")
def test_whatever_comes_instead_of_auth_is_refused_with_a_connect_reason_code(bench, mistake):
    client, _ = begun(bench)
    client.send(mistake)
    [connack] = client.received()
    assert isinstance(connack, Connack)
    assert connack.reason_code in (0x81, 0x82)


def word(data=b"please", reason_code=0x18):
    return Auth(reason_code, properties(authentication_method="plain", authentication_data=data))


def accepted(bench):
    client, _ = begun(bench)
    client.send(word())
    [connack] = client.received()
    assert isinstance(connack, Connack)
    assert connack.reason_code == 0
    return client


@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.mqtt5("3.15.1-1", "3.14.0-1")
def test_reserved_flags_of_auth_are_malformed_before_connack(bench, flags):
    client, _ = begun(bench)
    client.send(by_hand.packet(0xF0 | flags, b"\x18\x08" + METHOD))
    [connack] = client.received()
    assert isinstance(connack, Connack)
    assert connack.reason_code == 0x81
    assert client.closed


@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.mqtt5("3.15.1-1")
def test_reserved_flags_of_auth_are_malformed_behind_connack(bench, flags):
    client = accepted(bench)
    client.send(by_hand.packet(0xF0 | flags, b"\x19\x08" + METHOD))
    [disconnect] = client.received()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == 0x81
    assert client.closed


@pytest.mark.parametrize(
    ("body", "reason_code"),
    [
        (b"\x01\x08" + METHOD, 0x82),
        (b"\x17\x08" + METHOD, 0x82),
        (b"\x80\x08" + METHOD, 0x82),
        (b"\x87\x08" + METHOD, 0x82),
        (b"\xff\x08" + METHOD, 0x82),
        (b"\x19", 0x81),
        (b"\x19\x00", 0x82),
        (b"\x19\x03\x16\x00\x00", 0x82),
        (b"\x19\x10" + METHOD * 2, 0x82),
        (b"\x19\x09" + METHOD, 0x81),
        (b"\x19\x08" + METHOD + b"\x00", 0x81),
        (b"\x19\x0d" + METHOD + b"\x11\x00\x00\x00\x01", 0x81),
        (b"\x19\x08\x15\x00\x05pl\xffin", 0x81),
    ],
    ids=[
        "Reason Code 0x01", "Reason Code 0x17", "Reason Code 0x80", "Reason Code 0x87", "Reason Code 0xff",
        "no Property Length", "no Authentication Method", "data without method", "two methods",
        "properties cut off", "a byte too many", "a property of CONNECT", "a method that is no UTF-8",
    ],
)
@pytest.mark.mqtt5("3.15.2-1", "4.13.1-1")
def test_a_wrong_auth_ends_the_network_connection(bench, body, reason_code):
    client = accepted(bench)
    client.send(by_hand.packet(0xF0, body))
    [disconnect] = client.received()
    assert isinstance(disconnect, Disconnect)
    assert f"{disconnect.reason_code:#x}" == f"{reason_code:#x}"
    assert client.closed


@pytest.mark.parametrize("reason_code", [0x00, 0x18])
@pytest.mark.mqtt5("3.15.2-1", "4.13.1-1")
def test_a_reason_code_that_is_not_the_clients_to_send_now_is_a_protocol_error(bench, reason_code):
    client = accepted(bench)
    client.send(word(reason_code=reason_code))
    [disconnect] = client.received()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == 0x82
    assert client.closed


@pytest.mark.parametrize("reason_code", [0x00, 0x19])
@pytest.mark.mqtt5("3.15.2-1", "3.14.0-1", "4.13.1-1")
def test_before_connack_only_continue_may_be_said(bench, reason_code):
    client, _ = begun(bench)
    client.send(word(reason_code=reason_code))
    [connack] = client.received()
    assert isinstance(connack, Connack)
    assert connack.reason_code == 0x82
    assert client.closed


@pytest.mark.mqtt5("3.15.2-1")
def test_the_server_says_continue_and_success(bench):
    client, asked = begun(bench)
    assert asked.reason_code == 0x18
    assert asked.properties.authentication_method == "plain"
    assert asked.properties.authentication_data == b"the word?"
    client.send(word())
    [connack] = client.received()
    assert connack.properties.authentication_method == "plain"
    client.send(word(b"", 0x19))
    [again] = client.received()
    assert again.reason_code == 0x18
    client.send(word())
    [success] = client.received()
    assert isinstance(success, Auth)
    assert success.reason_code == 0x00
    assert success.properties.authentication_method == "plain"
    assert success.properties.authentication_data == b"thanks"
    client.send(b"\xc0\x00")
    assert [type(packet) for packet in client.received()] == [Pingresp]


@pytest.mark.mqtt5("3.15.2-2", "3.15.2-3", "3.1.2-24")
def test_the_auth_of_the_server_keeps_to_the_maximum_packet_size(bench):
    asked = properties(authentication_method="plain", authentication_data=b"the word?")
    exact = encode(Auth(0x18, asked), MQTT_5)
    _client, auth = begun(bench, maximum_packet_size=len(exact))
    assert encode(auth, MQTT_5) == exact
    small = bench.client()
    given = properties(authentication_method="plain", maximum_packet_size=len(exact) - 1)
    small.send(Connect("small", properties=given))
    assert not any(isinstance(packet, Auth) for packet in small.received())
    bench.pass_time(60)
    small.received()
    assert small.closed


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1])
@pytest.mark.mqtt311("4.8.0-1")
async def test_there_is_no_auth_before_mqtt_5(client, version):
    old = await client.connected("old", version)
    old.send(b"\xf0\x00")
    await expect_disconnect(old, 0x81)


@pytest.mark.parametrize("body", [b"", b"\x00\x08" + METHOD, b"\x19\x08" + METHOD, b"\x18\x08" + METHOD])
@pytest.mark.mqtt5("4.13.1-1")
async def test_an_auth_of_a_client_that_named_no_method_is_a_protocol_error(client, body):
    plain = await client.connected("plain")
    plain.send(by_hand.packet(0xF0, body))
    await expect_disconnect(plain, 0x82)
