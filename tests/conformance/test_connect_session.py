"""Which Session a Client gets, and how long it is kept (MQTT 5.0, 3.1.2.4, 3.1.2.11.2, 3.1.3.1, 3.1.4)."""

import string
from typing import Any

import pytest

from amqtt.wire.packets import Connect, Disconnect, Publish
from support.bench_server import Bench
from support.loopback import Brokers, Clients, farewell, refusal
from support.raw_client import RawClient, properties

NEVER_EXPIRES = 0xFFFFFFFF
PROTOCOL_ERROR = 0x82
SESSION_TAKEN_OVER = 0x8E
ALPHANUMERIC = string.digits + string.ascii_lowercase + string.ascii_uppercase


async def leave(client: RawClient, **values: object) -> None:
    """DISCONNECT, and wait until the Server has closed the Network Connection."""
    client.send(Disconnect(0, properties(**values)))
    assert await client.expect_closed() == []


async def with_session(client: Clients, client_id: str = "a") -> None:
    """Leave a Session behind that is subscribed to t and has a queued message."""
    first = await client.connected(client_id, session_expiry_interval=NEVER_EXPIRES)
    await first.subscribe("t", 1)
    await leave(first)
    sender = await client.connected("sender")
    sender.publish("t", b"queued", 1)
    await sender.sync()
    await leave(sender)


def present(bench: Bench, client_id: str = "a", **options: object) -> bool:
    """Whether the Session of a Client that comes without Clean Start is still there."""
    return bench.client().connect(client_id, clean_start=False, **options).session_present  # type: ignore[arg-type]


# -- Clean Start


@pytest.mark.mqtt5("3.1.2-4", "3.2.2-2", "3.1.4-4", "3.1.4-5")
async def test_clean_start_discards_the_session(client: Clients) -> None:
    await with_session(client)
    again = await client()
    connack = await again.connect("a", clean_start=True, session_expiry_interval=NEVER_EXPIRES)
    assert (connack.session_present, connack.reason_code) == (False, 0)
    again.publish("t", b"live")
    assert await again.sync() == []


@pytest.mark.mqtt5("3.1.2-5", "3.2.2-3", "3.1.3-2", "3.1.4-4", "3.1.4-5")
async def test_without_clean_start_the_session_is_resumed(client: Clients) -> None:
    await with_session(client)
    again = await client()
    connack = await again.connect("a", clean_start=False)
    assert (connack.session_present, connack.reason_code) == (True, 0)
    assert (await again.expect(Publish)).payload == b"queued"
    again.publish("t", b"live")
    assert (await again.expect(Publish)).payload == b"live"


@pytest.mark.mqtt5("3.1.2-6", "3.2.2-3", "3.1.4-5")
async def test_without_clean_start_and_without_a_session_a_new_one_begins(client: Clients) -> None:
    first = await client()
    connack = await first.connect("new", clean_start=False, session_expiry_interval=NEVER_EXPIRES)
    assert (connack.session_present, connack.reason_code) == (False, 0)
    await first.subscribe("t")
    await leave(first)
    assert (await (await client()).connect("new", clean_start=False)).session_present is True


@pytest.mark.mqtt5("3.1.3-2")
@pytest.mark.parametrize("other", ["b", "A", "a ", " a", "aa", "\u00e4", "a\u0308"])
async def test_a_session_belongs_to_one_client_identifier(client: Clients, other: str) -> None:
    await with_session(client)
    stranger = await client()
    assert (await stranger.connect(other, clean_start=False)).session_present is False
    assert await stranger.sync() == []


# -- Session Expiry Interval


@pytest.mark.mqtt5("3.1.2-23", "4.1.0-2")
def test_a_session_is_kept_for_its_session_expiry_interval() -> None:
    bench = Bench()
    bench.connected("a", session_expiry_interval=100).lose()
    bench.pass_time(99)
    assert present(bench, session_expiry_interval=100) is True
    bench.server.lost(bench.server.realm.connected["a"])
    bench.pass_time(100)
    assert present(bench) is False
    assert bench.faults == []


@pytest.mark.mqtt5("3.1.2-23", "4.1.0-1")
def test_the_interval_begins_when_the_network_connection_is_closed() -> None:
    bench = Bench()
    client = bench.connected("a", session_expiry_interval=10)
    client.subscribe("t")
    bench.pass_time(1000)
    client.publish("t")
    assert [type(packet) for packet in client.received()] == [Publish]
    client.lose()
    bench.pass_time(9)
    assert present(bench) is True


@pytest.mark.mqtt5("3.1.2-23", "4.1.0-2")
@pytest.mark.parametrize("values", [{}, {"session_expiry_interval": 0}], ids=["absent", "zero"])
async def test_without_a_session_expiry_interval_the_session_ends_with_its_network_connection(
    client: Clients, values: dict[str, Any]
) -> None:
    first = await client.connected("a", **values)
    await leave(first)
    again = await client()
    assert (await again.connect("a", clean_start=False, session_expiry_interval=5)).session_present is False


@pytest.mark.mqtt5("3.1.2-23")
def test_a_session_may_never_expire() -> None:
    bench = Bench()
    bench.connected("a", session_expiry_interval=NEVER_EXPIRES).lose()
    bench.pass_time(200 * 365 * 86400)
    assert present(bench) is True


@pytest.mark.mqtt5("3.1.2-23", "4.1.0-2")
def test_the_interval_of_the_last_connect_counts() -> None:
    bench = Bench()
    bench.connected("a", session_expiry_interval=NEVER_EXPIRES).lose()
    bench.connected("a", clean_start=False, session_expiry_interval=10).lose()
    bench.pass_time(10)
    assert present(bench) is False


@pytest.mark.mqtt5("3.1.2-23", "4.1.0-2")
@pytest.mark.parametrize(("interval", "passed", "kept"), [(0, 0, False), (10, 9, True), (10, 10, False)])
def test_disconnect_may_change_the_session_expiry_interval(interval: int, passed: int, kept: bool) -> None:
    bench = Bench()
    client = bench.connected("a", session_expiry_interval=1000)
    client.send(Disconnect(0, properties(session_expiry_interval=interval)))
    bench.pass_time(passed)
    assert present(bench) is kept


@pytest.mark.mqtt5("4.13.1-1")
async def test_disconnect_must_not_raise_a_session_expiry_interval_of_zero(client: Clients) -> None:
    first = await client.connected("a")
    first.send(Disconnect(0, properties(session_expiry_interval=1)))
    assert (await farewell(first)).reason_code == PROTOCOL_ERROR


@pytest.mark.mqtt5("3.1.2-23")
@pytest.mark.parametrize(("asked", "told"), [(50, None), (51, 50), (NEVER_EXPIRES, 50), (0, None)])
def test_a_shorter_session_expiry_interval_is_told_in_connack(asked: int, told: int | None) -> None:
    bench = Bench(maximum_session_expiry=50)
    client = bench.client()
    connack = client.connect("a", session_expiry_interval=asked)
    assert connack.properties is not None
    assert connack.properties.session_expiry_interval == told
    client.lose()
    bench.pass_time(49)
    assert present(bench) is bool(asked)


# -- the Client Identifier


@pytest.mark.mqtt5("3.1.3-5")
@pytest.mark.parametrize("client_id", ["0", "Z", ALPHANUMERIC[:23], ALPHANUMERIC[23:46], ALPHANUMERIC[-23:]])
async def test_alphanumeric_client_identifiers_of_1_to_23_bytes_are_allowed(
    client: Clients, broker_with: Brokers, client_id: str
) -> None:
    strictest = await broker_with(maximum_client_id_length=23)
    sender = await client(broker=strictest)
    connack = await sender.connect(client_id)
    assert connack.reason_code == 0
    assert connack.properties is not None
    assert connack.properties.assigned_client_identifier is None


@pytest.mark.mqtt5("3.1.3-6", "3.1.3-7", "3.2.2-16")
@pytest.mark.parametrize("clean_start", [True, False])
async def test_an_empty_client_identifier_is_replaced_by_a_unique_one(
    client: Clients, clean_start: bool
) -> None:
    assigned = set()
    for _ in range(3):
        connack = await (await client()).connect("", clean_start=clean_start)
        assert (connack.reason_code, connack.session_present) == (0, False)
        assert connack.properties is not None
        assert connack.properties.assigned_client_identifier
        assigned.add(connack.properties.assigned_client_identifier)
    assert len(assigned) == 3


@pytest.mark.mqtt5("3.1.3-7")
async def test_the_assigned_client_identifier_is_that_of_the_session(client: Clients) -> None:
    first = await client()
    connack = await first.connect("", session_expiry_interval=100)
    assert connack.properties is not None
    assigned = connack.properties.assigned_client_identifier
    assert assigned
    await leave(first)
    again = await client()
    connack = await again.connect(assigned, clean_start=False)
    assert connack.session_present is True
    assert connack.properties is not None
    assert connack.properties.assigned_client_identifier is None


@pytest.mark.mqtt5("3.2.2-16")
async def test_an_assigned_client_identifier_is_not_that_of_another_session(
    client: Clients, broker_with: Brokers
) -> None:
    proposals = iter(["stored", "connected", "stored", "free"])
    broker = await broker_with(server={"new_client_id": lambda: next(proposals)})
    await leave(await client.connected("stored", broker=broker, session_expiry_interval=100))
    await client.connected("connected", broker=broker)
    connack = await (await client(broker=broker)).connect("")
    assert connack.properties is not None
    assert connack.properties.assigned_client_identifier == "free"


@pytest.mark.mqtt5("3.1.3-8", "3.1.4-2", "3.2.2-6", "3.2.2-7")
async def test_a_client_identifier_that_is_too_long_is_refused(client: Clients, broker_with: Brokers) -> None:
    strict = await broker_with(maximum_client_id_length=23)
    stranger = await client(broker=strict)
    stranger.send(Connect("\u00e9" * 12))
    connack = await refusal(stranger)
    assert (connack.reason_code, connack.session_present) == (0x85, False)


# -- a Client that is connected already


@pytest.mark.mqtt5("3.1.4-3", "3.14.4-1", "3.14.4-2", "4.13.2-1")
@pytest.mark.parametrize("clean_start", [True, False])
async def test_a_session_is_taken_over_from_the_network_connection_that_has_it(
    client: Clients, clean_start: bool
) -> None:
    first = await client.connected("a", session_expiry_interval=100)
    await first.subscribe("t")
    second = await client()
    connack = await second.connect("a", clean_start=clean_start)
    assert (connack.reason_code, connack.session_present) == (0, not clean_start)
    assert (await farewell(first)).reason_code == SESSION_TAKEN_OVER
    second.publish("t")
    assert [type(packet) for packet in await second.sync()] == [Publish] * (not clean_start)


@pytest.mark.mqtt5("3.1.4-3")
async def test_a_take_over_without_session_expiry_begins_a_new_session(client: Clients) -> None:
    first = await client.connected("a")
    assert (await (await client()).connect("a", clean_start=False)).session_present is False
    assert (await farewell(first)).reason_code == SESSION_TAKEN_OVER


@pytest.mark.mqtt5("3.1.4-3")
async def test_a_client_that_is_refused_takes_nothing_over(client: Clients) -> None:
    first = await client.connected("a")
    stranger = await client()
    stranger.send(Connect("a", properties=properties(authentication_method="unknown")))
    await refusal(stranger)
    assert await first.sync() == []


@pytest.mark.mqtt5("3.1.4-3", "4.1.0-1")
def test_a_taken_over_session_outlives_the_interval_of_the_old_network_connection() -> None:
    bench = Bench()
    old = bench.connected("a", session_expiry_interval=10)
    new = bench.connected("a", clean_start=False, session_expiry_interval=10)
    assert old.closed
    bench.pass_time(1000)
    new.subscribe("t")
    old.lose()
    new.publish("t")
    assert [type(packet) for packet in new.received()] == [Publish]
    assert bench.faults == []
