"""QoS 0, 1 and 2 from the Server to a Client, and redelivery (MQTT 5.0, 4.3 to 4.5)."""

import pytest

from amqtt.wire.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel
from support.bench_server import Bench
from support.exchange import deliver, lasting, leave, messages, payloads, take
from support.loopback import Clients
from support.raw_client import RawClient

ALL_VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])
REFUSALS = [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]


@ALL_VERSIONS
@pytest.mark.mqtt5("4.3.2-1", "4.3.2-2", "4.3.3-1", "4.3.3-2")
@pytest.mark.mqtt311("4.3.2-1", "4.3.3-1")
async def test_each_new_message_has_an_unused_packet_identifier_and_dup_0(
    client: Clients, version: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    for number in range(1, 41):
        publisher.publish("a", b"%d" % number, 1 + number % 2, packet_id=number)
    await publisher.sync()
    arrived = await messages(subscriber)
    assert [m.payload for m in arrived] == [b"%d" % number for number in range(1, 41)]
    assert [m.qos for m in arrived] == [1 + number % 2 for number in range(1, 41)]
    assert len({m.packet_id for m in arrived} - {0}) == 40
    assert not any(m.dup for m in arrived)


@pytest.mark.mqtt5("4.3.2-1", "4.3.3-1")
@pytest.mark.mqtt311("4.3.2-1", "4.3.3-1")
def test_a_packet_identifier_is_not_used_again_before_its_message_is_acknowledged() -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber")
    subscriber.subscribe("a", 2)
    publisher = bench.connected("publisher")
    publisher.publish("a", b"kept", 1)
    publisher.publish("a", b"released", 2)
    kept, released = subscriber.received()
    subscriber.send(Pubrec(released.packet_id))
    batch = [Publish("a", b"x", 1, packet_id=number + 1) for number in range(250)]
    seen: set[int] = set()
    for _ in range(264):
        publisher.send(*batch)
        arrived = [packet for packet in subscriber.received() if isinstance(packet, Publish)]
        assert len(arrived) == 250
        seen.update(packet.packet_id for packet in arrived)
        subscriber.send(*[Puback(packet.packet_id) for packet in arrived])
    publisher.received()
    assert seen.isdisjoint({kept.packet_id, released.packet_id})
    assert len(seen) > 0x8000  # most of them take their turn
    assert bench.faults == []


@ALL_VERSIONS
@pytest.mark.mqtt5("4.3.3-4")
@pytest.mark.mqtt311("4.3.3-1")
async def test_a_pubrec_is_answered_with_pubrel(client: Clients, version: int) -> None:
    subscriber = await client.connected("subscriber", version)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 2)
    [message] = await messages_of(publisher, subscriber)
    for _ in range(2):
        subscriber.send(Pubrec(message.packet_id))
        pubrel = await subscriber.expect(Pubrel)
        assert (pubrel.packet_id, pubrel.reason_code) == (message.packet_id, 0)
    subscriber.send(Pubcomp(message.packet_id))
    assert await subscriber.sync() == []


async def messages_of(publisher: RawClient, subscriber: RawClient) -> list[Publish]:
    await publisher.sync()
    return await messages(subscriber)


@ALL_VERSIONS
async def test_a_pubrec_of_an_unknown_packet_identifier_is_answered_with_pubrel(
    client: Clients, version: int
) -> None:
    subscriber = await client.connected("subscriber", version)
    subscriber.send(Pubrec(99))
    pubrel = await subscriber.expect(Pubrel)
    assert pubrel.packet_id == 99
    assert pubrel.reason_code == (0x92 if version == 5 else 0)


@pytest.mark.parametrize("kind", [Puback, Pubcomp])
@ALL_VERSIONS
async def test_an_acknowledgement_of_an_unknown_packet_identifier_is_let_be(
    client: Clients, version: int, kind: type[Puback | Pubcomp]
) -> None:
    subscriber = await client.connected("subscriber", version)
    subscriber.send(kind(99))
    assert await subscriber.sync() == []


@ALL_VERSIONS
async def test_an_acknowledgement_of_another_qos_leaves_the_message_unacknowledged(
    client: Clients, version: int
) -> None:
    options = lasting(version)
    subscriber = await client.connected("subscriber", version, **options)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"one", 1)
    publisher.publish("a", b"two", 2, packet_id=2)
    one, two = await messages_of(publisher, subscriber)
    subscriber.send(Pubcomp(one.packet_id), Puback(two.packet_id), Pubcomp(two.packet_id))
    assert await subscriber.sync() == []
    await leave(subscriber)
    subscriber = await client.connected("subscriber", version, **options)
    assert [(m.payload, m.dup) for m in await take(subscriber, 2)] == [(b"one", True), (b"two", True)]


@pytest.mark.mqtt5("4.4.0-1", "4.3.2-3", "4.3.3-3", "4.3.3-5")
@pytest.mark.parametrize("version", [4, 5])
def test_nothing_is_sent_again_on_the_same_network_connection(version: int) -> None:
    bench = Bench()
    subscriber = bench.connected("subscriber", version)
    subscriber.subscribe("a", 2)
    publisher = bench.connected("publisher", version)
    publisher.publish("a", b"one", 1)
    publisher.publish("a", b"two", 2)
    publisher.publish("a", b"three", 2, packet_id=2)
    *_, three = subscriber.received()
    subscriber.send(Pubrec(three.packet_id))
    assert len(subscriber.received()) == 1
    bench.pass_time(100_000)
    assert subscriber.received() == []
    assert bench.faults == []


@ALL_VERSIONS
@pytest.mark.mqtt5("3.3.1-1", "4.4.0-1", "4.3.2-3", "4.3.3-3", "4.3.3-5", "4.3.3-6")
@pytest.mark.mqtt311("3.3.1-1", "4.4.0-1", "4.3.2-1", "4.3.3-1", "4.6.0-1")
async def test_what_is_unacknowledged_is_sent_again_when_the_session_is_resumed(
    client: Clients, version: int
) -> None:
    options = lasting(version)
    subscriber = await client.connected("subscriber", version, **options)
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    for number in range(1, 9):
        publisher.publish("a", b"%d" % number, 1 + number % 2, packet_id=number)
    first = await messages_of(publisher, subscriber)
    ids = {m.payload: m.packet_id for m in first}
    subscriber.send(Puback(ids[b"2"]), Pubrec(ids[b"1"]), Pubrec(ids[b"3"]), Pubrec(ids[b"5"]))
    subscriber.send(Pubcomp(ids[b"3"]))
    assert [packet.packet_id for packet in await subscriber.sync()] == [ids[b"1"], ids[b"3"], ids[b"5"]]
    for _ in range(2):
        await leave(subscriber)
        subscriber = await client.connected("subscriber", version, **options)
        again = await subscriber.sync()
        resent = [packet for packet in again if isinstance(packet, Publish)]
        assert [(m.payload, m.qos) for m in resent] == [(b"4", 1), (b"6", 1), (b"7", 2), (b"8", 1)]
        assert [m.packet_id for m in resent] == [ids[m.payload] for m in resent]
        assert all(m.dup and m.topic == "a" for m in resent)
        released = [packet.packet_id for packet in again if isinstance(packet, Pubrel)]
        assert released == [ids[b"1"], ids[b"5"]]
        assert len(again) == 6


@ALL_VERSIONS
@pytest.mark.mqtt5("4.4.0-1")
@pytest.mark.mqtt311("4.4.0-1")
async def test_nothing_is_sent_again_to_a_new_session(client: Clients, version: int) -> None:
    subscriber = await client.connected("subscriber", version, **lasting(version))
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"one", 1)
    publisher.publish("a", b"two", 2)
    assert len(await messages_of(publisher, subscriber)) == 2
    await leave(subscriber)
    subscriber = await client.connected("subscriber", version)
    assert await subscriber.sync() == []


@ALL_VERSIONS
async def test_a_client_that_takes_its_session_over_is_sent_what_it_did_not_acknowledge(
    client: Clients, version: int
) -> None:
    options = lasting(version)
    subscriber = await client.connected("subscriber", version, **options)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    publisher.publish("a", b"x", 1)
    [message] = await messages_of(publisher, subscriber)
    again = await client.connected("subscriber", version, **options)
    [repeated] = await messages(again)
    assert (repeated.packet_id, repeated.dup, repeated.payload) == (message.packet_id, True, b"x")


@pytest.mark.parametrize("reason_code", REFUSALS)
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("4.4.0-2", "4.3.3-4")
async def test_a_message_that_the_client_refuses_is_not_sent_again(
    client: Clients, qos: int, reason_code: int
) -> None:
    subscriber = await client.connected("subscriber", receive_maximum=1, **lasting(5))
    await subscriber.subscribe("a", qos)
    publisher = await client.connected("publisher")
    publisher.publish("a", b"refused", qos, packet_id=1)
    publisher.publish("a", b"next", qos, packet_id=2)
    [message] = await messages_of(publisher, subscriber)
    kind = Puback if qos == 1 else Pubrec
    subscriber.send(kind(message.packet_id, reason_code))
    assert await payloads(subscriber) == [b"next"]
    await leave(subscriber)
    subscriber = await client.connected("subscriber", receive_maximum=1, **lasting(5))
    assert await payloads(subscriber) == [b"next"]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.mqtt5("4.3.3-7")
def test_a_message_that_was_sent_does_not_expire(qos: int) -> None:
    bench = Bench()
    options = {"clean_start": False, "session_expiry_interval": 3600}
    subscriber = bench.connected("subscriber", **options)
    subscriber.subscribe("a", qos)
    bench.connected("publisher").publish("a", b"x", qos, message_expiry_interval=10)
    [message] = subscriber.received()
    subscriber.lose()
    bench.pass_time(20)
    subscriber = bench.connected("subscriber", **options)
    [again] = subscriber.received()
    assert (again.packet_id, again.dup, again.payload) == (message.packet_id, True, b"x")
    assert bench.faults == []


@ALL_VERSIONS
@pytest.mark.mqtt5("4.5.0-1")
@pytest.mark.mqtt311("4.5.0-1")
async def test_messages_for_an_absent_client_wait_in_order(client: Clients, version: int) -> None:
    options = lasting(version)
    absent = await client.connected("absent", version, **options)
    await absent.subscribe("a/#", 2)
    await leave(absent)
    publisher = await client.connected("publisher", version)
    for number in range(1, 201):
        publisher.publish(f"a/{number % 3}", b"%d" % number, 1 + number % 2, packet_id=number)
    await publisher.sync()
    absent = await client.connected("absent", version, **options)
    arrived = await take(absent, 200)
    assert [m.payload for m in arrived] == [b"%d" % number for number in range(1, 201)]
    assert [m.qos for m in arrived] == [1 + number % 2 for number in range(1, 201)]
    assert not any(m.dup or m.retain for m in arrived)
    assert await absent.sync() == []
    await leave(absent)
    absent = await client.connected("absent", version, **options)
    assert await absent.sync() == []


@ALL_VERSIONS
async def test_what_waits_comes_after_what_was_sent_before_and_before_what_is_new(
    client: Clients, version: int
) -> None:
    options = lasting(version)
    subscriber = await client.connected("subscriber", version, **options)
    await subscriber.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"sent", 1)
    assert await payloads(subscriber) == [b"sent"]
    await leave(subscriber)
    await deliver(publisher, "a", b"waits", 1)
    subscriber = await client.connected("subscriber", version, **options)
    await deliver(publisher, "a", b"new", 1)
    arrived = await take(subscriber, 3)
    assert [(m.payload, m.dup) for m in arrived] == [(b"sent", True), (b"waits", False), (b"new", False)]


@pytest.mark.mqtt5("4.4.0-1", "4.6.0-5")
async def test_a_smaller_receive_maximum_keeps_the_order_of_what_is_sent_again(client: Clients) -> None:
    subscriber = await client.connected("subscriber", **lasting(5))
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher")
    for number in range(1, 31):
        publisher.publish("a", b"%d" % number, 1 + number % 2, packet_id=number)
    first = await messages_of(publisher, subscriber)
    await leave(subscriber)
    publisher.publish("a", b"31", 1)
    await publisher.sync()
    subscriber = await client.connected("subscriber", receive_maximum=3, **lasting(5))
    publisher.publish("a", b"32", 1)
    await publisher.sync()
    arrived = await take(subscriber, 32)
    assert [m.payload for m in arrived] == [b"%d" % number for number in range(1, 33)]
    assert [m.packet_id for m in arrived[:30]] == [m.packet_id for m in first]
    assert [m.dup for m in arrived] == [True] * 30 + [False] * 2


@ALL_VERSIONS
@pytest.mark.mqtt5("4.3.3-4", "4.3.3-5", "4.3.3-6", "4.4.0-1")
@pytest.mark.mqtt311("4.3.3-1", "4.4.0-1")
def test_qos_2_is_delivered_once_wherever_the_network_connection_breaks(version: int) -> None:
    bench = Bench()
    options: dict[str, object] = {"clean_start": False}
    if version == 5:
        options["session_expiry_interval"] = 3600
    subscriber = bench.connected("subscriber", version, **options)
    subscriber.subscribe("a", 2)
    publisher = bench.connected("publisher", version)
    publisher.publish("a", b"x", 2)
    # What the subscriber keeps when its Network Connection breaks: the messages it took, and the
    # Packet Identifiers of those that it has not been sent PUBREL for.
    taken: list[bytes] = []
    owned: set[int] = set()
    for broken_after in ("PUBLISH", "PUBREC", "PUBREL", "PUBCOMP"):
        [packet] = subscriber.received()
        if isinstance(packet, Pubrel):
            owned.discard(packet.packet_id)
        elif packet.packet_id not in owned:
            assert packet.dup is (broken_after != "PUBLISH")
            owned.add(packet.packet_id)
            taken.append(packet.payload)
        if broken_after == "PUBREC":
            subscriber.send(Pubrec(packet.packet_id))
        elif broken_after == "PUBCOMP":
            subscriber.send(Pubcomp(packet.packet_id))
        else:
            assert isinstance(packet, Pubrel) is (broken_after == "PUBREL")
        subscriber.lose()
        subscriber = bench.connected("subscriber", version, **options)
    assert subscriber.received() == []
    assert taken == [b"x"]
    assert owned == set()
    assert bench.faults == []


@pytest.mark.parametrize(("before", "after"), [(3, 5), (4, 5), (5, 4), (5, 3), (3, 4), (4, 3)])
async def test_a_session_may_be_resumed_in_another_version(client: Clients, before: int, after: int) -> None:
    subscriber = await client.connected("subscriber", before, **lasting(before))
    await subscriber.subscribe("a", 2)
    publisher = await client.connected("publisher", 5)
    publisher.publish("a", b"sent", 2, content_type="text")
    [message] = await messages_of(publisher, subscriber)
    await leave(subscriber)
    publisher.publish("a", b"waits", 1, content_type="text", packet_id=2)
    await publisher.sync()
    subscriber = await client.connected("subscriber", after, **lasting(after))
    arrived = await take(subscriber, 2)
    assert [(m.payload, m.qos, m.dup) for m in arrived] == [(b"sent", 2, True), (b"waits", 1, False)]
    assert arrived[0].packet_id == message.packet_id
    assert [m.properties.content_type if m.properties else None for m in arrived] == (
        ["text"] * 2 if after == 5 else [None] * 2
    )
