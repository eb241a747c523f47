"""The generator's end of its connections: written and read in large pieces."""

import select
import time
from collections.abc import Sequence

from benchmarks.channels import Closed, Endpoint, frame, opened
from benchmarks.packets import (
    CONNACK,
    MQTT_3_1_1,
    SUBACK,
    Incomplete,
    body_of,
    connect,
    subscribe,
)
from benchmarks.rings import Ring, turn
from benchmarks.shapes import Stream
from benchmarks.verification import BrokenStream, Delivery, Inbox, Outbox


class Connection:
    """One connected Client; what the kernel does not take at once waits here."""

    def __init__(
        self, endpoint: Endpoint, client_id: str, version: int = MQTT_3_1_1, *, clean: bool = True
    ) -> None:
        self._channel = opened(endpoint)
        self.framed = frame if endpoint.transport == "wss" else bytes
        self._version = version
        self._unsent = b""
        self._epoll: select.epoll | None = None
        self._early = b""
        try:
            connack = self.exchange(connect(client_id, version, clean=clean), CONNACK)
            if connack[1]:
                raise BrokenStream(f"the broker refused {client_id}: {connack.hex(' ')}")
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The number of its socket."""
        return self._channel.socket.fileno()

    def close(self) -> None:
        """Close its socket, without DISCONNECT."""
        self._channel.socket.close()

    def say(self, packets: bytes) -> None:
        """Send before `register`, and wait until it is sent."""
        self._channel.socket.sendall(self.framed(packets))

    def patience(self, seconds: float) -> None:
        """How long a `read` before `register` waits; then it raises TimeoutError."""
        self._channel.socket.settimeout(seconds)

    def exchange(self, request: bytes, kind: int) -> bytes:
        """Send a packet of the handshake, and wait for its answer, which is of this kind."""
        self.say(request)
        answer, self._early = self._early, b""
        while True:
            try:
                begin, end = body_of(answer)
                break
            except Incomplete:
                answer += self.read()
        if answer[0] != kind:
            raise BrokenStream(f"the broker answered {answer[:64].hex(' ')}")
        self._early = answer[end:]
        return answer[begin:end]

    def subscribe(self, filters: Sequence[str], qos: int) -> None:
        """Subscribe, and see that what was asked is granted."""
        suback = self.exchange(subscribe(filters, qos, self._version), SUBACK)
        if suback[-len(filters) :] != bytes((qos,)) * len(filters):
            raise BrokenStream(f"the broker did not grant a subscription: {suback[:64].hex(' ')}")

    def register(self, epoll: select.epoll) -> None:
        """End the handshake: from now on the socket does not block."""
        self._channel.socket.setblocking(False)
        self._epoll = epoll
        epoll.register(self.fileno(), select.EPOLLIN)

    def read(self) -> bytes:
        """What has arrived."""
        try:
            data = self._channel.read()
        except (Closed, ConnectionError) as error:
            raise BrokenStream("the broker closed a connection") from error
        if self._early:
            data, self._early = self._early + data, b""
        return data

    def readable(self) -> None:
        """Take what arrived; a Client that waits for nothing is to get nothing."""
        data = self.read()
        if data:
            raise BrokenStream(f"a Client was sent what it did not ask for: {data[:64].hex(' ')}")

    def send(self, data: bytes) -> None:
        """Send in order, as fast as the kernel takes it."""
        if self._unsent:
            self._unsent += data
            return
        self._unsent = data[self._channel.write(data) :]
        if self._unsent:
            self._wait_for(select.EPOLLIN | select.EPOLLOUT)

    def writable(self) -> None:
        """Go on with what the kernel did not take."""
        self._unsent = self._unsent[self._channel.write(self._unsent) :]
        if not self._unsent:
            self._wait_for(select.EPOLLIN)

    def _wait_for(self, events: int) -> None:
        assert self._epoll is not None
        self._epoll.modify(self.fileno(), events)


class Receiver(Connection):
    """A subscriber to the topics of its publishers."""

    def __init__(self, endpoint: Endpoint, number: int, stream: Stream, rings: list[Ring]) -> None:
        super().__init__(endpoint, f"receiver-{number}", stream.version)
        self.deliveries = [Delivery(ring) for ring in rings]
        self.inbox = Inbox(self.deliveries, stream.qos)
        self.subscribe([rings[0].topic_filter if len(rings) == 1 else "bench/#"], stream.qos)

    def readable(self) -> None:
        """Take what arrived, and acknowledge it."""
        answer = self.inbox.feed(self.read())
        if answer:
            self.send(self.framed(answer))


class Publisher(Connection):
    """A client that publishes its Ring over and over, no more than a window of it at a time."""

    def __init__(self, endpoint: Endpoint, stream: Stream, ring: Ring) -> None:
        super().__init__(endpoint, f"publisher-{ring.publisher}", stream.version)
        self._stream = stream
        self._packets, self._size = self._outgoing(ring)
        self.outbox = Outbox(ring)
        self.deliveries: list[Delivery] = []
        self.sent = 0
        self.sendings: list[tuple[int, float]] = []
        """For each writing, the number of messages sent when it was done, and its moment."""

    def _outgoing(self, ring: Ring) -> tuple[bytes, int]:
        """The packets as they are written, and the size of one."""
        if self.framed is bytes:
            return ring.packets, ring.size
        each = [ring.packets[at : at + ring.size] for at in range(0, len(ring.packets), ring.size)]
        framed = [self.framed(packet) for packet in each]
        return b"".join(framed), len(framed[0])

    def readable(self) -> None:
        """Take the broker's acknowledgements."""
        answer = self.outbox.feed(self.read())
        if answer:
            self.send(self.framed(answer))

    @property
    def done(self) -> int:
        """Messages that every receiver has, and that the broker has acknowledged."""
        delivered = min([delivery.expected for delivery in self.deliveries])
        return min(delivered, self.outbox.acknowledged) if self._stream.qos else delivered

    def top_up(self) -> None:
        """Fill the window, if enough of it is free to be worth a system call."""
        free = self._stream.window - (self.sent - self.done)
        if free < self._stream.batch:
            return
        block = turn(self._packets, self._size, self.sent, free)
        self.sent += free
        self.sendings.append((self.sent, time.perf_counter()))
        self.send(block)
