"""`topic_filtering` with `Action.RECEIVE`: a plugin that takes its time is asked ahead of each delivery."""

import asyncio
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from amqtt.access.policy import CheckedPermissions
from amqtt.compat.plugins.access import PluginTopics
from amqtt.compat.plugins.calls import Call, Suspended, at_once, may_wait
from amqtt.compat.plugins.deliveries import Deliveries
from amqtt.contexts import Action
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session
from amqtt.wire.packets import Puback, Publish, WillFields
from support.raw_client import RawClient

ANYONE = "amqtt.plugins.authentication.AnonymousAuthPlugin"


class Slow(BaseTopicPlugin):
    """Looks everything up in a back end; keeps `private/…` from everybody but `owner`."""

    asked: ClassVar[list[tuple[str, str | None, Action | None]]] = []
    outage: ClassVar[str] = ""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        assert session is not None
        Slow.asked.append((str(session.client_id), topic, action))
        await asyncio.sleep(0)
        if action == Action.RECEIVE and self.outage == "raises":
            raise ConnectionError("the back end is away")
        if action == Action.RECEIVE and self.outage == "hangs":
            await asyncio.Event().wait()
        if action == Action.PUBLISH and session.client_id == "mute":
            return False
        is_private = str(topic).startswith("private")
        return action != Action.RECEIVE or session.client_id == "owner" or not is_private


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slow, "asked", [])
    monkeypatch.setattr(Slow, "outage", "")


@pytest.fixture
async def running(start: Any) -> Any:
    return await start(plugins=[Slow, ANYONE], limits={"authentication-timeout": 0.5})


async def topics(client: RawClient) -> list[str]:
    """Of the messages that have come, in order."""
    packets = await client.sync()
    assert all(isinstance(packet, Publish) for packet in packets), packets
    return [packet.topic for packet in packets if isinstance(packet, Publish)]


async def test_each_delivery_is_waited_for_and_messages_keep_their_order(running: Any) -> None:
    reader, owner, publisher = [await running.connect(name) for name in ("reader", "owner", "publisher")]
    for client in (reader, owner):
        await client.subscribe("#")
    for topic in ("a", "private/a", "b", "a"):
        publisher.publish(topic)
    await publisher.sync()
    assert await topics(reader) == ["a", "b", "a"]
    assert await topics(owner) == ["a", "private/a", "b", "a"]
    received = [(client, topic) for client, topic, action in Slow.asked if action == Action.RECEIVE]
    assert received.count(("reader", "a")) == 2, "once for every delivery, as in aMQTT"


async def test_whoever_may_not_publish_has_nobody_asked_about(running: Any) -> None:
    reader, publisher = await running.connect("reader"), await running.connect("mute")
    await reader.subscribe("#")
    publisher.publish("a")
    await publisher.sync()
    assert await topics(reader) == []
    assert Slow.asked[-1] == ("mute", "a", Action.PUBLISH)


async def test_any_member_of_a_shared_group_may_get_it(running: Any) -> None:
    members = [await running.connect(name) for name in ("one", "two")]
    for member in members:
        await member.subscribe("$share/group/a")
    publisher = await running.connect("publisher")
    for _ in range(4):
        publisher.publish("a")
    await publisher.sync()
    assert [await topics(member) for member in members] == [["a", "a"], ["a", "a"]]


async def test_retained_messages_are_waited_for_at_subscribe(running: Any) -> None:
    publisher = await running.connect("publisher")
    for topic in ("a", "private/a"):
        publisher.publish(topic, b"x", retain=True)
    await publisher.sync()
    reader = await running.connect("reader")
    await reader.subscribe("#")
    assert await topics(reader) == ["a"]


async def test_what_waits_in_a_session_is_waited_for_when_its_client_is_back(running: Any) -> None:
    reader = await running.connect("reader", session_expiry_interval=60)
    await reader.subscribe("a", 1)
    await reader.close()
    publisher = await running.connect("publisher")
    publisher.publish("a", b"x", 1)
    await publisher.expect(Puback)
    Slow.asked.clear()
    back = await running.open()
    assert (await back.connect("reader", clean_start=False)).session_present
    assert (await back.expect(Publish)).topic == "a"
    assert ("reader", "a", Action.RECEIVE) in Slow.asked


async def test_what_the_program_broadcasts_is_waited_for(running: Any) -> None:
    reader = await running.connect("reader")
    await reader.subscribe("#")
    for topic in ("a", "private/a", "b"):
        await running.broker.internal_message_broadcast(topic, b"x")
    assert await topics(reader) == ["a", "b"]


async def test_a_will_message_is_waited_for_when_its_client_connects(running: Any) -> None:
    reader = await running.connect("reader")
    await reader.subscribe("#")
    for topic in ("private/a", "a"):
        dying = await running.connect(topic, will=WillFields(topic, b"gone"))
        dying.abort()
    assert (await reader.expect(Publish)).topic == "a"


async def test_where_nobody_can_wait_the_last_answer_counts_and_without_one_it_is_a_no(running: Any) -> None:
    reader, publisher = await running.connect("reader"), await running.connect("publisher")
    await reader.subscribe("#")
    publisher.publish("known")
    await publisher.sync()
    assert await topics(reader) == ["known"]
    Slow.asked.clear()
    for topic in ("unknown", "known"):
        running.broker.publish(topic, b"")
    assert await topics(reader) == ["known"]
    assert [topic for _, topic, _ in Slow.asked] == ["unknown"], "what waits is not begun in vain"


async def test_of_the_last_answers_the_oldest_are_forgotten(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amqtt.compat.plugins.access.MOST_TOPICS", 2)
    reader, publisher = await running.connect("reader"), await running.connect("publisher")
    await reader.subscribe("#")
    for topic in ("a", "b", "c"):
        publisher.publish(topic)
    await publisher.sync()
    assert await topics(reader) == ["a", "b", "c"]
    for topic in ("a", "b", "c"):
        running.broker.publish(topic, b"")
    assert await topics(reader) == ["b", "c"]


@pytest.mark.parametrize("outage", ["raises", "hangs"])
async def test_a_plugin_that_cannot_answer_any_more_keeps_everything_back(running: Any, outage: str) -> None:
    reader, publisher = await running.connect("reader"), await running.connect("publisher")
    await reader.subscribe("#")
    publisher.publish("a")
    await publisher.sync()
    assert await topics(reader) == ["a"]
    Slow.outage = outage
    publisher.publish("a")
    await publisher.sync()
    running.broker.publish("a", b"")
    assert await topics(reader) == []
    Slow.outage = ""
    publisher.publish("a")
    await publisher.sync()
    assert await topics(reader) == ["a"]


async def test_of_many_receivers_some_are_asked_about_at_a_time(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amqtt.compat.plugins.deliveries.AT_ONCE", 2)
    under_way: list[int] = [0]

    class Counting(BaseTopicPlugin):
        async def topic_filtering(
            self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
        ) -> bool:
            if action == Action.RECEIVE:
                under_way.append(under_way[-1] + 1)
                await asyncio.sleep(0)
                under_way.append(under_way[-1] - 1)
            return True

    running = await start(plugins=[Counting, ANYONE])
    readers = [await running.connect(str(number)) for number in range(5)]
    for reader in readers:
        await reader.subscribe("#")
    for topic in ("a", "b"):
        readers[0].publish(topic, b"x", retain=True)
    for reader in readers:
        assert (await reader.expect(Publish)).topic == "a"
        assert (await reader.expect(Publish)).topic == "b"
    assert max(under_way) == 2
    late = await running.connect("late")
    await late.subscribe("#")
    assert await topics(late) == ["a", "b"]


async def test_two_plugins_are_each_asked_once_for_a_delivery(start: Any) -> None:
    class Second(Slow):
        """Another one of the same kind."""

    running = await start(plugins=[Slow, Second, ANYONE])
    reader, publisher = await running.connect("reader"), await running.connect("publisher")
    await reader.subscribe("#")
    publisher.publish("a")
    await publisher.sync()
    assert await topics(reader) == ["a"]
    assert [action for _, _, action in Slow.asked].count(Action.RECEIVE) == 2


async def test_a_question_that_is_given_up_leaves_the_answer_to_another_one_alone() -> None:
    hangs, never = [True, False], asyncio.Event()

    async def topic_filtering(session: Session, topic: str, action: Action) -> bool:
        await (never.wait() if hangs.pop(0) else asyncio.sleep(0))
        return True

    waiting: Any = SimpleNamespace(
        inflight=SimpleNamespace(entries={}), backlog=[SimpleNamespace(message=SimpleNamespace(topic="a"))]
    )
    nowhere: Any = None
    deliveries = Deliveries(nowhere)
    call = Call("topic_filtering", topic_filtering, ("session", "topic", "action"))
    permissions = CheckedPermissions(None, [PluginTopics("plugin", call, True, deliveries).rules("ann")])
    given_up, answered = [deliveries.of_session(permissions, waiting) for _ in range(2)]
    assert given_up is not None
    assert answered is not None
    await answered
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(given_up, 0.01)
    assert permissions.may_receive("a")


async def test_one_that_answers_at_once_is_asked_at_the_delivery_itself(start: Any) -> None:
    class Quick(BaseTopicPlugin):
        async def topic_filtering(
            self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
        ) -> bool:
            Slow.asked.append(("", topic, action))
            return not (action == Action.RECEIVE and topic == "no")

    running = await start(plugins=[Quick, ANYONE])
    client = await running.connect("c")
    await client.subscribe("#")
    for topic in ("no", "yes"):
        client.publish(topic)
    assert await topics(client) == ["yes"]
    Slow.asked.clear()
    running.broker.publish("yes", b"")
    assert await topics(client) == ["yes"]
    assert Slow.asked == [("", "yes", Action.RECEIVE)]


def test_what_may_wait_is_an_async_function_with_an_await() -> None:
    async def waits() -> None:
        await asyncio.sleep(0)

    async def does_not() -> None:
        return None

    assert may_wait(waits)
    assert may_wait(Slow.topic_filtering)
    assert not may_wait(does_not)
    assert not may_wait(lambda: None)


async def test_what_insists_on_waiting_is_given_up_all_the_same() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            await asyncio.sleep(0)

    with pytest.raises(Suspended):
        at_once(stubborn())
