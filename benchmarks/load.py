"""One run: load of one shape on one broker, measured and verified."""

import selectors
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.connections import Connection, Publisher, Receiver
from benchmarks.packets import Ring
from benchmarks.shapes import Shape
from benchmarks.verification import BrokenStream, Delivery, Faults

DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed. Times of one message are in microseconds."""

    messages: int
    messages_per_second: float
    broker_cpu: float
    generator_cpu: float
    p50: float
    p99: float
    faults: Faults


class Latencies:
    """Times from writing a message to having it, in whole microseconds, counted."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self._reached: dict[Delivery, tuple[int, int]] = {}

    def note(self, delivery: Delivery, sendings: Sequence[tuple[int, float]], now: float) -> None:
        """Count the messages that `delivery` has got since the last time; for `sendings` see Publisher."""
        index, counted = self._reached.get(delivery, (0, 0))
        while counted < delivery.expected:
            end, moment = sendings[index]
            upto = min(end, delivery.expected)
            self.counts[int((now - moment) * 1e6)] += upto - counted
            counted = upto
            if upto == end:
                index += 1
        self._reached[delivery] = index, counted

    def quantile(self, share: float) -> float:
        """The time that this share of the messages did not exceed."""
        wanted = share * self.counts.total()
        for latency in sorted(self.counts):
            wanted -= self.counts[latency]
            if wanted <= 0:
                return float(latency)
        return 0.0


class Load:
    """The clients of one shape, connected to one broker."""

    def __init__(self, shape: Shape, address: tuple[str, int]) -> None:
        self._selector = selectors.DefaultSelector()
        self._connections: list[Connection] = []
        self._latencies = Latencies()
        rings = [Ring(n, shape.qos, shape.payload_size, shape.slots) for n in range(shape.publishers)]
        self._receivers = [
            Receiver(address, n, shape, [rings[n]] if shape.paired else rings) for n in range(shape.receivers)
        ]
        self._publishers = [Publisher(address, shape, ring) for ring in rings]
        for receiver in self._receivers:
            for delivery in receiver.deliveries:
                self._publishers[delivery.ring.publisher].deliveries.append(delivery)
        self._connections += self._receivers
        self._connections += self._publishers
        for connection in self._connections:
            connection.register(self._selector)

    def close(self) -> None:
        """Close every connection."""
        self._selector.close()
        for connection in self._connections:
            connection.socket.close()

    @property
    def received(self) -> int:
        """Messages that all receivers got together."""
        return sum(delivery.received for receiver in self._receivers for delivery in receiver.deliveries)

    def measure(self, cpu_seconds: Callable[[], float], warm_up: float, seconds: float) -> Result:
        """Load the broker for so long, then wait for all that is under way, and judge."""
        for publisher in self._publishers:
            publisher.top_up()
        self._turn_until(time.perf_counter() + warm_up)
        self._latencies.counts.clear()
        received, begin = self.received, time.perf_counter()
        broker, generator = cpu_seconds(), time.process_time()
        self._turn_until(begin + seconds)
        messages, took = self.received - received, time.perf_counter() - begin
        broker_cpu, generator_cpu = cpu_seconds() - broker, time.process_time() - generator
        p50, p99 = self._latencies.quantile(0.5), self._latencies.quantile(0.99)
        self._drain()
        if not messages:
            raise BrokenStream("the broker delivered nothing")
        return Result(
            messages, messages / took, broker_cpu / messages * 1e6, generator_cpu / messages * 1e6, p50, p99,
            self._faults(),
        )

    def _turn_until(self, end: float) -> None:
        while time.perf_counter() < end:
            for publisher in self._turn(max(0.0, end - time.perf_counter())):
                publisher.top_up()

    def _drain(self) -> None:
        end = time.perf_counter() + DRAIN_SECONDS
        while any(p.done < p.sent for p in self._publishers) and time.perf_counter() < end:
            self._turn(max(0.0, end - time.perf_counter()))

    def _turn(self, timeout: float) -> set[Publisher]:
        """Serve every connection that is ready once; return the publishers that got on."""
        advanced: set[Publisher] = set()
        for key, events in self._selector.select(timeout):
            connection = key.data
            if events & selectors.EVENT_WRITE:
                connection.writable()
            if events & selectors.EVENT_READ:
                connection.readable()
                if isinstance(connection, Publisher):
                    advanced.add(connection)
                else:
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
