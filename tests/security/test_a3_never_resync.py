"""A3: after the first fault nothing is read any more, however the bytes are cut; integers are minimal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqtt.wire.encoder import encode
from amqtt.wire.packets import MQTT_3_1_1, MQTT_5, Publish
from support.bench_server import Bench
from support.sizes import sized

GOOD = Publish("smuggled", b"x")
EVIL = {
    "a Remaining Length of five bytes": b"\x30\x80\x80\x80\x80\x01",
    "an endless Remaining Length": b"\x30\xff\xff\xff\xff\xff\xff",
    "type 0": b"\x00\x00",
    "reserved flags": b"\xc1\x00",
    "QoS 3": b"\x36\x05\x00\x01a\x00\x01",
    "a Packet Identifier of 0": b"\x32\x05\x00\x01a\x00\x00",
    "bytes behind PINGREQ": b"\xc0\x01\x00",
}


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_what_follows_a_fault_is_never_taken_for_a_packet(evil: bytes, version: int, size: int) -> None:
    bench = Bench()
    program: list[bytes] = []
    bench.server.subscribe("smuggled", 0, lambda message, _: program.append(message.payload))
    client = bench.connected("c", version)
    data = encode(GOOD, version) + evil + encode(GOOD, version) * 3
    for at in range(0, len(data), size):
        client.send(data[at:at + size])
    assert client.state.closed
    assert program == [b"x"]
    assert bench.faults == []


@pytest.mark.parametrize("length", [b"\x80\x00", b"\x81\x00", b"\x80\x80\x00"])
@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
def test_a_remaining_length_that_is_longer_than_it_need_be_is_malformed(length: bytes, version: int) -> None:
    client = Bench().connected("c", version)
    client.send(b"\xc0" + length)
    assert client.state.closed


@settings(max_examples=sized(150, 5_000), deadline=None, derandomize=True, database=None)
@given(st.binary(min_size=1, max_size=60), st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_any_bytes_in_any_pieces_end_the_same(data: bytes, cuts: list[int]) -> None:
    ends = []
    for pieces in ([len(data)], cuts):
        bench = Bench()
        client = bench.connected("c")
        at = number = 0
        while at < len(data):
            size = pieces[number % len(pieces)]
            client.send(data[at:at + size])
            at += size
            number += 1
        ends.append((client.state.closed, [type(packet) for packet in client.received()]))
        assert bench.faults == []
    assert ends[0] == ends[1]
