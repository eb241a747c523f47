"""`$SYS/broker/…`: the names of Mosquitto and of aMQTT, and figures that change."""

from collections.abc import Mapping

import pytest

from amqtt.message import Message
from amqtt.server.sys_topics import SysTopics
from amqtt.wire.packets import Puback
from support.bench_server import Bench

MOSQUITTO = [
    "version", "uptime", "clients/connected", "clients/active", "clients/disconnected",
    "clients/inactive", "clients/total", "clients/maximum", "messages/received", "messages/sent",
    "messages/stored", "store/messages/count", "store/messages/bytes", "publish/messages/received",
    "publish/messages/sent", "publish/messages/dropped", "bytes/received", "bytes/sent",
    "subscriptions/count", "retained messages/count",
    *(
        f"load/{name}/{span}"
        for name in (
            "messages/received", "messages/sent", "publish/received", "publish/sent", "bytes/received",
            "bytes/sent", "connections",
        )
        for span in ("1min", "5min", "15min")
    ),
]
AMQTT = [
    "version", "load/bytes/received", "load/bytes/sent", "messages/received", "messages/sent", "uptime",
    "uptime/formatted", "clients/connected", "clients/disconnected", "clients/maximum", "clients/total",
    "messages/inflight", "messages/inflight/in", "messages/inflight/out", "messages/inflight/stored",
    "messages/publish/received", "messages/publish/sent", "messages/retained/count",
    "messages/subscriptions/count",
]
INTERVAL = 10.0


class Watched:
    """A Bench whose figures are published, and what they are."""

    def __init__(self, figures: Mapping[str, object] | None = None) -> None:
        self.bench = Bench()
        self.news: list[str] = []
        self.figures = dict(figures or {})
        self.topics = SysTopics(self.bench.server.realm, "amqtt 9.9", lambda: self.figures)
        self.bench.server.subscribe("$SYS/#", 2, self._take)

    def _take(self, message: Message, qos: int) -> None:
        assert (message.retain, message.qos) == (True, 2)
        self.news.append(message.topic.removeprefix("$SYS/broker/"))

    def __getitem__(self, name: str) -> str:
        message = self.bench.server.retained.get("$SYS/broker/" + name)
        assert message is not None, name
        return message.payload.decode()

    def next_interval(self) -> None:
        self.news.clear()
        self.bench.pass_time(INTERVAL)


@pytest.fixture
def watched() -> Watched:
    watched = Watched()
    watched.topics.begin()
    return watched


def test_every_name_of_mosquitto_and_of_amqtt_is_published_at_once(watched: Watched) -> None:
    assert set(MOSQUITTO) | set(AMQTT) <= set(watched.news)
    assert len(watched.news) == len(set(watched.news))


def test_nothing_is_published_before_it_begins_or_after_it_ends() -> None:
    watched = Watched()
    watched.bench.pass_time(100)
    assert watched.news == []
    watched.topics.end()
    watched.topics.begin()
    watched.topics.end()
    watched.next_interval()
    assert watched.news == []
    assert watched.bench.server.deadlines.next is None


def test_only_what_changed_is_published_again(watched: Watched) -> None:
    watched.next_interval()
    watched.next_interval()
    assert set(watched.news) <= {"uptime", "uptime/formatted", "store/messages/bytes"}
    watched.bench.connected("c")
    watched.next_interval()
    changed = {"clients/connected", "clients/total", "messages/received", "load/connections/1min"}
    assert changed <= set(watched.news)
    assert "version" not in watched.news


def test_what_only_the_outside_knows_is_published_too() -> None:
    watched = Watched({"heap/current": 5})
    watched.topics.begin()
    assert (watched["heap/current"], watched["version"]) == ("5", "amqtt 9.9")
    watched.figures["heap/current"] = 6
    watched.next_interval()
    assert (watched["heap/current"], "heap/current" in watched.news) == ("6", True)


@pytest.mark.parametrize(
    ("seconds", "text", "formatted"),
    [
        (10, "10 seconds", "0 days, 00:00:10"),
        (3_670, "3670 seconds", "0 days, 01:01:10"),
        (200_000, "200000 seconds", "2 days, 07:33:20"),
    ],
)
def test_the_uptime_is_told_in_seconds_and_as_people_read_it(
    watched: Watched, seconds: float, text: str, formatted: str
) -> None:
    watched.bench.pass_time(seconds)
    assert (watched["uptime"], watched["uptime/formatted"]) == (text, formatted)


def test_clients_are_counted_as_they_come_go_and_are_kept(watched: Watched) -> None:
    def counts() -> list[str]:
        watched.next_interval()
        return [watched[f"clients/{name}"] for name in ("connected", "disconnected", "total", "maximum")]

    assert counts() == ["0", "0", "0", "0"]
    stays = watched.bench.connected("stays", session_expiry_interval=25)
    goes = watched.bench.connected("goes")
    assert counts() == ["2", "0", "2", "2"]
    stays.lose()
    goes.lose()
    assert counts() == ["0", "1", "1", "2"]
    watched.next_interval()
    assert counts() == ["0", "0", "0", "2"]
    assert (watched["clients/active"], watched["clients/inactive"]) == ("0", "0")


def test_messages_are_counted_on_their_way(watched: Watched) -> None:
    bench = watched.bench
    away = bench.connected("away", session_expiry_interval=1_000)
    away.subscribe("t", 1)
    publisher = bench.connected("publisher")
    publisher.publish("t", b"one", 1)
    publisher.publish("kept", b"retained", retain=True)
    publisher.publish("t", b"half", 2, packet_id=7)
    away.lose()
    publisher.publish("t", b"queued", 1)
    watched.next_interval()
    told = {
        "publish/messages/received": "4", "messages/publish/received": "4", "publish/messages/sent": "2",
        "messages/inflight/out": "2", "messages/inflight/in": "1", "messages/inflight": "3",
        "messages/inflight/stored": "1", "subscriptions/count": "2", "messages/subscriptions/count": "2",
    }
    assert {name: watched[name] for name in told} == told
    retained = int(watched["retained messages/count"])
    assert watched["store/messages/count"] == watched["messages/stored"] == str(1 + 2 + retained)
    assert int(watched["bytes/received"]) > 50
    again = bench.connected("away", clean_start=False)
    for packet in again.received():
        again.send(Puback(packet.packet_id))
    watched.next_interval()
    assert (watched["messages/inflight/out"], watched["messages/inflight/stored"]) == ("0", "0")


def test_its_own_messages_are_not_counted_as_received(watched: Watched) -> None:
    for _ in range(5):
        watched.next_interval()
    assert watched["publish/messages/received"] == "0"
    assert watched["load/publish/received/1min"] == "0.00"


def test_loads_rise_with_what_happens_and_fall_back_when_nothing_does(watched: Watched) -> None:
    publisher = watched.bench.connected("publisher")
    for _ in range(60):
        publisher.publish("t", b"x")
    watched.next_interval()
    loads = [float(watched[f"load/publish/received/{span}"]) for span in ("1min", "5min", "15min")]
    assert 0 < loads[2] < loads[1] < loads[0] < 360
    watched.next_interval()
    assert float(watched["load/publish/received/1min"]) < loads[0]
    watched.bench.pass_time(7_200)
    assert watched["load/publish/received/15min"] < "0.20"
    assert watched["load/publish/received/1min"] == "0.00"


def test_a_client_is_sent_them_as_retained_messages(watched: Watched) -> None:
    client = watched.bench.connected("c")
    client.subscribe("$SYS/broker/version")
    (packet,) = client.received()
    assert (packet.topic, packet.payload, packet.retain) == ("$SYS/broker/version", b"amqtt 9.9", True)


def test_they_end_where_whoever_is_given_one_ends_them() -> None:
    """A reload with another interval, from a callback of the program, does."""
    watched = Watched()
    watched.bench.server.subscribe("$SYS/broker/uptime", 2, lambda message, qos: watched.topics.end())
    watched.topics.begin()
    assert "uptime" in watched.news
    for _ in range(3):
        watched.next_interval()
        assert watched.news == []


def test_they_go_on_when_figures_could_not_be_found_once() -> None:
    watched = Watched()
    watched.topics.begin()

    def fail() -> Mapping[str, object]:
        watched.topics._figures = lambda: watched.figures
        raise OSError("too many open files")

    watched.topics._figures = fail
    watched.next_interval()
    assert [str(fault) for fault in watched.bench.faults] == ["too many open files"]
    watched.next_interval()
    assert watched["uptime"] == "20 seconds"
