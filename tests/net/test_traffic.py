from types import SimpleNamespace

import pytest

from amqtt.net.intake import Intake
from amqtt.net.traffic import Traffic
from amqtt.server.limits import Limits
from amqtt.sessions.link import Turn


class Recorder:
    """A Server and a transport in one: it notes what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.limits = Limits()
        self.fault: Exception | None = None
        self.closed = False

    def received(self, state: object, data: bytes) -> None:
        self.calls.append(("received", data))
        if self.fault is not None:
            raise self.fault

    def write(self, data: object) -> None:
        if self.closed:
            raise RuntimeError("it is closed")
        self.calls.append(("write", data))

    def writelines(self, chunks: list[bytes]) -> None:
        self.calls.append(("writelines", list(chunks)))


class Owned(Traffic):
    """A Traffic that notes what it asks of its owner."""

    def __init__(self, recorder: Recorder) -> None:
        self.calls = recorder.calls
        wakes = lambda: self.calls.append(("wake",))  # noqa: E731
        turn = Turn(wakes)
        intake = Intake(recorder.received, turn, lambda: 7.0)
        super().__init__(SimpleNamespace(turn=turn, limits=recorder.limits, intake=intake))
        self.state = SimpleNamespace(closed=False, pending=None)
        self.transport = recorder
        self.known = self.flowing = True

    def wait_for(self, congested):
        self.calls.append(("wait_for", congested))

    def flush_nowhere(self):
        self.calls.append(("flush_nowhere",))

    def close(self):
        self.calls.append(("close",))

    def fault(self, fault):
        self.calls.append(("fault", fault))

    def give_up(self, fault):
        self.calls.append(("give_up", type(fault)))


class Framing(Owned):
    """One that puts what it sends into frames."""

    def send(self, chunks, size):
        self.calls.append(("send", list(chunks), size))


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def traffic(recorder):
    return Owned(recorder)


def read(traffic, data):
    traffic.get_buffer(-1)[: len(data)] = data
    traffic.buffer_updated(len(data))


def test_what_was_read_is_given_to_the_server_in_bytes_of_its_own(traffic):
    read(traffic, b"one")
    read(traffic, b"two")
    assert traffic.calls == [("received", b"one"), ("received", b"two")]
    assert traffic.house.turn.now == 7.0


def test_an_unknown_or_closing_network_connection_gives_the_server_nothing(traffic):
    traffic.known = False
    read(traffic, b"lost")
    traffic.known = True
    traffic.link.close()
    read(traffic, b"late")
    assert traffic.calls == [("wake",)]


def test_a_congested_link_of_an_earlier_read_is_forgotten(traffic):
    traffic.house.turn.congested = traffic.link
    read(traffic, b"one")
    assert traffic.calls == [("received", b"one")]


def test_the_owner_waits_for_whom_the_server_waits(traffic, recorder):
    traffic.state.pending = object()
    read(traffic, b"one")
    assert traffic.calls == [("received", b"one"), ("wait_for", None)]


def test_a_fault_of_the_server_is_the_owners(traffic, recorder):
    recorder.fault = ValueError("ours")
    read(traffic, b"one")
    assert traffic.calls == [("received", b"one"), ("fault", recorder.fault)]


def test_one_turn_is_one_write_and_is_counted(traffic):
    for packet in (b"\xd0\x00", b"abc"):
        traffic.link.send(packet)
    turn = traffic.house.turn
    turn.flush()
    assert traffic.calls == [("wake",), ("write", b"\xd0\x00abc")]
    assert (turn.packets_sent, turn.bytes_sent) == (2, 5)
    assert (traffic.link.chunks, traffic.link.size) == ([], 0)
    traffic.flush()
    assert len(traffic.calls) == 2


def test_large_packets_are_handed_over_without_a_copy(traffic):
    packets = [bytes(10_000), bytes(9_000)]
    for packet in packets:
        traffic.link.send(packet)
    traffic.flush()
    assert traffic.calls == [("wake",), ("writelines", packets)]


def test_a_blocked_link_keeps_what_it_holds(traffic):
    traffic.link.blocked = True
    traffic.link.send(b"later")
    traffic.flush()
    assert traffic.link.chunks == [b"later"]
    assert traffic.calls == [("wake",)]


def test_the_close_follows_the_last_bytes(traffic):
    traffic.link.send(b"bye")
    traffic.link.close()
    traffic.flush()
    assert traffic.calls == [("wake",), ("write", b"bye"), ("close",)]


def test_without_a_transport_the_owner_decides(traffic):
    traffic.flowing = False
    traffic.link.send(b"early")
    traffic.flush()
    assert traffic.calls == [("wake",), ("flush_nowhere",)]


def test_what_cannot_be_written_is_given_up(traffic, recorder):
    recorder.closed = True
    traffic.link.send(b"x")
    traffic.flush()
    assert traffic.calls == [("wake",), ("give_up", RuntimeError)]


def test_an_owner_may_put_packets_into_frames(recorder):
    framing = Framing(recorder)
    framing.framed = True
    framing.link.send(b"ab")
    framing.flush()
    assert framing.calls == [("wake",), ("send", [b"ab"], 2)]
