"""One run of a Storm: Clients that come, subscribe and go, as many as the broker can take."""

import errno
import select
import socket
import time

from benchmarks.broker_process import BrokerProcess
from benchmarks.channels import Endpoint
from benchmarks.figures import Latencies, Result
from benchmarks.packets import CONNACK, DISCONNECT, SUBACK, Incomplete, body_of, connect, subscribe
from benchmarks.shapes import Storm
from benchmarks.verification import BrokenStream

PATIENCE = 20.0
"""Seconds for the first Client to have come and gone."""
_SOURCES = 50
"""Addresses that Clients come from: one alone would run out of ports."""


class Visitor:
    """One Client after the other: connects, subscribes, says goodbye, sees the broker close, comes again."""

    def __init__(self, number: int, endpoint: Endpoint, epoll: select.epoll) -> None:
        self._number = number
        self._endpoint = endpoint
        self._epoll = epoll
        self.visits = 0
        self._awaited = CONNACK
        self._arrived = b""
        self.come()

    def come(self) -> None:
        """Begin a visit."""
        self.visits += 1
        self.began = time.perf_counter()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((f"127.0.0.{2 + (self._number + self.visits) % _SOURCES}", 0))
        error = self.socket.connect_ex((self._endpoint.host, self._endpoint.port))
        if error not in {0, errno.EINPROGRESS}:
            raise OSError(error, "a Client cannot connect")
        self._epoll.register(self.socket, select.EPOLLOUT)

    def ready(self, events: int) -> bool:
        """Take the next step; True: the visit is over."""
        if events & select.EPOLLOUT:
            self._awaited = CONNACK
            self.socket.send(connect(f"visitor-{self._number}-{self.visits}"))
            self._epoll.modify(self.socket, select.EPOLLIN)
            return False
        arrived = self.socket.recv(4096)
        if not arrived:
            return self._closed()
        self._arrived += arrived
        try:
            begin, end = body_of(self._arrived)
        except Incomplete:
            return False
        answer, self._arrived = self._arrived[:end], self._arrived[end:]
        self._answer(answer, answer[begin:])
        return False

    def _answer(self, packet: bytes, body: bytes) -> None:
        if packet[0] != self._awaited or (packet[0] == CONNACK and body[1]) or body[-1] > 2:
            raise BrokenStream(f"the broker answered {packet.hex(' ')}")
        if packet[0] == CONNACK:
            self._awaited = SUBACK
            self.socket.send(subscribe([f"bench/visitor/{self._number}/{self.visits % 64}"], 0))
        else:
            self._awaited = 0
            self.socket.send(DISCONNECT)

    def _closed(self) -> bool:
        if self._awaited or self._arrived:
            raise BrokenStream("the broker closed a connection")
        self._epoll.unregister(self.socket)
        self.socket.close()
        return True


def measure(storm: Storm, broker: BrokerProcess, warm_up: float, seconds: float) -> Result:
    """One run of a Storm."""
    epoll = select.epoll()
    visitors = [Visitor(number, broker.endpoint, epoll) for number in range(storm.parallel)]
    try:
        by_number = {visitor.socket.fileno(): visitor for visitor in visitors}
        _serve(epoll, by_number, Latencies(), time.perf_counter() + warm_up)
        latencies, begin = Latencies(), time.perf_counter()
        broker_cpu, generator_cpu = broker.cpu_seconds(), time.process_time()
        _serve(epoll, by_number, latencies, begin + seconds)
        # On a machine with other work that may be too short for any; where none comes and goes is told below.
        while not latencies.counts.total() and time.perf_counter() < begin + seconds + PATIENCE:
            _serve(epoll, by_number, latencies, time.perf_counter() + seconds)
        took = time.perf_counter() - begin
        broker_cpu, generator_cpu = broker.cpu_seconds() - broker_cpu, time.process_time() - generator_cpu
    finally:
        epoll.close()
        for visitor in visitors:
            visitor.socket.close()
    count = latencies.counts.total()
    if not count:
        raise BrokenStream("no Client came and went")
    p50, p99, p999 = (latencies.quantile(share) for share in (0.5, 0.99, 0.999))
    return Result(
        count, count / took, broker_cpu / count * 1e6, generator_cpu / count * 1e6, p50, p99, p999
    )


def _serve(epoll: select.epoll, by_number: dict[int, Visitor], latencies: Latencies, end: float) -> None:
    while (now := time.perf_counter()) < end:
        for number, events in epoll.poll(end - now):
            visitor = by_number[number]
            if visitor.ready(events):
                latencies.counts[int((time.perf_counter() - visitor.began) * 1e6)] += 1
                del by_number[number]
                visitor.come()
                by_number[visitor.socket.fileno()] = visitor
