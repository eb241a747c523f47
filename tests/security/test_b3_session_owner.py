"""B3: a Session belongs to its Client Identifier and its owner; nobody steals one by stating the former."""

import dataclasses

import pytest

from amqtt.abc import Accepted, Answer, AuthenticationExchange, Authenticator, Challenge, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Auth, Connack, Disconnect, Publish, WillFields
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
CLEAN = pytest.mark.parametrize("clean", [False, True])
REFUSED = 0x85
"""An MQTT 3.1.1 Client reads its return code 2 as the same."""


def come(bench: Bench, version: int, user: str | None, clean: bool = False, **more: object) -> BenchClient:
    """A Client that states the Identifier `shared-id`; what it is answered is in `connack`."""
    client = bench.client(version)
    if version == MQTT_5 and not clean:
        more["session_expiry_interval"] = 1000
    client.connack = client.connect("shared-id", clean_start=clean, username=user, **more)  # type: ignore[arg-type]
    return client


def left(bench: Bench, version: int, user: str | None) -> BenchClient:
    """A Session with a Subscription and a Will Message, and its Client on the line."""
    owner = come(bench, version, user, will=WillFields("will", b"dead"))
    assert owner.subscribe("mail/#", 1) == 1
    return owner


def mail(bench: Bench, payload: bytes) -> None:
    bench.connected("publisher").publish("mail/1", payload, 1)


def payloads(client: BenchClient) -> list[bytes]:
    return [packet.payload for packet in client.received() if isinstance(packet, Publish)]


@BOTH
@CLEAN
@pytest.mark.parametrize("mallory", ["mallory", None])
def test_another_user_gets_no_message_fires_no_will_and_ends_no_connection(
    version: int, clean: bool, mallory: str | None
) -> None:
    bench = Bench()
    witness = bench.connected("witness")
    witness.subscribe("will")
    alice = left(bench, version, "alice")
    thief = come(bench, version, mallory, clean)
    assert thief.connack.reason_code == REFUSED
    assert thief.state.closed
    mail(bench, b"secret")
    assert payloads(alice) == [b"secret"]
    assert payloads(thief) == payloads(witness) == []
    assert not alice.state.closed


@BOTH
@CLEAN
def test_a_stored_session_is_kept_for_its_owner(version: int, clean: bool) -> None:
    bench = Bench()
    left(bench, version, "alice").lose()
    mail(bench, b"secret")
    assert come(bench, version, "mallory", clean).connack.reason_code == REFUSED
    alice = come(bench, version, "alice")
    assert alice.connack.session_present
    assert payloads(alice) == [b"secret"]


@BOTH
def test_a_policy_of_shared_client_identifiers_lets_another_user_go_on(version: int) -> None:
    bench = Bench()
    realm = bench.server.realm
    realm.settings = dataclasses.replace(realm.settings, shares_client_ids=True)
    left(bench, version, "alice").lose()
    mail(bench, b"for both")
    bob = come(bench, version, "bob")
    assert bob.connack.session_present
    assert payloads(bob) == [b"for both"]
    assert realm.sessions["shared-id"].owner == "bob"


class Uneven(Authenticator):
    """Bob may have less than others; it does not show in what he receives, but in what he subscribes to."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Less("bob") if request.username == "bob" else Permissions(request.username))


class Less(Permissions):
    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if topic_filter in ("mail/#", "mail/2") else -1


@BOTH
def test_who_goes_on_with_a_shared_one_is_sent_what_he_could_subscribe_to_himself(version: int) -> None:
    """By the very topic: mail/# is granted to him, and of what waits mail/2 alone."""
    bench = Bench(Uneven())
    realm = bench.server.realm
    realm.settings = dataclasses.replace(realm.settings, shares_client_ids=True)
    left(bench, version, "alice").lose()
    publisher = bench.connected("publisher")
    for number in (1, 2):
        publisher.publish(f"mail/{number}", b"%d" % number, 1)
    bob = come(bench, version, "bob")
    assert bob.connack.session_present
    assert payloads(bob) == [b"2"]


@BOTH
def test_when_the_session_has_ended_its_client_identifier_is_free(version: int) -> None:
    bench = Bench()
    come(bench, version, "alice", clean=True).lose()
    assert come(bench, version, "bob").connack.reason_code == 0


class Renamed(AuthenticationExchange):
    """Lets in under the name that the Client states in its data."""

    def step(self, data: bytes | None) -> Accepted | Challenge:
        return Accepted(Permissions((data or b"").decode()))


class Renaming(Authenticator):
    methods = ("name",)

    def authenticate(self, request: ConnectRequest) -> Answer:
        return None

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange:
        return Renamed()


@pytest.mark.parametrize(("name", "closed"), [(b"alice", False), (b"mallory", True)])
def test_re_authentication_as_another_user_does_not_hand_the_session_over(name: bytes, closed: bool) -> None:
    bench = Bench(Renaming())
    client = bench.connected("c", authentication_method="name", authentication_data=b"alice")
    client.send(Auth(0x19, properties(authentication_method="name", authentication_data=name)))
    (answer,) = client.received()
    assert isinstance(answer, Disconnect if closed else Auth)
    assert answer.reason_code == (0x87 if closed else 0)
    assert client.state.closed is closed


def test_the_refusal_reads_the_same_whether_the_owner_is_there_or_not() -> None:
    bench = Bench()
    alice = left(bench, MQTT_5, "alice")
    there = come(bench, MQTT_5, "mallory").connack
    alice.lose()
    away = come(bench, MQTT_5, "mallory").connack
    assert isinstance(there, Connack)
    assert there.properties.reason_string == away.properties.reason_string  # type: ignore[union-attr]
