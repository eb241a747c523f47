"""Every event of aMQTT, with the arguments that each signature takes; and nothing that nobody asked for."""

import asyncio
import logging
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.contexts import BrokerContext
from amqtt.mqtt.connect import ConnectPacket
from amqtt.plugins.base import BasePlugin
from amqtt.plugins.logging_amqtt import EventLoggerPlugin, PacketLoggerPlugin
from amqtt.server.events import (
    ClientConnected,
    ClientDisconnected,
    ClientSubscribed,
    ClientUnsubscribed,
    MessageOffered,
    MessagePublished,
    MessageQueued,
    MessageRetained,
    PacketReceived,
    PacketSent,
)
from amqtt.wire.packets import MQTT_3_1_1, Disconnect, Puback, Unsubscribe

HOOKS = {
    "on_broker_pre_start": (ClientConnected, 0),
    "on_broker_client_connected": (ClientConnected, 1),
    "on_broker_client_disconnected": (ClientDisconnected, 1),
    "on_broker_client_subscribed": (ClientSubscribed, 1),
    "on_broker_client_unsubscribed": (ClientUnsubscribed, 1),
    "on_broker_message_received": (MessagePublished, 1),
    "on_broker_message_broadcast": (MessagePublished, 1),
    "on_broker_retained_message": (MessageRetained, 1),
    "on_mqtt_packet_received": (PacketReceived, 1),
    "on_mqtt_packet_sent": (PacketSent, 1),
}


def writing(diary: Any) -> type:
    """A class that writes down all that it is told, whatever it is given."""

    def hook_of(self: object, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)

        async def hook(**given: Any) -> None:
            diary.write(name, given)

        return hook

    return type("Writing", (), {"__init__": lambda self, context: None, "__getattr__": hook_of})


def plugin(**hooks: Any) -> object:
    """A plugin with these hooks."""
    return type("Plugin", (), {name: staticmethod(hook) for name, hook in hooks.items()})()


def told(broker: Broker, kind: Any) -> int:
    """How many want to know of this kind of event."""
    return len(broker.server.events._listeners.get(kind, ()))


async def test_a_plugin_is_told_the_whole_life_of_a_client_and_of_the_broker(start: Any, diary: Any) -> None:
    running = await start(plugins=[writing(diary), "amqtt.plugins.authentication.AnonymousAuthPlugin"])
    assert [name for name, _ in diary.pages] == ["on_broker_pre_start", "on_broker_post_start"]
    client = await running.connect("c", username="u")
    await client.subscribe("a/#", 1)
    client.publish("a/b", b"one", 1, retain=True)
    client.send(Unsubscribe(2, ["a/#"]))
    await client.sync()
    client.send(Disconnect())
    left = await diary.first("on_broker_client_disconnected")
    await running.broker.shutdown()

    connected = await diary.first("on_broker_client_connected")
    assert connected["client_id"] == left["client_id"] == "c"
    assert connected["client_session"].username == left["client_session"].username == "u"
    assert diary.of("on_broker_client_subscribed") == [{"client_id": "c", "topic": "a/#", "qos": 1}]
    assert diary.of("on_broker_client_unsubscribed") == [{"client_id": "c", "topic": "a/#"}]
    for name in ("on_broker_message_received", "on_broker_message_broadcast"):
        given = await diary.first(name)
        assert given["client_id"] == "c"
        assert (given["message"].topic, bytes(given["message"].data)) == ("a/b", b"one")
        assert given["message"].publish_packet.retain_flag
    [kept] = diary.of("on_broker_retained_message")
    assert kept["client_id"] is None
    assert (kept["retained_message"].topic, kept["retained_message"].data) == ("a/b", b"one")
    assert kept["retained_message"].source_session.client_id == "c"
    received = diary.of("on_mqtt_packet_received")
    assert isinstance(received[0]["packet"], ConnectPacket)
    assert received[0]["session"] is None
    assert received[1]["session"].client_id == "c"
    assert diary.of("on_mqtt_packet_sent")[0]["session"].client_id == "c"
    names = [name for name, _ in diary.pages]
    assert names[-1] == "on_broker_post_shutdown"
    assert "on_broker_pre_shutdown" in names


async def test_a_message_that_waits_for_a_client_is_told_with_its_name(start: Any, diary: Any) -> None:
    running = await start(plugins=[writing(diary), "amqtt.plugins.authentication.AnonymousAuthPlugin"])
    away = await running.open(MQTT_3_1_1)
    await away.connect("away", clean_start=False)
    await away.subscribe("a", 1)
    away.send(Disconnect())
    await diary.first("on_broker_client_disconnected")
    client = await running.connect("c")
    client.publish("a", b"kept", 1)
    await client.expect(Puback)
    given = await diary.first("on_broker_retained_message")
    assert given["client_id"] == "away"
    assert given["retained_message"].data == b"kept"


async def test_a_retained_message_that_is_cleared_is_told_without_data(start: Any, diary: Any) -> None:
    running = await start(plugins=[writing(diary), "amqtt.plugins.authentication.AnonymousAuthPlugin"])
    client = await running.connect("c")
    client.publish("a", b"x", retain=True)
    client.publish("a", b"", retain=True)
    given = await diary.first("on_broker_retained_message", 2)
    assert (given["client_id"], given["retained_message"].data) == (None, b"")


async def test_the_figures_of_the_broker_are_no_news_for_plugins(start: Any, diary: Any) -> None:
    running = await start(plugins=["auth_anonymous", writing(diary)], sys_interval=1)
    assert len(running.broker.server.retained) > 10
    client = await running.connect("c")
    client.publish("mine", b"x", retain=True)
    given = await diary.first("on_broker_retained_message")
    assert given["retained_message"].topic == "mine"


@pytest.mark.parametrize("signature", ["exact", "modern", "open", "none", "plain"])
async def test_each_signature_is_given_what_it_takes(start: Any, diary: Any, signature: str) -> None:
    async def exact(client_id: str) -> None:
        diary.write("hook", {"client_id": client_id})

    async def modern(*, client_id: str, client_session: Any) -> None:
        diary.write("hook", {"client_id": client_id, "client_session": client_session})

    async def everything(**given: Any) -> None:
        diary.write("hook", given)

    async def nothing() -> None:
        diary.write("hook", {})

    def plain(client_id: str, unknown: str = "default") -> None:
        diary.write("hook", {"client_id": client_id, "unknown": unknown})

    hooks = {"exact": exact, "modern": modern, "open": everything, "none": nothing, "plain": plain}
    running = await start(plugins=["auth_anonymous", plugin(on_broker_client_connected=hooks[signature])])
    await running.connect("c")
    given = await diary.first("hook")
    expected = {
        "exact": {"client_id"}, "modern": {"client_id", "client_session"},
        "open": {"client_id", "client_session"}, "none": set(), "plain": {"client_id", "unknown"},
    }
    assert set(given) == expected[signature]
    assert given.get("client_id", "c") == "c"


async def test_a_hook_that_needs_what_no_release_gave_is_named_and_left_out(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(client: str) -> None:
        raise AssertionError("it cannot be called")

    running = await start(plugins=["auth_anonymous", plugin(on_broker_client_connected=hook)])
    await running.connect("c")
    assert "on_broker_client_connected is never called, for it needs client" in caplog.text
    assert told(running.broker, ClientConnected) == 1  # the log


@pytest.mark.parametrize("name", HOOKS)
async def test_an_event_that_no_plugin_asks_for_is_not_listened_to(name: str) -> None:
    def hook(**given: Any) -> None:
        """It only has to be there."""

    bare = Broker({"plugins": ["auth_anonymous", plugin()]})
    asked = Broker({"plugins": ["auth_anonymous", plugin(**{name: hook})]})
    kinds = (
        ClientConnected, ClientDisconnected, ClientSubscribed, ClientUnsubscribed, MessageOffered,
        MessagePublished, MessageQueued, MessageRetained, PacketReceived, PacketSent,
    )
    kind, more = HOOKS[name]
    for each in kinds[4:]:
        assert told(bare, each) == 0
    assert not bare.server.events.wants_messages
    assert not bare.server.events.wants_packets
    assert not bare.server.events.wants_sent_packets
    assert told(asked, kind) == told(bare, kind) + more
    others = [
        each for each in kinds
        if each is not kind and told(asked, each) != told(bare, each)
    ]
    also = {"on_broker_retained_message": [MessageQueued], "on_broker_client_disconnected": [ClientConnected]}
    assert others == also.get(name, [])


async def test_before_a_message_is_permitted_only_a_plugin_of_later_releases_is_told(
    start: Any, diary: Any
) -> None:
    class Later(BasePlugin[BrokerContext]):
        async def on_broker_message_received(self, *, client_id: str, message: Any) -> None:
            diary.write("later", {"topic": message.topic})

        async def on_broker_message_broadcast(self, *, client_id: str, message: Any) -> None:
            diary.write("broadcast", {"topic": message.topic})

    class Seed:
        def __init__(self, context: Any) -> None:
            """It needs none."""

        async def on_broker_message_received(self, client_id: str, message: Any) -> None:
            diary.write("seed", {"topic": message.topic})

    acl = {"acl": {}, "publish_acl": {"anonymous": ["free"]}}
    running = await start(plugins=[
        Later, Seed, {"amqtt.plugins.topic_checking.TopicAccessControlListPlugin": acl},
        "amqtt.plugins.authentication.AnonymousAuthPlugin",
    ])
    client = await running.connect("c")
    client.publish("closed", b"x")
    client.publish("free", b"x")
    await diary.first("seed")
    await running.broker.shutdown()
    assert diary.of("later") == [{"topic": "closed"}, {"topic": "free"}]
    assert diary.of("seed") == diary.of("broadcast") == [{"topic": "free"}]


async def test_a_hook_that_raises_is_logged_with_its_plugin_and_costs_nobody_anything(
    start: Any, diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def raising(client_id: str) -> None:
        raise RuntimeError("of the plugin")

    def raising_at_once(client_id: str, topic: str) -> None:
        raise RuntimeError("at once")

    class Faulty:
        on_broker_client_connected = staticmethod(raising)
        on_broker_client_subscribed = staticmethod(raising_at_once)

    running = await start(plugins=["auth_anonymous", Faulty(), writing(diary)])
    client = await running.connect("c")
    await client.subscribe("a")
    await diary.first("on_broker_client_subscribed")
    await client.sync()
    await running.broker.shutdown()
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["Faulty" in record.getMessage() for record in failures] == [True, True]
    faults = [str(record.exc_info and record.exc_info[1]) for record in failures]
    assert faults == ["of the plugin", "at once"]


async def test_hooks_of_one_plugin_begin_in_the_order_of_events_and_wait_for_no_other(
    start: Any, diary: Any
) -> None:
    last = asyncio.Event()

    async def slow_at_first(client_id: str, message: Any) -> None:
        diary.write("hook", {"data": bytes(message.data)})
        if message.data == b"19":
            last.set()
        await last.wait()

    running = await start(plugins=["auth_anonymous", plugin(on_broker_message_received=slow_at_first)])
    client = await running.connect("c")
    for number in range(20):
        client.publish("a", str(number).encode())
    await diary.first("hook", 20)
    assert [given["data"] for given in diary.of("hook")] == [str(number).encode() for number in range(20)]


async def test_the_loggers_of_amqtt_log(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "amqtt.broker.plugins")
    running = await start(plugins=[
        EventLoggerPlugin, PacketLoggerPlugin, "amqtt.plugins.authentication.AnonymousAuthPlugin",
    ])
    await running.connect("c")
    await running.broker.shutdown()
    fired = [record for record in caplog.records if "FIRED" in record.msg]
    levels = {record.getMessage().split("'")[1]: record.levelno for record in fired}
    assert levels["on_broker_client_connected"] == levels["on_broker_client_disconnected"] == logging.INFO
    assert levels["on_broker_post_start"] == logging.DEBUG
    assert "<-in--" in caplog.text
