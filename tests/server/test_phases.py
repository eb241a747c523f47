"""Which Control Packet may come in which phase of a Network Connection: every pair (MQTT 5.0, 4.13)."""

from collections.abc import Callable

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
from amqtt.server.state import AUTHENTICATING, CLOSED, CONNECTED, NEW
from amqtt.server.verbs import VERBS
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import (
    AcknowledgementRun,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    PublishRun,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

METHOD = properties(authentication_method="m")
PACKETS: dict[type[Packet], Packet] = {
    Connect: Connect("c", properties=METHOD),
    Connack: Connack(),
    Publish: Publish("t", b"p", 1, packet_id=1),
    Puback: Puback(1),
    Pubrec: Pubrec(1),
    Pubrel: Pubrel(1),
    Pubcomp: Pubcomp(1),
    Subscribe: Subscribe(1, [SubscriptionRequest("t")]),
    Suback: Suback(1, [0]),
    Unsubscribe: Unsubscribe(1, ["t"]),
    Unsuback: Unsuback(1, [0]),
    Pingreq: Pingreq(),
    Pingresp: Pingresp(),
    Disconnect: Disconnect(),
    Auth: Auth(0x18, METHOD),
}
Outcome = tuple[type[Packet] | None, int, int]
"""The answer (None: none), its Reason Code, the phase afterwards."""
NO_CONNECT: Outcome = (None, 0, CLOSED)
NOT_YET: Outcome = (Connack, 0x82, CLOSED)
NEVER: Outcome = (Disconnect, 0x82, CLOSED)
TAKEN: Outcome = (None, 0, CONNECTED)
AFTER: dict[tuple[int, type[Packet]], Outcome] = {
    (NEW, Connect): (Auth, 0x18, AUTHENTICATING),
    (NEW, Connack): NO_CONNECT,
    (NEW, Publish): NO_CONNECT,
    (NEW, Puback): NO_CONNECT,
    (NEW, Pubrec): NO_CONNECT,
    (NEW, Pubrel): NO_CONNECT,
    (NEW, Pubcomp): NO_CONNECT,
    (NEW, Subscribe): NO_CONNECT,
    (NEW, Suback): NO_CONNECT,
    (NEW, Unsubscribe): NO_CONNECT,
    (NEW, Unsuback): NO_CONNECT,
    (NEW, Pingreq): NO_CONNECT,
    (NEW, Pingresp): NO_CONNECT,
    (NEW, Disconnect): NO_CONNECT,
    (NEW, Auth): NO_CONNECT,
    (AUTHENTICATING, Connect): NOT_YET,
    (AUTHENTICATING, Connack): NOT_YET,
    (AUTHENTICATING, Publish): NOT_YET,
    (AUTHENTICATING, Puback): NOT_YET,
    (AUTHENTICATING, Pubrec): NOT_YET,
    (AUTHENTICATING, Pubrel): NOT_YET,
    (AUTHENTICATING, Pubcomp): NOT_YET,
    (AUTHENTICATING, Subscribe): NOT_YET,
    (AUTHENTICATING, Suback): NOT_YET,
    (AUTHENTICATING, Unsubscribe): NOT_YET,
    (AUTHENTICATING, Unsuback): NOT_YET,
    (AUTHENTICATING, Pingreq): NOT_YET,
    (AUTHENTICATING, Pingresp): NOT_YET,
    (AUTHENTICATING, Disconnect): (None, 0, CLOSED),
    (AUTHENTICATING, Auth): (Connack, 0, CONNECTED),
    (CONNECTED, Connect): NEVER,
    (CONNECTED, Connack): NEVER,
    (CONNECTED, Publish): (Puback, 0x10, CONNECTED),
    (CONNECTED, Puback): TAKEN,
    (CONNECTED, Pubrec): (Pubrel, 0x92, CONNECTED),
    (CONNECTED, Pubrel): (Pubcomp, 0x92, CONNECTED),
    (CONNECTED, Pubcomp): TAKEN,
    (CONNECTED, Subscribe): (Suback, 0, CONNECTED),
    (CONNECTED, Suback): NEVER,
    (CONNECTED, Unsubscribe): (Unsuback, 0x11, CONNECTED),
    (CONNECTED, Unsuback): NEVER,
    (CONNECTED, Pingreq): (Pingresp, 0, CONNECTED),
    (CONNECTED, Pingresp): NEVER,
    (CONNECTED, Disconnect): (None, 0, CLOSED),
    (CONNECTED, Auth): NEVER,
    **{(CLOSED, kind): (None, 0, CLOSED) for kind in PACKETS},
}


class OneChallenge(AuthenticationExchange):
    def __init__(self) -> None:
        self.steps = 0

    def step(self, data: bytes | None) -> Accepted | Refusal | Challenge:
        self.steps += 1
        return Challenge(b"who?") if self.steps == 1 else Accepted(Permissions())


class Challenging(Authenticator):
    """Challenges each Client once that names a method."""

    methods = ("m",)

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Permissions())

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange:
        return OneChallenge()


def in_phase(phase: int) -> BenchClient:
    client = Bench(Challenging()).client()
    if phase >= AUTHENTICATING:
        client.send(PACKETS[Connect])
    if phase >= CONNECTED:
        client.send(PACKETS[Auth])
    if phase == CLOSED:
        client.send(Disconnect())
    client.received()
    assert client.state.phase == phase
    return client


def reason_code(packet: Packet) -> int:
    if isinstance(packet, Suback | Unsuback):
        return packet.reason_codes[0]
    return getattr(packet, "reason_code", 0)


def test_every_phase_with_every_packet_has_an_outcome() -> None:
    phases = (NEW, AUTHENTICATING, CONNECTED, CLOSED)
    assert set(AFTER) == {(phase, kind) for phase in phases for kind in PACKETS}
    allowed = {(phase, kind) for phase, verbs in VERBS.items() for kind in verbs}
    runs = {(phase, kind) for phase, kind in allowed if kind in (PublishRun, AcknowledgementRun)}
    assert {(phase, Publish) for phase, _ in runs} == {each for each in allowed if each[1] is Publish}
    assert allowed - runs <= set(AFTER)


@pytest.mark.parametrize(("phase", "kind"), AFTER, ids=lambda value: getattr(value, "__name__", value))
def test_each_packet_in_each_phase_has_its_outcome(phase: int, kind: type[Packet]) -> None:
    answer, code, after = AFTER[phase, kind]
    client = in_phase(phase)
    client.send(PACKETS[kind])
    packets = client.received()
    assert [type(each) for each in packets] == ([] if answer is None else [answer])
    assert [reason_code(each) for each in packets] == ([] if answer is None else [code])
    assert client.state.phase == after
    assert client.closed is client.state.closed is (after == CLOSED)
    assert client.bench.faults == []


# What AUTH may say depends on more than the phase.

Say = Callable[[BenchClient], None]


def says(code: int, method: str | None = "m") -> Say:
    given = properties(authentication_method=method) if method is not None else None
    return lambda client: client.send(Auth(code, given))


AUTHS: list[tuple[str, Say, int]] = [
    ("Success", says(0x00), 0x82),
    ("Continue before Re-authenticate", says(0x18), 0x82),
    ("another method", says(0x19, "other"), 0x82),
    ("no method", says(0x19, None), 0x82),
]


@pytest.mark.parametrize(("name", "say", "code"), AUTHS, ids=[name for name, _, _ in AUTHS])
def test_an_auth_that_is_not_expected_ends_the_network_connection(name: str, say: Say, code: int) -> None:
    client = in_phase(CONNECTED)
    say(client)
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert (packet.reason_code, client.closed) == (code, True)


def test_re_authentication_goes_its_way_beside_other_packets() -> None:
    client = in_phase(CONNECTED)
    client.send(Auth(0x19, METHOD), Pingreq())
    challenge, pong = client.received()
    assert isinstance(challenge, Auth)
    assert (challenge.reason_code, type(pong)) == (0x18, Pingresp)
    client.send(Auth(0x18, METHOD))
    (done,) = client.received()
    assert isinstance(done, Auth)
    assert (done.reason_code, client.state.authenticating) == (0, False)


@pytest.mark.parametrize("code", [0x19, 0x00])
def test_re_authentication_must_not_begin_twice(code: int) -> None:
    client = in_phase(CONNECTED)
    client.send(Auth(0x19, METHOD))
    client.received()
    client.send(Auth(code, METHOD))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert packet.reason_code == 0x82


def test_before_the_connack_re_authentication_is_not_expected() -> None:
    client = in_phase(AUTHENTICATING)
    client.send(Auth(0x19, METHOD))
    (packet,) = client.received()
    assert isinstance(packet, Connack)
    assert packet.reason_code == 0x82


def test_auth_is_not_for_a_client_without_an_authentication_method() -> None:
    client = Bench(Challenging()).connected("c")
    client.send(Auth(0x19, METHOD))
    (packet,) = client.received()
    assert isinstance(packet, Disconnect)
    assert packet.reason_code == 0x82
