"""Plugins from the start of a Broker to its end: nothing that they do holds it up."""

import asyncio
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.compat.plugins import calls, host, rounds
from amqtt.compat.plugins.calls import Call
from amqtt.compat.plugins.rounds import Rounds
from amqtt.errors import BrokerError

LISTENER = {"listeners": {"default": {"bind": "127.0.0.1:0"}}}


async def for_ever(**given: Any) -> None:
    await asyncio.get_running_loop().create_future()


class Hanging:
    """Every hook hangs, and will not be cancelled the first time."""

    async def _hang(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            raise

    async def on_broker_pre_start(self) -> None:
        await self._hang()

    on_broker_post_start = on_broker_pre_shutdown = on_broker_post_shutdown = on_broker_pre_start
    close = on_broker_pre_start

    async def on_broker_client_connected(self, client_id: str) -> None:
        await self._hang()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what waits for a while does not make the tests slow."""
    monkeypatch.setattr(host, "PREPARATION", 0.05)
    monkeypatch.setattr(host, "GREETING", 0.05)
    monkeypatch.setattr(host, "FAREWELL", 0.05)
    monkeypatch.setattr(rounds, "FAREWELL", 0.05)
    monkeypatch.setattr(rounds, "CATCH_UP", 0.05)


@pytest.mark.usefixtures("hurried")
async def test_hooks_that_hang_hold_up_neither_the_start_nor_the_end(start: Any) -> None:
    before = asyncio.all_tasks()
    running = await start(plugins=["x", Hanging()])
    client = await running.connect("c")
    await client.sync()
    async with asyncio.timeout(30):
        await running.broker.shutdown(1000.0)
    await client.close()
    assert asyncio.all_tasks() - before == set()


@pytest.mark.usefixtures("hurried")
async def test_a_hook_that_never_ends_goes_on_by_itself_while_the_broker_runs(start: Any, diary: Any) -> None:
    class Beating:
        def __init__(self, context: Any) -> None:
            self.context = context

        async def on_broker_post_start(self) -> None:
            try:
                while True:
                    await self.context.broadcast_message("beat", b"x")
                    await asyncio.sleep(0.01)
            finally:
                diary.write("ended", {})

        async def on_broker_client_connected(self, client_id: str) -> None:
            diary.write("connected", {"client_id": client_id})

    running = await start(plugins=["x", Beating])
    client = await running.connect("c")
    await diary.first("connected")
    await client.subscribe("beat")
    assert (await client.receive()).payload == b"x"
    await running.broker.shutdown()
    assert len(diary.of("ended")) == 1


async def test_the_order_of_a_life(start: Any, diary: Any) -> None:
    class Life:
        def __init__(self, context: Any) -> None:
            diary.write("made", {"loop": context.loop})

        async def on_broker_pre_start(self) -> None:
            diary.write("pre_start", {})

        def on_broker_post_start(self) -> None:
            diary.write("post_start", {})

        async def on_broker_pre_shutdown(self) -> None:
            diary.write("pre_shutdown", {})

        async def on_broker_client_disconnected(self, client_id: str) -> None:
            diary.write("disconnected", {})

        async def on_broker_post_shutdown(self) -> None:
            diary.write("post_shutdown", {})

        async def close(self) -> None:
            diary.write("close", {})

    running = await start(plugins=["x", Life])
    await running.connect("c")
    await running.broker.shutdown()
    life = ["pre_start", "post_start", "pre_shutdown", "disconnected", "post_shutdown", "close"]
    assert [name for name, _ in diary.pages] == ["made", *life]
    await running.broker.start()
    await running.connect("c")
    await running.broker.shutdown()
    assert [name for name, _ in diary.pages] == ["made", *life, *life]


def test_a_broker_that_is_made_before_any_event_loop_runs_has_its_plugins(tmp_path: Any) -> None:
    loops = []

    class Mine:
        def __init__(self, context: Any) -> None:
            self.context = context
            assert context.loop is None

        async def on_broker_post_start(self) -> None:
            loops.append(self.context.loop)

    broker = Broker({**LISTENER, "plugins": ["x", Mine]})

    async def life() -> None:
        await broker.start()
        assert loops[-1] is asyncio.get_running_loop()
        await broker.shutdown()

    asyncio.run(life())
    asyncio.run(life())
    assert len(loops) == 2


async def test_a_start_that_fails_leaves_no_task_behind(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await start()
    port = taken.broker.listeners["default"].addresses[0][1]

    class Starting:
        on_broker_pre_start = staticmethod(for_ever)

    before = asyncio.all_tasks()
    broker = Broker({"listeners": {"default": {"bind": f"127.0.0.1:{port}"}}, "plugins": ["x", Starting()]})
    monkeypatch.setattr(host, "PREPARATION", 0.01)
    with pytest.raises(BrokerError):
        await broker.start()
    assert asyncio.all_tasks() - before == set()


async def test_the_context_reaches_the_broker(start: Any, diary: Any) -> None:
    class Mine:
        def __init__(self, context: Any) -> None:
            self.context = context

        async def on_broker_client_subscribed(self, client_id: str, topic: str, qos: int) -> None:
            if topic == "asked":
                await self.context.add_subscription(client_id, "added", 0)
                await self.context.broadcast_message("added", b"sent")

    running = await start(plugins=["x", Mine])
    context = running.broker.plugins_manager.get_plugin("Mine").context
    client = await running.connect("c", username="u")
    await client.subscribe("asked")
    assert (await client.receive()).payload == b"sent"
    assert [session.client_id for session in context.sessions] == ["c"]
    assert context.get_session("c").username == "u"
    assert context.get_session("other") is None
    assert set(context.subscriptions) == {"asked", "added"}
    context.retain_message("kept", b"data")
    await context.retain_message("kept/2", b"data", 1)
    assert {"kept", "kept/2"} <= set(context.retained_messages)


# -- rounds


def call(function: Any) -> Call:
    return Call("hook", function, ())


async def test_a_plugin_that_falls_behind_misses_events_and_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds, "MOST_WAITING", 3)
    seen: list[int] = []
    waiting = Rounds("slow")
    waiting.begin()
    for number in range(10):
        waiting.tell(call(lambda number=number: seen.append(number)), {})
    await waiting.catch_up()
    assert seen == [0, 1, 2]
    assert "plugin slow missed 7 events" in caplog.text
    await waiting.end()


async def test_hooks_that_run_at_a_time_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MOST_RUNNING", 2)
    monkeypatch.setattr(rounds, "CATCH_UP", 0.05)
    monkeypatch.setattr(rounds, "FAREWELL", 0.05)
    started: list[int] = []
    two = asyncio.Event()

    async def hook() -> None:
        started.append(1)
        if len(started) == 2:
            two.set()
        await for_ever()

    waiting = Rounds("hanging")
    waiting.begin()
    for _ in range(5):
        waiting.tell(call(hook), {})
    await two.wait()
    await waiting.catch_up()
    await waiting.end()
    assert len(started) == 2


async def test_a_hook_about_an_event_that_does_not_end_is_ended_and_another_has_its_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds, "MOST_RUNNING", 1)
    monkeypatch.setattr(rounds, "DEADLINE", 0.01)
    told = asyncio.Event()
    waiting = Rounds("hanging")
    waiting.begin()
    waiting.tell(call(for_ever), {})
    waiting.tell(call(told.set), {})
    await told.wait()
    assert caplog.messages == ["plugin hanging: hook was not done after 0.01 s, and was ended"]
    assert caplog.records[0].__dict__["plugin"] == "hanging"
    await waiting.end()


async def test_a_hook_that_raises_while_it_is_ended_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds, "DEADLINE", 0.01)

    async def hook() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            raise ValueError("out of order") from None

    waiting = Rounds("hanging")
    waiting.begin()
    waiting.tell(call(hook), {})
    await waiting.catch_up()
    assert caplog.messages == ["plugin hanging: hook was not done after 0.01 s, and was ended"]
    await waiting.end()


class Watch:
    """In place of the module `time`: no time passes but what a hook takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def go_on(self) -> None:
        self.now += 0.7


async def test_a_hook_that_blocks_is_named_whether_it_is_a_coroutine_or_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    for module in (calls, rounds):
        monkeypatch.setattr(module, "time", watch)

    def plain() -> None:
        watch.go_on()

    async def coroutine() -> None:
        await asyncio.sleep(0)
        watch.go_on()
        await asyncio.sleep(0)

    async def patient() -> None:
        asyncio.get_running_loop().call_soon(watch.go_on)
        await asyncio.sleep(0)

    waiting = Rounds("blocking")
    waiting.begin()
    for each in (plain, coroutine, patient):
        waiting.tell(Call(each.__name__, each, ()), {})
    await waiting.catch_up()
    said = "held up the whole broker for 0.7 s; it must not block"
    assert caplog.messages == [f"plugin blocking: plain {said}", f"plugin blocking: coroutine {said}"]
    await waiting.end()


async def test_a_hook_that_fails_each_time_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def hook() -> None:
        raise ValueError("out of order")

    waiting = Rounds("broken")
    waiting.begin()
    for _ in range(500):
        waiting.tell(call(hook), {})
    await waiting.catch_up()
    assert caplog.messages == ["plugin broken: hook failed"] * 10
    await waiting.end()


async def test_catching_up_waits_for_hooks_that_are_under_way() -> None:
    done: list[int] = []

    async def hook() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(1)

    waiting = Rounds("slow")
    waiting.begin()
    for _ in range(5):
        waiting.tell(call(hook), {})
    await waiting.catch_up()
    assert len(done) == 5
    await waiting.end()


async def test_many_plain_hooks_leave_the_event_loop_to_others() -> None:
    waiting = Rounds("busy")
    waiting.begin()
    called: list[int] = []
    for _ in range(5 * rounds.MOST_AT_ONCE):
        waiting.tell(call(lambda: called.append(1)), {})
    await asyncio.sleep(0)
    assert 0 < len(called) < 5 * rounds.MOST_AT_ONCE
    await waiting.catch_up()
    assert len(called) == 5 * rounds.MOST_AT_ONCE
    await waiting.end()


async def test_what_is_told_to_a_broker_that_does_not_run_is_forgotten() -> None:
    waiting = Rounds("idle")
    waiting.tell(call(lambda: pytest.fail("it was called")), {})
    await waiting.catch_up()
    await waiting.end()
