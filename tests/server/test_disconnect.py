"""How a Network Connection ends, and what becomes of its Session (MQTT 5.0, 3.14, 4.13)."""

import dataclasses
import itertools
from collections.abc import Callable

import pytest

from amqtt.server.arrivals import pause
from amqtt.server.disconnect import close, end
from amqtt.server.events import ClientDisconnected
from amqtt.server.line import LONGEST_TURN
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    WillFields,
)
from amqtt.wire.reasons import ReasonCode
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

EXPIRY: list[tuple[int | None, int | None, int, int, bool]] = [
    # in CONNECT, in DISCONNECT, the longest granted, seconds away, whether the Session is still there
    (None, None, 100, 0, False),
    (0, None, 100, 0, False),
    (10, None, 100, 9, True),
    (10, None, 100, 10, False),
    (10, 0, 100, 0, False),
    (10, 50, 100, 49, True),
    (10, 50, 100, 50, False),
    (10, 500, 100, 99, True),
    (10, 500, 100, 100, False),
    (0xFFFFFFFF, None, 100, 99, True),
    (0xFFFFFFFF, None, 100, 100, False),
    (0xFFFFFFFF, None, 0xFFFFFFFF, 10**9, True),
    (10, 0xFFFFFFFF, 0xFFFFFFFF, 10**9, True),
]


@pytest.mark.parametrize(("at_connect", "at_disconnect", "maximum", "away", "kept"), EXPIRY)
def test_a_session_is_kept_for_its_session_expiry_interval(
    at_connect: int | None, at_disconnect: int | None, maximum: int, away: int, kept: bool
) -> None:
    bench = Bench(maximum_session_expiry=maximum)
    values: dict[str, object] = {} if at_connect is None else {"session_expiry_interval": at_connect}
    client = bench.connected("c", clean_start=False, **values)  # type: ignore[arg-type]
    given = None if at_disconnect is None else properties(session_expiry_interval=at_disconnect)
    client.send(Disconnect(0, given))
    bench.pass_time(away)
    assert ("c" in bench.server.realm.sessions) is kept
    assert bench.client().connect("c", clean_start=False).session_present is kept


@pytest.mark.parametrize(
    ("clean_start", "expiry", "away", "kept"),
    [
        (True, 0xFFFFFFFF, 0, False),
        (False, 0xFFFFFFFF, 10**9, True),
        (False, 60, 59, True),
        (False, 60, 60, False),
    ],
)
def test_a_session_of_mqtt_3_1_1_is_kept_as_the_operator_says(
    clean_start: bool, expiry: int, away: int, kept: bool
) -> None:
    bench = Bench(session_expiry_3_1_1=expiry)
    bench.connected("c", MQTT_3_1_1, clean_start=clean_start).send(Disconnect())
    bench.pass_time(away)
    assert ("c" in bench.server.realm.sessions) is kept


def test_an_interval_of_zero_must_not_be_raised() -> None:
    client = Bench().connected("c")
    client.send(Disconnect(0, properties(session_expiry_interval=1)))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert packet.reason_code == 0x82


def test_nothing_is_sent_or_acted_on_behind_a_disconnect() -> None:
    bench = Bench()
    client = bench.connected("c")
    counters = bench.server.counters
    client.send(Disconnect(), Pingreq(), b"\xff\xff")
    received = counters.bytes_received
    client.send(Pingreq())
    assert (client.received(), client.closed, counters.bytes_received) == ([], True, received)


class Waiting:
    """A Client with a Will Message, of each piece of whose packets all but the first must wait.

    `wills` are the Will Messages that were published, `ends` how its Network Connections have ended.
    """

    def __init__(self, **values: object) -> None:
        self.bench = Bench()
        self.wills: list[bytes] = []
        self.ends: list[tuple[int, str]] = []
        self.bench.server.subscribe("will", 0, lambda message, _: self.wills.append(message.payload))
        self.bench.server.events.on(
            ClientDisconnected, lambda event: self.ends.append((event.reason_code, event.reason))
        )
        will = WillFields("will", b"gone")
        self.client = self.bench.connected("c", will=will, session_expiry_interval=100, **values)
        self.client.goes_on = False
        moments = itertools.count(self.bench.turn.now + LONGEST_TURN, LONGEST_TURN)
        self.bench.turn.present = lambda: next(moments)

    def takes_over(self) -> Connack:
        """The same Client connects again, and is first in the next turn."""
        other = self.bench.client()
        other.send(Connect("c", MQTT_5, clean_start=False))
        self.bench.server.tick()
        (connack,) = other.received()
        assert isinstance(connack, Connack)
        return connack

    def sends(self, *packets: Packet) -> None:
        """All of them in one piece, behind one that is acted on and one that is in the next turn."""
        self.client.send(Pingreq(), Pingreq(), *packets)
        assert self.client.link.paused


ENDS: dict[str, Callable[[Waiting], object]] = {
    "is taken over": lambda waiting: waiting.takes_over(),
    "is lost": lambda waiting: waiting.client.lose(),
    "is closed by the server": lambda waiting: waiting.bench.server.shut_down(),
}


@pytest.mark.parametrize("way", ENDS)
def test_a_client_that_has_said_goodbye_before_it_had_its_turn_has_said_it(way: str) -> None:
    waiting = Waiting()
    waiting.sends(Disconnect(), Pingreq())
    ENDS[way](waiting)
    assert (waiting.wills, waiting.ends) == ([], [(0, "the Client disconnected")])
    assert waiting.bench.server.realm.sessions["c"].will is None


def test_so_it_has_where_its_goodbye_has_not_even_been_read() -> None:
    waiting = Waiting()
    pause(waiting.bench.server.realm, waiting.client.state, waiting.bench.turn.now + 1)
    waiting.client.send(Pingreq())
    waiting.client.send(Disconnect())
    assert [len(data) for data in waiting.client.state.held] == [2, 2]
    waiting.takes_over()
    assert (waiting.wills, waiting.ends) == ([], [(0, "the Client disconnected")])


def test_a_goodbye_that_wants_the_will_message_has_it() -> None:
    waiting = Waiting()
    waiting.sends(Disconnect(ReasonCode.DISCONNECT_WITH_WILL_MESSAGE))
    waiting.takes_over()
    assert (waiting.wills, waiting.ends) == ([b"gone"], [(4, "the Client disconnected")])


def test_a_goodbye_that_waits_ends_the_session_that_it_is_to_end() -> None:
    waiting = Waiting()
    waiting.sends(Disconnect(0, properties(session_expiry_interval=0)))
    assert not waiting.takes_over().session_present


def test_a_goodbye_that_breaks_a_rule_is_none() -> None:
    waiting = Waiting()
    requested = waiting.client.state.connect
    assert requested is not None
    requested.properties = None  # it has asked for no Session Expiry Interval, and must not do so now
    waiting.sends(Disconnect(0, properties(session_expiry_interval=5)))
    waiting.takes_over()
    assert waiting.wills == [b"gone"]
    assert [code for code, _ in waiting.ends] == [ReasonCode.PROTOCOL_ERROR]


def test_a_goodbye_behind_what_breaks_a_rule_comes_too_late() -> None:
    waiting = Waiting()
    waiting.sends(Connect("c", MQTT_5))
    waiting.client.send(Disconnect())
    assert len(waiting.client.state.held) == 1
    while not waiting.client.closed:
        waiting.bench.server.tick()
        waiting.bench.turn.flush()
    assert waiting.wills == [b"gone"]
    assert [code for code, _ in waiting.ends] == [ReasonCode.PROTOCOL_ERROR]


def test_a_client_whose_packets_wait_and_who_has_said_no_goodbye_has_a_will_message() -> None:
    waiting = Waiting()
    waiting.sends(Pingreq())
    waiting.takes_over()
    assert waiting.wills == [b"gone"]
    assert [code for code, _ in waiting.ends] == [ReasonCode.SESSION_TAKEN_OVER]


def test_an_end_is_an_end_however_often_it_comes() -> None:
    bench = Bench()
    client = bench.connected("c", session_expiry_interval=100)
    for _ in range(2):
        client.lose()
        close(bench.server.realm, client.state, 0x8E, "again")
        end(bench.server.realm, client.state, 0x80, "again")
        bench.server.drained(client.state)
    assert client.received() == []
    bench.server.tick()
    assert len(bench.server.deadlines) == 1


def phase(bench: Bench, name: str, version: int) -> BenchClient:
    client = bench.client(version)
    if name == "half a CONNECT":
        client.send(b"\x10\x20\x00")
    elif name == "a broken CONNECT":
        client.send(b"\x10\x08\x00\x04MQTT" + bytes((version, 0xFF)))
    elif name == "connected":
        client.connect("c")
    return client


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("name", ["nothing", "half a CONNECT", "a broken CONNECT", "connected"])
def test_a_client_is_told_why_in_the_packet_of_its_phase(name: str, version: int) -> None:
    client = phase(Bench(), name, version)
    client.send(b"\xff\xff")
    told: dict[tuple[str, int], list[tuple[type[object], int]]] = {
        ("connected", MQTT_5): [(Disconnect, 0x81)],
        ("a broken CONNECT", MQTT_5): [(Connack, 0x81)],
    }
    if name == "half a CONNECT":
        assert not client.closed
        client.lose()
        return
    packets = client.received()
    assert [(type(each), each.reason_code) for each in packets] == told.get((name, version), [])
    assert client.closed


@pytest.mark.parametrize(
    ("maximum", "explained", "told"), [(1_000, True, True), (10, False, True), (2, False, False)]
)
def test_the_reason_is_told_where_there_is_room_for_it(maximum: int, explained: bool, told: bool) -> None:
    client = Bench().connected("c", session_expiry_interval=9)
    client.state.maximum_packet_size = maximum
    client.send(b"\xff\xff")
    packets = client.received()
    assert len(packets) == told
    assert [bool(each.properties and each.properties.reason_string) for each in packets] == [explained] * told


@pytest.mark.parametrize(("reference", "code"), [("", 0x8B), ("elsewhere:1883", 0x9C)])
def test_a_server_that_stops_tells_its_mqtt_5_clients_and_closes_all(reference: str, code: int) -> None:
    bench = Bench()
    realm = bench.server.realm
    realm.settings = dataclasses.replace(realm.settings, server_reference=reference)
    new, old = bench.connected("new", session_expiry_interval=9), bench.connected("old", MQTT_3_1_1)
    bench.server.shut_down()
    (packet,) = new.received()
    assert isinstance(packet, Disconnect)
    assert (packet.reason_code, packet.properties.server_reference or "") == (code, reference)
    assert old.received() == []
    assert (new.closed, old.closed, realm.connected, set(realm.sessions)) == (True, True, {}, {"new"})


@pytest.mark.parametrize(("version", "codes"), [(MQTT_3_1_1, [0x88]), (MQTT_5, [0x9C])])
def test_a_server_that_is_being_emptied_refers_to_another(version: int, codes: list[int]) -> None:
    bench = Bench()
    realm = bench.server.realm
    realm.settings = dataclasses.replace(
        realm.settings, server_reference="elsewhere", use_another_server=True
    )
    client = bench.client(version)
    client.send(Connect("c", version))
    (packet,) = client.received()
    assert isinstance(packet, Connack)
    assert [packet.reason_code] == codes
    assert (packet.properties.server_reference if version == MQTT_5 else "elsewhere") == "elsewhere"
