"""Publishing from the program, the way that programs of aMQTT do."""

import asyncio

import pytest

from amqtt.broker import Broker, RetainedApplicationMessage
from amqtt.compat.messages import message_view
from amqtt.message import Message
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import ApplicationMessage, IncomingApplicationMessage
from amqtt.wire.packets import Puback, Publish
from support.opener import Opener
from support.raw_client import WAIT


async def test_a_broadcast_without_qos_has_that_of_each_subscriber(broker: Broker, opener: Opener) -> None:
    clients = [await opener.connected(broker, f"of {qos}") for qos in range(3)]
    for qos, client in enumerate(clients):
        await client.subscribe("a", qos)
    await broker.internal_message_broadcast("a", b"1")
    await broker.internal_message_broadcast("a", bytearray(b"2"), 0)
    await broker.internal_message_broadcast("a", "3", qos=1)
    for most, client in enumerate(clients):
        packets = [await client.expect(Publish) for _ in range(3)]
        assert [packet.payload for packet in packets] == [b"1", b"2", b"3"]
        assert [packet.qos for packet in packets] == [most, 0, min(most, 1)]
        assert not any(packet.retain for packet in packets)


async def test_a_broadcast_may_be_a_task_and_may_be_retained(broker: Broker) -> None:
    await asyncio.create_task(broker.internal_message_broadcast("a", b"1", retain=True))
    assert broker.retained_messages["a"].data == b"1"


async def test_a_broadcast_to_no_topic_is_refused_at_the_call(broker: Broker) -> None:
    with pytest.raises(ValueError, match="wildcard"):
        await broker.internal_message_broadcast("a/#", b"1")


async def test_retain_message_has_done_its_work_when_it_returns(broker: Broker) -> None:
    broker.retain_message(None, "a", b"1")
    assert broker.retained_messages["a"].data == b"1"
    awaitable = broker.retain_message(None, "a", b"2", qos=1)
    assert (broker.retained_messages["a"].data, broker.retained_messages["a"].qos) == (b"2", 1)
    assert await awaitable is None
    assert await asyncio.create_task(broker.retain_message(None, "a", b"3")) is None
    assert await asyncio.wait_for(broker.retain_message(None, "b", b"4"), WAIT) is None
    broker.retain_message(None, "a", b"")
    broker.retain_message(None, "b", None)
    assert dict(broker.retained_messages) == {}


async def test_retained_messages_may_be_put_in_and_taken_out(broker: Broker, opener: Opener) -> None:
    broker.retained_messages["a"] = RetainedApplicationMessage(None, "a", b"1", 1)
    client = await opener.connected(broker, "one")
    await client.subscribe("a", 2)
    packet = await client.expect(Publish)
    assert (packet.payload, packet.retain, packet.qos) == (b"1", True, 1)
    assert broker.retained_messages.pop("a").data == b"1"
    with pytest.raises(KeyError):
        del broker.retained_messages["a"]
    broker.retained_messages.update(b=RetainedApplicationMessage(None, "b", bytearray(b"2")))
    assert list(broker.retained_messages) == ["b"]
    broker.retained_messages.clear()
    assert not broker.retained_messages


async def test_retain_message_is_for_subscriptions_yet_to_come_only(broker: Broker, opener: Opener) -> None:
    early = await opener.connected(broker, "early")
    await early.subscribe("a")
    source = broker.sessions["early"][0]
    await broker.retain_message(source, "a", b"1")
    assert broker.retained_messages["a"].source_session is source
    late = await opener.connected(broker, "late")
    await late.subscribe("a", 1)
    packet = await late.expect(Publish)
    assert (packet.payload, packet.retain, packet.qos) == (b"1", True, 1)
    late.send(Puback(packet.packet_id))
    assert await early.sync() == []


@pytest.mark.parametrize(("topic", "qos"), [("a/#", None), ("", None), ("a", 3)])
async def test_a_message_that_cannot_be_retained_is_refused_at_the_call(
    broker: Broker, topic: str, qos: int | None
) -> None:
    with pytest.raises(ValueError, match=r"topic|qos"):
        broker.retain_message(None, topic, b"1", qos)


def test_done_passes_on_what_is_thrown_into_it() -> None:
    done = Broker({"listeners": {}}).retain_message(None, "a", b"1")
    with pytest.raises(RuntimeError, match="thrown"):
        done.throw(RuntimeError("thrown"))
    done.close()


def test_a_received_message_shows_the_publish_that_carried_it() -> None:
    shown = message_view(Message("a/b", b"data", 1, True), "one")
    assert isinstance(shown, IncomingApplicationMessage)
    assert (shown.topic, shown.data, shown.qos) == ("a/b", b"data", 1)
    assert (shown.retain, shown.packet_id) == (True, None)
    packet = shown.publish_packet
    assert isinstance(packet, PublishPacket)
    assert shown.publish_packet is packet
    assert (packet.topic_name, packet.data, packet.qos) == ("a/b", b"data", 1)
    assert (packet.retain_flag, packet.dup_flag) == (True, False)
    assert packet.variable_header is not None
    assert packet.payload is not None
    assert (packet.variable_header.topic_name, packet.payload.data) == ("a/b", b"data")


def test_a_message_made_by_hand_makes_its_publish() -> None:
    message = ApplicationMessage(7, "a", 1, bytearray(b"data"), False)
    assert message.publish_packet is None
    message.publish_packet = message.build_publish_packet(dup=True)
    assert message.publish_packet.to_bytes() == b"\x3a\x09\x00\x01a\x00\x07data"
    assert repr(message) == "ApplicationMessage(topic='a', qos=1, retain=False, 4 bytes)"
