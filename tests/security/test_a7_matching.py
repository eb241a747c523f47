"""A7: what matching one topic costs is bounded by what its Subscriptions may have, whoever made them."""

import ast
import itertools
from pathlib import Path

import pytest

import amqtt
from amqtt.server.limits import Limits
from amqtt.topics.names import wildcard_levels
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Subscribe, SubscriptionRequest, Unsubscribe
from support.bench_server import Bench, BenchClient
from support.sizes import sized

QUOTA_EXCEEDED = 0x97
TOPIC = "/".join("a" * 200)


def deep_filters(levels: int) -> "itertools.chain[str]":
    """Topic Filters, all different, that all match the topic `a/a/…` of so many levels."""
    for choice in itertools.product("a+", repeat=10):
        for place in range(levels // 10):
            written = ["a"] * levels
            written[place * 10:place * 10 + 10] = choice
            if "+" in choice:
                yield "/".join(written)


def granted(client: BenchClient, filters: list[str], version: int) -> list[int]:
    codes: list[int] = []
    for at in range(0, len(filters), 500):
        client.send(Subscribe(1, [SubscriptionRequest(each) for each in filters[at:at + 500]]))
        codes += [code for packet in client.received() for code in packet.reason_codes]  # type: ignore[union-attr]
    return codes


@pytest.mark.parametrize(("version", "refused"), [(MQTT_3_1_1, 0x80), (MQTT_5, QUOTA_EXCEEDED)])
def test_filters_of_very_many_levels_are_refused_before_a_topic_costs_much(
    version: int, refused: int
) -> None:
    bench = Bench()
    client = bench.connected("c", version)
    filters = list(itertools.islice(deep_filters(200), 2000))
    codes = granted(client, filters, version)
    fitting = Limits().maximum_wildcard_levels // 200
    assert codes == [0] * fitting + [refused] * (len(filters) - fitting)
    tree = bench.server.realm.tree
    before = tree.visits
    assert len(tree.match(TOPIC)) == 1
    assert tree.visits - before <= 2 * fitting
    assert bench.server.realm.excess.counts == {"maximum_wildcard_levels": len(filters) - fitting}


WILD = ("/".join(["+"] * levels + ["#"]) for levels in range(1, 199))
"""`+/#`, `+/+/#` and so on; there are 198 of these."""


@pytest.mark.parametrize(
    ("filters", "visits"), [(list(WILD), 198), (list(itertools.islice(deep_filters(200), 10_000)), 20_000)],
    ids=["nothing but wildcards", "all different"],
)
def test_however_many_subscribe_to_deep_filters_a_topic_costs_two_visits_for_each_filter(
    filters: list[str], visits: int
) -> None:
    """One Session is not granted so many: 10,000 Subscriptions are those of a hundred."""
    bench = Bench()
    subscribed = sized(1_000, 10_000)
    for first in range(0, subscribed, 100):
        client = bench.connected(f"c{first}")
        own = [filters[at % len(filters)] for at in range(first, first + 100)]
        assert set(granted(client, own, MQTT_5)) == {0}
    tree = bench.server.realm.tree
    before = tree.visits
    assert len(tree.match(TOPIC)) == subscribed // 100
    assert tree.visits - before <= min(visits, 2 * subscribed)


ON_THE_WAY_OF_BYTES = ("wire", "topics", "sessions", "server", "net", "observe", "store")


def test_nothing_that_a_client_sends_is_matched_by_regular_expressions() -> None:
    """Whose time an attacker chooses. `access.hashes` reads the operator's file by them."""
    package = Path(amqtt.__file__).parent
    found = []
    for part in (*ON_THE_WAY_OF_BYTES, "access"):
        for module in (package / part).rglob("*.py"):
            tree = ast.parse(module.read_text(encoding="utf-8"))
            names = {
                alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
            } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            if names & {"re", "fnmatch", "glob"}:
                found.append(f"{part}/{module.name}")
    assert found == ["access/hashes.py"]


def test_ten_thousand_filters_of_few_levels_are_granted() -> None:
    client = Bench().connected("c")
    assert set(granted(client, [f"site/{number}/+/state/#" for number in range(10_000)], MQTT_5)) == {0}


def test_levels_of_ended_subscriptions_count_no_more() -> None:
    bench = Bench(maximum_wildcard_levels=10)
    client = bench.connected("c")
    assert client.subscribe("+/b/c/d/e") == 0
    assert client.subscribe("a/+/c/d/e") == 0
    assert client.subscribe("a/+/c/d/e", 1) == 1
    assert client.subscribe("+") == QUOTA_EXCEEDED
    client.send(Unsubscribe(2, ["+/b/c/d/e"]))
    client.received()
    assert client.subscribe("+") == 0


def test_filters_without_wildcards_do_not_count() -> None:
    client = Bench(maximum_wildcard_levels=1).connected("c")
    assert client.subscribe("a/b/c/d/e/f") == 0
    assert client.subscribe("#") == 0
    assert client.subscribe("+") == QUOTA_EXCEEDED
    assert wildcard_levels("a/b") == 0


def test_a_shared_filter_counts_without_its_share_name() -> None:
    client = Bench(maximum_wildcard_levels=2).connected("c")
    assert client.subscribe("$share/g/+/b") == 0
    assert client.subscribe("$share/h/+/b") == QUOTA_EXCEEDED
