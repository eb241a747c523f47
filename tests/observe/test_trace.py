"""A trace: every packet of whom it is for, nothing of others, no secret, and an end."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.observe.settings import TraceSettings
from amqtt.observe.trace import LARGEST_TRACE, Trace
from amqtt.server.events import PacketReceived, PacketSent
from amqtt.wire.packets import Connect, Pingreq, Publish, Subscribe, SubscriptionRequest, WillFields
from support.bench_server import Bench
from support.raw_client import properties


def packets(file: Path) -> list[str]:
    """The lines without their moment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    return [line.split(" ", 1)[1] for line in lines]


Begin = Callable[..., Trace]


@pytest.fixture
def traced() -> Iterator[Begin]:
    """Begin a trace; it ends with the test."""
    begun: list[Trace] = []

    def begin(bench: Bench, file: Path, largest: int = LARGEST_TRACE, **settings: str) -> Trace:
        begun.append(Trace(bench.server.realm, TraceSettings(file, **settings), largest))
        begun[-1].begin()
        return begun[-1]

    yield begin
    for trace in begun:
        trace.end()


def test_it_has_every_packet_of_one_client_that_is_there_already(traced: Begin, tmp_path: Path) -> None:
    bench = Bench()
    one, other = bench.connected("one"), bench.connected("other")
    trace = traced(bench, tmp_path / "t", client="one")
    one.send(Subscribe(7, [SubscriptionRequest("a/#", 1)]))
    other.send(Publish("a/b", b"canary", 1, packet_id=3, properties=properties(content_type="text")))
    one.received()
    trace.end()
    one.send(Pingreq())
    assert packets(tmp_path / "t") == [
        "one 192.0.2.1:40000 > SUBSCRIBE packet_id=7 'a/#'/1",
        "one 192.0.2.1:40000 < SUBACK packet_id=7 reason_codes=[1]",
        "one 192.0.2.1:40000 < PUBLISH topic='a/b' qos=1 packet_id=1 payload=6 bytes content_type='text'",
    ]


def test_it_has_the_connect_of_one_that_comes_later_without_secrets(traced: Begin, tmp_path: Path) -> None:
    bench = Bench()
    traced(bench, tmp_path / "t", client="one")
    will = WillFields("w", b"canary")
    bench.connected("one", username="u", password=b"canary", will=will, user_properties=(("k", "canary"),))
    text = (tmp_path / "t").read_text(encoding="utf-8")
    assert "> CONNECT version=5 clean_start=True keep_alive=0 username='u' will='w'/0" in text
    assert "< CONNACK" in text
    assert "canary" not in text


def test_of_a_topic_it_has_what_is_published_to_it(traced: Begin, tmp_path: Path) -> None:
    bench = Bench()
    client = bench.connected("c")
    traced(bench, tmp_path / "t", topic="a/+")
    client.send(Publish("a/b", b"1"), Publish("a/b/c", b"1"), Pingreq())
    (line,) = packets(tmp_path / "t")
    assert line == "c 192.0.2.1:40000 > PUBLISH topic='a/b' qos=0 packet_id=0 payload=1 bytes"


@pytest.mark.parametrize(("address", "lines"), [("192.0.2.0/24", 2), ("192.0.2.1", 2), ("10.0.0.0/8", 0)])
def test_of_an_address_it_has_the_packets_of_its_clients(
    traced: Begin, tmp_path: Path, address: str, lines: int
) -> None:
    bench = Bench()
    client = bench.connected("c")
    traced(bench, tmp_path / "t", address=address)
    client.send(Pingreq())
    assert len(packets(tmp_path / "t")) == lines


def test_of_an_address_it_has_who_is_refused_from_the_connect_on(traced: Begin, tmp_path: Path) -> None:
    bench = Bench()
    traced(bench, tmp_path / "t", address="192.0.2.1")
    bench.client(4).send(Connect("", 4, clean_start=False))
    assert packets(tmp_path / "t") == [
        "- 192.0.2.1:40000 > CONNECT version=4 keep_alive=0",
        "- 192.0.2.1:40000 < CONNACK reason_code=133",
    ]


def test_a_client_identifier_cannot_forge_a_line(traced: Begin, tmp_path: Path) -> None:
    bench = Bench()
    traced(bench, tmp_path / "t")
    bench.connected("a\nb")
    assert [line.partition(" ")[0] for line in packets(tmp_path / "t")] == ["a\\nb", "a\\nb"]


def test_a_file_that_is_full_ends_it_and_costs_nothing_any_more(traced: Begin, tmp_path: Path) -> None:
    bench = Bench()
    traced(bench, tmp_path / "t", largest=100)
    client = bench.connected("c")
    client.send(Pingreq(), Pingreq(), Pingreq())
    assert 100 <= (tmp_path / "t").stat().st_size < 400
    assert not bench.server.events.wanted(PacketReceived)
    assert not bench.server.events.wanted(PacketSent)
    client.send(Pingreq())
    assert client.received()


def test_others_cannot_read_the_file(traced: Begin, tmp_path: Path) -> None:
    traced(Bench(), tmp_path / "t")
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o600


async def test_a_broker_traces_what_its_configuration_says_and_ends_it(tmp_path: Path) -> None:
    listeners = {"default": {"bind": "127.0.0.1:0"}}
    trace = [{"file": tmp_path / "t"}, {"file": tmp_path / "no" / "such" / "folder"}]
    async with Broker({"listeners": listeners, "trace": trace}) as broker:
        assert broker.server.events.wanted(PacketReceived)
    assert not broker.server.events.wanted(PacketReceived)
    assert (tmp_path / "t").exists()
