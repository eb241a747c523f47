"""What the Server does about errors of its Clients, and its own (MQTT 5.0, 4.13; MQTT 3.1.1, 4.8)."""

import pytest

from amqtt.server.events import ClientUnsubscribed
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1,
    Connack,
    Connect,
    Disconnect,
    Pingresp,
    Publish,
    Unsubscribe,
    WillFields,
)
from support.bench_server import Bench, Everybody
from support.by_hand import expect_disconnect
from support.packet_cases import FAULTS
from support.raw_client import MQTT_3_1_1, MQTT_5

LARGEST = 64 * 1024
"""The bound that the cases go beyond."""

CONNECTED_FAULTS = [case for case in FAULTS if case.version]
FIRST_FAULTS = [case for case in FAULTS if not case.version]


@pytest.fixture
def bench():
    bench = Bench(maximum_packet_size=LARGEST, maximum_connect_size=LARGEST)
    yield bench
    assert bench.faults == []


@pytest.mark.parametrize("case", CONNECTED_FAULTS, ids=lambda case: case.name)
@pytest.mark.mqtt5("4.13.1-1", "4.13.2-1", "3.14.2-1")
@pytest.mark.mqtt311("4.8.0-1")
def test_each_malformed_packet_and_protocol_error_ends_its_network_connection_and_no_other(bench, case):
    other = bench.connected("other")
    other.subscribe("will")
    client = bench.connected("client", case.version, will=WillFields("will", b"lost"))
    client.send(case.data)
    packets = client.received()
    if case.version == MQTT_5:
        [disconnect] = packets
        assert isinstance(disconnect, Disconnect)
        assert f"{disconnect.reason_code:#04x}" == f"{case.reason_code:#04x}"
    else:
        assert packets == []
    assert client.closed
    assert [packet.payload for packet in other.received()] == [b"lost"]
    other.send(b"\xc0\x00")
    assert [type(packet) for packet in other.received()] == [Pingresp]


@pytest.mark.parametrize("case", FIRST_FAULTS, ids=lambda case: case.name)
@pytest.mark.mqtt5("4.13.1-1", "4.13.2-1", "3.14.0-1")
@pytest.mark.mqtt311("4.8.0-1")
def test_each_wrong_first_packet_is_refused_or_closed_upon(bench, case):
    client = bench.client(MQTT_5)
    client.send(case.data)
    sent = client.received_bytes()
    assert client.closed
    if sent:
        assert sent[0] == 0x20
        assert sent[3] == (case.reason_code if sent[1] > 2 else 0x01)
    other = bench.connected("other")
    other.send(b"\xc0\x00")
    assert [type(packet) for packet in other.received()] == [Pingresp]


@pytest.mark.parametrize("version", [MQTT_3_1, MQTT_3_1_1, MQTT_5])
@pytest.mark.mqtt5("4.13.1-1")
@pytest.mark.mqtt311("4.8.0-1")
async def test_what_came_before_the_mistake_counts_and_what_follows_does_not(client, version):
    watcher = await client.connected("watcher")
    await watcher.subscribe("a")
    mistaken = await client.connected("mistaken", version)
    mistaken.send(Publish("a", b"before"), b"\x00\x00", Publish("a", b"after"))
    await expect_disconnect(mistaken, 0x81)
    assert [packet.payload for packet in await watcher.sync()] == [b"before"]


@pytest.mark.mqtt5("4.13.2-1")
def test_a_refused_client_that_takes_no_connack_is_closed_upon_all_the_same():
    bench = Bench(maximum_client_id_length=23)
    client = bench.client()
    given = encode(Connect("a" * 24), MQTT_5)
    with_size = given[:12] + b"\x05\x27\x00\x00\x00\x02" + given[13:]
    client.send(bytes((given[0], given[1] + 5)) + with_size[2:])
    assert client.received_bytes() == b""
    assert client.closed
    assert bench.faults == []


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.mqtt5("4.13.2-1")
@pytest.mark.mqtt311("4.8.0-2")
def test_a_fault_of_the_server_ends_the_network_connection_that_met_it_and_no_other(version):
    def faulty(event):
        raise RuntimeError("out of order")

    bench = Bench()
    bench.server.events.on(ClientUnsubscribed, faulty)
    other = bench.connected("other")
    other.subscribe("a")
    client = bench.connected("client", version)
    client.subscribe("broken")
    client.send(Unsubscribe(1, ["broken"]))
    packets = client.received()
    assert client.closed
    if version == MQTT_5:
        [disconnect] = packets
        assert isinstance(disconnect, Disconnect)
        assert disconnect.reason_code == 0x83
    else:
        assert packets == []
    assert [str(fault) for fault in bench.faults] == ["out of order"]
    other.publish("a", b"2")
    assert [packet.payload for packet in other.received()] == [b"2"]


@pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
@pytest.mark.mqtt5("4.13.2-1")
@pytest.mark.mqtt311("4.8.0-2")
def test_an_authenticator_that_fails_lets_nobody_in(version):
    class Broken(Everybody):
        def authenticate(self, request):
            raise RuntimeError("out of order")

    bench = Bench(Broken())
    client = bench.client(version)
    client.send(Connect("client", version))
    [connack] = client.received()
    assert isinstance(connack, Connack)
    assert connack.reason_code == 0x87
    assert client.closed
    assert [str(fault) for fault in bench.faults] == ["out of order"]
