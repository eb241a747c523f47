"""One run of a Stream: load on one broker, measured and verified."""

import select
import time
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.broker_process import BrokerProcess
from benchmarks.channels import Endpoint
from benchmarks.connections import Connection, Publisher, Receiver
from benchmarks.figures import Latencies, Result
from benchmarks.rings import Ring
from benchmarks.shapes import Stream
from benchmarks.verification import BrokenStream, Faults

DRAIN_SECONDS = 20.0
_FILTERS_PER_PACKET = 500
_FILTERS_PER_CLIENT = 10_000


def other_filters(count: int) -> Iterator[str]:
    """Topic Filters that match no published topic: half exact, a quarter with +, a quarter with #.

    They have levels in common with the topics that are published, and with one another.
    """
    for number in range(count):
        name = f"{number // 4:06d}"
        yield (
            f"bench/{name}x/state", f"bench/{name}x/power",
            f"bench/+/{name}/state" if number % 8 < 4 else f"+/{name}x/state",
            f"bench/{name}x/log/#",
        )[number % 4]


class Load:
    """The clients of one Stream, connected to one broker."""

    def __init__(self, stream: Stream, endpoint: Endpoint) -> None:
        self._epoll = select.epoll()
        self._latencies = Latencies()
        rings = [
            Ring(n, stream.qos, stream.payload_size, stream.slots, stream.topics, stream.version)
            for n in range(stream.publishers)
        ]
        self._receivers: list[Receiver] = []
        self._publishers: list[Publisher] = []
        self._connections: list[Connection] = []
        try:
            self._connect(stream, endpoint, rings)
        except BaseException:
            self.close()
            raise
        for receiver in self._receivers:
            for delivery in receiver.deliveries:
                self._publishers[delivery.ring.publisher].deliveries.append(delivery)
        self._by_number = {connection.fileno(): connection for connection in self._connections}
        for connection in self._connections:
            connection.register(self._epoll)

    def _connect(self, stream: Stream, endpoint: Endpoint, rings: list[Ring]) -> None:
        filters = list(other_filters(stream.others))
        for first in range(0, len(filters), _FILTERS_PER_CLIENT):
            bystander = Connection(endpoint, f"bystander-{first}")
            self._connections.append(bystander)
            mine = filters[first : first + _FILTERS_PER_CLIENT]
            for at in range(0, len(mine), _FILTERS_PER_PACKET):
                bystander.subscribe(mine[at : at + _FILTERS_PER_PACKET], 0)
        for number in range(stream.receivers):
            receiver = Receiver(endpoint, number, stream, [rings[number]] if stream.paired else rings)
            self._receivers.append(receiver)
            self._connections.append(receiver)
        for ring in rings:
            publisher = Publisher(endpoint, stream, ring)
            self._publishers.append(publisher)
            self._connections.append(publisher)

    def close(self) -> None:
        """Close every connection."""
        self._epoll.close()
        for connection in self._connections:
            connection.close()

    @property
    def received(self) -> int:
        """Messages that all receivers got together."""
        return sum(delivery.received for receiver in self._receivers for delivery in receiver.deliveries)

    def measure(self, broker: BrokerProcess, warm_up: float, seconds: float) -> Result:
        """Load the broker for so long, then wait for all that is under way, and judge."""
        for publisher in self._publishers:
            publisher.top_up()
        self._turn_until(time.perf_counter() + warm_up)
        self._latencies.counts.clear()
        received, begin = self.received, time.perf_counter()
        broker_cpu, generator_cpu = broker.cpu_seconds(), time.process_time()
        self._turn_until(begin + seconds)
        # On a machine with other work that may be too short for any; one that delivers none is told below.
        while self.received == received and time.perf_counter() < begin + seconds + DRAIN_SECONDS:
            self._turn_until(time.perf_counter() + seconds)
        count, took = self.received - received, time.perf_counter() - begin
        broker_cpu, generator_cpu = broker.cpu_seconds() - broker_cpu, time.process_time() - generator_cpu
        p50, p99, p999 = (self._latencies.quantile(share) for share in (0.5, 0.99, 0.999))
        self._drain()
        if not count:
            raise BrokenStream("the broker delivered nothing")
        return Result(
            count, count / took, broker_cpu / count * 1e6, generator_cpu / count * 1e6, p50, p99, p999,
            faults=self._faults(),
        )

    def _turn_until(self, end: float) -> None:
        while (now := time.perf_counter()) < end:
            for publisher in self._turn(end - now):
                publisher.top_up()

    def _drain(self) -> None:
        end = time.perf_counter() + DRAIN_SECONDS
        while any(p.done < p.sent for p in self._publishers) and time.perf_counter() < end:
            self._turn(max(0.0, end - time.perf_counter()))

    def _turn(self, timeout: float) -> set[Publisher]:
        """Serve every connection that is ready once; return the publishers that got on."""
        advanced: set[Publisher] = set()
        for number, events in self._epoll.poll(timeout):
            connection = self._by_number[number]
            if events & select.EPOLLOUT:
                connection.writable()
            if events & ~select.EPOLLOUT:
                connection.readable()
                if isinstance(connection, Publisher):
                    advanced.add(connection)
                elif isinstance(connection, Receiver):
                    self._note(connection, advanced)
        return advanced

    def _note(self, receiver: Receiver, advanced: set[Publisher]) -> None:
        now = time.perf_counter()
        for delivery in receiver.inbox.touched:
            publisher = self._publishers[delivery.ring.publisher]
            self._latencies.note(delivery, publisher.sendings, now)
            advanced.add(publisher)

    def _faults(self) -> Faults:
        faults = Faults()
        for publisher in self._publishers:
            faults += publisher.outbox.faults
            for delivery in publisher.deliveries:
                faults += delivery.final(publisher.sent)
        return faults


def measure(stream: Stream, broker: BrokerProcess, warm_up: float, seconds: float) -> Result:
    """One run of a Stream."""
    others = int(stream.others * broker.broker.share)
    load = Load(replace(stream, others=others), broker.endpoint)
    try:
        return load.measure(broker, warm_up, seconds)
    finally:
        load.close()
