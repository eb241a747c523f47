"""What durable acknowledgements cost: `python -m benchmarks.durable`, beside Mosquitto with persistence.

Publishers send QoS 1 to one Session that is away and one that is there and acknowledges. Of each broker
it says how many PUBACKs came in a second, the processor time of one (the broker's, and that of this
generator of load), how long one took, and how many syncs there were for each message (by strace, in a run of
its own).

A publisher has a `window` of messages in flight. With one, each message costs the kernel a packet in and
one out, whatever the broker does; 20 is what Paho's clients and Mosquitto's allow by default, and there the
broker itself is measured. Everything is verified: each PUBACK bears the Packet Identifier that is next; the
Session that is there gets each publisher's messages in order, none of them lost, none twice; and so does
the one that was away, when the run is over.
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
from collections import deque
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
from benchmarks.packets import PUBACK, PUBLISH, acknowledgement, acknowledgements, publish

PUBLISHERS = (1, 10, 100, 1000)
WINDOWS = (1, 20)
PAYLOAD = 200
RINGS = 4
"""Messages that a publisher has made before it begins, in windows: it sends them over and over."""
PATIENCE = 60.0
"""Seconds for what is on its way when a run ends."""
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
    """Sends as many messages as were acknowledged. Each says whose it is, and its place in the ring."""

    def __init__(self, endpoint: Endpoint, number: int, topic: str, window: int) -> None:
        super().__init__(endpoint, f"publisher-{number}")
        self._window = window
        self.ring = RINGS * window
        places = range(self.ring)
        whose = number.to_bytes(2, "big")
        payloads = [(whose + place.to_bytes(2, "big")).ljust(PAYLOAD, b".") for place in places]
        packets = [
            publish(topic, payloads[place], 0x02, (place + 1).to_bytes(2, "big")) for place in places
        ]
        self._size = len(packets[0])
        # Twice, so that what follows the last one is the first one.
        self._packets = b"".join(packets) * 2
        self._acknowledgements = b"".join(acknowledgement(PUBACK, place + 1) for place in places) * 2
        self._moments: deque[tuple[int, float]] = deque()
        """The number of messages sent when a writing was done, and its moment."""
        self._rest = b""
        self.sent = 0
        self.acknowledged = 0
        self.ends = False
        self.times: list[float] = []

    def begin(self) -> None:
        """Publish a window of messages."""
        self._publish(self._window)

    def _publish(self, count: int) -> None:
        begin = self.sent % self.ring * self._size
        self.sent += count
        self._moments.append((self.sent, time.perf_counter()))
        self.send(self._packets[begin : begin + count * self._size])

    def readable(self) -> None:
        """The next PUBACK packets, and nothing else."""
        data = self._rest + self.read()
        now = time.perf_counter()
        count = len(data) // 4
        begin = self.acknowledged % self.ring * 4
        expected = self._acknowledgements[begin : begin + 4 * count]
        assert data[: 4 * count] == expected, f"{data[:32].hex(' ')}, not {expected[:32].hex(' ')}"
        self._rest = data[4 * count :]
        assert self.acknowledged + count <= self.sent
        self._time(count, now)
        if count and not self.ends:
            self._publish(count)

    def _time(self, count: int, now: float) -> None:
        moments = self._moments
        left = count
        while left:
            until, sent_at = moments[0]
            some = min(left, until - self.acknowledged)
            self.times += [now - sent_at] * some
            self.acknowledged += some
            left -= some
            if self.acknowledged == until:
                moments.popleft()


class Listener(Connection):
    """Takes everything, and acknowledges it: of each publisher one message behind the other."""

    def __init__(self, endpoint: Endpoint, client_id: str, ring: int, topic: str = "") -> None:
        super().__init__(endpoint, client_id, clean=False)
        self._rest = b""
        self._ring = ring
        self.taken = 0
        self.of_publisher: dict[int, int] = {}
        if topic:
            self.subscribe([topic], 1)

    def readable(self) -> None:
        """PUBLISH packets, all of one length."""
        data = self._rest + self.read()
        if not data:
            return
        size = 2 + (data[1] if data[1] < 128 else (data[1] & 127) + (data[2] << 7) + 1)
        header = size - PAYLOAD - 2
        whole = len(data) // size
        self._rest = data[whole * size :]
        end = whole * size
        assert data[:end:size] == bytes((PUBLISH | 2,)) * whole, data[:32].hex(" ")
        self.send(acknowledgements(PUBACK, data[header:end:size], data[header + 1 : end : size]))
        said = [data[at:end:size] for at in range(header + 2, header + 6)]
        of_publisher, ring = self.of_publisher, self._ring
        for high, low, place_high, place_low in zip(*said, strict=True):
            publisher, place = high << 8 | low, place_high << 8 | place_low
            taken = of_publisher.get(publisher, 0)
            assert place == taken % ring, f"message {place} of publisher {publisher}, not {taken % ring}"
            of_publisher[publisher] = taken + 1
        self.taken += whole


def _away(endpoint: Endpoint, client_id: str, topic: str) -> None:
    """A Session that waits for its Client."""
    connection = Connection(endpoint, client_id, clean=False)
    connection.subscribe([topic], 1)
    connection.say(b"\xe0\x00")
    connection.close()


class Run:
    """Publishers, and the Client that is there, in one go on one topic."""

    def __init__(self, broker: BrokerProcess, name: str, number: int, window: int, durable: bool) -> None:
        topic = f"bench/{name}"
        self._broker = broker
        self._away = f"{name}-away" if durable else ""
        if durable:
            _away(broker.endpoint, self._away, topic)
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._publishers = [Publisher(broker.endpoint, each, topic, window) for each in range(number)]
        self._listeners: list[Listener] = []
        for publisher in self._publishers:
            self._take(publisher)
        if durable:
            self._listen(f"{name}-there", topic)

    def _take(self, connection: Connection) -> None:
        connection.register(self._epoll)
        self._connections[connection.fileno()] = connection

    def _listen(self, client_id: str, topic: str = "") -> None:
        listener = Listener(self._broker.endpoint, client_id, self._publishers[0].ring, topic)
        self._listeners.append(listener)
        self._take(listener)

    def measure(self, seconds: float) -> Figures:
        """Warm up for a third of the time, then count, then verify."""
        publishers, broker = self._publishers, self._broker
        for publisher in publishers:
            publisher.begin()
        self._turn(seconds / 3)
        for publisher in publishers:
            publisher.times.clear()
        cpu, own, begin = broker.cpu_seconds(), time.process_time(), time.perf_counter()
        self._turn(seconds)
        cpu, passed = broker.cpu_seconds() - cpu, time.perf_counter() - begin
        own = time.process_time() - own
        times = sorted(each for publisher in publishers for each in publisher.times)
        count = len(times)
        if not count:
            raise SystemExit("Nothing was acknowledged in this time: give it more --seconds")
        self._verify()
        half, most = times[count // 2], times[count * 99 // 100]
        return Figures(
            count, count / passed, cpu / count * 1e6, own / count * 1e6, half * 1e3, most * 1e3, None
        )

    def _verify(self) -> None:
        """Every message was acknowledged once, and is or was with both who subscribed."""
        publishers = self._publishers
        for publisher in publishers:
            publisher.ends = True
        self._until(lambda: all(each.acknowledged == each.sent for each in publishers), "PUBACK packets")
        sent = sum(publisher.sent for publisher in publishers)
        if self._away:
            self._listen(self._away)
            self._until(lambda: all(each.taken == sent for each in self._listeners), "messages")
        self._turn(0.1)  # what is too much
        for listener in self._listeners:
            assert listener.of_publisher == {at: each.sent for at, each in enumerate(publishers)}
        for connection in self._connections.values():
            connection.close()
        self._epoll.close()

    def _until(self, done: Callable[[], bool], what: str) -> None:
        end = time.perf_counter() + PATIENCE
        while not done():
            if time.perf_counter() > end:
                raise SystemExit(f"Not all {what} have come in {PATIENCE:g} s")
            self._turn(0.02)

    def _turn(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        connections = self._connections
        while time.perf_counter() < end:
            for number, events in self._epoll.poll(0.02):
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
    parser.add_argument(
        "--window", type=int, nargs="+", default=WINDOWS, help="messages in flight of each publisher"
    )
    parser.add_argument("--no-syncs", action="store_true", help="no runs that count these")
    parser.add_argument("--brokers", nargs="+", default=[broker.name for broker in BROKERS])
    parser.add_argument("--fleeting", action="store_true", help="nobody durable: no Session away or there")
    parser.add_argument("--rounds", type=int, default=1, help="of all brokers, by turns")
    parser.add_argument("--folder", type=Path, help="where the brokers keep what they keep")
    arguments = parser.parse_args()
    print(
        "| publishers | window | broker | PUBACK/s | CPU us | generator us | p50 ms | p99 ms "
        "| syncs per message |\n|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        certificates = issued(Path(folder))
        brokers = [broker for broker in BROKERS if broker.name in arguments.brokers]
        runs = product(arguments.publishers, arguments.window, brokers * arguments.rounds)
        for number, window, broker in runs:
            found = _measured(broker, certificates, (number, window), arguments)
            syncs = "" if found.syncs is None else f"{found.syncs:.3f}"
            print(
                f"| {number} | {window} | {broker.name} | {found.rate:,.0f} | {found.cpu_us:.1f} "
                f"| {found.generator_us:.1f} | {found.p50_ms:.2f} | {found.p99_ms:.2f} | {syncs} |",
                flush=True,
            )


def _measured(
    broker: Broker, certificates: Certificates, load: tuple[int, int], arguments: argparse.Namespace
) -> Figures:
    durable = not arguments.fleeting
    allowed = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        where = Path(folder)
        processor = None if len(allowed) == 1 else allowed[0]
        with BrokerProcess(broker, "tcp", where, certificates, processor) as running:
            os.sched_setaffinity(0, allowed[-1:])
            figures = Run(running, "timed", *load, durable).measure(arguments.seconds)
            os.sched_setaffinity(0, allowed)
            report = where / "syncs"
            if shutil.which("strace") and durable and not arguments.no_syncs:
                counting = Run(running, "counted", *load, durable)
                with _counted(running.pid, report):
                    counted = counting.measure(arguments.seconds)
                figures = replace(figures, syncs=_syncs(report) / counted.count)
    return figures


if __name__ == "__main__":
    main()
