"""What durable acknowledgements cost: `python -m benchmarks.durable`, beside Mosquitto with persistence.

Publishers send QoS 1 with one message in flight, to one Session that is away and one that is there and
acknowledges. Of each broker it says how many PUBACKs came in a second, the processor time of one (the
broker's, and that of this generator of load), how long one took, and how many syncs there were for each
message (by strace, in a run of its own).
"""

import argparse
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from benchmarks.broker_process import BrokerProcess
from benchmarks.brokers import Broker, Place
from benchmarks.certificates import Certificates, issued
from benchmarks.channels import Endpoint
from benchmarks.connections import Connection
from benchmarks.packets import PUBACK, PUBLISH, acknowledgements, publish

PUBLISHERS = (1, 10, 100, 1000)
PAYLOAD = 200
WINDOW = 1
SYNCS = "fsync,fdatasync,sync_file_range,msync"

LIMITS = """
limits:
  maximum-queued-messages: 100000000
  maximum-queued-bytes: 100000000000
  maximum-queued-bytes-in-all: 100000000000
  maximum-inflight: 1000
sys-interval: 0
"""
MOSQUITTO = """
allow_anonymous true
log_dest none
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
max_queued_bytes 0
"""


def _ours(durability: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        config = place.folder / "amqtt.yaml"
        kept = f"persistence:\n  file: {place.folder}/amqtt.db\n  durability: {durability}\n"
        config.write_text(f"listeners:\n  default:\n    bind: 127.0.0.1:{place.port}\n{LIMITS}{kept}")
        return [sys.executable, "-m", "amqtt", "-c", str(config)]

    return command


def _mosquitto(persistence: bool) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        kept = f"persistence true\npersistence_location {place.folder}/\nautosave_interval 1\n"
        config = place.folder / "mosquitto.conf"
        user = "user root\n" if os.getuid() == 0 else ""
        listener = f"listener {place.port} 127.0.0.1\n{user}"
        config.write_text(MOSQUITTO + listener + (kept if persistence else "persistence false\n"))
        return ["mosquitto", "-c", str(config)]

    return command


BROKERS = (
    Broker("amqtt full", _ours("full")),
    Broker("amqtt normal", _ours("normal")),
    Broker("amqtt memory", _ours("memory")),
    Broker("mosquitto, saved each second", _mosquitto(persistence=True)),
    Broker("mosquitto, not saved", _mosquitto(persistence=False)),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run."""

    count: int
    rate: float
    cpu_us: float
    generator_us: float
    p50_ms: float
    p99_ms: float
    syncs: float | None


class Publisher(Connection):
    """Sends the next message when the last one is acknowledged."""

    def __init__(self, endpoint: Endpoint, number: int, topic: str) -> None:
        super().__init__(endpoint, f"publisher-{number}")
        self._packet = publish(topic, bytes(PAYLOAD), 0x02, b"\x00\x01")
        self._sent = 0.0
        self.times: list[float] = []

    def next(self) -> None:
        """Publish."""
        self._sent = time.perf_counter()
        self.send(self._packet)

    def readable(self) -> None:
        """A PUBACK, and nothing else."""
        data = self.read()
        assert data == b"\x40\x02\x00\x01", data[:32].hex(" ")
        self.times.append(time.perf_counter() - self._sent)
        self.next()


class Listener(Connection):
    """Takes everything, and acknowledges it."""

    def __init__(self, endpoint: Endpoint, name: str, topic: str) -> None:
        super().__init__(endpoint, f"{name}-there", clean=False)
        self._rest = b""
        self.taken = 0
        self.subscribe([topic], 1)

    def readable(self) -> None:
        """PUBLISH packets, all of one length."""
        data = self._rest + self.read()
        size = 2 + (data[1] if data[1] < 128 else (data[1] & 127) + (data[2] << 7) + 1)
        header = size - PAYLOAD - 2
        whole = len(data) // size
        self._rest = data[whole * size :]
        end = whole * size
        assert data[0] & 0xF0 == PUBLISH
        self.send(acknowledgements(PUBACK, data[header:end:size], data[header + 1 : end : size]))
        self.taken += whole


def _away(endpoint: Endpoint, name: str, topic: str) -> None:
    """A Session that waits for its Client."""
    connection = Connection(endpoint, f"{name}-away", clean=False)
    connection.subscribe([topic], 1)
    connection.say(b"\xe0\x00")
    connection.close()


def _run(broker: BrokerProcess, name: str, number: int, seconds: float, durable: bool) -> Figures:
    topic = f"bench/{name}"
    endpoint = broker.endpoint
    if durable:
        _away(endpoint, name, topic)
    epoll = select.epoll()
    connections: dict[int, Connection] = {}
    publishers = [Publisher(endpoint, each, topic) for each in range(number)]
    listeners = [Listener(endpoint, name, topic)] if durable else []
    for connection in [*publishers, *listeners]:
        connection.register(epoll)
        connections[connection.fileno()] = connection
    for publisher in publishers:
        publisher.next()
    _turn(epoll, connections, seconds / 3)
    begun = {publisher: len(publisher.times) for publisher in publishers}
    cpu, own, begin = broker.cpu_seconds(), time.process_time(), time.perf_counter()
    _turn(epoll, connections, seconds)
    cpu, passed = broker.cpu_seconds() - cpu, time.perf_counter() - begin
    own = time.process_time() - own
    times = sorted(each for publisher in publishers for each in publisher.times[begun[publisher] :])
    for connection in connections.values():
        connection.close()
    count = len(times)
    if not count:
        raise SystemExit("Nothing was acknowledged in this time: give it more --seconds")
    half, most = times[count // 2], times[count * 99 // 100]
    return Figures(
        count, count / passed, cpu / count * 1e6, own / count * 1e6, half * 1e3, most * 1e3, None
    )


def _turn(epoll: select.epoll, connections: dict[int, Connection], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for number, events in epoll.poll(0.1):
            if events & select.EPOLLOUT:
                connections[number].writable()
            if events & ~select.EPOLLOUT:
                connections[number].readable()


@contextmanager
def _counted(pid: int, report: Path) -> Iterator[None]:
    """Count the syncs of a process meanwhile."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-e", f"trace={SYNCS}", "-o", str(report), "-p", str(pid)],
        stderr=subprocess.PIPE,
    )
    assert tracer.stderr is not None
    tracer.stderr.readline()
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        tracer.stderr.close()


def _syncs(report: Path) -> int:
    """All calls that strace counted."""
    row = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?:fsync|fdatasync|msync)")
    return sum(int(found[1]) for line in report.read_text().splitlines() if (found := row.match(line)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--publishers", type=int, nargs="+", default=PUBLISHERS)
    parser.add_argument("--brokers", nargs="+", default=[broker.name for broker in BROKERS])
    parser.add_argument("--fleeting", action="store_true", help="nobody durable: no Session away or there")
    parser.add_argument("--rounds", type=int, default=1, help="of all brokers, by turns")
    parser.add_argument("--folder", type=Path, help="where the brokers keep what they keep")
    arguments = parser.parse_args()
    print("| publishers | broker | PUBACK/s | CPU us | generator us | p50 ms | p99 ms | syncs per message |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        certificates = issued(Path(folder))
        brokers = [broker for broker in BROKERS if broker.name in arguments.brokers]
        for number, broker in product(arguments.publishers, brokers * arguments.rounds):
            found = _measured(broker, certificates, number, arguments)
            syncs = "" if found.syncs is None else f"{found.syncs:.3f}"
            print(
                f"| {number} | {broker.name} | {found.rate:,.0f} | {found.cpu_us:.1f} "
                f"| {found.generator_us:.1f} | {found.p50_ms:.2f} | {found.p99_ms:.2f} | {syncs} |",
                flush=True,
            )


def _measured(
    broker: Broker, certificates: Certificates, number: int, arguments: argparse.Namespace
) -> Figures:
    durable = not arguments.fleeting
    allowed = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        where = Path(folder)
        processor = None if len(allowed) == 1 else allowed[0]
        with BrokerProcess(broker, "tcp", where, certificates, processor) as running:
            os.sched_setaffinity(0, allowed[-1:])
            figures = _run(running, "timed", number, arguments.seconds, durable)
            os.sched_setaffinity(0, allowed)
            report = where / "syncs"
            if shutil.which("strace") and durable:
                with _counted(running.pid, report):
                    counted = _run(running, "counted", number, arguments.seconds, durable)
                figures = replace(figures, syncs=_syncs(report) / counted.count)
    return figures


if __name__ == "__main__":
    main()
