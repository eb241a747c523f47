"""Runs of Retained and Memory: what a broker holds, what that costs, and whether it is all there."""

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.broker_process import BrokerProcess
from benchmarks.channels import Endpoint
from benchmarks.connections import Connection
from benchmarks.figures import Result
from benchmarks.packets import DISCONNECT, PINGREQ, PINGRESP, RETAIN, publish, subscribe
from benchmarks.shapes import Memory, Retained
from benchmarks.streams import other_filters
from benchmarks.verification import BrokenStream, Faults

ARRIVAL_SECONDS = 60.0
_BLOCK = 500
_AT_A_TIME = 16
_FILTERS_PER_CLIENT = 1000


def _retained_packets(count: int, payload_size: int) -> list[bytes]:
    padding = b"." * (payload_size - 8)
    return [
        publish(f"bench/retained/{n % 1000:04d}/{n // 1000:04d}", b"%08d" % n + padding, RETAIN)
        for n in range(count)
    ]


def _retain(connection: Connection, packets: list[bytes]) -> None:
    """Have messages retained, and wait until they are."""
    for at in range(0, len(packets), _BLOCK):
        connection.say(b"".join(packets[at : at + _BLOCK]))
        connection.exchange(PINGREQ, PINGRESP)


def deliver_retained(shape: Retained, broker: BrokerProcess) -> Result:
    """Retain messages; measure how they come to one subscriber to `#`, and judge."""
    packets = _retained_packets(int(shape.topics * broker.broker.share), shape.payload_size)
    with ExitStack() as stack:
        publisher = _connected(stack, broker.endpoint, "publisher")
        _retain(publisher, packets)
        subscriber = _connected(stack, broker.endpoint, "subscriber")
        begin, broker_cpu, generator_cpu = time.perf_counter(), broker.cpu_seconds(), time.process_time()
        arrived = _arrived(subscriber, sum(map(len, packets)))
        took = time.perf_counter() - begin
        broker_cpu, generator_cpu = broker.cpu_seconds() - broker_cpu, time.process_time() - generator_cpu
    count = len(packets)
    return Result(
        count, count / took, broker_cpu / count * 1e6, generator_cpu / count * 1e6,
        faults=judged(packets, arrived),
    )


def _arrived(subscriber: Connection, size: int) -> bytes:
    """What comes after a subscription to `#`, with its SUBACK, whatever stands first."""
    suback_size = 5
    subscriber.say(subscribe(["#"], 0))
    subscriber.patience(ARRIVAL_SECONDS)
    chunks, missing = [], size + suback_size
    try:
        while missing > 0:
            chunks.append(subscriber.read())
            missing -= len(chunks[-1])
    except TimeoutError:
        pass
    arrived = b"".join(chunks)
    suback = b"\x90\x03\x00\x01\x00"
    if suback not in arrived:
        raise BrokenStream(f"the broker answered {arrived[:64].hex(' ')}")
    return arrived.replace(suback, b"", 1)


def judged(packets: list[bytes], arrived: bytes) -> Faults:
    """Whether each of the packets, which are of one size, arrived once and unchanged, in any order."""
    size = len(packets[0])
    found = Counter(arrived[at : at + size] for at in range(0, len(arrived), size))
    known = sum(packet in found for packet in packets)
    return Faults(
        lost=len(packets) - known,
        duplicates=sum(found.values()) - len(found),
        corrupt=len(found) - known,
    )


def _connected(stack: ExitStack, endpoint: Endpoint, client_id: str, *, clean: bool = True) -> Connection:
    connection = Connection(endpoint, client_id, clean=clean)
    stack.callback(connection.close)
    return connection


def weigh(shape: Memory, broker: BrokerProcess) -> Result:
    """Let the broker hold so many of a thing, and see how its memory grows.

    A hundredth of them comes first and is not counted, so that what is made once is there already.
    """
    count = int(shape.count * broker.broker.share)
    with ExitStack() as stack:
        hold = _HOLDINGS[shape.unit]
        witness = _connected(stack, broker.endpoint, "witness")
        hold(stack, broker.endpoint, "first", max(1, count // 100))
        witness.exchange(PINGREQ, PINGRESP)
        memory, broker_cpu, generator_cpu = broker.memory(), broker.cpu_seconds(), time.process_time()
        begin = time.perf_counter()
        hold(stack, broker.endpoint, "then", count)
        witness.exchange(PINGREQ, PINGRESP)
        took = time.perf_counter() - begin
        broker_cpu, generator_cpu = broker.cpu_seconds() - broker_cpu, time.process_time() - generator_cpu
        memory = broker.memory() - memory
    return Result(
        count, count / took, broker_cpu / count * 1e6, generator_cpu / count * 1e6, memory=memory / count
    )


def _hold_connections(stack: ExitStack, endpoint: Endpoint, who: str, count: int) -> None:
    def connect(number: int) -> Connection:
        connection = Connection(endpoint, f"{who}-{number}")
        connection.subscribe([f"bench/{who}/{number:05d}"], 0)
        return connection

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for connection in pool.map(connect, range(count)):
            stack.callback(connection.close)


def _hold_sessions(stack: ExitStack, endpoint: Endpoint, who: str, count: int) -> None:
    def come_and_go(number: int) -> None:
        connection = Connection(endpoint, f"{who}-{number}", clean=False)
        connection.subscribe([f"bench/{who}/{number:05d}"], 1)
        connection.say(DISCONNECT)
        connection.close()

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        deque(pool.map(come_and_go, range(count)), maxlen=0)


def _hold_subscriptions(stack: ExitStack, endpoint: Endpoint, who: str, count: int) -> None:
    filters = [f"{who}/{each}" for each in other_filters(count)]
    for at in range(0, count, _FILTERS_PER_CLIENT):
        connection = _connected(stack, endpoint, f"{who}-{at}")
        connection.subscribe(filters[at : at + _FILTERS_PER_CLIENT], 0)


def _hold_retained(stack: ExitStack, endpoint: Endpoint, who: str, count: int) -> None:
    connection = _connected(stack, endpoint, who)
    packets = _retained_packets(count, 64)
    if who == "first":
        packets = [packet.replace(b"bench/", b"first/") for packet in packets]
    _retain(connection, packets)


_HOLDINGS: dict[str, Callable[[ExitStack, Endpoint, str, int], None]] = {
    "connection": _hold_connections,
    "session": _hold_sessions,
    "subscription": _hold_subscriptions,
    "retained": _hold_retained,
}
