"""A2: every packet type in every phase: what is not allowed ends the connection, and is never a Fault."""

import pytest

from amqtt.abc import Accepted, Answer, AuthenticationExchange, Authenticator, Challenge, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connect, Disconnect
from support.bench_server import Bench, BenchClient
from support.raw_client import properties

BODIES = {
    0: b"\x00", 1: b"", 2: b"\x00\x00\x00", 3: b"\x00\x01a\x00", 4: b"\x00\x01", 5: b"\x00\x01",
    6: b"\x00\x01", 7: b"\x00\x01", 8: b"\x00\x01\x00\x00\x01a\x00", 9: b"\x00\x01\x00\x00",
    10: b"\x00\x01\x00\x00\x01a", 11: b"\x00\x01\x00\x00", 12: b"", 13: b"", 14: b"", 15: b"\x00\x00",
}
FLAGS = {6: 2, 8: 2, 10: 2}
ALLOWED_CONNECTED = {3, 4, 5, 6, 7, 8, 10, 12, 14}
PHASES = ["new", "authenticating", "connected", "closed"]


def packet(kind: int, version: int) -> bytes:
    if kind == 1:
        return encode(Connect("c", version), version)
    body = BODIES[kind]
    if version == MQTT_3_1_1:
        body = {3: b"\x00\x01a", 8: b"\x00\x01\x00\x01a\x00", 10: b"\x00\x01\x00\x01a"}.get(kind, body)
    return bytes((kind << 4 | FLAGS.get(kind, 0), len(body))) + body


class Asks(AuthenticationExchange):
    def step(self, data: bytes | None) -> Challenge:
        return Challenge(b"?")


class Asking(Authenticator):
    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Permissions())

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange:
        return Asks()


def in_phase(bench: Bench, phase: str, version: int) -> BenchClient:
    client = bench.client(version)
    if phase == "authenticating":
        client.send(Connect("c", version, properties=properties(authentication_method="m")))
    elif phase in ("connected", "closed"):
        client.connect("c")
    if phase == "closed":
        client.send(Disconnect())
    client.received_bytes()
    return client


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", range(16))
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_every_type_in_every_phase(kind: int, phase: str, version: int) -> None:
    if phase == "authenticating" and version != MQTT_5:
        phase = "new"
    bench = Bench(Asking())
    client = in_phase(bench, phase, version)
    client.send(packet(kind, version))
    assert bench.faults == []
    if phase == "closed":
        assert client.received_bytes() == b""
        return
    allowed = {"new": {1}, "authenticating": {14}, "connected": ALLOWED_CONNECTED}[phase]
    ends = kind not in allowed or kind == 14
    assert client.state.closed is ends
    if ends and phase == "connected" and version == MQTT_5 and kind != 14:
        assert client.received()[-1].reason_code in (0x81, 0x82)  # type: ignore[union-attr]
    client.received_bytes()
    if ends:
        client.send(packet(12, version))
        assert client.received_bytes() == b""


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_second_connect_ends_the_session_of_nobody_else(version: int) -> None:
    bench = Bench()
    other = bench.connected("other", version)
    client = bench.connected("c", version)
    client.send(Connect("other", version))
    assert client.state.closed
    assert not other.state.closed
    assert bench.faults == []
