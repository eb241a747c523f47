"""C9: who guesses passwords, or comes again and again, is kept out, and nobody else with him."""

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Peer, Refusal
from amqtt.access.authenticators import Authenticators
from amqtt.access.scram import Scram, new_credential
from amqtt.clients.scram import ScramAuthentication
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Auth, Connack, Connect
from amqtt.wire.reasons import ReasonCode
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
WRONG = 0x86
BANNED = {MQTT_3_1_1: 0x87, MQTT_5: 0x8A}
"""MQTT 3.1.1 has return code 5, which the tests' Decoder reads as 0x87."""
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


class Passwords(Authenticator):
    """Knows one password, and counts how often it had to look."""

    def __init__(self) -> None:
        self.asked = 0
        self.code: int = ReasonCode.BAD_USER_NAME_OR_PASSWORD

    def authenticate(self, request: ConnectRequest) -> Answer:
        self.asked += 1
        if request.password == b"right":
            return Accepted(Permissions(request.username))
        return Refusal(self.code)


class Door:
    """A Server that asks for passwords."""

    def __init__(self, version: int, **limits: object) -> None:
        self.version = version
        self.passwords = Passwords()
        self.bench = Bench(self.passwords, **limits)

    def knock(
        self, password: bytes, user: str | None = "alice", address: str = HERE, client_id: str = "c"
    ) -> int:
        client = BenchClient(self.bench, self.version, Peer(address))
        connack = client.connect(client_id, username=user, password=password)
        client.lose()
        return connack.reason_code


@BOTH
def test_the_seventeenth_attempt_is_refused_without_a_look_at_its_password(version: int) -> None:
    door = Door(version)
    for _ in range(16):
        assert door.knock(b"guess") == WRONG
        door.bench.pass_time(3)
    assert door.passwords.asked == 16
    assert door.knock(b"guess") == BANNED[version]
    assert door.knock(b"right") == BANNED[version]
    assert door.passwords.asked == 16
    assert door.bench.server.realm.excess.counts == {"maximum_failed_logins": 3}


@BOTH
def test_another_address_and_another_user_are_not_kept_out(version: int) -> None:
    door = Door(version)
    for _ in range(16):
        door.knock(b"guess")
    assert door.knock(b"right", address=ELSEWHERE) == 0
    assert door.knock(b"right", user="bob") == 0
    assert door.knock(b"right") == BANNED[version]


@BOTH
def test_the_ban_is_lifted_in_the_end(version: int) -> None:
    door = Door(version)
    for _ in range(16):
        door.knock(b"guess")
    door.bench.pass_time(299)
    assert door.knock(b"right") == BANNED[version]
    door.bench.pass_time(1)
    assert door.knock(b"right") == 0


def test_who_knows_the_password_is_forgiven_and_slow_mistakes_are_no_attack() -> None:
    door = Door(MQTT_5)
    for _ in range(10):
        for _ in range(15):
            assert door.knock(b"guess") == 0x86
        assert door.knock(b"right") == 0
    for _ in range(40):
        assert door.knock(b"guess") == 0x86
        door.bench.pass_time(4.1)


class Scrammed:
    """A Server that has passwords proven by SCRAM-SHA-256."""

    def __init__(self) -> None:
        users = {name: new_credential("right", salt=b"12345678") for name in ("alice", "bob")}
        self.bench = Bench(Authenticators({"scram": Scram(users)}))

    def knock(self, password: str, user: str = "alice", username: str | None = None) -> int:
        """The Reason Code for one attempt; `username` is what stands in the CONNECT beside it."""
        proof = ScramAuthentication(user, password)
        client = BenchClient(self.bench, MQTT_5, Peer(HERE))
        asks = properties(authentication_method=proof.method, authentication_data=proof.begin())
        client.send(Connect("c", MQTT_5, username=username, properties=asks))
        answer = client.received()[-1]
        if isinstance(answer, Auth):
            assert answer.properties is not None
            data = proof.step(answer.properties.authentication_data)
            said = properties(authentication_method=proof.method, authentication_data=data)
            client.send(Auth(0x18, said))
            answer = client.received()[-1]
        client.lose()
        assert isinstance(answer, Connack)
        return answer.reason_code


@pytest.mark.parametrize("username", [None, "bob", "number {}"])
def test_who_authenticates_by_scram_is_counted_by_the_name_that_he_proves(username: str | None) -> None:
    door = Scrammed()
    for number in range(16):
        assert door.knock("guess", username=username and username.format(number)) == WRONG
    assert door.knock("right") == BANNED[MQTT_5]
    assert door.knock("right", username="somebody else") == BANNED[MQTT_5]
    assert door.knock("right", "bob") == 0
    door.bench.pass_time(300)
    assert door.knock("right") == 0


def test_who_knows_one_password_is_not_forgiven_guesses_at_another() -> None:
    door = Scrammed()
    codes = []
    for _ in range(8):
        codes += [door.knock("guess"), door.knock("guess"), door.knock("right", "bob")]
    assert codes == [WRONG, WRONG, 0] * 8
    assert door.knock("right") == BANNED[MQTT_5]


def test_what_is_no_guess_does_not_count() -> None:
    door = Door(MQTT_5)
    for _ in range(20):
        assert door.knock(b"x", user=None) == 0x86
    door.passwords.code = ReasonCode.SERVER_BUSY
    for _ in range(20):
        assert door.knock(b"x") == 0x89
    assert door.knock(b"right") == 0


def test_a_whole_ipv6_network_of_one_party_counts_as_one() -> None:
    door = Door(MQTT_5)
    for number in range(16):
        assert door.knock(b"guess", address=f"2001:db8::{number:x}") == 0x86
    assert door.knock(b"right", address="2001:db8::ffff") == 0x8A
    assert door.knock(b"right", address="2001:db8:0:1::1") == 0


def test_without_the_limit_nobody_is_banned() -> None:
    door = Door(MQTT_5, maximum_failed_logins=0)
    assert {door.knock(b"guess") for _ in range(100)} == {0x86}


@BOTH
def test_a_client_that_flaps_is_banned_where_it_is_asked_for(version: int) -> None:
    door = Door(version, maximum_reconnections=15)
    assert [door.knock(b"right") for _ in range(15)] == [0] * 15
    assert door.knock(b"right") == BANNED[version]
    assert door.knock(b"right", client_id="another") == 0
    assert door.knock(b"right", address=ELSEWHERE) == 0
    door.bench.pass_time(300)
    assert door.knock(b"right") == 0


def test_a_client_may_flap_unless_it_is_asked_for() -> None:
    door = Door(MQTT_5)
    assert {door.knock(b"right") for _ in range(200)} == {0}


@BOTH
def test_connections_of_one_address_have_a_rate_where_it_is_asked_for(version: int) -> None:
    door = Door(version, maximum_connection_rate=5)
    refused = 0x88 if version == MQTT_3_1_1 else 0x9F
    codes = [door.knock(b"right", client_id=str(number)) for number in range(7)]
    assert codes == [0] * 5 + [refused] * 2
    assert door.knock(b"right", address=ELSEWHERE) == 0
    door.bench.pass_time(0.5)
    assert [door.knock(b"right") for _ in range(3)] == [0, 0, refused]
    assert door.bench.server.realm.excess.counts == {"maximum_connection_rate": 3}
