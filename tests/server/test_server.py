"""The Server as whoever owns the Network Connections sees it."""

from collections.abc import Awaitable, Generator

import pytest

from amqtt.abc import Accepted, Answer, AuthenticationExchange, Authenticator, ConnectRequest
from amqtt.message import Message
from amqtt.server.events import ClientUnsubscribed
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Unsubscribe,
)
from support.bench_server import Bench, Everybody


class Question(Awaitable[Answer]):
    """An answer that is given later; nobody awaits it here."""

    def __await__(self) -> Generator[None, None, Answer]:
        yield
        return None


def test_what_the_authenticator_serves_is_decided_by_whoever_wrote_it() -> None:
    class Plain(Authenticator):
        def authenticate(self, request: ConnectRequest) -> Answer:
            return None

    bench = Bench(Plain())
    assert bench.server.authenticator.methods == ()
    connack = bench.client().connect("c", authentication_method="m")
    assert connack.reason_code == 0x8C


def test_the_authenticator_may_be_replaced() -> None:
    bench = Bench()
    other = Everybody()
    bench.server.authenticator = other
    assert bench.server.authenticator is bench.server.realm.authenticator is other


def test_an_error_of_our_own_ends_one_network_connection_and_is_told_of() -> None:
    bench = Bench()

    def failing(event: ClientUnsubscribed) -> None:
        raise LookupError(event.topic_filter)

    bench.server.events.on(ClientUnsubscribed, failing)
    bystander = bench.connected("bystander")
    client = bench.connected("c")
    client.subscribe("a")
    client.send(Unsubscribe(1, ["a"]), Pingreq())
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert (packet.reason_code, client.closed) == (0x83, True)
    assert [str(fault) for fault in bench.faults] == ["a"]
    bystander.send(Pingreq())
    assert [type(each) for each in bystander.received()] == [Pingresp]


def test_an_error_while_a_client_is_let_in_refuses_it_and_is_told_of() -> None:
    class Late(Authenticator):
        def authenticate(self, request: ConnectRequest) -> Awaitable[Answer]:
            return Question()

    class Broken(Permissions):
        @property
        def asks(self) -> bool:  # type: ignore[override]
            raise LookupError("c")

    bench = Bench(Late())
    client = bench.client()
    client.send(Connect("c"))
    assert client.state.pending is not None
    bench.server.answered(client.state, Accepted(Broken()))
    (packet,) = client.received()
    assert isinstance(packet, Connack)
    assert (packet.reason_code, client.closed) == (0x83, True)
    assert [str(fault) for fault in bench.faults] == ["c"]
    assert bench.server.realm.sessions == {}


def test_a_deadline_that_fails_is_told_of_and_stops_no_other() -> None:
    bench = Bench()

    def failing(now: float) -> None:
        raise LookupError("no")

    bench.server.deadlines.at(bench.turn.now + 1, failing)
    client = bench.connected("c", keep_alive=2)
    bench.pass_time(5)
    assert [str(fault) for fault in bench.faults] == ["no"]
    assert client.state.closed


def test_packets_are_acted_on_however_the_bytes_are_cut() -> None:
    bench = Bench()
    client = bench.client()
    whole = client.bench.connected("other")
    data = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01c" + b"\xc0\x00" * 3
    for at in range(len(data)):
        client.send(data[at:at + 1])
    assert [type(each) for each in client.received()] == [Connack, Pingresp, Pingresp, Pingresp]
    assert whole.received() == []
    counters = bench.server.counters
    assert (counters.packets_received, counters.connections) == (5, 2)


def test_a_link_that_was_drained_is_sent_what_waits() -> None:
    bench = Bench()
    client = bench.connected("c")
    client.subscribe("a", 1)
    client.link.full = True
    bench.server.publish(Message("a", b"1", 1))
    assert client.received() == []
    client.link.full = False
    bench.server.drained(client.state)
    assert [each.payload for each in client.received()] == [b"1"]
    bench.server.drained(bench.client().state)


def test_its_deadlines_are_told_by_tick() -> None:
    bench = Bench(connect_timeout=7.0)
    assert bench.server.tick() is None
    bench.client()
    assert bench.server.tick() == bench.turn.now + 7


@pytest.mark.parametrize("retain", [False, True])
def test_the_embedding_program_publishes_to_clients(retain: bool) -> None:
    bench = Bench()
    client = bench.connected("c")
    client.subscribe("a", 2, no_local=True)
    assert bench.server.publish(Message("a", b"x", 1, retain)) == 1
    assert bench.server.publish(Message("b", b"x", 1)) == 0
    (packet,) = client.received()
    assert (packet.payload, packet.qos, packet.retain) == (b"x", 1, False)
    assert len(bench.server.retained) == retain


def test_an_exchange_and_an_authenticator_must_be_written() -> None:
    with pytest.raises(TypeError):
        AuthenticationExchange()  # type: ignore[abstract]
    with pytest.raises(TypeError):
        Authenticator()  # type: ignore[abstract]
