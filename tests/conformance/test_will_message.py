"""The Will Message: when it is published, when it is not, and how (MQTT 5.0, 3.1.2.5 to 3.1.2.7, 3.1.3.2)."""

from collections.abc import Callable

import pytest

from amqtt.wire.packets import Connect, Disconnect, Pingreq, Publish, WillFields
from support.bench_server import Bench, BenchClient
from support.loopback import Brokers, Clients, connect_bytes, farewell, refusal
from support.raw_client import RawClient, properties

MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
RETAIN_NOT_SUPPORTED = 0x9A
QOS_NOT_SUPPORTED = 0x9B


def will(qos: int = 0, retain: bool = False, delay: int = 0, **values: object) -> WillFields:
    if delay:
        values["will_delay_interval"] = delay
    return WillFields("w", b"gone", qos, retain, properties(**values) if values else None)


def wills(receiver: BenchClient) -> list[bytes]:
    """The payloads that a Client was sent since the last time."""
    packets = receiver.received()
    assert all(isinstance(packet, Publish) for packet in packets)
    return [packet.payload for packet in packets if isinstance(packet, Publish)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def receiver(bench: Bench) -> BenchClient:
    """A Client that is subscribed to the topic of every Will Message here."""
    client = bench.connected("receiver")
    client.subscribe("w", 2)
    return client


# -- when it is published

ENDINGS: dict[str, Callable[[RawClient], None]] = {
    "lost": RawClient.abort,
    "a malformed packet": lambda client: client.send(b"\x00\x00"),
    "a Protocol Error": lambda client: client.send(Connect("a")),
    "DISCONNECT 0x04": lambda client: client.send(Disconnect(0x04)),
    "DISCONNECT 0x80": lambda client: client.send(Disconnect(0x80)),
    "DISCONNECT 0x81": lambda client: client.send(Disconnect(0x81)),
    "a wrong DISCONNECT": lambda client: client.send(Disconnect(0, properties(session_expiry_interval=1))),
}


@pytest.mark.mqtt5("3.1.2-7", "3.1.2-8", "3.1.2-14")
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_a_will_message_is_published_when_its_network_connection_is_closed(
    client: Clients, ending: Callable[[RawClient], None]
) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w")
    sender = await client.connected("a", will=will())
    assert await receiver.sync() == []
    ending(sender)
    message = await receiver.expect(Publish)
    assert (message.topic, message.payload, message.qos, message.retain) == ("w", b"gone", 0, False)


@pytest.mark.mqtt5("3.1.2-8", "3.1.2-10", "3.14.4-3")
@pytest.mark.parametrize("session_expiry", [0, 100])
@pytest.mark.parametrize("delay", [0, 5])
def test_a_normal_disconnection_deletes_the_will_message(
    bench: Bench, receiver: BenchClient, session_expiry: int, delay: int
) -> None:
    client = bench.connected("a", will=will(delay=delay), session_expiry_interval=session_expiry)
    client.send(Disconnect(0))
    bench.connected("a", clean_start=False, session_expiry_interval=session_expiry).lose()
    bench.pass_time(200)
    assert wills(receiver) == []


@pytest.mark.mqtt5("3.1.2-8", "3.1.2-22")
def test_a_keep_alive_that_passes_publishes_the_will_message(bench: Bench, receiver: BenchClient) -> None:
    client = bench.connected("a", will=will(), keep_alive=10)
    bench.pass_time(14.9)
    assert wills(receiver) == []
    bench.pass_time(0.1)
    (goodbye,) = client.received()
    assert isinstance(goodbye, Disconnect)
    assert (goodbye.reason_code, client.closed) == (0x8D, True)
    assert wills(receiver) == [b"gone"]


@pytest.mark.mqtt5("3.1.2-8")
async def test_a_take_over_publishes_a_will_message_without_delay(client: Clients) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w")
    first = await client.connected("a", will=will(), session_expiry_interval=100)
    await client.connected("a", clean_start=False)
    assert (await farewell(first)).reason_code == 0x8E
    assert (await receiver.expect(Publish)).payload == b"gone"


@pytest.mark.mqtt5("3.1.2-10", "3.1.2-7")
def test_a_will_message_is_published_once(bench: Bench, receiver: BenchClient) -> None:
    bench.connected("a", will=will(), session_expiry_interval=100).lose()
    assert wills(receiver) == [b"gone"]
    bench.connected("a", clean_start=False, session_expiry_interval=100).lose()
    bench.pass_time(200)
    assert wills(receiver) == []


@pytest.mark.mqtt5("3.1.2-7")
def test_the_will_message_is_that_of_the_last_connect(bench: Bench, receiver: BenchClient) -> None:
    bench.connected("a", will=will(delay=50), session_expiry_interval=100).lose()
    other = WillFields("w", b"another")
    bench.connected("a", will=other, clean_start=False, session_expiry_interval=100).lose()
    assert wills(receiver) == [b"another"]
    bench.pass_time(200)
    assert wills(receiver) == []


@pytest.mark.mqtt5("3.1.2-7", "3.1.4-6")
async def test_the_will_message_of_a_refused_connect_is_not_published(client: Clients) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w")
    stranger = await client()
    stranger.send(Connect("a", will=will(), properties=properties(authentication_method="unknown")))
    await refusal(stranger)
    assert await receiver.sync() == []


# -- its delay


@pytest.mark.mqtt5("3.1.2-8")
def test_a_will_message_waits_for_its_will_delay_interval(bench: Bench, receiver: BenchClient) -> None:
    bench.connected("a", will=will(delay=50), session_expiry_interval=100).lose()
    bench.pass_time(49)
    assert wills(receiver) == []
    bench.pass_time(1)
    assert wills(receiver) == [b"gone"]
    bench.pass_time(200)
    assert wills(receiver) == []


@pytest.mark.mqtt5("3.1.2-8")
@pytest.mark.parametrize("session_expiry", [0, 20])
def test_the_end_of_the_session_publishes_the_will_message_before_its_delay(
    bench: Bench, receiver: BenchClient, session_expiry: int
) -> None:
    bench.connected("a", will=will(delay=50), session_expiry_interval=session_expiry).lose()
    bench.pass_time(session_expiry)
    assert wills(receiver) == [b"gone"]
    bench.pass_time(200)
    assert wills(receiver) == []


@pytest.mark.mqtt5("3.1.2-8")
def test_disconnect_may_end_the_session_and_so_the_delay(bench: Bench, receiver: BenchClient) -> None:
    client = bench.connected("a", will=will(delay=50), session_expiry_interval=100)
    client.send(Disconnect(0x04, properties(session_expiry_interval=0)))
    assert wills(receiver) == [b"gone"]


@pytest.mark.mqtt5("3.1.2-8", "3.1.3-9")
@pytest.mark.parametrize("is_lost_first", [True, False], ids=["lost", "taken over"])
def test_a_client_that_is_back_in_time_has_no_will_message_published(
    bench: Bench, receiver: BenchClient, is_lost_first: bool
) -> None:
    first = bench.connected("a", will=will(delay=50), session_expiry_interval=100)
    if is_lost_first:
        first.lose()
        bench.pass_time(49)
    second = bench.connected("a", clean_start=False, session_expiry_interval=100)
    bench.pass_time(200)
    second.lose()
    bench.pass_time(200)
    assert wills(receiver) == []


@pytest.mark.mqtt5("3.1.2-8", "3.1.3-9")
def test_the_delay_of_an_old_will_message_does_not_publish_the_new_one(
    bench: Bench, receiver: BenchClient
) -> None:
    bench.connected("a", will=will(delay=50), session_expiry_interval=100).lose()
    again = bench.connected("a", clean_start=False, will=will(delay=10), session_expiry_interval=100)
    bench.pass_time(200)
    assert wills(receiver) == []
    again.lose()
    bench.pass_time(9)
    assert wills(receiver) == []
    bench.pass_time(1)
    assert wills(receiver) == [b"gone"]


@pytest.mark.mqtt5("3.1.2-8")
@pytest.mark.parametrize("is_lost_first", [True, False], ids=["lost", "taken over"])
def test_clean_start_ends_the_session_and_so_publishes_the_delayed_will_message(
    bench: Bench, receiver: BenchClient, is_lost_first: bool
) -> None:
    first = bench.connected("a", will=will(delay=50), session_expiry_interval=100)
    if is_lost_first:
        first.lose()
    bench.connected("a", clean_start=True)
    assert wills(receiver) == [b"gone"]


# -- what it is


@pytest.mark.mqtt5("3.1.2-14")
def test_a_will_message_without_will_retain_is_not_retained(bench: Bench, receiver: BenchClient) -> None:
    bench.connected("kept").publish("w", b"kept", retain=True)
    assert wills(receiver) == [b"kept"]
    bench.connected("a", will=will()).lose()
    assert wills(receiver) == [b"gone"]
    late = bench.connected("late")
    late.subscribe("w")
    assert wills(late) == [b"kept"]


@pytest.mark.mqtt5("3.1.2-15")
def test_a_will_message_with_will_retain_is_retained(bench: Bench) -> None:
    exact = bench.connected("exact")
    exact.subscribe("w", retain_as_published=True)
    bench.connected("a", will=will(retain=True)).lose()
    late = bench.connected("late")
    late.subscribe("w")
    for each in (exact, late):
        (message,) = each.received()
        assert isinstance(message, Publish)
        assert (message.payload, message.retain) == (b"gone", True)


@pytest.mark.mqtt5("3.1.2-15")
def test_an_empty_will_message_with_will_retain_removes_the_retained_one(bench: Bench) -> None:
    bench.connected("b").publish("w", b"kept", retain=True)
    bench.connected("a", will=WillFields("w", b"", retain=True)).lose()
    late = bench.connected("late")
    late.subscribe("w")
    assert wills(late) == []


@pytest.mark.mqtt5("3.1.3-10", "3.1.2-7")
async def test_a_will_message_bears_its_properties_and_user_properties_in_order(client: Clients) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w", 1)
    pairs = (("b", "1"), ("a", "2"), ("b", "0"), ("b", "1"), ("", ""))
    message = will(
        1, user_properties=pairs, content_type="c", response_topic="r", correlation_data=b"\0d",
        payload_format_indicator=1,
    )
    (await client.connected("a", will=message)).abort()
    published = (await receiver.expect(Publish)).properties
    assert published is not None
    assert published.user_properties == pairs
    assert (published.content_type, published.response_topic) == ("c", "r")
    assert (published.correlation_data, published.payload_format_indicator) == (b"\0d", 1)
    assert published.will_delay_interval is None


def test_the_message_expiry_interval_of_a_will_message_begins_when_it_is_published(
    bench: Bench, receiver: BenchClient
) -> None:
    message = will(delay=50, message_expiry_interval=10)
    client = bench.connected("a", will=message, session_expiry_interval=100)
    bench.pass_time(1000)
    client.lose()
    bench.pass_time(50)
    (published,) = receiver.received()
    assert isinstance(published, Publish)
    assert published.properties is not None
    assert published.properties.message_expiry_interval == 10


# -- what this Server does not support


@pytest.mark.mqtt5("3.2.2-12", "3.2.2-7")
@pytest.mark.parametrize(("maximum", "qos"), [(0, 1), (0, 2), (1, 2)])
async def test_a_will_qos_above_maximum_qos_is_refused(
    client: Clients, broker_with: Brokers, maximum: int, qos: int
) -> None:
    broker = await broker_with(maximum_qos=maximum)
    stranger = await client(broker=broker)
    stranger.send(Connect("a", will=will(qos)))
    assert (await refusal(stranger)).reason_code == QOS_NOT_SUPPORTED
    await client.connected("a", broker=broker, will=will(maximum))


@pytest.mark.mqtt5("3.2.2-13", "3.2.2-7")
async def test_will_retain_is_refused_where_nothing_is_retained(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(retain_available=False)
    stranger = await client(broker=broker)
    stranger.send(Connect("a", will=will(retain=True)))
    assert (await refusal(stranger)).reason_code == RETAIN_NOT_SUPPORTED
    await client.connected("a", broker=broker, will=will())


async def test_a_will_message_may_be_empty(client: Clients) -> None:
    receiver = await client.connected("receiver")
    await receiver.subscribe("w")
    sender = await client()
    sender.send(connect_bytes(b"\0\1a\0\0\1w\0\0", 0x06), Pingreq())
    await sender.receive()
    sender.abort()
    assert (await receiver.expect(Publish)).payload == b""
