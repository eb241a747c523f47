"""MQTT 3.1.1, 3.1.2.4, 4.1, 4.4, 4.6: CleanSession, Session state, what is sent again, in which order."""

import pytest

from amqtt.server.events import ClientUnsubscribed
from amqtt.wire.packets import (
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Unsuback,
    Unsubscribe,
)
from support.bench_server import Bench
from support.exchange import deliver, frame, leave, messages, payloads, take
from support.legacy import BEFORE_5

assured = pytest.mark.parametrize("qos", [1, 2])
endings = pytest.mark.parametrize("orderly", [True, False], ids=["DISCONNECT", "broken"])


async def part(client, orderly: bool) -> None:
    """End the Network Connection, with DISCONNECT or by a packet that closes it."""
    if orderly:
        await leave(client)
    else:
        client.send(b"\x00\x00")
        await client.read_to_end()


@BEFORE_5
@endings
@assured
@pytest.mark.mqtt311("3.1.2-4", "3.1.2-5", "4.1.0-1", "4.5.0-1", "3.1.4-3")
async def test_a_session_keeps_its_subscriptions_and_what_they_match(client, version, orderly, qos):
    sleeper = await client.connected("sleeper", version, clean_start=False)
    await sleeper.subscribe("a/+", 2)
    await part(sleeper, orderly)
    publisher = await client.connected("publisher", version)
    for number in range(5):
        await deliver(publisher, f"a/{number}", b"%d" % number, qos)
    await deliver(publisher, "b/0", b"no", qos)
    back = await client.connected("sleeper", version, clean_start=False)
    taken = await take(back, 5)
    assert [message.payload for message in taken] == [b"0", b"1", b"2", b"3", b"4"]
    assert [(message.qos, message.dup) for message in taken] == [(qos, False)] * 5
    await deliver(publisher, "a/5", b"5", qos)
    assert await payloads(back) == [b"5"]


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-5")
async def test_what_was_stored_is_delivered_once(client, version):
    sleeper = await client.connected("sleeper", version, clean_start=False)
    await sleeper.subscribe("a", 1)
    await leave(sleeper)
    await deliver(await client.connected("publisher", version), "a", b"x", 1)
    back = await client.connected("sleeper", version, clean_start=False)
    [message] = await take(back, 1)
    await leave(back)
    again = await client.connected("sleeper", version, clean_start=False)
    assert message.payload == b"x"
    assert await messages(again) == []


@BEFORE_5
@pytest.mark.parametrize("first_clean", [True, False])
@endings
@pytest.mark.mqtt311("3.1.2-6", "3.1.4-3", "3.2.2-1", "4.1.0-2")
async def test_clean_session_1_begins_anew_and_lasts_no_longer(client, version, first_clean, orderly):
    first = await client.connected("cleaner", version, clean_start=first_clean)
    await first.subscribe("a", 1)
    await part(first, orderly)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"missed", 1)
    clean = await client.connected("cleaner", version, clean_start=True)
    await deliver(publisher, "a", b"not subscribed", 1)
    assert await messages(clean) == []
    await clean.subscribe("b", 1)
    await part(clean, orderly)
    await deliver(publisher, "b", b"missed, too", 1)
    back = await client.connected("cleaner", version, clean_start=False)
    await deliver(publisher, "b", b"not subscribed", 1)
    assert await messages(back) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-6", "3.1.4-2")
async def test_state_of_a_clean_session_is_not_reused_by_who_takes_over(client, version):
    first = await client.connected("twin", version, clean_start=True)
    await first.subscribe("a", 1)
    second = await client(version)
    assert not (await second.connect("twin", clean_start=False)).session_present
    await deliver(await client.connected("publisher", version), "a", b"x", 1)
    assert await messages(second) == []


@BEFORE_5
@pytest.mark.mqtt311("3.1.2-6", "4.3.3-2")
async def test_clean_session_1_forgets_half_a_qos_2_handshake(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("a", 0)
    publisher = await client.connected("publisher", version, clean_start=False)
    publisher.publish("a", b"old", 2, packet_id=9)
    await publisher.expect(Pubrec)
    await leave(publisher)
    publisher = await client.connected("publisher", version, clean_start=True)
    publisher.publish("a", b"new", 2, packet_id=9)
    await publisher.expect(Pubrec)
    assert await payloads(witness) == [b"old", b"new"]


@BEFORE_5
@endings
@pytest.mark.mqtt311("3.1.2-7")
async def test_a_retained_message_outlives_the_session_of_its_publisher(client, version, orderly):
    publisher = await client.connected("publisher", version, clean_start=True)
    publisher.publish("a", b"kept", 1, retain=True)
    await publisher.expect(Puback)
    await part(publisher, orderly)
    publisher = await client.connected("publisher", version, clean_start=True)
    await publisher.subscribe("a")
    assert [(message.payload, message.retain) for message in await messages(publisher)] == [(b"kept", True)]


@BEFORE_5
@pytest.mark.mqtt311("4.1.0-1")
def test_a_session_with_clean_session_0_lasts_for_years(version):
    bench = Bench()
    sleeper = bench.connected("sleeper", version, clean_start=False)
    sleeper.subscribe("a", 1)
    sleeper.lose()
    bench.pass_time(20 * 365 * 86_400)
    bench.connected("publisher", version).publish("a", b"x", 1)
    back = bench.connected("sleeper", version, clean_start=False)
    assert [packet.payload for packet in back.received() if isinstance(packet, Publish)] == [b"x"]
    assert bench.faults == []


@BEFORE_5
@pytest.mark.mqtt311("4.1.0-2")
def test_a_session_lasts_as_long_as_its_connection(version):
    bench = Bench()
    patient = bench.connected("patient", version, clean_start=True)
    patient.subscribe("a")
    bench.pass_time(20 * 365 * 86_400)
    bench.connected("publisher", version).publish("a", b"x")
    assert [packet.payload for packet in patient.received() if isinstance(packet, Publish)] == [b"x"]


@BEFORE_5
@endings
@assured
@pytest.mark.mqtt311("4.4.0-1", "3.3.1-1", "4.6.0-1", "4.3.2-1", "4.3.3-1")
async def test_unacknowledged_messages_are_sent_again_as_they_were(client, version, orderly, qos):
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.subscribe("#", qos)
    publisher = await client.connected("publisher", version)
    for number in range(5):
        await deliver(publisher, f"t/{number % 2}", b"%d" % number, qos)
    sent = await messages(receiver)
    await part(receiver, orderly)
    for _ in range(2):
        receiver = await client.connected("receiver", version, clean_start=False)
        resent = await messages(receiver)
        assert [(m.packet_id, m.topic, m.payload, m.qos) for m in resent] == [
            (m.packet_id, m.topic, m.payload, m.qos) for m in sent
        ]
        assert [m.dup for m in sent] == [False] * 5
        assert [m.dup for m in resent] == [True] * 5
        await part(receiver, orderly)


@BEFORE_5
@pytest.mark.mqtt311("4.4.0-1", "4.3.2-1")
async def test_what_was_acknowledged_is_not_sent_again(client, version):
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    for payload in (b"1", b"2", b"3"):
        await deliver(publisher, "a", payload, 1)
    first, second, third = await messages(receiver)
    receiver.send(Puback(second.packet_id))
    await receiver.sync()
    await leave(receiver)
    receiver = await client.connected("receiver", version, clean_start=False)
    assert [m.packet_id for m in await messages(receiver)] == [first.packet_id, third.packet_id]


@BEFORE_5
@endings
@pytest.mark.mqtt311("4.4.0-1", "4.3.3-1", "2.3.1-6")
async def test_after_pubrec_it_is_pubrel_that_is_sent_again_and_not_publish(client, version, orderly):
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"x", 2)
    packet_id = (await receiver.expect(Publish)).packet_id
    receiver.send(Pubrec(packet_id))
    assert (await receiver.expect(Pubrel)).packet_id == packet_id
    await part(receiver, orderly)
    for _ in range(2):
        receiver = await client.connected("receiver", version, clean_start=False)
        [again] = await receiver.sync()
        assert isinstance(again, Pubrel)
        assert again.packet_id == packet_id
        await part(receiver, orderly)
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.expect(Pubrel)
    receiver.send(Pubcomp(packet_id))
    await receiver.sync()
    await leave(receiver)
    receiver = await client.connected("receiver", version, clean_start=False)
    assert await receiver.sync() == []


@BEFORE_5
@pytest.mark.mqtt311("4.3.3-1", "4.4.0-1")
async def test_pubrel_answers_every_pubrec_until_pubcomp(client, version):
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.subscribe("a", 2)
    await deliver(await client.connected("publisher", version), "a", b"x", 2)
    packet_id = (await receiver.expect(Publish)).packet_id
    for _ in range(2):
        receiver.send(Pubrec(packet_id))
        assert (await receiver.expect(Pubrel)).packet_id == packet_id
    await leave(receiver)
    receiver = await client.connected("receiver", version, clean_start=False)
    assert (await receiver.expect(Pubrel)).packet_id == packet_id


@BEFORE_5
@pytest.mark.mqtt311("4.4.0-1", "4.6.0-1", "4.6.0-6", "3.3.1-1", "3.3.1-3")
async def test_what_was_sent_comes_before_what_was_stored(client, version):
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.subscribe("a", 1)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"sent", 1)
    await receiver.expect(Publish)
    await leave(receiver)
    await deliver(publisher, "a", b"stored", 1)
    receiver = await client.connected("receiver", version, clean_start=False)
    await deliver(publisher, "a", b"live", 1)
    arrived = [(message.payload, message.dup) for message in await messages(receiver)]
    assert arrived == [(b"sent", True), (b"stored", False), (b"live", False)]


@BEFORE_5
@pytest.mark.mqtt311("4.3.3-2", "4.4.0-1", "3.1.2-4")
async def test_a_qos_2_publish_sent_again_after_a_break_is_delivered_once(client, version):
    witness = await client.connected("witness", version)
    await witness.subscribe("a", 2)
    publisher = await client.connected("publisher", version, clean_start=False)
    publisher.publish("a", b"x", 2, packet_id=7)
    await publisher.expect(Pubrec)
    publisher.abort()
    publisher = await client.connected("publisher", version, clean_start=False)
    publisher.publish("a", b"x", 2, packet_id=7, dup=True)
    assert (await publisher.expect(Pubrec)).packet_id == 7
    publisher.send(Pubrel(7))
    assert (await publisher.expect(Pubcomp)).packet_id == 7
    assert await payloads(witness) == [b"x"]


@BEFORE_5
@pytest.mark.mqtt311("4.4.0-1", "4.3.3-2")
async def test_a_pubrel_after_a_break_is_answered_with_pubcomp(client, version):
    publisher = await client.connected("publisher", version, clean_start=False)
    publisher.publish("a", b"x", 2, packet_id=7)
    await publisher.expect(Pubrec)
    publisher.abort()
    publisher = await client.connected("publisher", version, clean_start=False)
    for _ in range(2):
        publisher.send(Pubrel(7))
        assert (await publisher.expect(Pubcomp)).packet_id == 7


@BEFORE_5
@assured
@pytest.mark.mqtt311("3.10.4-2", "3.10.4-3", "3.1.2-4")
async def test_an_unsubscribe_stops_new_messages_and_not_those_on_their_way(client, version, qos):
    receiver = await client.connected("receiver", version, clean_start=False)
    await receiver.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    await deliver(publisher, "a", b"sent", qos)
    sent = await receiver.expect(Publish)
    receiver.send(Unsubscribe(5, ["a"]))
    await receiver.expect(Unsuback)
    await deliver(publisher, "a", b"not sent", qos)
    assert await messages(receiver) == []
    await leave(receiver)
    receiver = await client.connected("receiver", version, clean_start=False)
    [again] = await take(receiver, 1)
    assert (again.packet_id, again.payload, again.dup) == (sent.packet_id, b"sent", True)


@BEFORE_5
@pytest.mark.mqtt311("4.6.0-5", "4.6.0-6")
async def test_messages_of_one_publisher_arrive_in_order_at_each_qos(client, version):
    """Far more than may be unacknowledged at once, to a Client that is slow to acknowledge."""
    receiver = await client.connected("receiver", version)
    await receiver.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    count = 600
    for qos in (1, 2):
        publisher.send(
            *(
                frame(0x30 | qos << 1, b"\x00\x01a" + number.to_bytes(2, "big") + b"%d" % number)
                for number in range(1, count + 1)
            )
        )
        taken = await take(receiver, count)
        assert [message.payload for message in taken] == [b"%d" % number for number in range(1, count + 1)]
        answers = [await publisher.expect(Puback if qos == 1 else Pubrec) for _ in range(count)]
        assert [answer.packet_id for answer in answers] == list(range(1, count + 1))


@BEFORE_5
@pytest.mark.mqtt311("4.6.0-6")
async def test_pubrels_follow_the_order_of_the_pubrecs(client, version):
    receiver = await client.connected("receiver", version)
    await receiver.subscribe("a", 2)
    publisher = await client.connected("publisher", version)
    for payload in (b"1", b"2", b"3"):
        await deliver(publisher, "a", payload, 2)
    order = [message.packet_id for message in await messages(receiver)]
    shuffled = [order[2], order[0], order[1]]
    receiver.send(*(Pubrec(packet_id) for packet_id in shuffled))
    assert [(await receiver.expect(Pubrel)).packet_id for _ in range(3)] == shuffled


@BEFORE_5
@pytest.mark.mqtt311("4.8.0-2")
async def test_an_error_of_the_servers_own_closes_the_connection_that_met_it(broker, client, faults, version):
    bystander = await client.connected("bystander", version)
    await bystander.subscribe("#")

    def failing(event: ClientUnsubscribed) -> None:
        raise RuntimeError("this was meant to happen")

    broker.server.events.on(ClientUnsubscribed, failing)
    unlucky = await client.connected("unlucky", version)
    await unlucky.subscribe("fail")
    unlucky.send(Unsubscribe(1, ["fail"]))
    assert await unlucky.expect_closed() == []
    assert [str(fault) for fault in faults] == ["this was meant to happen"]
    faults.clear()
    again = await client.connected("unlucky", version)
    await deliver(again, "fine", b"y", 1)
    assert await payloads(bystander) == [b"y"]
