"""The figures as Prometheus reads them: well formed, complete, of bounded number."""

import json
import re
from pathlib import Path

import pytest

from amqtt.health import figures_of
from amqtt.observe.metrics import COUNTER, GAUGE, Metric, exposition, single
from amqtt.server.overload import LOOKS
from amqtt.wire.packets import Publish
from support.bench_server import Bench

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "amqtt.json"
SAMPLE = re.compile(r"([a-z_]+)(?:\{([^{}]*)\})? (-?[0-9.e+]+)")


def samples(text: str) -> dict[str, float]:
    """Name and labels → value; what is no sample must be a comment."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            found[f"{match[1]}{{{match[2]}}}" if match[2] else match[1]] = float(match[3])
    return found


def metrics(bench: Bench) -> str:
    return exposition(figures_of(bench.server.realm, [], True, 5.0))


def test_it_counts_what_happens() -> None:
    bench = Bench()
    client = bench.connected("a")
    client.subscribe("t", 1)
    client.send(Publish("t", b"x"), Publish("t", b"x", 1, packet_id=1))
    client.received()
    bench.client()
    found = samples(metrics(bench))
    expected = {
        "amqtt_connected_clients": 1, "amqtt_sessions": 1, "amqtt_subscriptions": 1,
        "amqtt_connections_total": 1, "amqtt_received_messages_total": 2, "amqtt_sent_messages_total": 2,
        "amqtt_inflight_sent_messages": 1, "amqtt_received_packets_total": 4, "amqtt_ready": 1,
        "amqtt_uptime_seconds": 5,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_every_metric_is_explained_once_and_counters_end_in_total() -> None:
    text = metrics(Bench())
    helped = re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE)
    typed = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert [name for name, _ in helped] == list(typed)
    assert len(set(typed)) == len(typed)
    assert {name for name, kind in typed.items() if kind == COUNTER} == {
        name for name in typed if name.endswith("_total")
    }
    assert {sample.partition("{")[0] for sample in samples(text)} <= set(typed)


def test_no_counter_is_left_out() -> None:
    bench = Bench()
    counters = bench.server.counters
    before = samples(metrics(bench))
    names = [name for name in dir(counters) if not name.startswith("_") and name != "dropped"]
    for name in names:
        setattr(counters, name, getattr(counters, name) + 1)
    after = samples(metrics(bench))
    changed = {name for name in before if after[name] != before[name] and not name.startswith("process_")}
    assert len(changed) == len(names)


def test_clients_and_topics_add_no_lines() -> None:
    bench = Bench(receive_maximum=1)
    before = len(metrics(bench).splitlines())
    for number in range(300):
        client = bench.connected(f"client {number}")
        client.subscribe(f"topic/{number}/#", 1)
        client.send(Publish(f"topic/{number}/x", b"x", 0, True))
    assert len(metrics(bench).splitlines()) == before


def test_a_limit_that_was_exceeded_is_counted() -> None:
    bench = Bench()
    bench.server.realm.exceeded("maximum_topic_levels", "a")
    assert samples(metrics(bench))['amqtt_exceeded_limits_total{limit="maximum-topic-levels"}'] == 1


def test_how_overloaded_it_is_and_what_was_given_up_for_it_can_be_seen() -> None:
    bench = Bench()
    client = bench.connected("a")
    for _ in range(LOOKS):
        bench.server.lagged(3.0)
    bench.pass_time(0.2)
    client.publish("t", b"x")
    found = samples(metrics(bench))
    assert found["amqtt_overload_level"] == 3
    assert found["amqtt_overload_dropped_messages_total"] == 1
    assert found['amqtt_exceeded_limits_total{limit="lag-to-drop-qos-0"}'] == 1


def test_labels_and_large_numbers_are_written_as_they_must_be() -> None:
    metric = Metric("m", GAUGE, "text", (({"a": 'x"\\\n', "b": "y"}, 2**53),))
    assert exposition([metric, single("n", GAUGE, "text", 0.5)]) == (
        '# HELP m text\n# TYPE m gauge\nm{a="x\\"\\\\\\n",b="y"} 9.00719925474099e+15\n'
        "# HELP n text\n# TYPE n gauge\nn 0.5\n"
    )


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("expression", expressions())
def test_the_dashboard_asks_for_what_there_is(expression: str) -> None:
    names = set(re.findall(r"(?:amqtt|process)_\w+", expression))
    typed = set(re.findall(r"^# TYPE (\S+)", metrics(Bench()), re.MULTILINE))
    assert names
    assert names <= typed | {"amqtt_listener_connections"}
