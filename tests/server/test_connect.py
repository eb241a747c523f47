"""CONNECT and who answers it: at once, later, wrongly or never; what becomes of Will Messages then."""

from collections.abc import Awaitable, Generator

import pytest

from amqtt.abc import (
    Accepted,
    Answer,
    AuthenticationExchange,
    Authenticator,
    Challenge,
    ConnectRequest,
    Refusal,
)
from amqtt.server.state import CONNECTED
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import (
    MQTT_3_1,
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Publish,
    WillFields,
)
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

METHOD = properties(authentication_method="m", authentication_data=b"first")


class Question(Awaitable[object]):
    """What an Authenticator that takes its time returns; nobody awaits it here."""

    def __await__(self) -> Generator[None, None, object]:
        yield
        return None


class Scripted(Authenticator):
    """Answers what it was told to; an exception is raised."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.requests: list[ConnectRequest] = []

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


class Stepped(AuthenticationExchange):
    def __init__(self, answers: list[object]) -> None:
        self.answers = answers
        self.given: list[bytes | None] = []

    def step(self, data: bytes | None) -> Accepted | Refusal | Challenge:
        self.given.append(data)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]


class Exchanging(Scripted):
    """Answers AUTH after AUTH as it was told to."""

    def __init__(self, *answers: object) -> None:
        super().__init__(None)
        self.exchanges: list[Stepped] = []
        self.answers = list(answers)

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        self.requests.append(request)
        if not self.answers:
            return None
        self.exchanges.append(Stepped(self.answers))
        return self.exchanges[-1]


def yes() -> Accepted:
    return Accepted(Permissions())


def connack_of(client: BenchClient) -> Connack:
    (connack,) = client.received()
    assert isinstance(connack, Connack)
    return connack


# -- the Authenticator

ANSWERS: list[tuple[object, int, int, bool]] = [
    # the answer, the Reason Code of MQTT 5.0, that of MQTT 3.1.1's return code, whether it is a Fault
    (Accepted(Permissions()), 0x00, 0x00, False),
    (Refusal(0x86), 0x86, 0x86, False),
    (Refusal(0x87, "no"), 0x87, 0x87, False),
    (Refusal(0x8A), 0x8A, 0x87, False),
    (Refusal(0x00), 0x87, 0x87, False),
    (Refusal(0x8D), 0x87, 0x87, False),
    (None, 0x87, 0x87, False),
    (True, 0x87, 0x87, True),
    (Challenge(b""), 0x87, 0x87, True),
    (LookupError("no"), 0x87, 0x87, True),
    (TimeoutError(), 0x87, 0x87, True),
]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(("answer", "of_5", "of_3", "fault"), ANSWERS)
def test_anything_but_a_clear_yes_is_a_no(
    answer: object, of_5: int, of_3: int, fault: bool, later: bool, version: int
) -> None:
    bench = Bench(Scripted(Question() if later else answer))
    client = bench.client(version)
    client.send(Connect("c", version))
    if later:
        assert (client.received(), client.state.pending is not None) == ([], True)
        bench.server.answered(client.state, answer)
    connack = connack_of(client)
    assert connack.reason_code == (of_5 if version == MQTT_5 else of_3)
    assert client.closed is (connack.reason_code != 0)
    assert len(bench.faults) == fault
    assert set(bench.server.realm.connected) == ({"c"} if connack.reason_code == 0 else set())


def test_the_authenticator_is_told_who_asks() -> None:
    authenticator = Scripted(yes())
    bench = Bench(authenticator)
    bench.connected("c", 4, username="user", password=b"\xff", keep_alive=7, clean_start=False)
    (request,) = authenticator.requests
    assert (request.client_id, request.username, request.password) == ("c", "user", b"\xff")
    assert (request.version, request.clean_start, request.keep_alive) == (4, False, 7)
    assert (request.peer.address, request.authentication_method) == ("192.0.2.1", None)


def test_what_arrives_while_it_thinks_is_acted_on_in_order_and_counted_once() -> None:
    bench = Bench(Scripted(Question()))
    client = bench.client()
    sent = b"\xc0\x00"
    client.send(Connect("c"), Publish("a", b"1"), Pingreq())
    client.send(sent[:1])
    client.send(sent[1:], Publish("a", b"2"))
    assert client.received() == []
    counters = bench.server.counters
    received = counters.bytes_received
    bench.server.answered(client.state, yes())
    assert [type(each) for each in client.received()] == [Connack, Pingresp, Pingresp]
    assert (counters.bytes_received, counters.packets_received, counters.published) == (received, 5, 2)


def test_what_arrived_behind_a_refused_connect_is_not_acted_on() -> None:
    bench = Bench(Scripted(Question()))
    bench.server.subscribe("#", 0, lambda message, qos: pytest.fail("it was published"))
    client = bench.client()
    client.send(Connect("c"), Publish("a", b"1"))
    client.send(Publish("a", b"2"))
    bench.server.answered(client.state, Refusal())
    assert connack_of(client).reason_code == 0x87
    bench.server.answered(client.state, yes())
    assert (client.received(), bench.server.realm.sessions) == ([], {})


def test_what_was_malformed_is_answered_when_its_turn_comes() -> None:
    bench = Bench(Scripted(Question()))
    client = bench.client()
    client.send(Connect("c"), Pingreq(), b"\xff\xff")
    client.send(Pingreq())
    assert client.received() == []
    bench.server.answered(client.state, yes())
    assert [type(each) for each in client.received()] == [Connack, Pingresp, Disconnect]
    assert client.closed


def test_what_arrived_behind_something_malformed_is_not_acted_on() -> None:
    bench = Bench(Scripted(Question()))
    client = bench.client()
    client.send(Connect("c"))
    for piece in (b"\xff\xff", b"\xc0\x00", b"\xc0\x00"):
        client.send(piece)
    bench.server.answered(client.state, yes())
    assert [type(each) for each in client.received()] == [Connack, Disconnect]


def test_the_authenticator_may_think_again_about_what_was_held() -> None:
    bench = Bench(Exchanging(Question(), Question()))
    client = bench.client()
    client.send(Connect("c", properties=METHOD))
    client.send(Auth(0x18, METHOD))
    client.send(Pingreq())
    client.send(Pingreq())
    bench.server.answered(client.state, Challenge())
    assert ([type(each) for each in client.received()], client.state.pending is not None) == ([Auth], True)
    bench.server.answered(client.state, yes())
    assert [type(each) for each in client.received()] == [Connack, Pingresp, Pingresp]


def test_an_answer_for_a_client_that_is_gone_is_let_be() -> None:
    bench = Bench(Scripted(Question()))
    client = bench.client()
    client.send(Connect("c"), Pingreq())
    client.lose()
    bench.server.answered(client.state, yes())
    assert (client.received(), bench.server.realm.sessions, bench.faults) == ([], {}, [])


def test_the_keep_alive_begins_when_the_authenticator_has_answered() -> None:
    bench = Bench(Scripted(Question()))
    client = bench.client()
    client.send(Connect("c", keep_alive=1))
    bench.pass_time(4)
    bench.server.answered(client.state, yes())
    bench.pass_time(1)
    assert not client.state.closed
    bench.pass_time(0.5)
    assert client.state.closed


# -- enhanced authentication


def test_each_step_is_given_the_data_of_the_client_and_answered_in_auth() -> None:
    authenticator = Exchanging(Challenge(b"one"), Challenge(None), Accepted(Permissions("user"), b"last"))
    client = Bench(authenticator).client()
    client.send(Connect("c", properties=METHOD))
    answers = client.received()
    client.send(Auth(0x18, properties(authentication_method="m", authentication_data=b"second")))
    answers += client.received()
    client.send(Auth(0x18, properties(authentication_method="m")))
    answers += client.received()
    assert [type(each) for each in answers] == [Auth, Auth, Connack]
    assert [each.reason_code for each in answers] == [0x18, 0x18, 0]
    assert [each.properties.authentication_data for each in answers] == [b"one", None, b"last"]
    assert {each.properties.authentication_method for each in answers} == {"m"}
    assert authenticator.exchanges[0].given == [b"first", b"second", None]


def test_a_method_that_nobody_knows_is_refused() -> None:
    client = Bench(Exchanging()).client()
    client.send(Connect("c", properties=METHOD))
    assert connack_of(client).reason_code == 0x8C


@pytest.mark.parametrize(("answer", "faults"), [(Refusal(0x86), 0), (LookupError(), 1), (None, 0), ("?", 1)])
def test_a_step_that_fails_refuses(answer: object, faults: int) -> None:
    bench = Bench(Exchanging(Challenge(), answer))
    client = bench.client()
    client.send(Connect("c", properties=METHOD))
    client.received()
    client.send(Auth(0x18, METHOD))
    assert connack_of(client).reason_code == (0x86 if isinstance(answer, Refusal) else 0x87)
    assert len(bench.faults) == faults


@pytest.mark.parametrize("answer", [Refusal(0x86), LookupError(), None])
def test_a_re_authentication_that_fails_ends_the_network_connection(answer: object) -> None:
    bench = Bench(Exchanging(yes(), answer))
    client = bench.client()
    client.send(Connect("c", properties=METHOD))
    client.received()
    client.send(Auth(0x19, METHOD))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert (packet.reason_code, client.closed) == (0x87, True)


def test_re_authentication_by_a_method_that_is_no_more_ends_the_network_connection() -> None:
    client = Bench(Exchanging(yes())).client()
    client.send(Connect("c", properties=METHOD))
    client.received()
    client.send(Auth(0x19, METHOD))
    assert [type(each) for each in client.received()] == [Disconnect]


def test_re_authentication_gives_new_permissions() -> None:
    other = Permissions("other")
    bench = Bench(Exchanging(yes(), Accepted(other)))
    client = bench.client()
    client.send(Connect("c", properties=METHOD))
    client.send(Auth(0x19, METHOD))
    assert bench.server.realm.sessions["c"].permissions is other


def test_the_keep_alive_does_not_pass_while_the_server_itself_does_not_read() -> None:
    bench = Bench(Exchanging(yes(), Question()))
    client = bench.client()
    client.send(Connect("c", keep_alive=2, properties=METHOD))
    client.send(Auth(0x19, METHOD))
    bench.pass_time(5)
    assert (client.state.closed, client.state.pending is not None) == (False, True)
    bench.server.answered(client.state, yes())
    bench.pass_time(2.9)
    assert not client.state.closed
    bench.pass_time(0.2)
    assert client.state.closed


# -- the connect timeout

@pytest.mark.parametrize("thinks", [False, True])
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_no_connack_within_the_connect_timeout_ends_the_network_connection(
    thinks: bool, version: int
) -> None:
    bench = Bench(Scripted(Question()), connect_timeout=10.0)
    client = bench.client(version)
    if thinks:
        client.send(Connect("c", version))
    bench.pass_time(9.9)
    client.send(b"")
    assert (client.closed, client.state.phase < CONNECTED) == (False, True)
    bench.pass_time(0.1)
    packets = client.received()
    assert client.closed
    told = thinks and version == MQTT_5
    assert [(type(each), each.reason_code) for each in packets] == ([(Connack, 0x80)] if told else [])
    assert len(bench.server.deadlines) == 0


def test_after_the_connack_there_is_no_connect_timeout() -> None:
    bench = Bench()
    client = bench.connected("c")
    bench.pass_time(100)
    assert not client.state.closed


# -- keep alive

@pytest.mark.parametrize(("keep_alive", "lasts"), [(1, 1.5), (2, 3.0), (60, 90.0), (65_535, 98_302.5)])
def test_any_control_packet_begins_the_keep_alive_anew(keep_alive: int, lasts: float) -> None:
    bench = Bench()
    client = bench.connected("c", keep_alive=keep_alive)
    for packet in (Pingreq(), Publish("a", b""), Pingreq()):
        bench.pass_time(lasts - 0.25)
        client.send(packet)
    bench.pass_time(lasts - 0.25)
    client.send(b"\xc0")
    assert not client.closed, "half a packet is none"
    bench.pass_time(0.25)
    assert [each.reason_code for each in client.received() if isinstance(each, Disconnect)] == [0x8D]


@pytest.mark.parametrize(
    ("asked", "maximum", "granted"), [(0, 30, 30), (10, 30, None), (30, 30, None), (31, 30, 30), (0, 0, None)]
)
def test_the_server_may_grant_a_shorter_keep_alive(asked: int, maximum: int, granted: int | None) -> None:
    bench = Bench(maximum_keep_alive=maximum)
    connack = bench.client().connect("c", keep_alive=asked)
    assert connack.properties.server_keep_alive == granted


# -- Client Identifiers

EMPTY = [
    (MQTT_3_1, True, False), (MQTT_3_1, False, False), (MQTT_3_1_1, True, True), (MQTT_3_1_1, False, False),
    (MQTT_5, True, True), (MQTT_5, False, True),
]


@pytest.mark.parametrize(("version", "clean_start", "accepted"), EMPTY)
def test_an_empty_client_identifier_is_replaced_where_the_version_allows_it(
    version: int, clean_start: bool, accepted: bool
) -> None:
    bench = Bench()
    connack = bench.client(version).connect("", clean_start=clean_start)
    assert connack.reason_code == (0 if accepted else 0x85)
    assert len(bench.server.realm.sessions) == accepted
    assigned = connack.properties and connack.properties.assigned_client_identifier
    assert (assigned in bench.server.realm.sessions) is (version == MQTT_5)


def test_an_assigned_client_identifier_is_one_that_no_session_has() -> None:
    names = iter(["taken", "taken", "free"])
    bench = Bench()
    realm = bench.server.realm
    realm.settings = type(realm.settings)(limits=realm.limits, new_client_id=lambda: next(names))
    bench.connected("taken")
    assert bench.client().connect("").properties.assigned_client_identifier == "free"


@pytest.mark.parametrize(
    ("client_id", "code"), [("a" * 10, 0), ("a" * 11, 0x85), ("é" * 5, 0), ("é" * 6, 0x85)]
)
def test_the_length_of_a_client_identifier_is_counted_in_bytes(client_id: str, code: int) -> None:
    assert Bench(maximum_client_id_length=10).client().connect(client_id).reason_code == code


# -- what the CONNACK says

@pytest.mark.parametrize("maximum", [8, 16, 20, 24, 40, 100])
def test_a_connack_keeps_to_the_maximum_packet_size_or_refuses(maximum: int) -> None:
    bench = Bench()
    client = bench.client()
    client.send(Connect("c", properties=properties(maximum_packet_size=maximum)))
    data = client.received_bytes()
    assert len(data) <= maximum
    accepted = not client.closed
    assert (data[:1] == b"\x20" and data[3:4] == b"\x00") is accepted
    assert ("c" in bench.server.realm.sessions) is accepted


@pytest.mark.parametrize("sessions", [0, 1, 2])
def test_no_more_sessions_begin_than_there_may_be(sessions: int) -> None:
    bench = Bench(maximum_sessions=sessions)
    codes = [bench.client().connect(f"c{number}").reason_code for number in range(3)]
    assert codes == [0] * sessions + [0x97] * (3 - sessions)
    code = bench.client().connect("c0").reason_code
    assert code == (0 if sessions else 0x97), "a Session that is there goes on"


# -- a Session that is taken over, and the Will Message of the one that lost it

TAKE_OVER: list[tuple[int, int, bool, list[float]]] = [
    # Session Expiry Interval, Will Delay Interval, Clean Start of the second CONNECT,
    # the moments at which the Will Message comes
    (0, 0, True, [0.0]),
    (0, 0, False, [0.0]),
    (0, 9, True, [0.0]),
    (0, 9, False, [0.0]),
    (30, 0, True, [0.0]),
    (30, 0, False, [0.0]),
    (30, 9, True, [0.0]),
    (30, 9, False, []),
]
LOST: list[tuple[int, int, int | None, bool, list[float]]] = [
    # Session Expiry Interval, Will Delay Interval, seconds until a new CONNECT, its Clean Start, the moments
    (0, 0, None, True, [0.0]),
    (0, 9, None, True, [0.0]),
    (30, 0, None, True, [0.0]),
    (30, 9, None, True, [9.0]),
    (5, 9, None, True, [5.0]),
    (9, 9, None, True, [9.0]),
    (30, 9, 4, False, []),
    (30, 9, 4, True, [4.0]),
    (30, 9, 9, False, [9.0]),
    (5, 9, 4, False, []),
    (5, 9, 7, False, [5.0]),
]


def watching(bench: Bench) -> list[float]:
    """The moments at which the Will Message comes, counted from now."""
    moments: list[float] = []
    began = bench.turn.now
    bench.server.subscribe("w", 2, lambda message, qos: moments.append(bench.turn.now - began))
    return moments


def with_will(bench: Bench, expiry: int, delay: int) -> BenchClient:
    will = WillFields("w", b"gone", properties=properties(will_delay_interval=delay))
    return bench.connected("c", will=will, session_expiry_interval=expiry, clean_start=False)


@pytest.mark.parametrize(("expiry", "delay", "clean_start", "when"), TAKE_OVER)
def test_a_take_over_publishes_the_will_message_or_not(
    expiry: int, delay: int, clean_start: bool, when: list[float]
) -> None:
    bench = Bench()
    moments = watching(bench)
    old = with_will(bench, expiry, delay)
    connack = bench.client().connect("c", clean_start=clean_start, session_expiry_interval=expiry)
    assert connack.session_present is (expiry > 0 and not clean_start)
    assert [each.reason_code for each in old.received() if isinstance(each, Disconnect)] == [0x8E]
    bench.pass_time(100)
    assert moments == when
    assert bench.server.counters.taken_over == 1


@pytest.mark.parametrize(("expiry", "delay", "back", "clean_start", "when"), LOST)
def test_a_lost_network_connection_publishes_the_will_message_when_it_is_due(
    expiry: int, delay: int, back: int | None, clean_start: bool, when: list[float]
) -> None:
    bench = Bench()
    moments = watching(bench)
    with_will(bench, expiry, delay).lose()
    if back is not None:
        bench.pass_time(back)
        bench.client().connect("c", clean_start=clean_start, session_expiry_interval=expiry)
    bench.pass_time(100)
    assert moments == when
    assert bench.server.realm.delayed_wills == {}


# -- Permissions that change between two CONNECTs

class Closed(Permissions):
    receives_everything = False

    def may_receive(self, topic: str) -> bool:
        return False


def test_the_permissions_of_a_resumed_session_are_those_of_the_new_connect() -> None:
    bench = Bench()
    first = bench.connected("c", session_expiry_interval=100)
    first.subscribe("a", 1)
    first.lose()
    bench.server.authenticator = Scripted(Accepted(Closed()))
    again = bench.connected("c", clean_start=False)
    bench.server.authenticator = Scripted(yes())
    bench.connected("p").publish("a", b"1", 1)
    assert again.received() == []
