"""Publishing and subscribing from within the program that embeds the Broker."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from amqtt.broker import Broker
from amqtt.message import Message
from amqtt.wire.packets import Publish
from support.opener import Opener


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker({"listeners": {"test": {"bind": "127.0.0.1:0"}}, "sys_interval": 0}) as running:
        yield running


async def test_what_the_program_publishes_reaches_clients_with_its_properties(
    broker: Broker, opener: Opener
) -> None:
    reader = await opener.connected(broker, "reader")
    await reader.subscribe("a/#", 1)
    given = {"content_type": "text/plain", "user_properties": {"k": "v"}, "message_expiry_interval": 60}
    published = broker.publish("a/b", "text", qos=1, properties=given)
    assert published.matched == 1
    assert await published == 1
    packet = await reader.expect(Publish)
    assert (packet.topic, packet.payload, packet.qos) == ("a/b", b"text", 1)
    assert packet.properties is not None
    assert packet.properties.content_type == "text/plain"
    assert packet.properties.user_properties == (("k", "v"),)
    assert packet.properties.message_expiry_interval == 60


async def test_the_program_iterates_over_what_it_subscribed_to(broker: Broker, opener: Opener) -> None:
    writer = await opener.connected(broker, "writer")
    broker.publish("a/kept", b"0", retain=True)
    async with broker.subscribe("a/#", qos=1) as messages:
        writer.publish("a/1", b"1", qos=1)
        writer.publish("b", b"no")
        writer.publish("a/2", b"2")
        received = [await anext(messages) for _ in range(3)]
    assert [(message.topic, message.payload) for message in received] == [
        ("a/kept", b"0"), ("a/1", b"1"), ("a/2", b"2"),
    ]
    writer.publish("a/3", b"3")
    await writer.sync()
    with pytest.raises(StopAsyncIteration):
        await anext(messages)


async def test_a_callback_is_called_at_once_and_its_failure_hurts_nobody(
    broker: Broker, opener: Opener
) -> None:
    taken: list[bytes] = []

    def fails(message: Message) -> None:
        taken.append(message.payload)
        raise RuntimeError("a bug of the program")

    reader = await opener.connected(broker, "reader")
    await reader.subscribe("a")
    broker.subscribe("a", callback=fails)
    broker.publish("a", b"1")
    assert taken == [b"1"]
    assert (await reader.expect(Publish)).payload == b"1"
    broker.publish("a", b"2")
    assert taken == [b"1", b"2"]


async def test_several_tasks_may_iterate_and_one_that_is_cancelled_leaves_the_others(broker: Broker) -> None:
    subscription = broker.subscribe("a")
    tasks = [asyncio.create_task(anext(subscription)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    for payload in (b"1", b"2"):
        broker.publish("a", payload)
    async with asyncio.timeout(10):
        assert {(await tasks[0]).payload, (await tasks[2]).payload} == {b"1", b"2"}


async def test_iteration_ends_when_the_broker_shuts_down(broker: Broker) -> None:
    async def collect() -> list[bytes]:
        return [message.payload async for message in broker.subscribe("a")]

    collecting = asyncio.create_task(collect())
    await asyncio.sleep(0)
    broker.publish("a", b"last")
    await broker.shutdown()
    assert await collecting == [b"last"]


async def test_messages_beyond_the_bound_of_an_idle_iterator_are_counted_not_kept(broker: Broker) -> None:
    messages = broker.subscribe("a")
    for number in range(10_005):
        broker.publish("a", str(number))
    assert messages.dropped == 5
    assert (await anext(messages)).payload == b"0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"topic": "a/#"}, "wildcard"),
        ({"topic": ""}, "topic"),
        ({"topic": "a", "qos": 3}, "qos is 0, 1 or 2"),
        ({"topic": "a", "properties": {"topic_alias": 1}}, "no property 'topic_alias'"),
    ],
)
async def test_a_mistake_of_the_program_is_raised_at_the_call(
    broker: Broker, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        broker.publish(**arguments)  # type: ignore[arg-type]


async def test_an_invalid_topic_filter_is_raised_at_the_call(broker: Broker) -> None:
    with pytest.raises(ValueError, match="#"):
        broker.subscribe("a/#/b")


async def test_a_subscription_that_was_closed_is_not_kept(broker: Broker) -> None:
    gone = [weakref.ref(broker.subscribe("a")) for _ in range(10)]
    for reference in gone:
        subscription = reference()
        assert subscription is not None
        subscription.close()
    del subscription
    gc.collect()
    assert [reference() for reference in gone] == [None] * 10
