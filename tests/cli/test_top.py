"""`amqtt top`: the figures of a broker, and how fast they grow."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from amqtt.broker import Broker
from amqtt.cli.command import app
from amqtt.cli.top import ROOT, Figures, picture
from amqtt.threaded import ServiceThread


def a_set(figures: Figures, now: float, uptime: int, retained: bool = False, **totals: int) -> None:
    """What a broker publishes at one interval: its uptime first, and of the totals those that changed."""
    figures.take(ROOT + "uptime", f"{uptime} seconds".encode(), now, retained)
    for name, total in totals.items():
        figures.take(ROOT + name.replace("_", "/"), str(total).encode(), now, retained)


def test_what_grows_has_a_rate_from_the_second_set_on_the_retained_one_included() -> None:
    figures = Figures()
    a_set(figures, 100.0, 20, retained=True, bytes_received=900, bytes_sent=0)
    assert figures.rate("bytes/received") is None
    a_set(figures, 103.0, 30, bytes_received=1000)
    assert (figures.rate("bytes/received"), figures.rate("bytes/sent")) == (10, 0)
    a_set(figures, 105.0, 32, bytes_received=1600)
    assert figures.rate("bytes/received") == 300
    assert figures.summary()["bytes_in_per_second"] == 300.0


def test_what_does_not_grow_any_more_is_not_told_and_has_no_rate_left() -> None:
    figures = Figures()
    a_set(figures, 1.0, 1, bytes_received=0)
    a_set(figures, 3.0, 3, bytes_received=5000)
    assert figures.rate("bytes/received") == 2500
    a_set(figures, 5.0, 5)
    assert figures.rate("bytes/received") == 0


def test_a_broker_that_was_started_anew_has_no_negative_rate() -> None:
    figures = Figures()
    a_set(figures, 1.0, 500, bytes_received=900)
    a_set(figures, 3.0, 502, bytes_received=1000)
    a_set(figures, 60.0, 4, retained=True, bytes_received=5)
    assert figures.rate("bytes/received") is None
    a_set(figures, 61.0, 4, bytes_received=5)
    assert figures.rate("bytes/received") is None
    a_set(figures, 63.0, 6, bytes_received=2)
    assert figures.rate("bytes/received") == 0


@pytest.mark.parametrize(
    ("told", "shown"),
    [("9 seconds", "up 0:00:09"), ("26784061 seconds", "up 310 days 0:01:01"), ("a while", "up a while")],
)
def test_how_long_it_is_up_is_said_as_people_say_it(told: str, shown: str) -> None:
    figures = Figures()
    figures.take(ROOT + "uptime", told.encode(), 1.0)
    assert picture(figures, "").splitlines()[0].endswith(shown)


def test_figures_of_a_hostile_broker_do_nothing_to_the_terminal() -> None:
    figures = Figures()
    figures.take(ROOT + "version", b"\x1b[2J\nroot:~# \xff" + b"x" * 1000, 1.0)
    figures.take(ROOT + "clients/connected", b"many", 1.0)
    figures.take(ROOT + "heap/current", b"1e999", 1.0)
    figures.take(ROOT + "heap/maximum", b"nan", 1.0)
    drawn = picture(figures, "here")
    assert "\x1b" not in drawn
    assert all(len(line) < 200 for line in drawn.splitlines())


def test_the_picture_has_clients_rates_and_exceeded_limits() -> None:
    figures = Figures()
    for name, value in (
        ("version", b"amqtt version 1"), ("uptime", b"9 seconds"), ("clients/connected", b"1234"),
        ("heap/current", b"1048576"), ("limits/maximum-topic-levels/exceeded", b"3"),
    ):
        figures.take(ROOT + name, value, 1.0)
    drawn = picture(figures, "amqtt top")
    for part in ("amqtt version 1", "up 0:00:09", "1,234 connected", "1.0 MiB"):
        assert part in drawn
    assert "3 times maximum-topic-levels" in drawn


def test_it_names_who_is_furthest_behind() -> None:
    figures = Figures()
    assert "slowest    not told by this broker" in picture(figures, "")
    figures.take(ROOT + "clients/slowest", b"[]", 1.0)
    assert "slowest    nobody is behind" in picture(figures, "")
    behind = {"client_id": "sl\x1bow" + "x" * 60, "queued": 12345, "unacknowledged": 256, "unsent_bytes": 7}
    figures.take(ROOT + "clients/slowest", json.dumps([behind]).encode(), 1.0)
    row = picture(figures, "").splitlines()[-1]
    assert row.split() == ["sl?ow" + "x" * 34 + "…", "12,345", "256", "7"]


@pytest.mark.parametrize("payload", [b"", b"1", b"[1]", b'[{"client_id": "a"}]', b"{", b"[" * 60_000])
def test_a_list_that_is_none_is_not_shown(payload: bytes) -> None:
    figures = Figures()
    figures.take(ROOT + "clients/slowest", payload, 1.0)
    assert figures.slowest is None


@pytest.fixture
def broker() -> Iterator[ServiceThread]:
    config = {"listeners": {"default": {"bind": "127.0.0.1:0"}}, "sys-interval": 1}
    with Broker(config).run_in_thread() as running:
        yield running


def test_it_shows_a_broker_that_runs(broker: ServiceThread) -> None:
    arguments = ["top", "-p", str(broker.port), "-n", "1", "--interval", "0.1"]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "connected" in shown.stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["version"].startswith("amqtt version")


def test_where_nothing_is_published_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amqtt.cli.top.PATIENCE", 0.01)
    config = {"listeners": {"default": {"bind": "127.0.0.1:0"}}, "sys-interval": 0}
    with Broker(config).run_in_thread() as running:
        said = CliRunner().invoke(app, ["top", "-p", str(running.port)])
    assert said.exit_code == 1
    assert "is sys-interval 0" in said.stderr
