"""The generator's end of its connections: plain sockets, written and read in large pieces."""

import selectors
import socket
import time

from benchmarks.packets import CONNACK_ACCEPTED, Ring, connect, suback, subscribe, turn
from benchmarks.shapes import Shape
from benchmarks.verification import BrokenStream, Delivery, Inbox, Outbox

HANDSHAKE_SECONDS = 10.0
_READ = memoryview(bytearray(256 * 1024))


class Connection:
    """One non-blocking socket; what the kernel does not take at once waits here."""

    def __init__(self, address: tuple[str, int], client_id: str) -> None:
        self.socket = socket.create_connection(address, HANDSHAKE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unsent = b""
        self._selector: selectors.BaseSelector | None = None
        self.exchange(connect(client_id), CONNACK_ACCEPTED)

    def exchange(self, request: bytes, expected: bytes) -> None:
        """Send a packet of the handshake, and wait for its answer."""
        self.socket.sendall(request)
        answer = b""
        while len(answer) < len(expected):
            piece = self.socket.recv(len(expected) - len(answer))
            if not piece:
                break
            answer += piece
        if answer != expected:
            raise BrokenStream(f"the broker answered {answer.hex(' ')!r} and not {expected.hex(' ')!r}")

    def register(self, selector: selectors.BaseSelector) -> None:
        """End the handshake: from now on the socket does not block."""
        self.socket.setblocking(False)
        self._selector = selector
        selector.register(self.socket, selectors.EVENT_READ, self)

    def read(self) -> bytes:
        """What has arrived."""
        try:
            size = self.socket.recv_into(_READ)
        except BlockingIOError:
            return b""
        if not size:
            raise BrokenStream("the broker closed a connection")
        return bytes(_READ[:size])

    def send(self, data: bytes) -> None:
        """Send in order, as fast as the kernel takes it."""
        if self._unsent:
            self._unsent += data
            return
        self._unsent = self._write(data)
        if self._unsent:
            self._wait_for(selectors.EVENT_READ | selectors.EVENT_WRITE)

    def writable(self) -> None:
        """Go on with what the kernel did not take."""
        self._unsent = self._write(self._unsent)
        if not self._unsent:
            self._wait_for(selectors.EVENT_READ)

    def _write(self, data: bytes) -> bytes:
        try:
            return data[self.socket.send(data) :]
        except BlockingIOError:
            return data

    def _wait_for(self, events: int) -> None:
        assert self._selector is not None
        self._selector.modify(self.socket, events, self)


class Receiver(Connection):
    """A subscriber to the topics of its publishers."""

    def __init__(self, address: tuple[str, int], number: int, shape: Shape, rings: list[Ring]) -> None:
        super().__init__(address, f"receiver-{number}")
        self.deliveries = [Delivery(ring) for ring in rings]
        self.inbox = Inbox(self.deliveries, shape.qos)
        topic_filter = rings[0].topic if len(rings) == 1 else "bench/#"
        self.exchange(subscribe(topic_filter, shape.qos), suback(shape.qos))

    def readable(self) -> None:
        """Take what arrived, and acknowledge it."""
        answer = self.inbox.feed(self.read())
        if answer:
            self.send(answer)


class Publisher(Connection):
    """A client that publishes its Ring over and over, no more than a window of it at a time."""

    def __init__(self, address: tuple[str, int], shape: Shape, ring: Ring) -> None:
        super().__init__(address, f"publisher-{ring.publisher}")
        self._shape = shape
        self._ring = ring
        self.outbox = Outbox(ring)
        self.deliveries: list[Delivery] = []
        self.sent = 0
        self.sendings: list[tuple[int, float]] = []
        """For each writing, the number of messages sent when it was done, and its moment."""

    def readable(self) -> None:
        """Take the broker's acknowledgements."""
        answer = self.outbox.feed(self.read())
        if answer:
            self.send(answer)

    @property
    def done(self) -> int:
        """Messages that every receiver has, and that the broker has acknowledged."""
        delivered = min(delivery.expected for delivery in self.deliveries)
        return min(delivered, self.outbox.acknowledged) if self._shape.qos else delivered

    def top_up(self) -> None:
        """Fill the window, if enough of it is free to be worth a system call."""
        free = self._shape.window - (self.sent - self.done)
        if free < self._shape.batch:
            return
        block = turn(self._ring.packets, self._ring.size, self.sent, free)
        self.sent += free
        self.sendings.append((self.sent, time.perf_counter()))
        self.send(block)
