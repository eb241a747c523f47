"""The generator against a broker that runs: what it counts has arrived."""

import contextlib
import itertools
from pathlib import Path

import pytest

from amqtt.topics.names import matches
from benchmarks import holdings, storm, streams
from benchmarks.broker_process import BrokerFailed, BrokerProcess
from benchmarks.brokers import BROKERS, Broker, given
from benchmarks.certificates import Certificates, issued
from benchmarks.rings import Ring
from benchmarks.shapes import Memory, Retained, Storm, Stream
from benchmarks.verification import BrokenStream, Faults


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issued(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["tcp", "tls", "wss"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ours(form: str = "amqtt asyncio") -> Broker:
    return next(broker for broker in BROKERS if broker.name == form)


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", [4, 5])
def test_all_that_a_broker_delivers_is_verified(
    qos: int, version: int, tmp_path: Path, certificates: Certificates
) -> None:
    stream = Stream("s", "", 2, 2, qos, 20, paired=True, topics=10, version=version, others=80)
    with BrokerProcess(ours(), "tcp", tmp_path, certificates, None) as broker:
        result = streams.measure(stream, broker, 0.05, 0.1)
    assert result.faults == Faults()
    assert result.count > 0
    assert result.broker_cpu > 0


def test_it_speaks_what_browsers_and_sensors_speak(
    transport: str, tmp_path: Path, certificates: Certificates
) -> None:
    stream = Stream("s", "", 1, 3, 0, 20, transport=transport)
    with BrokerProcess(ours("amqtt pure"), transport, tmp_path, certificates, None) as broker:
        result = streams.measure(stream, broker, 0.05, 0.1)
    assert (result.faults, result.count > 0) == (Faults(), True)


def test_clients_come_and_go(tmp_path: Path, certificates: Certificates) -> None:
    with BrokerProcess(ours(), "tcp", tmp_path, certificates, None) as broker:
        result = storm.measure(Storm("s", "", 5), broker, 0.05, 0.1)
    assert result.count > 0


def test_retained_messages_come_once_each(tmp_path: Path, certificates: Certificates) -> None:
    with BrokerProcess(ours(), "tcp", tmp_path, certificates, None) as broker:
        result = holdings.deliver_retained(Retained("r", "", 2500), broker)
    assert (result.count, result.faults) == (2500, Faults())


@pytest.mark.parametrize("unit", ["connection", "session", "subscription", "retained"])
def test_what_a_broker_holds_is_weighed(unit: str, tmp_path: Path, certificates: Certificates) -> None:
    with BrokerProcess(ours(), "tcp", tmp_path, certificates, None) as broker:
        result = holdings.weigh(Memory("m", "", unit, 300), broker)
    assert result.count == 300
    assert result.memory > 0


def test_retained_messages_are_told_from_those_that_were_not_sent() -> None:
    packets = [b"aaaa", b"bbbb", b"cccc"]
    assert holdings.judged(packets, b"ccccaaaabbbb") == Faults()
    assert holdings.judged(packets, b"aaaabbbbbbbbdddd") == Faults(lost=1, duplicates=1, corrupt=1)


def test_the_other_filters_are_all_different_and_match_nothing_that_is_published() -> None:
    filters = list(streams.other_filters(4000))
    assert len(set(filters)) == 4000
    topics = {Ring(n, 0, 64, 50, topics=50).topic(slot) for n in range(3) for slot in range(50)}
    topics |= {Ring(0, 0, 64, 16).topic(0)}
    assert [pair for pair in itertools.product(filters, topics) if matches(*pair)] == []


def test_a_broker_of_the_command_line_is_told_its_port(tmp_path: Path, certificates: Certificates) -> None:
    (peer,) = given(["mine=python3 -c 'import time; print({port}); time.sleep(9)'"])
    assert peer.name == "mine"
    with pytest.raises(ValueError, match=r"\{port\}"):
        given(["mine=mosquitto"])


def test_a_broker_that_ends_at_once_is_reported_with_what_it_said(
    tmp_path: Path, certificates: Certificates
) -> None:
    (peer,) = given(["sorry=sh -c 'echo no licence on port {port}; exit 3'"])
    with (
        pytest.raises(BrokerFailed, match="no licence"),
        BrokerProcess(peer, "tcp", tmp_path, certificates, None),
    ):
        pass


def test_a_broker_that_hangs_up_breaks_the_run(tmp_path: Path, certificates: Certificates) -> None:
    with BrokerProcess(ours(), "tcp", tmp_path, certificates, None) as broker:
        connection = streams.Connection(broker.endpoint, "someone")
        with contextlib.closing(connection), pytest.raises(BrokenStream, match="closed a connection"):
            connection.subscribe(["a/#/b"], 0)
