"""SUBSCRIBE and UNSUBSCRIBE: each Topic Filter has its own answer (MQTT 5.0, 3.8 to 3.11)."""

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.message import Message
from amqtt.sessions.permissions import Permissions
from amqtt.topics.shared import SharedSubscriptions
from amqtt.wire.packets import (
    MQTT_3_1,
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Puback,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

Bounds = dict[str, object]


def bench_with(limits: Bounds) -> Bench:
    return Bench(**limits)  # type: ignore[arg-type]


class UpTo1(Permissions):
    """Allows no `no/…`, everything else at QoS 1 at most; for `too/much` it answers more than was asked."""

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        if topic_filter == "too/much":
            return 2
        return -1 if topic_filter.startswith("no/") else min(qos, 1)


class Guarded(Authenticator):
    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(UpTo1())


def suback(client: BenchClient, *topic_filters: str, qos: int = 2) -> list[int]:
    client.send(Subscribe(5, [SubscriptionRequest(each, qos) for each in topic_filters]))
    packet = client.received()[0]
    assert isinstance(packet, Suback)
    assert packet.packet_id == 5
    return packet.reason_codes


def test_each_topic_filter_is_granted_or_refused_by_itself() -> None:
    client = Bench(Guarded()).connected("c")
    assert suback(client, "a", "no/b", "$share/g/c", "$share/g/no/d", "e") == [1, 0x87, 1, 0x87, 1]
    assert suback(client, "too/much", qos=0) == [0]
    assert list(client.state.session.subscriptions) == ["a", "$share/g/c", "e", "too/much"]


@pytest.mark.parametrize(("version", "code"), [(MQTT_3_1, 0), (MQTT_3_1_1, 0x80), (MQTT_5, 0x87)])
def test_a_refusal_is_told_as_the_version_can_tell_it(version: int, code: int) -> None:
    client = Bench(Guarded()).connected("c", version)
    assert suback(client, "no/a", qos=0) == [code]
    assert not client.state.session.subscriptions


UNSUPPORTED: list[tuple[Bounds, list[str], list[int]]] = [
    ({"maximum_qos": 1}, ["a", "$share/g/a"], [1, 1]),
    ({"maximum_subscriptions": 2}, ["a", "b", "c", "a", "$share/g/a"], [2, 2, 0x97, 2, 0x97]),
]


@pytest.mark.parametrize(("limits", "topic_filters", "codes"), UNSUPPORTED)
def test_what_this_server_does_not_grant_is_refused(
    limits: Bounds, topic_filters: list[str], codes: list[int]
) -> None:
    assert suback(bench_with(limits).connected("c"), *topic_filters) == codes


MISSING: list[tuple[Bounds, list[str], list[int], int]] = [
    # Limits, Topic Filters, the answer in MQTT 3.1.1, Reason Code of the DISCONNECT in MQTT 5.0
    (
        {"wildcard_subscription_available": False},
        ["a", "a/+", "#", "$share/g/+", "$share/g/a"], [2, 0x80, 0x80, 0x80, 2], 0xA2,
    ),
    ({"shared_subscription_available": False}, ["a", "$share/g/a", "$share", "#"], [2, 0x80, 2, 2], 0x9E),
]


@pytest.mark.parametrize(("limits", "topic_filters", "codes", "reason_code"), MISSING)
def test_a_kind_of_subscription_that_this_server_does_not_have_is_refused_or_ends_it(
    limits: Bounds, topic_filters: list[str], codes: list[int], reason_code: int
) -> None:
    bench = bench_with(limits)
    assert suback(bench.connected("old", MQTT_3_1_1), *topic_filters) == codes
    for topic_filter, code in zip(topic_filters, codes, strict=True):
        client = bench.connected("new")
        client.send(Subscribe(1, [SubscriptionRequest(topic_filter, 2)]))
        answer = client.received()[-1]
        if code == 2:
            assert isinstance(answer, Suback)
        else:
            assert isinstance(answer, Disconnect)
            assert answer.reason_code == reason_code


def test_a_shared_group_that_is_full_refuses() -> None:
    bench = Bench()
    realm = bench.server.realm
    realm.shared = SharedSubscriptions(realm.tree, 2)
    clients = [bench.connected(f"c{number}") for number in range(3)]
    assert [suback(each, "$share/g/a") for each in clients] == [[2], [2], [0x97]]
    assert "$share/g/a" not in clients[2].state.session.subscriptions


FAULTS: list[tuple[str, bool, int]] = [
    # Topic Filter, No Local, Reason Code of the DISCONNECT
    ("a#", False, 0x8F),
    ("a/#/b", False, 0x8F),
    ("$share/g/a+", False, 0x8F),
    ("$share//a", False, 0x8F),
    ("$share/g", False, 0x8F),
    ("$share/g+/a", False, 0x8F),
    ("/" * 200, False, 0x8F),
    ("$share/g/a", True, 0x82),
]


@pytest.mark.parametrize(("topic_filter", "no_local", "code"), FAULTS)
def test_a_topic_filter_that_the_standard_does_not_know_ends_it_and_nothing_is_granted(
    topic_filter: str, no_local: bool, code: int
) -> None:
    bench = Bench()
    client = bench.connected("c", session_expiry_interval=9)
    client.send(Subscribe(1, [SubscriptionRequest("good"), SubscriptionRequest(topic_filter, 0, no_local)]))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert (packet.reason_code, len(bench.server.realm.tree)) == (code, 0)


@pytest.mark.parametrize("topic_filter", [each for each, no_local, _ in FAULTS if not no_local])
def test_unsubscribing_from_one_ends_it_too(topic_filter: str) -> None:
    client = Bench().connected("c")
    client.send(Unsubscribe(1, [topic_filter]))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert packet.reason_code == 0x8F


@pytest.mark.parametrize(("available", "code"), [(True, None), (False, 0xA1)])
def test_subscription_identifiers_are_taken_where_they_are_available(
    available: bool, code: int | None
) -> None:
    client = Bench(subscription_identifier_available=available).connected("c")
    given = properties(subscription_identifiers=(7,))
    client.send(Subscribe(1, [SubscriptionRequest("a")], given))
    (packet,) = client.received()
    assert (packet.reason_code if isinstance(packet, Disconnect) else None) == code


@pytest.mark.parametrize("leaves", [False, True])
def test_an_answer_that_the_client_cannot_take_ends_the_network_connection(leaves: bool) -> None:
    bench = Bench()
    client = bench.connected("c", maximum_packet_size=100)
    names = [f"t{number}" for number in range(200)]
    requests = [SubscriptionRequest(each) for each in names]
    client.send(Unsubscribe(1, names) if leaves else Subscribe(1, requests))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert (packet.reason_code, client.closed) == (0x95, True)


def test_unsubscribing_ends_what_is_named_exactly() -> None:
    bench = Bench()
    client = bench.connected("c")
    suback(client, "a/+", "$share/g/a", "$share/h/a")
    client.send(Unsubscribe(3, ["a/b", "a/+", "$share/g/a", "a/+", "$share/g/a"]))
    (packet,) = client.received()
    assert isinstance(packet, Unsuback)
    assert (packet.packet_id, packet.reason_codes) == (3, [0x11, 0, 0, 0x11, 0x11])
    assert list(client.state.session.subscriptions) == ["$share/h/a"]
    assert (len(bench.server.realm.tree), len(bench.server.realm.shared)) == (1, 1)


# -- retained messages for a new Subscription

def retaining(count: int = 3) -> Bench:
    bench = Bench()
    for number in range(count):
        bench.server.publish(Message(f"r/{number}", b"%d" % number, 1, True, publisher="c"))
    return bench


HANDLING: list[tuple[int, bool, int]] = [
    # Retain Handling, whether there was a Subscription, how many retained messages come
    (0, False, 3), (0, True, 3), (1, False, 3), (1, True, 0), (2, False, 0), (2, True, 0),
]


@pytest.mark.parametrize(("handling", "existed", "count"), HANDLING)
def test_retain_handling_says_whether_retained_messages_come(
    handling: int, existed: bool, count: int
) -> None:
    client = retaining().connected("other")
    if existed:
        client.subscribe("r/+", 1, retain_handling=2)
    client.subscribe("r/+", 0, retain_handling=handling, identifier=9)
    told = [
        (each.payload, each.qos, each.retain, each.properties.subscription_identifiers)
        for each in client.received()
    ]
    assert told == [(b"%d" % number, 0, True, (9,)) for number in range(count)]


@pytest.mark.parametrize(
    ("client_id", "no_local", "count"), [("c", True, 0), ("c", False, 3), ("d", True, 3)]
)
def test_no_local_holds_for_retained_messages(client_id: str, no_local: bool, count: int) -> None:
    client = retaining().connected(client_id)
    client.subscribe("r/+", no_local=no_local)
    assert len(client.received()) == count


def test_a_shared_subscription_is_sent_no_retained_messages() -> None:
    client = retaining().connected("d")
    client.subscribe("$share/g/r/+", 1)
    assert client.received() == []


def test_many_retained_messages_come_over_several_turns_and_others_are_served_meanwhile() -> None:
    bench = retaining(1_000)
    client = bench.connected("d")
    client.subscribe("r/#", 0)
    first = len(client.received())
    assert 0 < first < 1_000
    seen = first
    while bench.server.tick() is not None:
        more = len(client.received())
        assert more > 0
        seen += more
    assert seen + len(client.received()) == 1_000


def test_to_subscribe_often_owes_the_retained_messages_once_for_each_filter() -> None:
    bench = retaining(500)
    client = bench.connected("d", receive_maximum=1)
    for _ in range(50):
        client.send(Subscribe(1, [SubscriptionRequest("r/#", 1)]))
    assert len(client.state.session.retained) == 1


def test_a_new_subscription_keeps_what_the_replaced_one_is_owed() -> None:
    bench = retaining(5)
    client = bench.connected("d", receive_maximum=1)
    client.subscribe("r/#", 1)
    (first,) = client.received()
    client.subscribe("r/#", 1, retain_handling=2, identifier=4)
    told = []
    packet_id = first.packet_id
    for _ in range(4):
        client.send(Puback(packet_id))
        bench.pass_time(0)
        (packet,) = client.received()
        told.append((packet.payload, packet.properties.subscription_identifiers))
        packet_id = packet.packet_id
    assert told == [(b"%d" % number, (4,)) for number in range(1, 5)]


def test_who_unsubscribes_is_owed_nothing_more() -> None:
    bench = retaining(5)
    client = bench.connected("d", receive_maximum=1)
    client.subscribe("r/#", 1)
    (first,) = client.received()
    client.send(Unsubscribe(2, ["r/#"]), Puback(first.packet_id))
    bench.pass_time(0)
    assert [type(each) for each in client.received()] == [Unsuback]


def test_who_is_gone_is_owed_nothing_more() -> None:
    bench = retaining(500)
    bench.connected("d").subscribe("r/#", 1)
    client = bench.connected("e")
    client.subscribe("r/#")
    client.lose()
    bench.pass_time(0)
    assert bench.faults == []
    assert "e" not in bench.server.realm.sessions


# -- shared groups

def test_a_member_that_unsubscribes_gives_back_what_it_was_not_sent() -> None:
    bench = Bench()
    full = bench.connected("full", receive_maximum=1)
    full.subscribe("$share/g/t", 1)
    publisher = bench.connected("publisher")
    for number in range(4):
        publisher.publish("t", b"%d" % number, 1)
    other = bench.connected("other")
    other.subscribe("$share/g/t", 1)
    full.send(Unsubscribe(1, ["$share/g/t"]))
    assert [each.payload for each in other.received()] == [b"1", b"2", b"3"]
    assert bench.server.counters.queued_messages == 0




# -- what bridges of Mosquitto mean, who have no options to say it with


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1])
def test_a_bridge_is_not_sent_what_it_brought_and_keeps_retain(version: int) -> None:
    bench = Bench()
    bridge = bench.client(version)
    bridge.send(Connect("bridge", version, bridge=True))
    bridge.received()
    other = bench.connected("other")
    assert suback(bridge, "t", qos=0) == [0]
    bridge.publish("t", b"brought")
    other.publish("t", b"fetched", retain=True)
    (packet,) = bridge.received()
    assert isinstance(packet, Publish)
    assert (packet.payload, packet.retain) == (b"fetched", True)


def test_of_what_a_bridge_shares_with_others_nothing_is_kept_from_it() -> None:
    """No Local on a Shared Subscription is a Protocol Error [MQTT-3.8.3-4]."""
    bench = Bench()
    bridge = bench.client(MQTT_3_1_1)
    bridge.send(Connect("bridge", MQTT_3_1_1, bridge=True))
    bridge.received()
    assert suback(bridge, "$share/g/t", qos=0) == [0]
    bridge.publish("t", b"brought")
    assert [packet.payload for packet in bridge.received() if isinstance(packet, Publish)] == [b"brought"]


@pytest.mark.parametrize(
    ("limits", "filters", "limit"),
    [
        ({"maximum_subscriptions": 2}, ["a", "b", "c"], "maximum_subscriptions"),
        ({"maximum_wildcard_levels": 3}, ["+", "+/a", "#"], "maximum_wildcard_levels"),
    ],
)
def test_a_subscription_too_many_is_refused_by_itself_and_counted(
    limits: Bounds, filters: list[str], limit: str
) -> None:
    bench = bench_with(limits)
    client = bench.connected("c")
    assert suback(client, *filters) == [2, 2, 0x97]
    assert suback(client, filters[0], qos=1) == [1], "one that is there may be changed"
    assert bench.server.realm.excess.counts == {limit: 1}


@pytest.mark.parametrize("limits", [{"maximum_topic_levels": 2}, {"maximum_topic_length": 5}])
@pytest.mark.parametrize(
    ("topic_filter", "excess"), [("a/b/cd", 1), ("a+", 0), ("$share//a", 0), ("a/b", None)]
)
def test_a_topic_filter_is_counted_where_a_limit_is_what_is_wrong_with_it(
    limits: Bounds, topic_filter: str, excess: int | None
) -> None:
    bench = bench_with(limits)
    client = bench.connected("c")
    client.send(Unsubscribe(1, [topic_filter]))
    assert client.state.closed is (excess is not None)
    assert sum(bench.server.realm.excess.counts.values()) == (excess or 0)
