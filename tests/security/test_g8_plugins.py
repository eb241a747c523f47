"""G8: a plugin that raises, hangs, cancels, blocks for a moment or answers rubbish hurts itself alone."""

import asyncio
import logging
import time
from typing import Any, ClassVar

import pytest

from amqtt.broker import Broker
from amqtt.compat.plugins import host, rounds
from amqtt.compat.plugins.feed import HOOKS
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin
from amqtt.wire.packets import Disconnect, Unsubscribe
from support.opener import Opener

WAYS = ["raises", "hangs", "cancels", "blocks", "answers rubbish"]


async def misbehave(way: str) -> Any:
    if way == "raises":
        raise RuntimeError("out of order")
    if way == "hangs":
        await asyncio.Event().wait()
    if way == "cancels":
        raise asyncio.CancelledError
    if way == "blocks":
        time.sleep(0.05)  # noqa: ASYNC251 - that is the point
        return False
    return "true"


class Hooked(BasePlugin[Any]):
    """Misbehaves whenever it is told something."""

    way = "raises"

    async def on_broker_client_connected(self, **_: Any) -> None:
        await misbehave(self.way)

    async def on_broker_client_disconnected(self, **_: Any) -> None:
        await misbehave(self.way)

    async def on_broker_message_received(self, **_: Any) -> None:
        await misbehave(self.way)

    async def on_mqtt_packet_received(self, **_: Any) -> None:
        await misbehave(self.way)


class Asked(BaseAuthPlugin):
    """Misbehaves when it is asked about anybody but `good`."""

    way = "raises"

    async def authenticate(self, *, session: Any) -> bool | None:
        return True if session.username == "good" else await misbehave(self.way)


class Topics(BaseTopicPlugin):
    """Misbehaves when it is asked about the topic `bad`."""

    way = "raises"

    async def topic_filtering(
        self, *, session: Any = None, topic: Any = None, action: Any = None
    ) -> bool | None:
        return True if topic != "bad" else await misbehave(self.way)


def broker(*plugins: type) -> Broker:
    named = [{f"{plugin.__module__}.{plugin.__qualname__}": {}} for plugin in plugins]
    return Broker(
        {
            "listeners": {"test": {"bind": "127.0.0.1:0"}},
            "limits": {"authentication-timeout": 0.3},
            "plugins": {
                **{key: value for each in named for key, value in each.items()},
                **({} if Asked in plugins else {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
                }),
            },
        }
    )


@pytest.mark.parametrize("way", WAYS)
async def test_a_hook_that_misbehaves_stops_nobody(
    way: str, opener: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(Hooked, "way", way)
    async with asyncio.timeout(30):
        async with broker(Hooked) as at:
            idle = await opener.connected(at, "idle")
            await idle.subscribe("a")
            for number in range(5):
                client = await opener.connected(at, f"c{number}")
                client.publish("a", b"x", 1)
                await client.sync()
                assert [packet.payload for packet in await idle.sync()] == [b"x"]  # type: ignore[union-attr]
    if way == "raises":
        assert any("Hooked" in record.getMessage() for record in caplog.records)


class Everywhere(BasePlugin[Any]):
    """Misbehaves whenever it is told anything at all."""

    way = "raises"
    told: ClassVar[set[str]] = set()


def _hook(name: str) -> Any:
    async def hook(self: Everywhere, **_: Any) -> Any:
        self.told.add(name)
        return await misbehave(self.way)

    return hook


for each in HOOKS:
    setattr(Everywhere, each, _hook(each))


@pytest.mark.parametrize("way", WAYS)
async def test_every_hook_may_misbehave_and_the_broker_starts_serves_and_stops(
    way: str, opener: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(Everywhere, "way", way)
    monkeypatch.setattr(Everywhere, "told", set())
    monkeypatch.setattr(host, "PREPARATION", 0.2)
    monkeypatch.setattr(rounds, "CATCH_UP", 0.2)
    monkeypatch.setattr(rounds, "DEADLINE", 0.1)
    # The others hold nobody up; that a busy machine does is not to be laid to them.
    monkeypatch.setattr(rounds, "TOO_LONG", 0.04 if way == "blocks" else 1000.0)
    at = broker(Everywhere)
    async with asyncio.timeout(30):
        await at.start()
        idle = await opener.connected(at, "idle")
        for number in range(3):
            client = await opener.connected(at, f"c{number}")
            await client.subscribe("a")
            client.publish("a", b"x", 1, retain=True)
            await client.sync()
            client.send(Unsubscribe(1, ["a"]), Disconnect())
            await client.read_to_end()
            assert await idle.sync() == []
    async with asyncio.timeout(10):
        await at.shutdown()
    assert Everywhere.told == set(HOOKS)
    # What they answer counts for nothing.
    named = set() if way == "answers rubbish" else set(HOOKS)
    assert {name for name in HOOKS if f"Everywhere: {name} " in caplog.text} == named
    assert all("Everywhere" in r.getMessage() for r in caplog.records if r.name.endswith("plugins"))


class Plain(BasePlugin[Any]):
    """Raises in what is no coroutine, the first time that it is told of a Client; then counts them."""

    told: ClassVar[list[str]] = []

    def on_broker_client_connected(self, client_id: str = "", **_: Any) -> None:
        self.told.append(client_id)
        if len(self.told) == 1:
            raise RuntimeError("out of order")


async def test_a_plain_function_that_raises_is_called_again_the_next_time(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Plain, "told", [])
    async with asyncio.timeout(30):
        async with broker(Plain) as at:
            for number in range(3):
                await opener.connected(at, f"c{number}")
    assert Plain.told == ["c0", "c1", "c2"]
    failed = [each for each in caplog.records if "on_broker_client_connected failed" in each.getMessage()]
    assert len(failed) == 1
    assert "Plain" in failed[0].getMessage()


@pytest.mark.parametrize("way", WAYS)
async def test_an_authenticator_that_misbehaves_admits_nobody(
    way: str, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asked, "way", way)
    async with asyncio.timeout(30):
        async with broker(Asked) as at:
            good = await opener(at)
            await good.connect("good", username="good")
            for number in range(3):
                other = await opener(at)
                connack = await other.connect(f"c{number}", username="other")
                assert connack.reason_code >= 0x80
                assert await good.sync() == []


@pytest.mark.parametrize("way", WAYS)
async def test_topic_rules_that_misbehave_grant_nothing(
    way: str, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Topics, "way", way)
    async with asyncio.timeout(30):
        async with broker(Topics) as at:
            client, idle = await opener.connected(at, "c"), await opener.connected(at, "idle")
            assert (await client.subscribe("bad")).reason_codes == [0x87]
            assert (await client.subscribe("fine")).reason_codes == [0]
            assert await idle.sync() == []
            client.publish("bad", b"x", 1, packet_id=1)
            assert (await client.receive()).reason_code == 0x87  # type: ignore[union-attr]
            client.publish("fine", b"x", 1, packet_id=2)
            assert await idle.sync() == []
