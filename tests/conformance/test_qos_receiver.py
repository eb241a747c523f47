"""QoS 0, 1 and 2 from a Client to the Server, and PUBACK to PUBCOMP (MQTT 5.0, 3.4 to 3.7, 4.3)."""

import pytest

from amqtt.wire.packets import Acknowledgement, Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel
from support.bench_server import Bench
from support.exchange import deliver, frame, lasting, leave, messages, payloads, refused
from support.loopback import Brokers, Clients
from support.raw_client import properties

ALL_VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])
MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
NOT_AUTHORIZED = 0x87
PACKET_IDENTIFIER_NOT_FOUND = 0x92
RECEIVE_MAXIMUM_EXCEEDED = 0x93
NO_MATCHING_SUBSCRIBERS = 0x10
PUBACK_REASONS = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
PUBREL_REASONS = {0x00, 0x92}


@ALL_VERSIONS
@pytest.mark.mqtt5("3.3.4-1")
@pytest.mark.mqtt311("3.3.4-1")
async def test_qos_0_is_not_acknowledged(client: Clients, version: int) -> None:
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x")
    assert await publisher.sync() == []


@ALL_VERSIONS
@pytest.mark.parametrize("packet_id", [1, 0x1234, 65_535])
@pytest.mark.mqtt5("3.3.4-1", "4.3.2-4")
@pytest.mark.mqtt311("3.3.4-1", "4.3.2-2")
async def test_qos_1_is_acknowledged_with_its_packet_identifier(
    client: Clients, version: int, packet_id: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 1, packet_id=packet_id)
    puback = await publisher.expect(Puback)
    assert (puback.packet_id, puback.reason_code) == (packet_id, 0)
    assert await payloads(subscriber) == [b"x"]


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(("qos", "answer"), [(1, Puback), (2, Pubrec)])
def test_a_publisher_is_answered_before_it_is_sent_its_own_message(
    version: int, qos: int, answer: type[Puback | Pubrec]
) -> None:
    """The standard leaves the order open; programs that wait for one and then for the other do not."""
    client = Bench().connected("both", version)
    client.subscribe("#", 2)
    for n in (1, 2):
        client.send(Publish("a", b"%d" % n, qos, packet_id=n))
        first, own = client.received()
        assert isinstance(first, answer)
        assert first.packet_id == n
        assert isinstance(own, Publish)
        assert own.payload == b"%d" % n


def test_a_publisher_of_many_at_once_is_answered_before_it_is_sent_them() -> None:
    client = Bench().connected("both")
    client.subscribe("#", 2)
    client.send(*[Publish("a", b"%d" % n, 1, packet_id=n) for n in (1, 2)])
    kinds = [type(packet) for packet in client.received()]
    assert kinds == [Puback, Puback, Publish, Publish]


@ALL_VERSIONS
@pytest.mark.parametrize("dup", [False, True])
@pytest.mark.mqtt5("4.3.2-5")
@pytest.mark.mqtt311("4.3.2-2")
async def test_after_puback_the_packet_identifier_is_of_a_new_message(
    client: Clients, version: int, dup: bool
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    for payload in (b"one", b"two"):
        publisher.publish("a", payload, 1, packet_id=5, dup=dup and payload == b"two")
        assert (await publisher.expect(Puback)).packet_id == 5
    assert await payloads(subscriber) == [b"one", b"two"]


@ALL_VERSIONS
@pytest.mark.parametrize("packet_id", [1, 0x1234, 65_535])
@pytest.mark.mqtt5("3.3.4-1", "4.3.3-8", "4.3.3-11")
@pytest.mark.mqtt311("3.3.4-1", "4.3.3-2")
async def test_qos_2_is_answered_with_pubrec_and_pubcomp(
    client: Clients, version: int, packet_id: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 2, packet_id=packet_id)
    pubrec = await publisher.expect(Pubrec)
    assert (pubrec.packet_id, pubrec.reason_code) == (packet_id, 0)
    publisher.send(Pubrel(packet_id))
    pubcomp = await publisher.expect(Pubcomp)
    assert (pubcomp.packet_id, pubcomp.reason_code) == (packet_id, 0)
    assert await payloads(subscriber) == [b"x"]


@ALL_VERSIONS
@pytest.mark.parametrize("dup", [False, True])
@pytest.mark.mqtt5("4.3.3-10")
@pytest.mark.mqtt311("4.3.3-2")
async def test_until_pubrel_the_packet_identifier_is_of_the_same_message(
    client: Clients, version: int, dup: bool
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    for repeated in (False, True, True):
        publisher.publish("a", b"x", 2, packet_id=9, dup=dup and repeated)
        pubrec = await publisher.expect(Pubrec)
        assert pubrec.packet_id == 9
        assert pubrec.reason_code < 0x80
    assert await payloads(subscriber) == [b"x"]


@ALL_VERSIONS
@pytest.mark.parametrize("dup", [False, True])
@pytest.mark.mqtt5("4.3.3-12")
@pytest.mark.mqtt311("4.3.3-2")
async def test_after_pubcomp_the_packet_identifier_is_of_a_new_message(
    client: Clients, version: int, dup: bool
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 0)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"one", 2, packet_id=9)
    publisher.publish("a", b"two", 2, packet_id=9, dup=dup)
    await publisher.expect(Pubrec)
    assert await payloads(subscriber) == [b"one", b"two"]


@pytest.mark.mqtt5("4.3.3-9", "3.5.2-1")
async def test_after_a_pubrec_that_refuses_the_packet_identifier_is_of_a_new_message(client: Clients) -> None:
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher")
    publisher.publish("$forbidden", b"x", 2, packet_id=4)
    assert (await publisher.expect(Pubrec)).reason_code == NOT_AUTHORIZED
    publisher.publish("a", b"y", 2, packet_id=4)
    assert (await publisher.expect(Pubrec)).reason_code == 0
    assert await payloads(subscriber) == [b"y"]


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.mqtt311("3.3.5-2")
async def test_before_mqtt_5_a_refused_message_is_acknowledged_as_if_it_were_welcome(
    client: Clients, version: int, qos: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("#", 2)
    await subscriber.subscribe("$forbidden", 2)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "$forbidden", b"x", qos)
    assert await messages(subscriber) == []


@ALL_VERSIONS
@pytest.mark.mqtt5("4.3.3-11", "3.7.2-1")
@pytest.mark.mqtt311("4.3.3-2")
async def test_a_pubrel_of_an_unknown_packet_identifier_is_answered(client: Clients, version: int) -> None:
    publisher = await client.connected("publisher", version)
    publisher.send(Pubrel(77))
    pubcomp = await publisher.expect(Pubcomp)
    assert pubcomp.packet_id == 77
    assert pubcomp.reason_code == (PACKET_IDENTIFIER_NOT_FOUND if version == 5 else 0)


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.4.2-1", "3.5.2-1", "3.7.2-1")
async def test_the_acknowledgements_bear_reason_codes_of_their_own(client: Clients, qos: int) -> None:
    publisher = await client.connected("publisher")
    subscriber = await client.connected("subscriber")
    await subscriber.subscribe("somebody", 2)
    seen = []
    for packet_id, topic in enumerate(["somebody", "nobody", "$forbidden"], 1):
        publisher.publish(topic, b"x", qos, packet_id=packet_id)
        acknowledgement = await publisher.expect(Puback if qos == 1 else Pubrec)
        seen.append(acknowledgement.reason_code)
        if qos == 2:
            publisher.send(Pubrel(packet_id))
            assert (await publisher.expect(Pubcomp)).reason_code in PUBREL_REASONS
    assert set(seen) <= PUBACK_REASONS
    assert seen == [0, NO_MATCHING_SUBSCRIBERS, NOT_AUTHORIZED]


@pytest.mark.parametrize("first", [0x40, 0x50, 0x62, 0x70])
@pytest.mark.mqtt5("3.4.2-1", "3.5.2-1", "3.6.2-1", "3.7.2-1")
async def test_a_reason_code_that_the_packet_does_not_know_is_refused(client: Clients, first: int) -> None:
    allowed = PUBACK_REASONS if first in (0x40, 0x50) else PUBREL_REASONS
    for reason_code in {0x01, 0x02, 0x10, 0x18, 0x82, 0x92, 0xFF} - allowed:
        publisher = await client.connected("publisher")
        publisher.send(frame(first, b"\x00\x01" + bytes((reason_code,))))
        await refused(publisher, MALFORMED, PROTOCOL_ERROR)


@pytest.mark.parametrize("kind", [Puback, Pubrec, Pubrel, Pubcomp])
@pytest.mark.mqtt5("3.4.2-1", "3.5.2-1", "3.6.2-1", "3.7.2-1")
async def test_every_reason_code_of_an_acknowledgement_is_taken_with_properties(
    client: Clients, kind: type[Acknowledgement]
) -> None:
    given = properties(reason_string="because", user_properties=(("a", "b"), ("a", "c")))
    publisher = await client.connected("publisher")
    for reason_code in PUBACK_REASONS if kind in (Puback, Pubrec) else PUBREL_REASONS:
        publisher.send(kind(9, reason_code, given), kind(9, reason_code))
        assert not [packet for packet in await publisher.sync() if isinstance(packet, Disconnect)]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("flags", [0x00, 0x01, 0x03, 0x04, 0x06, 0x0A, 0x0F])
@pytest.mark.mqtt5("3.6.1-1")
@pytest.mark.mqtt311("3.6.1-1")
async def test_a_pubrel_with_other_flags_is_malformed(client: Clients, version: int, flags: int) -> None:
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 2, packet_id=1)
    await publisher.expect(Pubrec)
    publisher.send(frame(0x60 | flags, b"\x00\x01"))
    await refused(publisher, MALFORMED)


async def test_mqtt_3_1_sends_pubrel_again_with_dup(client: Clients) -> None:
    publisher = await client.connected("publisher", 3)
    publisher.publish("a", b"x", 2, packet_id=1)
    await publisher.expect(Pubrec)
    publisher.send(frame(0x6A, b"\x00\x01"))
    assert (await publisher.expect(Pubcomp)).packet_id == 1


@pytest.mark.parametrize("maximum", [5, 20, 200])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("3.4.2-2", "3.4.2-3", "3.5.2-2", "3.5.2-3", "3.7.2-2", "3.7.2-3")
def test_what_acknowledges_stays_within_the_clients_maximum_packet_size(qos: int, maximum: int) -> None:
    bench = Bench()
    publisher = bench.connected("publisher", maximum_packet_size=maximum)
    publisher.received_bytes()
    for packet_id, topic in enumerate(["$forbidden", "nobody"], 1):
        publisher.publish(topic, b"x", qos, packet_id=packet_id)
        if qos == 2:
            publisher.send(Pubrel(packet_id))
        sent = publisher.received_bytes()
        while sent:
            size = 2 + sent[1]
            assert size <= maximum
            sent = sent[size:]
    assert bench.faults == []


@pytest.mark.mqtt5("3.6.2-2", "3.6.2-3")
def test_pubrel_stays_within_the_clients_maximum_packet_size() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber", maximum_packet_size=16)
    subscriber.subscribe("a", 2)
    bench.connected("publisher").publish("a", b"x", 2)
    [message] = subscriber.received()
    subscriber.send(Pubrec(message.packet_id), Pubrec(999))
    assert len(subscriber.received_bytes()) <= 4 + 16
    assert bench.faults == []


@pytest.mark.mqtt5("4.3.3-13")
def test_the_sequence_of_qos_2_goes_on_after_the_message_has_expired() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber", clean_start=False, session_expiry_interval=3600)
    subscriber.subscribe("a", 2)
    subscriber.lose()
    publisher = bench.connected("publisher")
    publisher.publish("a", b"x", 2, packet_id=3, message_expiry_interval=5)
    [pubrec] = publisher.received()
    assert isinstance(pubrec, Pubrec)
    bench.pass_time(10)
    publisher.publish("a", b"x", 2, packet_id=3, dup=True, message_expiry_interval=5)
    publisher.send(Pubrel(3))
    pubrec, pubcomp = publisher.received()
    assert isinstance(pubrec, Pubrec)
    assert isinstance(pubcomp, Pubcomp)
    assert (pubrec.packet_id, pubcomp.packet_id, pubcomp.reason_code) == (3, 3, 0)
    subscriber = bench.connected("subscriber", clean_start=False, session_expiry_interval=3600)
    assert subscriber.received() == []
    assert bench.faults == []


@ALL_VERSIONS
@pytest.mark.mqtt5("4.3.3-10", "4.3.3-11", "4.3.3-12")
@pytest.mark.mqtt311("4.3.3-2")
async def test_qos_2_is_delivered_once_over_reconnections_of_the_publisher(
    client: Clients, version: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version, **lasting(version))
    publisher.publish("a", b"one", 2, packet_id=7)
    publisher.publish("a", b"two", 2, packet_id=8)
    await leave(publisher)
    publisher = await client.connected("publisher", version, **lasting(version))
    publisher.publish("a", b"one", 2, packet_id=7, dup=True)
    publisher.publish("a", b"two", 2, packet_id=8, dup=True)
    assert [(await publisher.expect(Pubrec)).packet_id for _ in range(2)] == [7, 8]
    publisher.send(Pubrel(7))
    await leave(publisher)
    publisher = await client.connected("publisher", version, **lasting(version))
    publisher.send(Pubrel(7), Pubrel(8))
    assert [(await publisher.expect(Pubcomp)).packet_id for _ in range(2)] == [7, 8]
    publisher.publish("a", b"three", 2, packet_id=7)
    await publisher.expect(Pubrec)
    assert await payloads(subscriber) == [b"one", b"two", b"three"]


@ALL_VERSIONS
async def test_a_new_session_of_the_publisher_knows_nothing_of_its_packet_identifiers(
    client: Clients, version: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    for payload in (b"one", b"two"):
        publisher = await client.connected("publisher", version)
        publisher.publish("a", payload, 2, packet_id=7)
        await publisher.expect(Pubrec)
        await leave(publisher)
    assert await payloads(subscriber) == [b"one", b"two"]


@pytest.mark.mqtt5("3.3.4-7")
async def test_a_client_that_exceeds_receive_maximum_is_disconnected(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(receive_maximum=3)
    publisher = await client(broker=broker)
    connack = await publisher.connect("publisher")
    assert connack.properties.receive_maximum == 3
    for packet_id in (1, 2, 3):
        publisher.publish("a", b"x", 2, packet_id=packet_id)
        assert (await publisher.expect(Pubrec)).reason_code < 0x80
    publisher.publish("a", b"x", 2, packet_id=3, dup=True)
    await publisher.expect(Pubrec)
    publisher.send(Pubrel(2))
    await publisher.expect(Pubcomp)
    publisher.publish("a", b"x", 2, packet_id=4)
    await publisher.expect(Pubrec)
    publisher.publish("a", b"x", 2, packet_id=5)
    await refused(publisher, RECEIVE_MAXIMUM_EXCEEDED)


@pytest.mark.mqtt5("3.3.4-7")
async def test_what_was_acknowledged_or_refused_does_not_count_against_receive_maximum(
    client: Clients, broker_with: Brokers
) -> None:
    broker = await broker_with(receive_maximum=2)
    publisher = await client.connected("publisher", broker=broker)
    for packet_id in range(1, 10):
        publisher.publish("a", b"x", 1, packet_id=packet_id)
        publisher.publish("$forbidden", b"x", 2, packet_id=100 + packet_id)
    answers = await publisher.sync()
    assert [type(answer) for answer in answers] == [Puback, Pubrec] * 9


@pytest.mark.parametrize("version", [3, 4])
async def test_before_mqtt_5_there_is_no_receive_maximum(
    client: Clients, broker_with: Brokers, version: int
) -> None:
    publisher = await client.connected("publisher", version, broker=await broker_with(receive_maximum=2))
    publisher.send(*[Publish("a", b"x", 2, packet_id=packet_id) for packet_id in range(1, 51)])
    assert [packet.packet_id for packet in await publisher.sync()] == list(range(1, 51))
