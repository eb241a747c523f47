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
    Peer,
    Refusal,
)
from amqtt.server.events import ConnectionRefused
from amqtt.server.settings import ServerSettings
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


# -- who is refused before anybody is asked


class NeverAsked(Authenticator):
    """Must not be asked."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        raise AssertionError("it was asked")


def refused(bench: Bench, client_id: str = "c", version: int = MQTT_5, **options: object) -> int:
    """The Reason Code that a CONNECT is refused with; nothing may be left of it."""
    client = bench.client(version)
    code = client.connect(client_id, **options).reason_code  # type: ignore[arg-type]
    assert client.state.closed
    assert client_id not in bench.server.realm.sessions
    assert bench.faults == []
    return code


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize(
    ("lag", "share", "limit"),
    [(0.5, 0.0, "lag_to_refuse_clients"), (0.0, 0.9, "memory_to_refuse_clients"),
     (9.0, 0.9, "lag_to_refuse_clients")],
)
def test_an_overloaded_server_refuses_newcomers_and_says_for_what(
    version: int, lag: float, share: float, limit: str
) -> None:
    bench = Bench(NeverAsked())
    for _ in range(3):
        bench.server.lagged(lag, share)
    assert refused(bench, version=version) == (0x89 if version == MQTT_5 else 0x88)
    assert bench.server.realm.excess.counts == {limit: 1}


def test_who_comes_too_often_is_refused_for_what_he_exceeds() -> None:
    bench = Bench(maximum_connection_rate=3, maximum_reconnections=2)
    for _ in range(2):
        bench.connected("c").lose()
    bench.server.authenticator = NeverAsked()
    assert refused(bench) == 0x8A
    assert refused(bench, "d") == 0x9F
    assert bench.server.realm.excess.counts == {"maximum_reconnections": 2, "maximum_connection_rate": 1}


@pytest.mark.parametrize(("length", "code"), [(30, 0), (31, 0x85)])
def test_a_client_identifier_has_its_length_in_bytes(length: int, code: int) -> None:
    bench = Bench(maximum_client_id_length=30)
    assert bench.client().connect("\u20ac" * 10 + "x" * (length - 30)).reason_code == code
    assert bench.server.realm.excess.counts == ({"maximum_client_id_length": 1} if code else {})


@pytest.mark.parametrize(("keep_alive", "code"), [(0, 0x85), (30, 0), (31, 0x85)])
def test_who_cannot_be_told_of_a_shorter_keep_alive_is_refused(keep_alive: int, code: int) -> None:
    bench = Bench(maximum_keep_alive=30)
    assert bench.client(MQTT_3_1_1).connect("c", keep_alive=keep_alive).reason_code == code


PRIVATE = [Peer("127.0.0.1"), Peer("::1"), Peer("", transport="unix"), Peer("192.0.2.1", secure=True)]
PUBLIC = [Peer("192.0.2.1"), Peer("no address"), Peer("127.0.0.1", proxied=True)]


@pytest.mark.parametrize(("peer", "code"), [*((peer, 0) for peer in PRIVATE), *((p, 0x87) for p in PUBLIC)])
def test_where_tls_is_asked_for_a_password_must_come_in_private(peer: Peer, code: int) -> None:
    bench = Bench()
    bench.server.realm.settings = ServerSettings(requires_tls_for_passwords=True)
    assert BenchClient(bench, MQTT_5, peer).connect("a", username="u", password=b"x").reason_code == code
    assert BenchClient(bench, MQTT_5, peer).connect("b", username="u").reason_code == 0


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_who_takes_longer_than_he_may_is_refused_and_counted(version: int) -> None:
    class Thinks(Authenticator):
        def authenticate(self, request: ConnectRequest) -> Awaitable[Answer]:
            return Question()  # type: ignore[return-value]

    bench = Bench(Thinks())
    client = bench.client(version)
    client.send(Connect("c", version))
    bench.server.answered(client.state, TimeoutError())
    (connack,) = client.received()
    assert connack.reason_code == 0x87  # type: ignore[union-attr]
    assert bench.server.realm.excess.counts == {"authentication_timeout": 1}


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, {"receive_maximum": 256, "topic_alias_maximum": 16}),
        ({"receive_maximum": 65_535, "topic_alias_maximum": 0}, {}),
        ({"maximum_qos": 1}, {"maximum_qos": 1}),
        ({"retain_available": False}, {"retain_available": 0}),
        ({"wildcard_subscription_available": False}, {"wildcard_subscription_available": 0}),
        ({"subscription_identifier_available": False}, {"subscription_identifier_available": 0}),
        ({"shared_subscription_available": False}, {"shared_subscription_available": 0}),
    ],
)
def test_connack_says_what_there_is_less_of_than_the_standard_assumes(
    limits: dict[str, object], said: dict[str, int]
) -> None:
    connack = Bench(**limits).client().connect("c")
    assert connack.properties is not None
    names = [
        "receive_maximum", "topic_alias_maximum", "maximum_qos", "retain_available",
        "wildcard_subscription_available", "subscription_identifier_available",
        "shared_subscription_available",
    ]
    usual = {} if not limits or "receive_maximum" in limits else {
        "receive_maximum": 256, "topic_alias_maximum": 16,
    }
    found = {name: getattr(connack.properties, name) for name in names}
    assert {name: value for name, value in found.items() if value is not None} == {**usual, **said}


def test_a_stalled_client_is_told_so_and_its_session_stays() -> None:
    bench = Bench()
    client = bench.connected("c", session_expiry_interval=100)
    bench.server.exceeded("stall_timeout", client.state.peer, client.state, "it took no bytes")
    (disconnect,) = client.received()
    assert isinstance(disconnect, Disconnect)
    assert disconnect.reason_code == 0x97
    assert client.state.closed
    assert list(bench.server.realm.sessions) == ["c"]
    bench.server.lost(client.state, "it took no bytes")
    assert bench.server.realm.excess.counts == {"stall_timeout": 1}


def test_a_stranger_who_takes_too_long_is_refused_for_no_quota() -> None:
    bench = Bench()
    told: list[ConnectionRefused] = []
    bench.server.events.on(ConnectionRefused, told.append)
    client = bench.client()
    bench.server.exceeded("proxy_timeout", client.state.peer, client.state, "no PROXY header")
    assert client.state.closed
    assert [(event.reason_code, event.reason) for event in told] == [(0x80, "no PROXY header")]
    assert bench.server.realm.excess.counts == {"proxy_timeout": 1}


def test_whoever_is_turned_away_is_counted() -> None:
    bench = Bench()
    for _ in range(3):
        bench.server.exceeded("maximum_connections", Peer("192.0.2.1"))
    assert bench.server.realm.excess.counts == {"maximum_connections": 3}


class Named(AuthenticationExchange):
    """The first data is the user's name; whoever answers the challenge is let in if he is `good…`."""

    def __init__(self) -> None:
        self._user = ""

    @property
    def user(self) -> str | None:
        return self._user or None

    def step(self, data: bytes | None) -> Accepted | Refusal | Challenge:
        if not self._user:
            self._user = (data or b"").decode()
            return Challenge(b"?")
        return Accepted(Asking(self._user)) if self._user.startswith("good") else Refusal(0x86)


class Naming(Authenticator):
    """Serves the method `m` alone."""

    methods = ("m",)

    def authenticate(self, request: ConnectRequest) -> Answer:
        return None

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange:
        return Named()


class Asking(Permissions):
    """Has something to find out before it answers; subscribing is not granted until then."""

    asks = True

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if self.user == "good" else -1


def attempt(bench: Bench, user: bytes) -> list[int]:
    """The Reason Codes that somebody is sent who comes as this user and answers the challenge."""
    client = bench.client()
    client.send(
        Connect("c", MQTT_5, properties=properties(authentication_method="m", authentication_data=user))
    )
    if not client.state.closed:
        client.send(Auth(0x18, properties(authentication_method="m", authentication_data=b"!")))
    client.lose()
    return [packet.reason_code for packet in client.received()]  # type: ignore[union-attr]


def test_whoever_guesses_by_an_authentication_method_is_banned_as_whom_he_says_he_is() -> None:
    bench = Bench(Naming(), maximum_failed_logins=2)
    assert [attempt(bench, b"bad") for _ in range(2)] == [[0x18, 0x86]] * 2
    assert attempt(bench, b"bad") == [0x8A], "before his answer is looked at"
    assert attempt(bench, b"good") == [0x18, 0]
    assert bench.server.realm.excess.counts == {"maximum_failed_logins": 2}


def test_a_challenge_that_the_client_cannot_take_ends_it() -> None:
    bench = Bench(Naming())
    client = bench.client()
    given = properties(authentication_method="m", authentication_data=b"x", maximum_packet_size=8)
    client.send(Connect("c", MQTT_5, properties=given))
    assert client.state.closed
    assert bench.server.realm.sessions == {}


@pytest.mark.parametrize(("user", "code"), [(b"good", 0), (b"good too", 0x87)])
def test_who_authenticates_anew_as_himself_keeps_what_he_subscribed_to(user: bytes, code: int) -> None:
    bench = Bench(Naming())
    client = bench.client()
    for name, reason in ((b"good", None), (user, 0x19)):
        given = properties(authentication_method="m", authentication_data=name)
        client.send(Connect("c", MQTT_5, properties=given) if reason is None else Auth(reason, given))
        client.send(Auth(0x18, properties(authentication_method="m", authentication_data=b"!")))
        last = client.received()[-1]
        if reason is None:
            assert client.subscribe("t") == 0
    assert last.reason_code == code  # type: ignore[union-attr]
    assert client.state.closed is bool(code)
    if not code:
        assert list(bench.server.realm.sessions["c"].subscriptions) == ["t"]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_will_that_may_not_be_published_refuses_who_states_it(version: int) -> None:
    bench = Bench()
    client = bench.client(version)
    assert client.connect("c", will=WillFields("$SYS/x", b"")).reason_code == 0x87
    assert bench.server.realm.sessions == {}
