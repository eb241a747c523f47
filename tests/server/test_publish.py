"""PUBLISH from a Client: refused, limited, retained, acknowledged (MQTT 5.0, 3.3 and 4.3)."""

from collections.abc import Awaitable, Generator

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.message import Message
from amqtt.server.disconnect import close
from amqtt.server.events import MessagePublished, PacketReceived
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from amqtt.wire.reasons import ReasonCode
from support.bench_server import Bench, BenchClient
from support.packet_cases import described
from support.raw_client import properties
from support.reading_peer import SlowClient

Bounds = dict[str, object]


def bench_with(limits: Bounds) -> Bench:
    return Bench(**limits)  # type: ignore[arg-type]


class OnlyOpen(Permissions):
    def may_publish(self, topic: str, retain: bool) -> bool:
        return topic.startswith("open") and not retain


class Guarded(Authenticator):
    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(OnlyOpen() if request.client_id == "guarded" else Permissions())


def published(bench: Bench) -> list[tuple[str, bytes]]:
    """What is routed from now on."""
    routed: list[tuple[str, bytes]] = []
    bench.server.subscribe("#", 2, lambda message, qos: routed.append((message.topic, message.payload)))
    return routed


def farewell(client: BenchClient) -> int:
    """The Reason Code of the DISCONNECT that ended it; nothing came before it."""
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert client.closed
    return packet.reason_code


REFUSED: list[tuple[int, int, int | None]] = [
    # version, QoS, the Reason Code of the answer (None: no answer)
    (MQTT_3_1_1, 0, None), (MQTT_3_1_1, 1, 0x00), (MQTT_3_1_1, 2, 0x00),
    (MQTT_5, 0, None), (MQTT_5, 1, 0x87), (MQTT_5, 2, 0x87),
]


@pytest.mark.parametrize(("version", "qos", "code"), REFUSED)
@pytest.mark.parametrize("retain", [False, True])
def test_what_may_not_be_published_is_dropped_counted_and_answered(
    version: int, qos: int, code: int | None, retain: bool
) -> None:
    bench = Bench(Guarded())
    routed = published(bench)
    client = bench.connected("guarded", version)
    client.publish("open" if retain else "closed", b"x", qos, retain=retain)
    packets = client.received()
    assert [each.reason_code for each in packets] == ([] if code is None else [code])
    assert (routed, len(bench.server.retained), bench.server.counters.dropped_refused) == ([], 0, 1)
    remembered = version == MQTT_3_1_1 and qos == 2
    received = bench.server.realm.sessions["guarded"].received
    assert bench.server.counters.inflight_in == len(received) == remembered


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_permission_is_asked_for_the_topic_behind_an_alias(qos: int) -> None:
    bench = Bench(Guarded())
    routed = published(bench)
    client = bench.connected("guarded")
    client.publish("closed", b"1", topic_alias=1)
    client.publish("", b"2", qos, topic_alias=1)
    client.publish("open", b"3", topic_alias=1)
    client.publish("", b"4", qos, packet_id=9 if qos else 0, topic_alias=1)
    assert routed == [("open", b"3"), ("open", b"4")]


LIMITED: list[tuple[Bounds, Publish, int, int]] = [
    # limits, the PUBLISH, Reason Code of the DISCONNECT, how many are routed for an MQTT 3.1.1 Client
    ({"maximum_qos": 1}, Publish("a", b"x", 2, packet_id=1), 0x9B, 1),
    ({"maximum_qos": 0}, Publish("a", b"x", 1, packet_id=1), 0x9B, 1),
    ({"retain_available": False}, Publish("a", b"x", 0, True), 0x9A, 1),
    ({}, Publish("a", b"x", properties=properties(subscription_identifiers=(1,))), 0x82, 1),
    ({}, Publish("a", b"x", properties=properties(topic_alias=17)), 0x94, 1),
    ({}, Publish("", b"x", properties=properties(topic_alias=16)), 0x82, 0),
    (
        {"validate_payload_format": True},
        Publish("a", b"\xff", properties=properties(payload_format_indicator=1)), 0x99, 1,
    ),
]


@pytest.mark.parametrize(("limits", "packet", "code", "routed_before_5"), LIMITED)
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_what_exceeds_the_limits_ends_the_network_connection_of_who_was_told_of_them(
    limits: Bounds, packet: Publish, code: int, routed_before_5: int, version: int
) -> None:
    bench = bench_with(limits)
    routed = published(bench)
    client = bench.connected("c", version)
    client.send(packet)
    if version == MQTT_5:
        assert (farewell(client), routed) == (code, [])
    else:
        assert len(routed) == routed_before_5
    assert len(bench.server.retained) == 0


@pytest.mark.parametrize(
    ("validated", "indicator", "payload", "code"),
    [(True, 1, b"\xff", 0x99), (True, 1, b"ok", 0x10), (True, 0, b"\xff", 0x10), (False, 1, b"\xff", 0x10)],
)
@pytest.mark.parametrize("qos", [1, 2])
def test_a_payload_that_is_not_the_text_it_says_is_refused(
    validated: bool, indicator: int, payload: bytes, code: int, qos: int
) -> None:
    client = Bench(validate_payload_format=validated).connected("c")
    client.publish("a", payload, qos, payload_format_indicator=indicator)
    assert [each.reason_code for each in client.received()] == [code]


@pytest.mark.parametrize("maximum", [1, 3])
def test_the_receive_maximum_counts_qos_2_messages_that_are_not_released(maximum: int) -> None:
    client = Bench(receive_maximum=maximum).connected("c")
    for packet_id in range(1, maximum + 1):
        client.publish("a", b"", 2, packet_id=packet_id)
    client.publish("a", b"", 2, packet_id=1, dup=True)
    client.send(Pubrel(1))
    client.publish("a", b"", 2, packet_id=9)
    assert {type(each) for each in client.received()} == {Pubrec, Pubcomp}
    client.publish("a", b"", 2, packet_id=10)
    assert farewell(client) == 0x93


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_qos_2_message_is_routed_once_until_it_is_released(version: int) -> None:
    bench = Bench()
    routed = published(bench)
    client = bench.connected("c", version)
    for dup in (False, True, True):
        client.publish("a", b"1", 2, dup=dup)
    client.send(Pubrel(1), Pubrel(1))
    client.publish("a", b"2", 2)
    assert routed == [("a", b"1"), ("a", b"2")]
    codes = [each.reason_code for each in client.received() if isinstance(each, Pubcomp)]
    assert codes == ([0, 0x92] if version == MQTT_5 else [0, 0])
    assert bench.server.counters.inflight_in == 1


@pytest.mark.parametrize(("qos", "answer"), [(1, Puback), (2, Pubrec)])
@pytest.mark.parametrize("matched", [False, True])
def test_an_mqtt_5_client_is_told_when_nobody_subscribed(
    qos: int, answer: type[object], matched: bool
) -> None:
    bench = Bench()
    if matched:
        published(bench)
    client = bench.connected("c")
    client.publish("a", b"", qos)
    (packet,) = client.received()
    assert (type(packet), packet.reason_code) == (answer, 0 if matched else 0x10)


# -- receivers that do not keep up

def slow(bench: Bench, client_id: str, qos: int) -> SlowClient:
    client = SlowClient(bench)
    client.connect(client_id, session_expiry_interval=1_000)
    client.subscribe("t", qos)
    client.received()
    client.stop_reading()
    return client


def test_a_slow_client_loses_qos_0_and_nothing_else_and_others_lose_nothing() -> None:
    bench = Bench()
    fast = bench.connected("fast")
    fast.subscribe("t", 1)
    receiver = slow(bench, "slow", 1)
    publisher = bench.connected("publisher")
    for number in range(200):
        publisher.publish("t", b"%d" % number, number % 2, packet_id=number + 1 if number % 2 else 0)
        for packet in fast.received():
            if packet.qos:
                fast.send(Puback(packet.packet_id))
    assert receiver.link.size < 2 * receiver.link.maximum
    seen: list[int] = []
    for _ in range(200):
        receiver.go_on_reading()
        packets = receiver.received()
        if not packets:
            break
        for packet in packets:
            seen.append(int(packet.payload))
            if packet.qos:
                receiver.send(Puback(packet.packet_id))
    assured = [number for number in seen if number % 2]
    assert assured == [number for number in range(200) if number % 2]
    assert bench.server.counters.dropped_full == 100 - (len(seen) - len(assured))
    assert bench.server.counters.queued_messages == bench.server.counters.inflight_out == 0


def test_a_slow_client_is_named_as_the_one_that_congests() -> None:
    bench = Bench()
    receiver = slow(bench, "slow", 0)
    publisher = bench.connected("publisher")
    publisher.publish("t", bytes(500))
    assert bench.turn.congested is None
    publisher.publish("t", bytes(600))
    assert bench.turn.congested is receiver.link


@pytest.mark.parametrize(
    ("bound", "kept"), [({"maximum_queued_messages": 3}, 3), ({"maximum_queued_bytes": 50}, 4)]
)
def test_the_backlog_of_an_absent_client_is_bounded_and_the_oldest_stay(bound: Bounds, kept: int) -> None:
    bench = bench_with(bound)
    away = bench.connected("away", session_expiry_interval=100)
    away.subscribe("t", 1)
    away.lose()
    publisher = bench.connected("publisher")
    for number in range(6):
        publisher.publish("t", b"%011d" % number, 1)
    assert bench.server.counters.dropped_full == 6 - kept
    back = bench.connected("away", clean_start=False)
    assert [int(each.payload) for each in back.received()] == list(range(kept))


def test_a_session_resumed_with_a_smaller_receive_maximum_gets_everything_in_order() -> None:
    bench = Bench()
    first = bench.connected("c", session_expiry_interval=100, receive_maximum=10)
    first.subscribe("t", 1)
    publisher = bench.connected("publisher")
    for number in range(15):
        publisher.publish("t", b"%d" % number, 1)
    assert len(first.received()) == 10
    first.lose()
    second = bench.connected("c", clean_start=False, receive_maximum=2)
    seen: list[tuple[int, bool]] = []
    while packets := second.received():
        assert len(packets) <= 2
        seen += [(int(each.payload), each.dup) for each in packets]
        second.send(*(Puback(each.packet_id) for each in packets))
    assert seen == [(number, number < 10) for number in range(15)]


# -- expiry at each stage

def test_a_message_expires_in_the_backlog_and_not_in_flight() -> None:
    bench = Bench()
    client = bench.connected("c", session_expiry_interval=1_000, receive_maximum=1)
    client.subscribe("t", 1)
    publisher = bench.connected("publisher")
    for number in range(3):
        publisher.publish("t", b"%d" % number, 1, message_expiry_interval=10 * (number + 1))
    assert [each.payload for each in client.received()] == [b"0"]
    client.lose()
    bench.pass_time(25)
    back = bench.connected("c", clean_start=False)
    told = [(each.payload, each.dup, each.properties.message_expiry_interval) for each in back.received()]
    assert told == [(b"0", True, 0), (b"2", False, 5)]
    assert bench.server.counters.dropped_expired == 1


def test_a_retained_message_counts_down_and_expires() -> None:
    bench = Bench()
    publisher = bench.connected("publisher")
    publisher.publish("t", b"x", retain=True, message_expiry_interval=10)
    for passed, left in ((0, 10), (4, 6), (5, 1)):
        bench.pass_time(passed)
        client = bench.connected("c")
        client.subscribe("t")
        (packet,) = client.received()
        assert packet.properties.message_expiry_interval == left
    bench.pass_time(1)
    assert len(bench.server.retained) == 0
    assert bench.server.deadlines.next is None


def test_an_expired_message_of_a_shared_group_is_not_passed_on() -> None:
    bench = Bench()
    away = bench.connected("away", session_expiry_interval=20)
    away.subscribe("$share/g/t", 1)
    away.lose()
    publisher = bench.connected("publisher")
    publisher.publish("t", b"expires", 1, message_expiry_interval=10)
    publisher.publish("t", b"lasts", 1, message_expiry_interval=100)
    bench.pass_time(10)
    there = bench.connected("there")
    there.subscribe("$share/g/t", 0)
    bench.pass_time(10)
    assert [each.payload for each in there.received()] == [b"lasts"]
    assert bench.server.counters.dropped_expired == 1


# -- runs: packets that differ in nothing but their payloads

RUN = [Publish("open/t", b"%d" % number) for number in range(5)]


def counted(bench: Bench) -> dict[str, int]:
    counters = bench.server.counters
    return {name: getattr(counters, name) for name in dir(counters) if name[0] != "_"}


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_run_reaches_everybody_in_order_and_is_counted_message_by_message(version: int) -> None:
    outcomes = []
    for at_once in (True, False):
        bench = Bench()
        routed = published(bench)
        receivers = [bench.connected("older", MQTT_3_1_1), bench.connected("newer", MQTT_5)]
        shared = bench.connected("member", MQTT_5)
        for receiver in receivers:
            receiver.subscribe("open/#", 1)
        shared.subscribe("$share/g/open/t")
        publisher = bench.connected("publisher", version)
        if at_once:
            publisher.send(*RUN)
        else:
            for packet in RUN:
                publisher.send(packet)
        payloads = [[packet.payload for packet in each.received()] for each in (*receivers, shared)]  # type: ignore[union-attr]
        assert payloads == [[b"0", b"1", b"2", b"3", b"4"]] * 3
        assert [payload for _, payload in routed] == payloads[0]
        outcomes.append(counted(bench))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["published"] == 5


def test_a_run_that_may_not_be_published_is_dropped_and_counted() -> None:
    bench = Bench(Guarded())
    routed = published(bench)
    client = bench.connected("guarded")
    client.send(*[Publish("closed", b"x")] * 3)
    assert (routed, counted(bench)["dropped_refused"], counted(bench)["published"]) == ([], 3, 3)


def test_whoever_wants_each_message_or_packet_is_told_of_each() -> None:
    bench = Bench()
    told: list[object] = []
    bench.server.events.on(MessagePublished, told.append)
    client = bench.connected("c")
    client.send(*RUN)
    assert [event.message.payload for event in told if isinstance(event, MessagePublished)] == [
        b"0", b"1", b"2", b"3", b"4",
    ]
    bench.server.events.on(PacketReceived, told.append)
    told.clear()
    client.send(*RUN)
    assert len([event for event in told if isinstance(event, PacketReceived)]) == 5
    assert len([event for event in told if isinstance(event, MessagePublished)]) == 5


class Asking(Permissions):
    """Wants to find out about every topic."""

    asks = True

    def __init__(self, asked: list[str]) -> None:
        super().__init__()
        self.asked = asked

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        self.asked.append(topic)
        return Thinking()


class Thinking:
    def __await__(self) -> Generator[None]:
        yield


def test_a_run_waits_for_permissions_that_want_to_find_something_out() -> None:
    asked: list[str] = []

    class Door(Authenticator):
        def authenticate(self, request: ConnectRequest) -> Answer:
            return Accepted(Asking(asked) if request.client_id == "asks" else Permissions())

    bench = Bench(Door())
    routed = published(bench)
    client = bench.connected("asks")
    client.send(*RUN)
    assert (asked, routed) == (["open/t"], [])
    bench.server.answered(client.state, None)
    assert len(routed) == 5


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("qos", [1, 2])
def test_acknowledgements_that_come_together_do_what_they_do_one_by_one(version: int, qos: int) -> None:
    outcomes = []
    for at_once in (True, False):
        bench = Bench(maximum_inflight=4)
        publisher, receiver = bench.connected("publisher", version), bench.connected("receiver", version)
        receiver.subscribe("t", qos)
        seen: list[object] = []

        def say(client: BenchClient, *packets: Packet, at_once: bool = at_once) -> None:
            for part in [packets] if at_once else [(packet,) for packet in packets]:
                client.send(*part)

        say(publisher, *[Publish("t", b"%d" % number, qos, packet_id=number) for number in range(1, 9)])
        seen.append(described(publisher.received()))
        if qos == 2:
            say(publisher, *[Pubrel(number) for number in range(1, 10)])
            seen.append(described(publisher.received()))
        for first in (1, 5):
            ids = range(first, first + 4)
            seen.append(described(receiver.received()))
            if qos == 1:
                say(receiver, *[Puback(number) for number in ids])
            else:
                say(receiver, *[Pubrec(number) for number in ids])
                seen.append(described(receiver.received()))
                say(receiver, *[Pubcomp(number) for number in ids])
        assert bench.server.counters.inflight_out == 0
        outcomes.append((seen, counted(bench)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("expiry", [0, 100])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_message_that_ends_its_own_publisher_is_not_acknowledged_and_counted_no_more(
    version: int, count: int, qos: int, expiry: int
) -> None:
    """Whoever is given it ends the Network Connection, with the Session or without."""
    bench = Bench()
    realm = bench.server.realm
    values: dict[str, object] = {"session_expiry_interval": expiry} if version == MQTT_5 else {}
    client = bench.connected("c", version, clean_start=not expiry, **values)  # type: ignore[arg-type]
    session = realm.sessions["c"]
    taken: list[bytes] = []

    def end_it(message: Message, _qos: int) -> None:
        taken.append(message.payload)
        close(realm, client.state, ReasonCode.ADMINISTRATIVE_ACTION, "it is enough")

    bench.server.subscribe("t", 2, end_it)
    client.send(*[Publish("t", b"%d" % n, qos, packet_id=n) for n in range(1, count + 1)])
    assert taken[0] == b"1"
    assert [type(packet) for packet in client.received()] == ([Disconnect] if version == MQTT_5 else [])
    assert ("c" in realm.sessions) is bool(expiry)
    kept = set(range(1, len(taken) + 1)) if expiry and qos == 2 else set()
    assert (session.received, realm.counters.inflight_in) == (kept, len(kept))
