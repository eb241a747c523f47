"""A Server that sends anything at all: the Client never raises, never hangs, never grows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from amqtt.client_session.receipt import PENDING
from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Connack, Disconnect, SubscriptionRequest
from support.client_bench import ClientBench
from support.strategies import packets

VERSIONS = st.sampled_from([MQTT_3_1_1, MQTT_5])


def busy(version: int) -> ClientBench:
    """A Client that has asked for everything one can ask for."""
    bench = ClientBench(version, keep_alive=30, receive_maximum=10)
    bench.open()
    for qos in (0, 1, 2):
        bench.publish("a", b"x", qos)
    return bench


def check(bench: ClientBench) -> None:
    """It is connected and well, or it was told once that it is not, and all that it asked is answered."""
    state = bench.client.state
    assert len(bench.endings) <= 1
    if bench.endings:
        assert not bench.client.is_connected
        assert state.requests == {}
        assert bench.link.closing
    bench.pass_time(100)
    assert bench.endings, "a Server that answers no PINGREQ is left"
    bench.client.give_up("over")
    assert state.receipts == {}
    assert len(state.held) == 0


@given(VERSIONS, st.binary(max_size=400), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_survived(version: int, data: bytes, accepted: bool) -> None:
    bench = busy(version)
    if accepted:
        bench.give(Connack())
        bench.client.subscribe([SubscriptionRequest("a")])
    bench.client.received(data)
    check(bench)


@given(VERSIONS.flatmap(lambda version: st.tuples(st.just(version), st.lists(packets(version), max_size=8))))
@settings(max_examples=80, deadline=None)
def test_any_packets_are_survived(asked: tuple[int, list[object]]) -> None:
    version, several = asked
    bench = busy(version)
    bench.give(Connack())
    request = bench.client.subscribe([SubscriptionRequest("a")])
    for packet in several:
        bench.client.received(encode(packet, version))  # type: ignore[arg-type]
    check(bench)
    assert request.outcome != PENDING


@given(VERSIONS, st.binary(min_size=1, max_size=60), st.integers(1, 59))
@settings(max_examples=100, deadline=None)
def test_wherever_the_bytes_are_cut_the_end_is_the_same(version: int, data: bytes, at: int) -> None:
    whole, cut = busy(version), busy(version)
    for bench in (whole, cut):
        bench.give(Connack())
    whole.client.received(data)
    cut.client.received(data[:at])
    cut.client.received(data[at:])
    assert whole.payloads() == cut.payloads()
    assert [ending.reason_code for ending in whole.endings] == [ending.reason_code for ending in cut.endings]


def test_a_flood_after_the_end_is_ignored() -> None:
    bench = busy(MQTT_5)
    bench.give(Connack(), Disconnect(0x8B))
    for _ in range(100):
        bench.client.received(bytes(10_000))
    assert len(bench.endings) == 1
    assert bench.sent() != []
