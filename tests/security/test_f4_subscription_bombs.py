"""F4: no SUBSCRIBE keeps the others waiting, no number of them fills the memory."""

import gc
import sys

import pytest

from amqtt.observe.figures import memory_used
from amqtt.server.limits import Limits
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Packet,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
)
from support.bench_server import Bench
from support.sizes import sized

QUOTA_EXCEEDED = 0x97
MOST = Limits().maximum_topic_filters
BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def packet(kind: type[Packet], count: int) -> Packet:
    if kind is Subscribe:
        return Subscribe(1, [SubscriptionRequest(f"a/{number}") for number in range(count)])
    return Unsubscribe(1, [f"a/{number}" for number in range(count)])


@BOTH
@pytest.mark.parametrize("kind", [Subscribe, Unsubscribe])
def test_a_packet_with_as_many_topic_filters_as_are_allowed_is_answered(
    version: int, kind: type[Packet]
) -> None:
    bench = Bench()
    client = bench.connected("c", version)
    client.send(packet(kind, MOST))
    (answer,) = client.received()
    if kind is Subscribe:
        assert isinstance(answer, Suback)
        assert answer.reason_codes == [0] * MOST
    assert not client.state.closed
    assert bench.server.realm.excess.counts == {}


@BOTH
@pytest.mark.parametrize("kind", [Subscribe, Unsubscribe])
@pytest.mark.parametrize("count", [MOST + 1, 60_000])
def test_one_with_more_ends_its_connection_and_changes_nothing(
    version: int, kind: type[Packet], count: int
) -> None:
    bench = Bench()
    client = bench.connected("c", version)
    client.send(packet(kind, count))
    answers = client.received()
    assert client.state.closed
    assert len(bench.server.realm.tree) == 0
    assert bench.server.realm.excess.counts == {"maximum_topic_filters": 1}
    if version == MQTT_5:
        (answer,) = answers
        assert isinstance(answer, Disconnect)
        assert answer.reason_code == QUOTA_EXCEEDED


def test_subscriptions_of_one_session_are_bounded() -> None:
    bench = Bench(maximum_subscriptions=3)
    client = bench.connected("c")
    assert [client.subscribe(each) for each in "abc"] == [0, 0, 0]
    assert client.subscribe("d") == QUOTA_EXCEEDED
    assert client.subscribe("a", 1) == 1
    assert bench.connected("other").subscribe("d") == 0
    assert bench.server.realm.excess.counts == {"maximum_subscriptions": 1}


def test_members_of_a_shared_group_are_bounded() -> None:
    bench = Bench(maximum_shared_members=2)
    clients = [bench.connected(name) for name in "abc"]
    assert [client.subscribe("$share/g/t") for client in clients] == [0, 0, QUOTA_EXCEEDED]
    assert clients[2].subscribe("$share/other/t") == 0
    assert bench.server.realm.excess.counts == {"maximum_shared_members": 1}


def test_without_a_word_ten_thousand_subscriptions_are_granted_and_no_more() -> None:
    bench = Bench()
    client = bench.connected("c")
    codes = []
    for first in range(0, 11_000, 500):
        filters = [SubscriptionRequest(f"t/{number}") for number in range(first, first + 500)]
        client.send(Subscribe(1, filters))
        (suback,) = client.received()
        codes += suback.reason_codes  # type: ignore[union-attr]
    assert codes == [0] * 10_000 + [QUOTA_EXCEEDED] * 1_000
    assert bench.server.realm.excess.counts == {"maximum_subscriptions": 1_000}


def test_without_a_word_a_thousand_members_share_a_subscription() -> None:
    bench = Bench()
    codes = [bench.connected(f"c{number}").subscribe("$share/g/t") for number in range(1_001)]
    assert codes == [0] * 1_000 + [QUOTA_EXCEEDED]


def test_memory_returns_when_subscriptions_come_and_go() -> None:
    bench = Bench()
    client = bench.connected("c")

    def come_and_go(first: int) -> None:
        filters = [f"{number}/+/x/{number}/#" if number % 2 else f"e/{number}" for number in
                   range(first, first + 1000)]
        client.send(Subscribe(1, [SubscriptionRequest(each) for each in filters]))
        client.send(Unsubscribe(2, filters))
        client.received()

    for first in range(0, 20_000, 1000):
        come_and_go(first)
    gc.collect()
    before, resident = sys.getallocatedblocks(), memory_used()
    for first in range(20_000, 20_000 + sized(100_000, 1_000_000), 1000):
        come_and_go(first)
    gc.collect()
    assert sys.getallocatedblocks() - before < 1_000, "one for a hundred that came and went"
    assert memory_used() - resident < 4 * 1024 * 1024
    realm = bench.server.realm
    assert len(realm.tree) == realm.tree.nodes == len(realm.sessions["c"].subscriptions) == 0
    assert realm.sessions["c"].wildcard_levels == 0
