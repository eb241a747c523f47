"""B7: what somebody without a name prepared is no part of a named user's Session, nor the reverse."""

import pytest

from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Publish
from support.bench_server import Bench, BenchClient

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


def come(bench: Bench, version: int, user: str | None) -> tuple[BenchClient, bool]:
    """A Client that resumes the Session of `sensor`, and whether there was one; None: refused."""
    client = bench.client(version)
    more = {"session_expiry_interval": 1000} if version == MQTT_5 else {}
    connack = client.connect("sensor", clean_start=False, username=user, **more)  # type: ignore[arg-type]
    assert connack.reason_code in (0, 0x85)
    return client, connack.session_present


@BOTH
@pytest.mark.parametrize("is_there", [False, True])
def test_alice_does_not_inherit_what_somebody_without_a_name_subscribed_to(
    version: int, is_there: bool
) -> None:
    bench = Bench()
    nobody, _ = come(bench, version, None)
    assert nobody.subscribe("#", 1) == 1
    if not is_there:
        nobody.lose()
    bench.connected("p").publish("a", b"bait", 1)
    alice, present = come(bench, version, "alice")
    assert not present
    bench.connected("p").publish("a", b"bait", 1)
    assert [packet for packet in alice.received() if isinstance(packet, Publish)] == []
    assert nobody.state.closed
    assert bench.server.realm.sessions["sensor"].owner == "alice"
    assert len(bench.server.realm.tree) == 0


@BOTH
def test_what_alice_left_is_not_given_to_somebody_without_a_name(version: int) -> None:
    bench = Bench()
    alice, _ = come(bench, version, "alice")
    assert alice.subscribe("#", 1) == 1
    alice.lose()
    bench.connected("p").publish("a", b"secret", 1)
    nobody, present = come(bench, version, None)
    assert not present
    assert nobody.state.closed
    assert [packet for packet in nobody.received() if isinstance(packet, Publish)] == []
    again, present = come(bench, version, "alice")
    assert present
    assert [packet.payload for packet in again.received() if isinstance(packet, Publish)] == [b"secret"]


@BOTH
def test_without_names_everybody_resumes_as_ever(version: int) -> None:
    bench = Bench()
    come(bench, version, None)[0].lose()
    assert come(bench, version, None)[1]


def test_a_session_that_the_program_began_is_the_first_comers() -> None:
    bench = Bench()
    realm = bench.server.realm
    realm.new_session("sensor", Permissions()).expiry_interval = 1000
    _, present = come(bench, MQTT_5, "alice")
    assert present
    assert realm.sessions["sensor"].owner == "alice"
