"""A Client that sends anything, to a Server with something at stake: no fault, and the others are served."""

from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Connect,
    Disconnect,
    Packet,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
)
from fuzz.packets import pieces
from support.bench_server import Bench
from support.raw_client import properties

VERSIONS = (MQTT_5, MQTT_3_1_1)


def examples() -> list[bytes]:
    """What a Client in life says, from each version and phase."""
    found = []
    for version in VERSIONS:
        alias = properties(topic_alias=1, message_expiry_interval=9) if version == MQTT_5 else None
        said: list[Packet] = [
            Connect("c", version, clean_start=False),
            Subscribe(1, [SubscriptionRequest("a/+", 1), SubscriptionRequest("$share/g/#", 2)]),
            Publish("a/b", b"payload", 2, packet_id=7, properties=alias),
            Pubrel(7),
            Publish("kept", b"", 1, retain=True, packet_id=8),
            Puback(1), Pubrec(2), Pubcomp(2),
            Unsubscribe(9, ["a/+"]),
            Disconnect(),
        ]
        encoded = [encode(packet, version) for packet in said]
        found += [bytes((VERSIONS.index(version), 0)) + b"".join(encoded[at:]) for at in (0, 1, 2, 5)]
    return found


def check(data: bytes) -> None:
    """The first byte says the version and whether it is connected already, the second how it is cut."""
    if len(data) < 2:
        return
    version, is_connected = VERSIONS[data[0] % 2], data[0] & 2
    bench = Bench(maximum_packet_size=10_000, maximum_inflight=3, maximum_queued_messages=5)
    witness = bench.connected("witness")
    witness.subscribe("#", 2)
    witness.publish("kept", b"x", retain=True)
    client = bench.client(version)
    if is_connected:
        client.connect("c", clean_start=False)
        client.send(Subscribe(1, [SubscriptionRequest("#", 2)]))
        witness.publish("a", b"1", 1)
        witness.publish("a", b"2", 2, packet_id=2)
    for piece in pieces(data[2:], data[1]):
        client.send(piece)
        bench.pass_time(0)
        assert client.state.decoder.error is None or client.state.closed
    check_that_all_is_well(bench)


def check_that_all_is_well(bench: Bench) -> None:
    """No fault of ours, and a new Client is served."""
    assert bench.faults == []
    another = bench.connected("another")
    another.send(b"\xc0\x00")
    assert any(isinstance(packet, Pingresp) for packet in another.received())
    bench.pass_time(100_000)
    assert bench.faults == []
