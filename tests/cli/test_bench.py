"""`amqtt bench`: every message is counted."""

import json
import sys
from collections.abc import Iterator

import pytest

from amqtt.cli.bench import Figures, Load
from support.commands import Commands
from support.served import Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving({"listeners": {"tcp": {"bind": "127.0.0.1:0"}}, "sys-interval": 0}) as served:
        yield served


def run_bench(served: Served, *arguments: object) -> str:
    """What the command writes."""
    command = (sys.executable, "-m", "amqtt", "bench", "-p", served.port("tcp"))
    with Commands() as commands:
        return commands.run(*map(str, (*command, *arguments))).decode()


@pytest.mark.parametrize(("qos", "version"), [(0, "mqttv5"), (2, "mqttv311")])
def test_it_says_how_many_arrived(served: Served, qos: int, version: str) -> None:
    load = ("--pairs", 2, "--fan-out", 2, "--messages", 50, "--size", 100, "-q", qos, "-V", version)
    summary = json.loads(run_bench(served, *load, "--json"))
    counted = [summary[name] for name in ("published", "received", "lost", "repeated")]
    assert counted == [100, 200, 0, 0]
    latency = summary["latency_ms"]
    assert 0 < latency["median"] <= latency["p99"] <= latency["longest"]


def test_its_summary_is_a_few_words(served: Served) -> None:
    out = run_bench(served, "--pairs", 1, "--messages", 10)
    assert out.startswith("10 messages of 64 bytes at QoS 0 in ")
    assert "none lost" in out


def test_what_is_missing_is_lost() -> None:
    figures = Figures(Load(pairs=1, messages=4))
    figures.latencies.extend([0.001, 0.002, 0.003])
    figures.began, figures.last = 10.0, 10.5
    summary = figures.summary()
    assert (summary["lost"], summary["per_second"]) == (1, 6)
    assert summary["latency_ms"] == {"median": 2.0, "p99": 3.0, "longest": 3.0}
