"""CONNACK: when it comes, and what it says of the Server (MQTT 5.0, 3.2)."""

from typing import Any

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Refusal
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import Connack, Connect, Disconnect, Packet, Pingresp, Publish, Suback, WillFields
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import CONNACK_REASONS
from support.bench_server import Bench
from support.loopback import Brokers, Clients, farewell, refusal
from support.raw_client import RawClient, properties

NOT_AUTHORIZED = 0x87


class Refuses(Authenticator):
    """Refuses everybody, with one Reason Code."""

    def __init__(self, reason_code: int) -> None:
        self.reason_code = reason_code

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Refusal(self.reason_code, "no " * 20)


class Reader(Authenticator):
    """Lets everybody in to read; nobody may publish."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(NoPublisher())


class NoPublisher(Permissions):
    def may_publish(self, topic: str, retain: bool) -> bool:
        return False


async def told(client: RawClient, **values: object) -> Properties:
    """The properties of the CONNACK."""
    connack = await client.connect("a", **values)  # type: ignore[arg-type]
    assert connack.properties is not None
    return connack.properties


# -- when


@pytest.mark.mqtt5("3.2.0-1", "3.1.4-5")
async def test_connack_comes_before_every_other_packet(client: Clients) -> None:
    first = await client.connected("a", session_expiry_interval=100)
    await first.subscribe("t", 1)
    await first.close()
    sender = await client.connected("b")
    sender.publish("t", b"queued", 1)
    await sender.sync()
    again = await client()
    again.send(Connect("a", clean_start=False), b"\xc0\x00", b"\x82\x07\0\1\0\0\1u\0")
    kinds = [type(await again.receive()) for _ in range(4)]
    assert kinds == [Connack, Publish, Pingresp, Suback]


@pytest.mark.mqtt5("3.2.0-1")
async def test_the_server_says_nothing_before_connect(client: Clients, broker_with: Brokers) -> None:
    broker = await broker_with(connect_timeout=0.1)
    stranger = await client(broker=broker)
    assert await stranger.read_to_end() == b""


@pytest.mark.mqtt5("3.2.0-2")
async def test_there_is_one_connack_in_a_network_connection(client: Clients) -> None:
    sender = await client()
    sender.send(Connect("a"), Connect("a"))
    assert [type(packet) for packet in await sender.expect_closed()] == [Connack, Disconnect]
    stranger = await client()
    stranger.send(Connect("a", properties=properties(authentication_method="unknown")), Connect("a"))
    await refusal(stranger)


# -- flags and Reason Codes


@pytest.mark.mqtt5("3.2.2-1", "3.2.2-2", "3.2.2-3")
@pytest.mark.parametrize(
    ("stored", "clean_start", "flags"),
    [(False, True, 0), (False, False, 0), (True, True, 0), (True, False, 1)],
)
def test_session_present_is_the_only_flag(stored: bool, clean_start: bool, flags: int) -> None:
    bench = Bench()
    if stored:
        bench.connected("a", session_expiry_interval=100).lose()
    client = bench.client()
    client.send(Connect("a", clean_start=clean_start))
    data = client.received_bytes()
    assert (data[0], data[2], data[3]) == (0x20, flags, 0)


@pytest.mark.mqtt5("3.2.2-6", "3.2.2-7", "3.2.2-8", "3.1.4-2", "4.13.2-1")
@pytest.mark.parametrize("reason_code", sorted(CONNACK_REASONS - {0}))
def test_a_refusal_has_session_present_0_and_closes_the_network_connection(reason_code: int) -> None:
    bench = Bench()
    bench.connected("a", session_expiry_interval=100).lose()
    bench.server.authenticator = Refuses(reason_code)
    client = bench.client()
    client.send(Connect("a", clean_start=False))
    (connack,) = client.received()
    assert isinstance(connack, Connack)
    assert (connack.session_present, connack.reason_code) == (False, reason_code)
    assert client.closed


@pytest.mark.mqtt5("3.2.2-8")
@pytest.mark.parametrize("reason_code", [0x00, 0x01, 0x18, 0x8B, 0x8D, 0x8E, 0x93, 0xA2, 0xFF])
async def test_a_refusal_with_another_reason_code_says_not_authorized(
    client: Clients, broker_with: Brokers, reason_code: int
) -> None:
    broker = await broker_with()
    broker.server.authenticator = Refuses(reason_code)
    stranger = await client(broker=broker)
    stranger.send(Connect("a"))
    assert (await refusal(stranger)).reason_code == NOT_AUTHORIZED


@pytest.mark.mqtt5("3.1.4-2", "3.2.2-7")
async def test_a_will_message_that_its_client_may_not_publish_is_refused(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with()
    broker.server.authenticator = Reader()
    stranger = await client(broker=broker)
    stranger.send(Connect("a", will=WillFields("w", b"")))
    assert (await refusal(stranger)).reason_code == NOT_AUTHORIZED
    await client.connected("a", broker=broker)


# -- what the Server does not support


@pytest.mark.mqtt5("3.2.2-9", "3.2.2-10")
@pytest.mark.parametrize("maximum", [0, 1])
async def test_a_lower_maximum_qos_is_told_and_every_requested_qos_accepted(
    client: Clients, broker_with: Brokers, maximum: int
) -> None:
    broker = await broker_with(maximum_qos=maximum)
    both = await client(broker=broker)
    assert (await told(both)).maximum_qos == maximum
    for qos in (0, 1, 2):
        assert (await both.subscribe(f"t/{qos}", qos)).reason_codes == [min(qos, maximum)]
    both.publish("t/2", b"", maximum)
    packets = await both.sync()
    assert [packet.qos for packet in packets if isinstance(packet, Publish)] == [maximum]


@pytest.mark.mqtt5("3.2.2-9")
async def test_maximum_qos_2_is_not_told(client: Clients) -> None:
    assert (await told(await client())).maximum_qos is None


@pytest.mark.mqtt5("3.2.2-11", "4.13.1-1")
@pytest.mark.parametrize(("maximum", "qos"), [(0, 1), (0, 2), (1, 2)])
async def test_a_publish_above_maximum_qos_is_an_error(
    client: Clients, broker_with: Brokers, maximum: int, qos: int
) -> None:
    sender = await client.connected("a", broker=await broker_with(maximum_qos=maximum))
    sender.publish("t", b"", qos)
    assert (await farewell(sender)).reason_code == 0x9B


@pytest.mark.mqtt5("3.2.2-14", "4.13.1-1")
async def test_a_retained_publish_where_nothing_is_retained_is_an_error(
    client: Clients, broker_with: Brokers
) -> None:
    sender = await client(broker=await broker_with(retain_available=False))
    assert (await told(sender)).retain_available == 0
    sender.publish("t", b"", retain=True)
    assert (await farewell(sender)).reason_code == 0x9A


@pytest.mark.mqtt5("3.2.2-15", "4.13.1-1")
async def test_a_packet_above_the_maximum_packet_size_of_the_server_is_an_error(
    client: Clients, broker_with: Brokers
) -> None:
    both = await client(broker=await broker_with(maximum_packet_size=200))
    assert (await told(both)).maximum_packet_size == 200
    await both.subscribe("t")
    both.publish("t", bytes(200 - 7))
    assert len((await both.expect(Publish)).payload) == 200 - 7
    both.publish("t", bytes(200 - 6))
    assert (await farewell(both)).reason_code == 0x95


@pytest.mark.mqtt5("3.2.2-17", "3.2.2-18", "3.3.2-9", "4.13.1-1")
@pytest.mark.parametrize("maximum", [0, 5])
async def test_a_topic_alias_above_the_maximum_of_the_server_is_an_error(
    client: Clients, broker_with: Brokers, maximum: int
) -> None:
    sender = await client(broker=await broker_with(topic_alias_maximum=maximum))
    assert (await told(sender)).topic_alias_maximum == (maximum or None)
    if maximum:
        sender.publish("t", b"", topic_alias=maximum)
        assert await sender.sync() == []
    sender.publish("t", b"", topic_alias=maximum + 1)
    assert (await farewell(sender)).reason_code == 0x94


@pytest.mark.parametrize(
    "name",
    ["wildcard_subscription_available", "subscription_identifier_available", "shared_subscription_available"],
)
async def test_what_is_not_available_is_told(client: Clients, broker_with: Brokers, name: str) -> None:
    assert getattr(await told(await client()), name) is None
    limits: dict[str, Any] = {name: False}
    lacking = await broker_with(**limits)
    assert getattr(await told(await client(broker=lacking)), name) == 0


# -- Server Keep Alive


@pytest.mark.mqtt5("3.2.2-21", "3.2.2-22", "3.1.2-21", "3.1.2-22")
@pytest.mark.parametrize(
    ("asked", "told", "closes_after"),
    [(10, None, 15), (20, None, 30), (21, 20, 30), (65535, 20, 30), (0, 20, 30)],
)
def test_the_keep_alive_is_that_of_the_server_where_it_says_one(
    asked: int, told: int | None, closes_after: int
) -> None:
    bench = Bench(maximum_keep_alive=20)
    client = bench.client()
    connack = client.connect("a", keep_alive=asked)
    assert connack.properties is not None
    assert connack.properties.server_keep_alive == told
    bench.pass_time(closes_after - 0.1)
    assert client.received() == []
    bench.pass_time(0.1)
    (goodbye,) = client.received()
    assert isinstance(goodbye, Disconnect)
    assert (goodbye.reason_code, client.closed) == (0x8D, True)


@pytest.mark.mqtt5("3.2.2-22", "3.1.2-22")
@pytest.mark.parametrize("keep_alive", [1, 10, 65535])
def test_one_and_a_half_keep_alives_without_a_packet_close_the_network_connection(keep_alive: int) -> None:
    bench = Bench()
    client = bench.connected("a", keep_alive=keep_alive)
    for data in (b"\xc0\x00", b"\x30\x04\0\1t\0", b"\x82\x07\0\1\0\0\1u\0", b"\x62\x02\0\1"):
        bench.pass_time(keep_alive * 1.49)
        client.send(data)
        assert not client.closed
    client.received()
    bench.pass_time(keep_alive * 1.49)
    assert client.received() == []
    bench.pass_time(keep_alive * 0.02)
    goodbye: list[Packet] = client.received()
    assert [packet.reason_code for packet in goodbye if isinstance(packet, Disconnect)] == [0x8D]
    assert client.closed


@pytest.mark.mqtt5("3.2.2-22")
def test_a_keep_alive_of_zero_never_closes_the_network_connection() -> None:
    bench = Bench()
    client = bench.connected("a", keep_alive=0)
    bench.pass_time(1_000_000)
    assert client.received() == []
    assert not client.closed


# -- Response Information, Server Reference


@pytest.mark.mqtt5("3.1.2-28")
@pytest.mark.parametrize("values", [{}, {"request_response_information": 0}], ids=["absent", "zero"])
async def test_response_information_is_not_sent_unasked(
    client: Clients, broker_with: Brokers, values: dict[str, object]
) -> None:
    broker = await broker_with(server={"response_information": "answers/"})
    assert (await told(await client(broker=broker), **values)).response_information is None
    asked = await told(await client(broker=broker), request_response_information=1)
    assert asked.response_information == "answers/"


@pytest.mark.mqtt5("3.2.2-7", "4.13.2-1")
async def test_a_server_that_takes_no_new_clients_refers_them_to_another(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(server={"use_another_server": True, "server_reference": "other:1883"})
    stranger = await client(broker=broker)
    stranger.send(Connect("a"))
    connack = await refusal(stranger)
    assert connack.reason_code == 0x9C
    assert connack.properties is not None
    assert connack.properties.server_reference == "other:1883"


@pytest.mark.mqtt5("4.13.2-1", "3.14.4-2")
@pytest.mark.parametrize(("reference", "reason_code"), [("", 0x8B), ("other:1883", 0x9C)])
async def test_a_server_that_stops_refers_its_clients_to_another(
    client: Clients, broker_with: Brokers, reference: str, reason_code: int
) -> None:
    broker = await broker_with(server={"server_reference": reference})
    connected = await client.connected("a", broker=broker)
    await broker.shutdown()
    goodbye = await farewell(connected)
    assert goodbye.reason_code == reason_code
    assert goodbye.properties is not None
    assert goodbye.properties.server_reference == (reference or None)
