"""Every Limit is tried on both of its sides: those of the table that have no file of their own are here."""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

import pytest

from amqtt.abc import Answer, Authenticator, ConnectRequest, Peer, Refusal
from amqtt.observe.log import EventLog
from amqtt.observe.metrics import exposition, server_metrics
from amqtt.server.limits import Limits
from amqtt.server.overload import LOOKS
from amqtt.server.sys_topics import SysTopics
from amqtt.sessions.link import Link, Turn
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Packet,
    Puback,
    Publish,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.bench_server import Bench, BenchClient
from support.clock import StoppedClock
from support.loopback import Brokers
from support.opener import Opener

VERSIONS = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
TABLE = {
    "maximum_connections": 0, "maximum_unauthenticated": 1000, "authentication_timeout": 5.0,
    "proxy_timeout": 3.0, "receivers_at_once": 1000, "retained_per_turn": 100,
    "maximum_queued_bytes_in_all": 0,
    "maximum_packet_size": 16 * 1024 * 1024, "maximum_connect_size": 64 * 1024, "connect_timeout": 10.0,
    "maximum_client_id_length": 1024, "maximum_topic_length": 65_535, "maximum_topic_levels": 200,
    "maximum_inflight": 256, "receive_maximum": 256, "maximum_queued_messages": 10_000,
    "maximum_queued_bytes": 16 * 1024 * 1024, "maximum_unsent_bytes": 1024 * 1024, "stall_timeout": 15.0,
    "maximum_subscriptions": 10_000, "maximum_shared_members": 1000, "topic_alias_maximum": 16,
    "maximum_user_properties": 64, "maximum_user_property_bytes": 16 * 1024,
    "maximum_retained_messages": 100_000, "maximum_retained_bytes": 256 * 1024 * 1024,
    "maximum_session_expiry": 0xFFFFFFFF, "session_expiry_3_1_1": 0xFFFFFFFF, "maximum_keep_alive": 0,
    "maximum_publish_rate": 0, "maximum_connection_rate": 0, "maximum_reconnections": 0,
    "maximum_failed_logins": 16, "ban_time": 300.0, "lag_to_hold_publishers": 0.1,
    "lag_to_refuse_clients": 0.5, "lag_to_drop_qos_0": 2.0,
}
"""What is promised without a configuration."""


@pytest.mark.parametrize("name", TABLE)
def test_the_default_is_what_is_promised(name: str) -> None:
    assert getattr(Limits(), name) == TABLE[name]


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
def test_every_limit_is_tried_by_a_test(field: "dataclasses.Field[object]") -> None:
    here = Path(__file__)
    tests = [path for path in here.parents[1].rglob("test_*.py") if "config_file" not in path.parts]
    assert any(field.name in path.read_text(encoding="utf-8") for path in tests if path != here) or (
        here.read_text(encoding="utf-8").count(f"{field.name}=") > 0
    )


# -- what happens when one is exceeded

Deed = Callable[[Bench], int]
"""Exceeds a Limit once; the Reason Code that its Client is told, 0: it is told nothing."""


def last_code(packets: list[Packet]) -> int:
    """The Reason Code of the last packet that has one, 0 without any."""
    codes: list[int] = []
    for packet in packets:
        codes += getattr(packet, "reason_codes", [getattr(packet, "reason_code", 0)])
    return codes[-1] if codes else 0


def connecting(client_id: str = "c", version: int = MQTT_5, **options: object) -> Deed:
    def deed(bench: Bench) -> int:
        client = bench.client(version)
        client.send(Connect(client_id, version, **options))  # type: ignore[arg-type]
        code = last_code(client.received())
        client.lose()
        return code

    return deed


def connected(act: Callable[[BenchClient], object]) -> Deed:
    def deed(bench: Bench) -> int:
        client = bench.connected("c")
        act(client)
        code = last_code(client.received())
        client.lose()
        return code

    return deed


def publishing(topic: str, *payloads: bytes, qos: int = 0, **properties: object) -> Deed:
    def act(client: BenchClient) -> None:
        for number, payload in enumerate(payloads, start=1):
            client.publish(topic, payload, qos, packet_id=number if qos else 0, **properties)

    return connected(act)


def subscribing(*filters: str) -> Deed:
    packet = Subscribe(1, [SubscriptionRequest(each) for each in filters])
    return connected(lambda client: client.send(packet))


def silent(bench: Bench) -> int:
    client = bench.client()
    bench.pass_time(11)
    return last_code(client.received())


def announcing(bench: Bench) -> int:
    client = bench.client()
    client.send(b"\x10\xff\x7f")
    assert client.state.closed
    return last_code(client.received())


def retaining(*payloads: bytes) -> Deed:
    def act(client: BenchClient) -> None:
        for number, payload in enumerate(payloads):
            client.publish(f"t/{number}", payload, retain=True)

    return connected(act)


def queueing(*payloads: bytes) -> Deed:
    def deed(bench: Bench) -> int:
        more = {"clean_start": False, "session_expiry_interval": 1000}
        away = bench.connected("c", **more)
        away.subscribe("t", 1)
        away.lose()
        publisher = bench.connected("p")
        for payload in payloads:
            publisher.publish("t", payload, 1)
        return last_code(publisher.received())

    return deed


def deaf(bench: Bench) -> int:
    client = bench.connected("c")
    client.subscribe("t")
    client.link.flush = lambda: None
    client.link.blocked = True
    client.link.maximum = client.link.pressure = 2048
    for _ in range(10):
        bench.connected("p").publish("t", bytes(1000))
    return 0


def stalling(bench: Bench) -> int:
    client = bench.connected("c")
    bench.server.exceeded("stall_timeout", client.state.peer, client.state)
    return last_code(client.received())


def sharing(bench: Bench) -> int:
    return [bench.connected(name).subscribe("$share/g/t") for name in ("a", "b", "c")][-1]


def crowding(bench: Bench) -> int:
    bench.server.exceeded("maximum_connections", Peer("192.0.2.1"))
    return 0


def unheralded(bench: Bench) -> int:
    client = bench.client()
    bench.server.exceeded("proxy_timeout", client.state.peer, client.state)
    return last_code(client.received())


def failing(bench: Bench) -> int:
    codes = [connecting(username="u", password=b"guess")(bench) for _ in range(3)]
    return codes[-1]


def returning(bench: Bench) -> int:
    codes = [connecting()(bench) for _ in range(3)]
    return codes[-1]


def overloaded(seconds: float, memory: float, then: Deed) -> Deed:
    def deed(bench: Bench) -> int:
        clients = [bench.connected(f"h{number}") for number in range(2)]
        for _ in range(LOOKS):
            clients[0].publish("t", bytes(1000))
            bench.server.lagged(seconds, memory)
        return then(bench)

    return deed


def nothing(bench: Bench) -> int:
    return 0


def shedding(bench: Bench) -> int:
    state = bench.server.realm.connected["h1"]
    bench.server.received(state, b"\x30\x04\x00\x01t\x00")
    return 0


def overtaxing(bench: Bench) -> int:
    client = bench.client()
    client.send(Connect("c", MQTT_5))
    bench.server.answered(client.state, TimeoutError())  # as net says it
    return last_code(client.received())


class Never(Authenticator):
    """Thinks for ever."""

    def authenticate(self, request: ConnectRequest) -> Awaitable[Answer]:
        return Thinking()


class Thinking(Awaitable[Answer]):
    """What it thinks about; nobody waits for it here."""

    def __await__(self) -> Generator[None, None, Answer]:
        yield


class Nobody(Authenticator):
    """Lets nobody in who guesses."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Refusal(0x86)


EXCESSES: dict[str, tuple[dict[str, object], Deed, int]] = {
    "maximum_connections": ({}, crowding, 0),
    "maximum_packet_size": ({"maximum_packet_size": 200}, publishing("t", bytes(300)), 0x95),
    "maximum_connect_size": ({"maximum_connect_size": 200}, announcing, 0),
    "connect_timeout": ({}, silent, 0),
    "proxy_timeout": ({}, unheralded, 0),
    "authentication_timeout": ({}, overtaxing, 0x87),
    "maximum_keep_alive": ({"maximum_keep_alive": 60}, connecting(version=MQTT_3_1_1, keep_alive=61), 0x85),
    "maximum_client_id_length": ({}, connecting("c" * 1025), 0x85),
    "maximum_topic_levels": ({"maximum_topic_levels": 2}, publishing("a/b/c", b""), 0x90),
    "maximum_topic_length": ({"maximum_topic_length": 4}, publishing("abcde", b""), 0x90),
    "receive_maximum": ({"receive_maximum": 1}, publishing("t", b"", b"", qos=2), 0x93),
    "topic_alias_maximum": ({}, publishing("t", b"", topic_alias=17), 0x94),
    "maximum_queued_messages": ({"maximum_queued_messages": 1}, queueing(b"1", b"2"), 0),
    "maximum_queued_bytes": ({"maximum_queued_bytes": 100}, queueing(bytes(60), bytes(60)), 0),
    "maximum_queued_bytes_in_all": ({"maximum_queued_bytes_in_all": 500}, queueing(bytes(60), bytes(300)), 0),
    "maximum_unsent_bytes": ({}, deaf, 0),
    "stall_timeout": ({}, stalling, 0x97),
    "maximum_subscriptions": ({"maximum_subscriptions": 1}, subscribing("a", "b"), 0x97),
    "maximum_wildcard_levels": ({"maximum_wildcard_levels": 2}, subscribing("+/a/b"), 0x97),
    "maximum_topic_filters": ({"maximum_topic_filters": 1}, subscribing("a", "b"), 0x97),
    "maximum_shared_members": ({"maximum_shared_members": 2}, sharing, 0x97),
    "maximum_retained_messages": ({"maximum_retained_messages": 1}, retaining(b"1", b"2"), 0),
    "maximum_retained_bytes": ({"maximum_retained_bytes": 100}, retaining(bytes(60), bytes(60)), 0),
    "maximum_sessions": ({"maximum_sessions": 0}, connecting(), 0x97),
    "maximum_user_properties": (
        {"maximum_user_properties": 1}, publishing("t", b"", user_properties=(("a", ""), ("b", ""))), 0x97
    ),
    "maximum_user_property_bytes": (
        {"maximum_user_property_bytes": 10}, publishing("t", b"", user_properties=(("a", "12345"),)), 0x97
    ),
    "maximum_publish_rate": (
        {"maximum_publish_rate": 1, "disconnect_above_publish_rate": True}, publishing("t", b"", b""), 0x96
    ),
    "maximum_connection_rate": ({"maximum_connection_rate": 2}, returning, 0x9F),
    "maximum_failed_logins": ({"maximum_failed_logins": 2}, failing, 0x8A),
    "maximum_reconnections": ({"maximum_reconnections": 2}, returning, 0x8A),
    "lag_to_hold_publishers": ({}, overloaded(0.2, 0.0, nothing), 0),
    "lag_to_refuse_clients": ({}, overloaded(0.6, 0.0, connecting()), 0x89),
    "lag_to_drop_qos_0": ({}, overloaded(2.5, 0.0, shedding), 0),
    "memory_to_refuse_clients": ({}, overloaded(0.0, 0.95, connecting()), 0x89),
}
"""Limit → what else is set, what exceeds it, the Reason Code of MQTT 5.0."""
NEVER_EXCEEDED = {
    "maximum_unauthenticated": "accepting waits",
    "maximum_inflight": "what is beyond waits in the queue, which has its own bounds",
    "maximum_inflight_bytes": "so does this",
    "receivers_at_once": "the others come in the next turns",
    "retained_per_turn": "the others come in the next turns",
    "maximum_session_expiry": "the Client is granted less, and told so in CONNACK",
    "session_expiry_3_1_1": "nobody asks for it",
    "maximum_qos": "what there is not has Reason Codes of its own, and stands in CONNACK",
    "retain_available": "the same",
    "wildcard_subscription_available": "the same",
    "shared_subscription_available": "the same",
    "subscription_identifier_available": "the same",
    "disconnect_above_publish_rate": "says what becomes of who exceeds another one",
    "ban_time": "the same",
    "validate_payload_format": "no quantity",
}
"""Limit → why there is nothing to count."""


def test_every_limit_is_counted_when_it_is_exceeded_or_cannot_be() -> None:
    names = {field.name for field in dataclasses.fields(Limits)}
    assert names == {*EXCESSES, *NEVER_EXCEEDED}
    assert not EXCESSES.keys() & NEVER_EXCEEDED.keys()


@pytest.mark.parametrize("limit", EXCESSES)
def test_who_exceeds_one_is_told_and_everybody_else_can_see_it(
    limit: str, caplog: pytest.LogCaptureFixture
) -> None:
    limits, deed, code = EXCESSES[limit]
    authenticator = {"authentication_timeout": Never(), "maximum_failed_logins": Nobody()}.get(limit)
    bench = Bench(authenticator, **limits)
    caplog.set_level(logging.WARNING)
    EventLog(StoppedClock()).listen(bench.server.events)
    assert deed(bench) == code
    counts = bench.server.realm.excess.counts
    assert counts[limit] >= 1
    key = limit.replace("_", "-")
    SysTopics(bench.server.realm, "test", dict).begin()
    published = {message.topic: message.payload for message in bench.server.retained}
    assert published[f"$SYS/broker/limits/{key}/exceeded"] == b"%d" % counts[limit]
    assert f'amqtt_exceeded_limits_total{{limit="{key}"}} {counts[limit]}' in exposition(
        server_metrics(bench.server.realm)
    )
    told = [record for record in caplog.records if record.getMessage().endswith(f"exceeded limits.{key}")]
    assert len(told) == 1
    assert told[0].levelno == logging.WARNING


@pytest.mark.parametrize("limit", EXCESSES)
def test_who_exceeds_one_again_and_again_is_one_line_a_minute(
    limit: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    bench = Bench()
    EventLog(StoppedClock()).listen(bench.server.events)
    for second in range(120):
        bench.server.realm.exceeded(limit, "c", Peer("192.0.2.1"))
        bench.turn.now = 1000.0 + second
    assert bench.server.realm.excess.counts == {limit: 120}
    assert len(caplog.records) == 2


@VERSIONS
@pytest.mark.parametrize("limits", [{"maximum_topic_levels": 2}, {"maximum_topic_length": 5}])
def test_a_topic_filter_and_a_will_count_as_a_topic_name_does(version: int, limits: dict[str, int]) -> None:
    bench = Bench(**limits)
    client = bench.connected("c", version)
    client.send(Subscribe(1, [SubscriptionRequest("$share/a/b/c"), SubscriptionRequest("a/b/cd")]))
    assert client.state.closed
    assert last_code(client.received()) == (0x8F if version == MQTT_5 else 0)
    dying = bench.client(version)
    dying.send(Connect("d", version, will=WillFields("a/b/cd", b"")))
    assert dying.state.closed
    assert last_code(dying.received()) == (0x90 if version == MQTT_5 else 0)
    (limit,) = limits
    assert bench.server.realm.excess.counts == {limit: 2}


async def test_connections_beyond_the_maximum_are_closed_and_counted(
    broker_with: Brokers, opener: Opener
) -> None:
    broker = await broker_with(maximum_connections=2)
    inside = [await opener.connected(broker, name) for name in ("a", "b")]
    for _ in range(3):
        stranger = await opener(broker)
        assert await stranger.read_to_end() == b""
    assert broker.server.realm.excess.counts["maximum_connections"] == 3
    await inside[0].close()
    while len(broker.server.realm.connected) == 2:
        await inside[1].sync()
    assert (await opener.connected(broker, "c")) is not None


# -- both sides of each


@VERSIONS
@pytest.mark.parametrize(("length", "code"), [(1024, 0), (1025, 0x85)])
def test_client_identifiers_may_be_so_long(version: int, length: int, code: int) -> None:
    bench = Bench()
    assert bench.client(version).connect("\u00e9" * (length // 2) + "x" * (length % 2)).reason_code == code
    assert bench.server.realm.excess.counts == ({"maximum_client_id_length": 1} if code else {})


@pytest.mark.parametrize(("keep_alive", "code"), [(0, 0x85), (1, 0), (60, 0), (61, 0x85), (65_535, 0x85)])
def test_an_mqtt_3_client_keeps_to_the_longest_keep_alive_or_stays_out(keep_alive: int, code: int) -> None:
    bench = Bench(maximum_keep_alive=60)
    connack = bench.client(MQTT_3_1_1).connect("c", keep_alive=keep_alive)
    assert connack.reason_code == code
    assert bench.server.realm.excess.counts == ({"maximum_keep_alive": 1} if code else {})


@pytest.mark.parametrize(("keep_alive", "told"), [(0, 60), (60, None), (61, 60)])
def test_an_mqtt_5_client_is_told_of_it(keep_alive: int, told: int | None) -> None:
    connack = Bench(maximum_keep_alive=60).client().connect("c", keep_alive=keep_alive)
    assert connack.properties is not None
    assert connack.properties.server_keep_alive == told


@VERSIONS
def test_so_many_messages_are_in_flight_and_the_next_one_waits(version: int) -> None:
    bench = Bench(maximum_inflight=3)
    client, publisher = bench.connected("c", version), bench.connected("p")
    client.subscribe("a", 1)
    for number in range(1, 5):
        publisher.publish("a", b"%d" % number, 1, packet_id=number)
    first = [packet for packet in client.received() if isinstance(packet, Publish)]
    assert [packet.payload for packet in first] == [b"1", b"2", b"3"]
    client.send(Puback(first[0].packet_id))
    assert [packet.payload for packet in client.received() if isinstance(packet, Publish)] == [b"4"]


@VERSIONS
@pytest.mark.parametrize(("seconds", "closed"), [(9.9, False), (10.0, True)])
def test_a_connect_must_come_within_its_time(version: int, seconds: float, closed: bool) -> None:
    bench = Bench()
    client = bench.client(version)
    bench.pass_time(seconds)
    assert client.state.closed is closed
    assert bench.server.realm.excess.counts == ({"connect_timeout": 1} if closed else {})


@pytest.mark.parametrize(("share", "level"), [(0.89, 0), (0.9, 2)])
def test_so_much_of_the_memory_may_be_used_before_newcomers_are_refused(share: float, level: int) -> None:
    bench = Bench(memory_to_refuse_clients=0.9)
    for _ in range(3):
        bench.server.lagged(0.0, share)
    assert bench.server.realm.overload.level == level


@pytest.mark.parametrize(("seconds", "kept"), [(59, True), (60, False)])
def test_a_session_of_an_mqtt_3_client_is_kept_so_long(seconds: int, kept: bool) -> None:
    bench = Bench(session_expiry_3_1_1=60)
    bench.connected("c", MQTT_3_1_1, clean_start=False).lose()
    bench.pass_time(seconds)
    assert bool(bench.server.realm.sessions) is kept


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0.099, 0), (0.1, 1), (0.499, 1), (0.5, 2), (1.999, 2), (2.0, 3)],
)
def test_the_event_loop_may_come_so_late_before_each_level_of_overload(seconds: float, level: int) -> None:
    bench = Bench()
    for _ in range(LOOKS):
        bench.server.lagged(seconds)
    assert bench.server.realm.overload.level == level


@pytest.mark.parametrize(
    ("limits", "levels"),
    [
        ({"lag_to_hold_publishers": 0.2}, [0, 1, 2, 3]), ({"lag_to_refuse_clients": 1.0}, [1, 1, 1, 3]),
        ({"lag_to_drop_qos_0": 3.0}, [1, 1, 2, 2]),
    ],
)
def test_each_level_has_a_bound_of_its_own(limits: dict[str, object], levels: list[int]) -> None:
    found = []
    for seconds in (0.19, 0.3, 0.9, 2.5):
        bench = Bench(**limits)
        for _ in range(LOOKS):
            bench.server.lagged(seconds)
        found.append(bench.server.realm.overload.level)
    assert found == levels


@VERSIONS
@pytest.mark.parametrize(("size", "count"), [(999, 3), (1000, 2), (1001, 2)])
def test_so_many_bytes_are_in_flight_and_the_next_message_waits(version: int, size: int, count: int) -> None:
    bench = Bench(maximum_inflight_bytes=2000)
    client, publisher = bench.connected("c", version), bench.connected("p")
    client.subscribe("a", 1)
    for number in range(1, 6):
        publisher.publish("a", bytes(size), 1, packet_id=number)
    assert sum(isinstance(packet, Publish) for packet in client.received()) == count


@pytest.mark.parametrize(("size", "full"), [(1000, False), (1001, True)])
def test_so_many_bytes_may_wait_for_a_network_connection(size: int, full: bool) -> None:
    link = Link(Turn(lambda: None), lambda: None, 1000)
    link.blocked = True
    link.send(bytes(size - 1))
    assert not link.full
    link.send(bytes(1))
    assert link.full is full


@VERSIONS
@pytest.mark.parametrize(("qos", "most"), [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)])
def test_qos_is_granted_up_to_the_maximum(version: int, qos: int, most: int) -> None:
    bench = Bench(maximum_qos=most)
    client = bench.connected("c", version)
    assert client.subscribe("a", qos) == min(qos, most)
    publisher = bench.connected("p", version)
    publisher.publish("a", b"x", qos)
    assert publisher.state.closed is (qos > most and version == MQTT_5)
    if publisher.state.closed:
        assert last_code(publisher.received()) == 0x9B
