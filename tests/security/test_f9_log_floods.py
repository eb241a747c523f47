"""F9, F10: names that Clients choose neither forge lines of a log, nor fill it, nor multiply figures."""

import logging

import pytest

from amqtt.abc import Peer
from amqtt.health import figures_of
from amqtt.observe.lines import JsonLines
from amqtt.observe.log import EventLog
from amqtt.observe.metrics import exposition
from amqtt.server.sys_topics import SysTopics
from amqtt.wire.packets import MQTT_5, Publish
from support.bench_server import Bench, BenchClient
from support.clock import StoppedClock

NAMES = [
    "line\nWARNING forged", "\x1b[31mred", "\r\n", "a\u2028b", "tab\t", "\u202egnp.exe", "x" * 30_000,
    "\u20ac" * 10_000, "x" * 65_535,
]


def listening(bench: Bench) -> None:
    EventLog(StoppedClock()).listen(bench.server.events)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_forges_or_stretches_a_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench(maximum_client_id_length=65_535, maximum_connect_size=200_000, maximum_subscriptions=1)
    listening(bench)
    client = bench.connected(name, username=name)
    client.subscribe("a")
    client.subscribe("b")
    client.send(b"\x00")
    assert len(caplog.records) >= 3
    for record in caplog.records:
        line = record.getMessage()
        assert line.isprintable()
        assert len(line) < 1000
        assert len(JsonLines().format(record)) < 20_000


def test_a_flood_of_one_kind_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench()
    listening(bench)
    for number in range(1_500):
        client = bench.connected(f"c{number}")
        client.publish("a", b"x", 2)
        client.send(b"\xf1")
    assert len(caplog.records) < 600


def test_one_address_has_ten_lines_of_a_kind_and_the_others_have_theirs(
    caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench()
    listening(bench)
    for number in range(90):
        for address in ["192.0.2.1"] * 5 + ["198.51.100.7"] * (number % 30 == 0):
            BenchClient(bench, MQTT_5, Peer(address)).send(b"\xf1")
    lines = [record.address for record in caplog.records]  # type: ignore[attr-defined]
    assert lines.count("192.0.2.1") == 10
    assert lines.count("198.51.100.7") == 3


def test_figures_are_as_many_for_a_crowd_as_for_one() -> None:
    counts, texts = [], []
    for crowd in (1, 10_000):
        bench = Bench()
        watcher = bench.connected("watcher")
        watcher.subscribe("$SYS/#")
        for number in range(crowd):
            client = bench.connected(f"c{number}")
            client.publish(f"t/{number}", b"x", retain=True)
            client.subscribe("a\x01b", 1)
            client.subscribe(f"t/{number}/+")
        topics = SysTopics(bench.server.realm, "test", dict)
        topics.begin()
        counts.append(len({packet.topic for packet in watcher.received() if isinstance(packet, Publish)}))
        texts.append(exposition(figures_of(bench.server.realm, [], True, 5.0)))
    assert counts[0] == counts[1] > 30
    assert len(texts[0].splitlines()) == len(texts[1].splitlines())
    assert len(texts[1]) < 200_000
    assert "c9999" not in texts[1]


