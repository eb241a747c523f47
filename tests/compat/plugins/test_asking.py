"""`authenticate` and `topic_filtering` of aMQTT's plugins: somebody must say yes, nobody may say no."""

import asyncio
import logging
from typing import Any

import pytest

from amqtt.compat.plugins.calls import at_once, begin
from amqtt.compat.plugins.settled import Settled
from amqtt.contexts import Action
from amqtt.errors import BrokerError
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.wire.packets import (
    MQTT_3_1_1,
    Disconnect,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    WillFields,
)
from support.raw_client import RawClient

ANYONE = "amqtt.plugins.authentication.AnonymousAuthPlugin"
REFUSED = 0x87


def answering(answer: Any, waits: bool = False) -> object:
    """A plugin that answers every CONNECT with this."""

    class Answering:
        async def authenticate(self, *args: Any, **kwargs: Any) -> Any:
            if waits:
                await asyncio.sleep(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    return Answering()


def answering_at_once(answer: Any) -> object:
    class AnsweringAtOnce:
        def authenticate(self, session: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    return AnsweringAtOnce()


class Topics:
    """Asked about topics: grants those that begin with `yes`, has no opinion on `none…`, writes all down."""

    def __init__(self, context: Any = None) -> None:
        self.asked: list[tuple[str, str, str | None]] = []

    async def topic_filtering(self, *args: Any, session: Any, topic: str, action: Any) -> bool | None:
        self.asked.append((action.name, topic, session.client_id))
        if topic.startswith("none"):
            return None
        return topic.startswith("yes")


class WaitingTopics(Topics):
    async def topic_filtering(self, *args: Any, session: Any, topic: str, action: Any) -> bool | None:
        async with asyncio.timeout(5):  # needs the Task that it runs in
            await asyncio.sleep(0)
        return await super().topic_filtering(session=session, topic=topic, action=action)


async def subscribe(client: RawClient, *filters: str) -> list[int]:
    client.send(Subscribe(1, [SubscriptionRequest(each, 0) for each in filters]))
    return list((await client.expect(Suback)).reason_codes)


@pytest.mark.parametrize(
    ("answers", "reason_code"),
    [
        ([True], 0), ([False], REFUSED), ([None], REFUSED), ([None, True], 0), ([True, None], 0),
        ([True, False], REFUSED), ([False, True], REFUSED), ([1], 0), ([0], REFUSED),
        ([NotImplemented], REFUSED), ([RuntimeError("fails")], REFUSED),
        ([True, RuntimeError("fails")], REFUSED),
    ],
)
@pytest.mark.parametrize("make", [answering, lambda answer: answering(answer, waits=True), answering_at_once])
async def test_somebody_must_say_yes_and_nobody_no(
    start: Any, make: Any, answers: list[Any], reason_code: int
) -> None:
    # Two of one class would have one name: the second is of a class of its own.
    plugins = [make(answer) for answer in answers]
    for number, each in enumerate(plugins):
        type(each).__qualname__ = f"Plugin{number}"
    running = await start(auth={"plugins": plugins})
    assert await running.refused("c") == reason_code


async def test_nobody_asked_admits_nobody(start: Any) -> None:
    running = await start(auth={"plugins": []})
    assert await running.refused("c") == REFUSED


async def test_authenticate_that_raises_is_logged_with_the_name_of_its_plugin(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    running = await start(auth={"plugins": [answering(RuntimeError("of the plugin"))]})
    assert await running.refused("c") == REFUSED
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "Answering" in record.getMessage()


async def test_a_plugin_without_an_authenticate_of_its_own_cannot_be_asked(start: Any) -> None:
    class Nothing(BaseAuthPlugin):
        """It inherits the answer that everybody may come in who is configured."""

    with pytest.raises(BrokerError, match="Nothing cannot be asked: it has no authenticate"):
        await start(auth={"plugins": [Nothing]})


async def test_in_the_typed_style_a_plugin_that_inherits_its_answer_admits_nobody(start: Any) -> None:
    class Nothing(BaseAuthPlugin):
        """The same."""

    running = await start(plugins=[Nothing])
    assert await running.refused("c") == REFUSED


async def test_the_session_that_authenticate_saw_is_the_one_asked_about(start: Any, diary: Any) -> None:
    class Both:
        async def authenticate(self, session: Any) -> bool:
            session.attributes["role"] = "writer"
            session.username = "found-out"
            return True

        async def topic_filtering(self, session: Any, topic: str, action: Any) -> bool:
            return bool(session.attributes["role"] == "writer")

        async def on_broker_client_connected(self, client_id: str, client_session: Any) -> None:
            diary.write("connected", {"attributes": client_session.attributes})

    running = await start(plugins=[Both()])
    client = await running.connect("c", username="stated", password=b"p")
    assert await subscribe(client, "a") == [0]
    assert await diary.first("connected") == {"attributes": {"role": "writer"}}


@pytest.mark.parametrize("kind", [Topics, WaitingTopics])
async def test_topics_are_asked_about_with_session_and_action(start: Any, kind: Any) -> None:
    topics = kind()
    running = await start(plugins=[topics, ANYONE])
    client = await running.connect("c")
    assert await subscribe(client, "yes", "no", "none", "$share/g/yes/shared") == [0, REFUSED, REFUSED, 0]
    client.publish("yes", b"1", 1)
    client.publish("no", b"2", 1)
    client.publish("none", b"3", 1)
    packets = await client.sync()
    assert [p.payload for p in packets if isinstance(p, Publish)] == [b"1"]
    assert [p.reason_code for p in packets if not isinstance(p, Publish)] == [0, REFUSED, REFUSED]
    asked = [("SUBSCRIBE", each, "c") for each in ("yes", "no", "none", "yes/shared")]
    assert topics.asked == asked + [("PUBLISH", each, "c") for each in ("yes", "no", "none")]


async def test_a_plugin_without_an_opinion_leaves_it_to_the_others(start: Any) -> None:
    class Silent:
        def topic_filtering(self, **given: Any) -> None:
            return None

    running = await start(plugins=[Silent(), Topics(), ANYONE])
    client = await running.connect("c")
    assert await subscribe(client, "yes", "no") == [0, REFUSED]


async def test_while_one_client_waits_for_an_answer_another_does_not(start: Any) -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        async def topic_filtering(self, session: Any, topic: str, action: Any) -> bool:
            if session.client_id == "slow" and action == Action.PUBLISH:
                waiting.set()
                await go_on.wait()
            return True

    running = await start(plugins=[Slow(), ANYONE])
    slow, quick = await running.connect("slow"), await running.connect("quick")
    assert await subscribe(quick, "a") == [0]
    slow.publish("a", b"slow")
    await waiting.wait()
    quick.publish("a", b"quick")
    assert (await quick.expect(Publish)).payload == b"quick"
    go_on.set()
    assert (await quick.expect(Publish)).payload == b"slow"


async def test_topic_filtering_that_raises_refuses_and_is_logged(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Raising:
        async def topic_filtering(self, session: Any, topic: str, action: Any) -> bool:
            if topic == "later":
                await asyncio.sleep(0)
            raise RuntimeError("of the plugin")

    running = await start(plugins=[Raising(), ANYONE])
    client = await running.connect("c")
    assert await subscribe(client, "now", "later") == [REFUSED, REFUSED]
    records = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert ["Raising" in each.getMessage() for each in records] == [True, True]


async def test_a_will_and_a_session_that_is_resumed_are_asked_about_where_it_waits(start: Any) -> None:
    topics = WaitingTopics()
    running = await start(plugins=[topics, ANYONE])
    watcher = await running.connect("watcher")
    assert await subscribe(watcher, "yes/will", "yes/again") == [0, 0]
    client = await running.open(MQTT_3_1_1)
    will = WillFields("yes/will", b"gone")
    assert (await client.connect("c", clean_start=False, will=will)).reason_code == 0
    assert await subscribe(client, "yes/again") == [0]
    client.abort()
    assert (await watcher.expect(Publish)).payload == b"gone"
    again = await running.open(MQTT_3_1_1)
    assert (await again.connect("c", clean_start=False)).session_present
    watcher.publish("yes/again", b"x")
    assert (await again.expect(Publish)).payload == b"x"
    again.send(Disconnect())
    refused = await running.open()
    assert (await refused.connect("d", will=WillFields("no/will", b""))).reason_code == REFUSED


async def test_an_old_plugin_is_not_asked_about_deliveries(start: Any) -> None:
    class Old:
        async def topic_filtering(self, *args: Any, **kwargs: Any) -> bool:
            return kwargs["action"] == Action.PUBLISH or str(kwargs["topic"]) == "a/+"

    running = await start(topic_check={"enabled": True, "plugins": [Old()]})
    client = await running.connect("c")
    assert await subscribe(client, "a/+", "a/b") == [0, REFUSED]
    client.publish("a/b", b"x")
    assert (await client.expect(Publish)).payload == b"x"


async def test_an_older_one_without_an_action_is_asked_about_subscriptions_only(start: Any) -> None:
    class Oldest:
        def topic_filtering(self, session: Any, topic: str) -> bool:
            return topic == "a"

    running = await start(topic_check={"enabled": True, "plugins": [Oldest()]})
    client = await running.connect("c")
    assert await subscribe(client, "a", "b") == [0, REFUSED]
    client.publish("b", b"", 1)
    [puback] = await client.sync()
    assert puback.reason_code in (0, 0x10)


async def test_topics_are_free_while_the_check_is_off(start: Any) -> None:
    topics = Topics()
    running = await start(topic_check={"enabled": False, "plugins": [topics]})
    client = await running.connect("c")
    assert await subscribe(client, "no") == [0]
    assert topics.asked == []


# -- answers


async def test_an_answer_that_is_there_takes_no_further_step() -> None:
    async def answer() -> int:
        return 5

    tasks = asyncio.all_tasks()
    begun = begin(answer())
    assert asyncio.all_tasks() == tasks
    assert isinstance(begun, Settled)
    assert begun.value == 5
    assert at_once(answer()) == 5
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks


async def test_an_answer_that_might_have_waited_is_there_at_its_first_step() -> None:
    async def answer() -> int:
        async with asyncio.timeout(5):
            return await inner()

    async def inner() -> int:
        return 6

    begun = begin(answer())
    assert isinstance(begun, Settled)
    assert begun.value == 6


async def test_an_answer_that_waits_goes_on_in_the_task_of_its_first_step() -> None:
    future = asyncio.get_running_loop().create_future()
    tasks = []

    async def answer() -> int:
        tasks.append(asyncio.current_task())
        got = await future
        tasks.append(asyncio.current_task())
        return int(got)

    outer = asyncio.current_task()
    begun = begin(answer())
    assert asyncio.current_task() is outer
    assert isinstance(begun, asyncio.Task)
    future.set_result(7)
    assert await begun == 7
    assert tasks == [begun, begun]


async def test_an_answer_that_raises_raises_at_its_first_step_or_later() -> None:
    async def answer(waits: bool) -> int:
        if waits:
            await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        begin(answer(False))
    begun = begin(answer(True))
    with pytest.raises(LookupError):
        await begun


async def test_an_answer_that_is_cancelled_ends_what_it_waits_for() -> None:
    ended = []

    async def answer() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    begun = begin(answer())
    assert isinstance(begun, asyncio.Task)
    await asyncio.sleep(0)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert ended == [True]
