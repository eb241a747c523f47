"""Whatever bytes a peer sends in whatever phase: never a Fault of ours, and after an error silence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqtt.abc import Accepted, Answer, AuthenticationExchange, Authenticator, Challenge, ConnectRequest
from amqtt.sessions.permissions import Permissions
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Auth, Connect, Publish, Subscribe, SubscriptionRequest
from support.bench_server import Bench, BenchClient
from support.raw_client import properties
from support.strategies import cut, packets, spoiled

PHASES = ["new", "authenticating", "connected"]
VERSIONS = [MQTT_3_1_1, MQTT_5]
examples = settings(max_examples=150, deadline=None, derandomize=True, database=None)


class Patient(AuthenticationExchange):
    def step(self, data: bytes | None) -> Accepted | Challenge:
        return Accepted(Permissions()) if data == b"yes" else Challenge(data)


class Anybody(Authenticator):
    methods = ("m",)

    def authenticate(self, request: ConnectRequest) -> Answer:
        return Accepted(Permissions(request.username))

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange:
        return Patient()


def in_phase(phase: str, version: int) -> BenchClient:
    """A Client with something at stake: Subscriptions, messages in flight, others that receive."""
    bench = Bench(Anybody(), maximum_packet_size=10_000)
    witness = bench.connected("witness")
    witness.subscribe("#", 2)
    witness.publish("kept", b"x", retain=True)
    client = bench.client(version)
    if phase == "authenticating":
        client.send(Connect("c", properties=properties(authentication_method="m")))
    elif phase == "connected":
        client.connect("c", clean_start=False)
        client.send(Subscribe(1, [SubscriptionRequest("#", 2), SubscriptionRequest("$share/g/a", 1)]))
        witness.publish("a", b"1", 1)
        witness.publish("a", b"2", 2, packet_id=2)
    client.received_bytes()
    return client


def attack(client: BenchClient, pieces: list[bytes]) -> None:
    """Send the pieces; after the Server has closed it nothing may come, whatever is still sent."""
    bench = client.bench
    for piece in pieces:
        client.send(piece)
        bench.pass_time(0)
        if client.state.decoder.error is not None:
            assert client.state.closed
        if client.state.closed:
            client.received_bytes()
            client.send(b"\xc0\x00", piece)
            assert client.received_bytes() == b""
            assert client.closed
    assert bench.faults == []
    bench.pass_time(10_000)
    client.lose()
    bench.pass_time(10_000)
    assert bench.faults == []
    assert set(bench.server.realm.connected) == {"witness"}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("version", VERSIONS)
@examples
@given(data=st.data())
def test_arbitrary_bytes_bring_about_no_fault(phase: str, version: int, data: st.DataObject) -> None:
    if phase == "authenticating":
        version = MQTT_5
    attack(in_phase(phase, version), data.draw(st.lists(st.binary(max_size=40), max_size=4)))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("version", VERSIONS)
@examples
@given(data=st.data())
def test_spoiled_conversations_bring_about_no_fault(phase: str, version: int, data: st.DataObject) -> None:
    if phase == "authenticating":
        version = MQTT_5
    attack(in_phase(phase, version), data.draw(cut(data.draw(spoiled(version)))))


@pytest.mark.parametrize("version", VERSIONS)
@examples
@given(data=st.data())
def test_valid_packets_in_any_order_bring_about_no_fault(version: int, data: st.DataObject) -> None:
    sent = data.draw(st.lists(packets(version), max_size=8))
    attack(in_phase("connected", version), [encode(packet, version) for packet in sent])


@pytest.mark.parametrize("version", VERSIONS)
@examples
@given(data=st.data())
def test_one_changed_byte_of_a_likely_packet_brings_about_no_fault(version: int, data: st.DataObject) -> None:
    likely = [
        encode(Publish("a", b"payload", 2, packet_id=7), version),
        encode(Subscribe(7, [SubscriptionRequest("a/+", 1), SubscriptionRequest("$share/g/#", 2)]), version),
        encode(Connect("c", version, will=None, username="u"), version),
    ]
    if version == MQTT_5:
        given_ = properties(authentication_method="m", authentication_data=b"yes")
        likely += [
            encode(Auth(0x18, given_), version),
            encode(Publish("", b"", properties=properties(topic_alias=1, content_type="c")), version),
        ]
    chosen = bytearray(data.draw(st.sampled_from(likely)))
    chosen[data.draw(st.integers(0, len(chosen) - 1))] = data.draw(st.integers(0, 255))
    phase = data.draw(st.sampled_from(PHASES if version == MQTT_5 else ["new", "connected"]))
    attack(in_phase(phase, version), [bytes(chosen), b"\xc0\x00" * 20])
