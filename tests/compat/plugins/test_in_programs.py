"""Plugins as programs that embed aMQTT really have them: what they reach for, beside what is documented."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from amqtt.broker import BrokerConfig, BrokerContext
from amqtt.contexts import BaseContext, ListenerConfig
from amqtt.mqtt.packet import DISCONNECT
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin
from amqtt.session import ApplicationMessage, Session
from amqtt.wire.packets import Disconnect, Publish

ANYONE = "amqtt.plugins.authentication.AnonymousAuthPlugin"
ACL = "amqtt.plugins.topic_checking.TopicAccessControlListPlugin"


class Devices(BaseAuthPlugin):
    """Is given its broker afterwards, and subscribes devices that never subscribe by themselves."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.broker: Any = None
        self.live: dict[str, Session] = {}
        self.seen: list[object] = []
        self.gone = asyncio.Event()

    async def authenticate(self, *, session: Session) -> bool:
        return True

    async def on_broker_client_connected(
        self, client_id: str, client_session: Session | None = None
    ) -> None:
        assert client_session is not None
        self.live[client_id] = client_session
        self.seen.append(await self.broker.add_subscription((f"{client_id}/down/#", 0), client_session))

    async def on_mqtt_packet_received(self, packet: Any = None, session: Session | None = None) -> None:
        if session is not None and any(session is live for live in self.live.values()):
            topics = getattr(getattr(packet, "payload", None), "topics", None)
            self.seen.append(topics or packet.fixed_header.packet_type)

    async def on_broker_client_disconnected(
        self, client_id: str, client_session: Session | None = None
    ) -> None:
        self.seen.append(self.live.pop(client_id) is client_session)
        self.gone.set()


async def test_a_plugin_subscribes_its_clients_and_knows_each_by_its_session(start: Any) -> None:
    from amqtt.broker import Broker

    path = f"{Devices.__module__}.{Devices.__qualname__}"
    listeners = {"default": ListenerConfig(type="tcp", bind="127.0.0.1:0", max_connections=50)}
    broker = Broker(BrokerConfig(listeners=listeners, timeout_disconnect_delay=2, plugins={path: {}}))
    running = await start(broker)
    (plugin,) = [each for each in broker.plugins_manager._plugins if isinstance(each, Devices)]
    plugin.broker = broker
    client = await running.connect("dev")
    await client.sync()
    await client.subscribe("own", 1)
    await broker.internal_message_broadcast("dev/down/x", b"1")
    assert (await client.expect(Publish)).payload == b"1"
    ((session, qos),) = broker._subscriptions["dev/down/#"]
    assert (session.client_id, session.transitions.state, qos) == ("dev", "connected", 0)
    client.send(Disconnect())
    await client.expect_closed()
    await asyncio.wait_for(plugin.gone.wait(), 10)
    assert plugin.seen[0] == 0
    assert [("own", 1)] in plugin.seen
    assert plugin.seen[-2:] == [DISCONNECT, True]


class Names(BaseAuthPlugin):
    """Says who it is where the client does not: from a certificate in real life."""

    async def authenticate(self, *, session: Session) -> bool:
        session.username = session.username or session.client_id
        session.attributes["role"] = "device"
        return True


class Ingest(BasePlugin[BrokerContext]):
    """Notes who published what; an event before the rules have their say, as in aMQTT 0.11.3."""

    @dataclass
    class Config:
        """Nothing."""

    def __init__(self, context: BrokerContext) -> None:
        super().__init__(context)
        self.noted: asyncio.Queue[tuple[str, str | None, object]] = asyncio.Queue()

    async def on_broker_message_received(
        self, *, client_id: str | None = None, message: ApplicationMessage | None = None, **_: Any
    ) -> None:
        assert message is not None
        session = self.context.get_session(client_id or "")
        assert session is not None
        self.noted.put_nowait((message.topic, session.username, session.attributes["role"]))


async def test_the_name_that_a_plugin_gives_is_the_one_that_lists_know(start: Any) -> None:
    lists = {"publish_acl": {"bike": ["bike/up"]}, "acl": {"reader": ["#"], "bike": ["bike/down"]}}
    running = await start(plugins={Names: {}, ACL: lists, Ingest: {}})
    reader, bike = await running.connect("reader"), await running.connect("bike")
    await reader.subscribe("#")
    assert (await bike.subscribe("bike/up")).reason_codes[0] >= 0x80
    assert (await bike.subscribe("bike/down")).reason_codes == [0]
    for topic in ("car/up", "bike/up"):
        bike.publish(topic, topic.encode())
    assert (await reader.expect(Publish)).topic == "bike/up"
    (ingest,) = [each for each in running.broker.plugins_manager.plugins if isinstance(each, Ingest)]
    noted = [await asyncio.wait_for(ingest.noted.get(), 10) for _ in range(2)]
    assert noted == [("car/up", "bike", "device"), ("bike/up", "bike", "device")]


class Expires(BaseAuthPlugin):
    """Ends the connections of those whose time is over, from a task of its own."""

    async def authenticate(self, *, session: Session) -> bool:
        return True

    async def on_broker_post_start(self, *_: Any, **__: Any) -> None:
        self.task = asyncio.create_task(self.watch())

    async def on_broker_pre_shutdown(self, *_: Any, **__: Any) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def watch(self) -> None:
        """Look again and again."""
        broker: Any = self.context._broker_instance  # type: ignore[attr-defined]
        while True:
            for session, handler in list(broker.sessions.values()):
                if session.transitions.is_connected() and session.client_id == "over":
                    await handler.handle_connection_closed()
            await asyncio.sleep(0.01)


async def test_a_plugin_ends_connections_from_a_task_of_its_own(start: Any) -> None:
    running = await start(plugins={Expires: {}})
    over, lasting = await running.connect("over"), await running.connect("lasting")
    await over.expect_closed()
    assert await lasting.sync() == []
