"""Programs written for aMQTT's client, with our Broker and with Mosquitto."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from amqtt.client import ClientError, ConnectError, MQTTClient, mqtt_connected
from amqtt.compat.client import DEFAULT_URI
from amqtt.contexts import ClientConfig, ConnectionConfig, TopicConfig, WillConfig
from amqtt.mqtt.constants import QOS_0, QOS_1, QOS_2
from amqtt.session import ApplicationMessage
from support.mosquitto_server import mosquitto_server
from support.ports import kept_port
from support.served import DEADLINE
from support.tls import Authority


@asynccontextmanager
async def listening(port: int = 0, **config: Any) -> AsyncIterator[str]:
    """Our Broker; its URL."""
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    whole = {"listeners": listeners, "sys_interval": 0, **config}
    async with asyncio.timeout(DEADLINE), Broker(whole) as broker:
        yield f"mqtt://127.0.0.1:{broker.listeners['default'].addresses[0][1]}/"


@pytest.fixture
async def uri() -> AsyncIterator[str]:
    async with listening() as url:
        yield url


async def test_the_documented_subscriber_and_publisher(uri: str) -> None:
    subscriber, publisher = MQTTClient(), MQTTClient(config={"default_qos": 1})
    assert await subscriber.connect(uri) == 0
    assert await subscriber.subscribe([("a/#", QOS_1), ("b", QOS_2)]) == [QOS_1, QOS_2]
    assert await publisher.connect(uri, cleansession=True) == 0
    tasks = [
        asyncio.ensure_future(publisher.publish("a/1", b"TEST MESSAGE WITH QOS_1")),
        asyncio.ensure_future(publisher.publish("a/2", b"TEST MESSAGE WITH QOS_1", qos=QOS_1)),
        asyncio.ensure_future(publisher.publish("b", b"TEST MESSAGE WITH QOS_2", qos=QOS_2)),
    ]
    await asyncio.wait(tasks)
    for topic, qos in (("a/1", 1), ("a/2", 1), ("b", 2)):
        message = await subscriber.deliver_message()
        packet = message.publish_packet
        assert packet is not None
        assert (packet.variable_header.topic_name, message.topic, message.qos) == (topic, topic, qos)
        assert bytes(packet.payload.data).startswith(b"TEST MESSAGE WITH")
        assert isinstance(message, ApplicationMessage)
    await subscriber.unsubscribe(["a/#", "b"])
    await subscriber.ping()
    await subscriber.disconnect()
    await publisher.disconnect()


@pytest.mark.parametrize("scheme", ["mqtts", "wss", "ws"])
async def test_the_schemes_of_amqtt_with_mosquitto(scheme: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with mosquitto_server(tmp_path, authority) as server:
        url = server.url({"mqtts": "tls"}.get(scheme, scheme))
        client = MQTTClient("me")
        async with asyncio.timeout(DEADLINE):
            await client.connect(url, cafile=authority.cafile, additional_headers={"X-Who": "me"})
            await client.subscribe([("a", 2)])
            await client.publish("a", b"x", qos=2)
            assert (await client.deliver_message()).data == b"x"
            await client.disconnect()


async def test_a_certificate_that_is_not_trusted_is_refused_unless_that_is_configured(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with mosquitto_server(tmp_path, authority) as server:
        client = MQTTClient(config={"auto_reconnect": False})
        with pytest.raises(ConnectError, match="not trusted"):
            await client.connect(server.url("tls"))
        trusting = MQTTClient(config={"auto_reconnect": False, "check_hostname": False, "verify_cert": False})
        assert await trusting.connect(server.url("tls")) == 0
        await trusting.disconnect()


async def test_a_message_that_does_not_come_in_time_is_a_timeout(uri: str) -> None:
    client = MQTTClient()
    await client.connect(uri)
    with pytest.raises(asyncio.TimeoutError):
        await client.deliver_message(timeout_duration=0.01)
    with pytest.raises(asyncio.TimeoutError):
        await client.deliver_message(timeout=0.01)
    await client.disconnect()


async def test_a_refusal_has_its_return_code() -> None:
    async with listening(auth={"allow-anonymous": False, "plugins": ["auth_anonymous"]}) as url:
        for config in ({"auto_reconnect": False}, {"reconnect_retries": 0}):
            with pytest.raises(ConnectError) as refused:
                await MQTTClient(config=config).connect(url)
            assert refused.value.return_code == 5


async def test_a_refused_subscription_is_0x80() -> None:
    limits = {"wildcard-subscription-available": False}
    async with listening(limits=limits) as url:
        client = MQTTClient()
        await client.connect(url)
        assert await client.subscribe([("a", 1), ("b/#", 1)]) == [1, 0x80]
        await client.disconnect()


async def test_what_is_no_topic_filter_is_0x80_and_the_others_are_granted(uri: str) -> None:
    client = MQTTClient()
    await client.connect(uri)
    asked = [("+", QOS_0), ("+/tennis/#", QOS_1), ("sport+", QOS_0), ("#/sport", QOS_2), ("sport/+/a", QOS_2)]
    assert await client.subscribe(asked) == [QOS_0, QOS_1, 0x80, 0x80, QOS_2]
    assert await client.subscribe([("sport+", QOS_0)]) == [0x80]
    await client.disconnect()


async def test_a_filter_that_is_refused_twice_is_answered_twice() -> None:
    async with listening(topic_check={"enabled": True, "acl": {"anonymous": ["b"]}}) as uri:
        client = MQTTClient()
        await client.connect(uri)
        assert await client.subscribe([("a", QOS_0), ("b", QOS_1), ("a", QOS_2)]) == [0x80, QOS_1, 0x80]
        await client.disconnect()


async def test_topics_have_their_own_qos_and_retain(uri: str) -> None:
    config = {"default_qos": 0, "topics": {"a": {"qos": 2, "retain": True}}, "keep-alive": 30}
    client = MQTTClient(config=config)
    assert client.config["keep_alive"] == 30
    await client.connect(uri)
    assert (await client.publish("a", b"x")).qos == 2
    assert (await client.publish("b", b"x")).qos == 0
    await client.subscribe([("a", 2)])
    message = await client.deliver_message()
    assert (message.qos, message.retain) == (2, True)
    await client.disconnect()


async def test_the_will_of_the_configuration_is_published(uri: str) -> None:
    watcher = MQTTClient()
    await watcher.connect(uri)
    await watcher.subscribe([("gone", 1)])
    will = {"topic": "gone", "message": b"me", "qos": 1, "retain": False}
    client = MQTTClient("me", config={"will": will, "auto_reconnect": False})
    await client.connect(uri)
    assert client.session is not None
    assert (client.session.will_topic, client.session.will_message) == ("gone", b"me")
    other = MQTTClient("me")
    await other.connect(uri)
    assert (await watcher.deliver_message()).data == b"me"
    for each in (watcher, client, other):
        await each.disconnect()


async def test_the_typed_configuration_is_read(uri: str) -> None:
    config = ClientConfig(
        connection=ConnectionConfig(uri=uri), topics={"a": TopicConfig(qos=1)},
        will=WillConfig(topic="w", message="m"), auto_reconnect=False,
    )
    client = MQTTClient(config=config)
    assert await client.connect() == 0
    assert (await client.publish("a", b"x")).qos == 1
    assert client.session is not None
    assert (client.session.will_topic, client.session.transitions.state) == ("w", "connected")
    await client.disconnect()
    assert client.session.transitions.state == "disconnected"


def test_a_typed_configuration_that_cannot_be_is_refused() -> None:
    for wrong in (lambda: ClientConfig(default_qos=3), lambda: ConnectionConfig(certfile="x")):
        with pytest.raises(ValueError, match=r"QoS|required"):
            wrong()
    assert ClientConfig.from_dict({"keep-alive": 3})["keep_alive"] == 3


async def test_without_an_address_it_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as url:
        monkeypatch.setattr("amqtt.compat.client.DEFAULT_URI", url)
        client = MQTTClient(config={"auto_reconnect": False})
        assert await client.connect() == 0
        await client.disconnect()
    monkeypatch.undo()
    assert DEFAULT_URI == ConnectionConfig().uri == "mqtt://127.0.0.1:1883"


async def test_a_session_to_come_back_to_without_a_client_identifier_is_rejected(uri: str) -> None:
    client = MQTTClient(client_id="", config={"auto_reconnect": False})
    with pytest.raises(ConnectError) as refused:
        await client.connect(uri, cleansession=False)
    assert refused.value.return_code == 2
    assert client.session is not None
    assert client.session.clean_session is False
    await client.disconnect()
    assert await client.connect(uri) == 0
    await client.disconnect()


async def test_a_qos_that_is_stated_counts_and_one_that_there_is_not_is_refused(uri: str) -> None:
    client = MQTTClient(config={"default_qos": 2, "topics": {"a": {"qos": 1}}})
    await client.connect(uri)
    await client.subscribe([("#", 2)])
    for qos in (QOS_0, None, QOS_2):
        await client.publish("a", b"x", qos)
    assert sorted([(await client.deliver_message()).qos for _ in range(3)]) == [0, 1, 2]
    with pytest.raises(ClientError, match="QOS '3'"):
        await client.publish("a", b"x", 3)
    await client.disconnect()


async def test_a_wildcard_in_a_topic_name_is_logged_at_qos_0_and_raised_above(
    uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = MQTTClient()
    await client.connect(uri)
    await client.subscribe([("#", 0)])
    await client.publish("/+", b"lost", QOS_0)
    assert "Not published" in caplog.text
    with pytest.raises(ValueError, match=r"'/\+'"):
        await client.publish("/+", b"lost", QOS_1)
    await client.publish("/a", b"kept", QOS_0)
    assert (await client.deliver_message()).data == b"kept"
    await client.disconnect()


async def test_the_session_of_a_client_that_does_not_clean_it_is_kept(uri: str) -> None:
    client = MQTTClient("me")
    await client.connect(uri, cleansession=False)
    await client.subscribe([("a", 1)])
    await client.disconnect()
    other = MQTTClient()
    await other.connect(uri)
    await other.publish("a", b"missed", qos=1)
    await other.disconnect()
    assert await client.reconnect() == 0
    assert (await client.deliver_message()).data == b"missed"
    assert await client.reconnect() == 0
    await client.disconnect()


async def test_it_comes_back_by_itself_and_what_is_asked_meanwhile_waits() -> None:
    client = MQTTClient("me", config={"reconnect_retries": -1, "reconnect_max_interval": 1})
    with kept_port() as port:
        async with listening(port) as url:
            await client.connect(url, cleansession=False)
        publishing = asyncio.ensure_future(client.publish("a", b"x", qos=1))
        async with listening(port):
            await publishing
            await client.disconnect()


async def test_without_auto_reconnect_a_lost_connection_ends_what_waits() -> None:
    client = MQTTClient(config={"auto_reconnect": False})
    async with listening() as url:
        await client.connect(url)
        waiting = asyncio.ensure_future(client.deliver_message())
    with pytest.raises(ClientError, match="Connection lost"):
        await waiting
    await client.handle_connection_close()
    with pytest.raises(ClientError, match="Will not reconnect"):
        await client.publish("a", b"x")
    await client.disconnect()


async def test_methods_of_a_subclass_can_wait_for_the_connection(uri: str) -> None:
    class Mine(MQTTClient):
        @mqtt_connected
        async def hello(self, name: str) -> str:
            await self.publish("hello", name.encode())
            return name

    client = Mine()
    with pytest.raises(ClientError, match="connect first"):
        await client.hello("x")
    await client.connect(uri)
    assert await client.hello("x") == "x"
    await client.disconnect()


def test_a_client_may_be_made_before_any_event_loop_runs() -> None:
    assert MQTTClient("me").client_id == "me"
    assert MQTTClient().client_id.startswith("amqtt/")
