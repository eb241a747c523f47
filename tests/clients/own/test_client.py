"""What a program does with our Client: publish, subscribe, read, leave."""

import asyncio
import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest

import amqtt
from amqtt.broker import Broker
from amqtt.client_session.settings import ClientSettings
from amqtt.clients import (
    Client,
    Reconnect,
    ScramAuthentication,
    SubscriptionRequest,
    TlsOptions,
    WillFields,
)
from amqtt.clients.options import ClientOptions
from amqtt.errors import ClientError, ConnectError, DisconnectedError, PublishError, SubscribeError
from support.loopback import Brokers
from support.raw_client import properties


@pytest.fixture
async def url(broker_with: Brokers) -> str:
    return url_of(await broker_with())


def url_of(broker: Broker) -> str:
    host, port = broker.listeners["test"].addresses[0]
    return f"mqtt://{host}:{port}"


def test_amqtt_has_the_client_when_it_is_asked_for() -> None:
    assert amqtt.Client is Client
    with pytest.raises(AttributeError, match="Clients"):
        _ = amqtt.Clients


def test_every_setting_is_an_option() -> None:
    assert set(get_type_hints(ClientOptions)) == {field.name for field in fields(ClientSettings)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep_alive": 70_000}, "keep_alive is a number from 0 to 65535"),
        ({"version": 6}, "version"),
        ({"clean_start": False}, "needs client_id"),
        ({"version": 4, "password": "x"}, "user name"),
        ({"connect_timeout": 0}, "above 0"),
        ({"version": 4, "authentication": ScramAuthentication("u", "p")}, "use version 5"),
        ({"tls": TlsOptions()}, "not encrypted"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_connected(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Client("mqtt://localhost", **options)  # type: ignore[arg-type]


def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(TypeError, match="no option 'keepalive'"):
        Client("mqtt://localhost", keepalive=3)  # type: ignore[call-arg]


async def test_nothing_can_be_done_before_connecting() -> None:
    client = Client("mqtt://localhost")
    with pytest.raises(DisconnectedError, match="connect first"):
        await client.publish("a")
    with pytest.raises(DisconnectedError, match="connect first"):
        await client.subscribe("a")
    assert [message async for message in client.messages()] == []
    await client.disconnect()


async def test_messages_come_to_the_streams_that_want_them_and_else_to_all_others(url: str) -> None:
    async with Client(url) as client:
        await client.subscribe(["a/#", "b/#"], qos=1)
        async with client.messages("a/+") as some, client.messages("a/1") as one:
            for topic in ("a/1", "a/2", "b/1"):
                await client.publish(topic, topic, 1)
            assert [(await some.get()).text for _ in range(2)] == ["a/1", "a/2"]
            assert (await one.get()).text == "a/1"
            assert (await client.messages().get()).text == "b/1"


async def test_what_waits_in_a_stream_that_is_closed_is_not_lost(url: str) -> None:
    async with Client(url) as client:
        await client.subscribe("a", qos=1)
        stream = client.messages("a")
        for number in range(3):
            await client.publish("a", str(number), 1)
        async for message in stream:
            assert message.text == "0"
            break
        while len(stream) < 2:
            await client.ping()
        del stream
        assert [(await client.messages().get()).text for _ in range(2)] == ["1", "2"]


async def test_a_stream_ends_when_the_program_disconnects(url: str) -> None:
    client = Client(url)
    await client.connect()
    await client.subscribe("a")
    await client.publish("a", "last")
    await client.ping()
    reading = asyncio.create_task(_read(client))
    await client.disconnect()
    assert await reading == ["last"]
    with pytest.raises(DisconnectedError):
        await client.messages().get()


async def _read(client: Client) -> list[str]:
    return [message.text async for message in client.messages()]


async def test_properties_go_there_and_back(url: str) -> None:
    async with Client(url) as client:
        await client.subscribe("a", identifier=7)
        given = {"content_type": "text/plain", "user_properties": {"a": "b"}, "message_expiry_interval": 60}
        await client.publish("a", "x", properties=given)
        message = await client.messages().get()
        assert message.properties.content_type == "text/plain"
        assert message.properties.user_properties == (("a", "b"),)
        assert message.properties.subscription_identifiers == (7,)
        assert 50 <= (message.properties.message_expiry_interval or 0) <= 60


async def test_publish_says_what_the_server_said(url: str) -> None:
    async with Client(url) as client:
        assert await client.publish("nobody/there", qos=1) == 0x10
        with pytest.raises(PublishError, match="not authorized") as refused:
            await client.publish("$SYS/mine", qos=1)
        assert refused.value.reason_code == 0x87
        with pytest.raises(ValueError, match="wildcard"):
            await client.publish("a/+")


async def test_subscribe_says_which_topic_filter_is_refused(broker_with: Brokers) -> None:
    broker = await broker_with(maximum_subscriptions=1)
    async with Client(url_of(broker)) as client:
        with pytest.raises(SubscribeError, match=r"'b' \(quota exceeded\)") as refused:
            await client.subscribe([SubscriptionRequest("a", 1), "b"])
        assert refused.value.reason_codes == {"a": 1, "b": 0x97}
        assert refused.value.reason_code == 0x97


async def test_what_the_server_does_not_have_is_said_without_asking(broker_with: Brokers) -> None:
    broker = await broker_with(wildcard_subscription_available=False, maximum_qos=1)
    async with Client(url_of(broker)) as client:
        with pytest.raises(ClientError, match="wildcards"):
            await client.subscribe("a/#")
        with pytest.raises(PublishError, match="QoS 1 at most"):
            await client.publish("a", qos=2)
        assert client.is_connected


async def test_a_client_that_is_refused_knows_why(broker_with: Brokers) -> None:
    broker = await broker_with(maximum_client_id_length=30)
    for version, return_code in ((5, 2), (4, 2)):
        with pytest.raises(ConnectError, match="client identifier not valid") as refused:
            await Client(url_of(broker), client_id="x" * 31, version=version).connect()
        assert (refused.value.reason_code, refused.value.return_code) == (0x85, return_code)


async def test_the_will_is_published_when_the_client_does_not_leave_in_good_order(url: str) -> None:
    will = WillFields("gone", b"me", 1, properties=properties(content_type="text/plain"))
    async with Client(url) as watcher:
        await watcher.subscribe("gone", qos=1)
        client = Client(url, will=will, session_expiry_interval=0)
        await client.connect()
        await client.disconnect(0x04)
        assert (await watcher.messages().get()).payload == b"me"
        async with Client(url, will=will):
            pass
        await watcher.publish("gone", "nobody", qos=1)
        assert (await watcher.messages().get()).payload == b"nobody"


async def test_a_session_that_is_to_last_has_what_was_missed(url: str) -> None:
    lasting = {"client_id": "me", "clean_start": False, "session_expiry_interval": 100}
    async with Client(url, **lasting) as client:  # type: ignore[arg-type]
        await client.subscribe("a", qos=2)
    async with Client(url) as other:
        await other.publish("a", "missed", qos=2)
    async with Client(url, **lasting) as client:  # type: ignore[arg-type]
        assert client.connack is not None
        assert client.connack.session_present
        assert (await client.messages().get()).text == "missed"


async def test_what_was_not_read_comes_again_to_the_next_program(url: str) -> None:
    lasting = {"client_id": "me", "clean_start": False, "session_expiry_interval": 100}
    async with Client(url, **lasting) as client:  # type: ignore[arg-type]
        await client.subscribe("a", qos=1)
        for number in range(3):
            await client.publish("a", str(number), qos=1)
        while len(client.messages()) < 3:
            await client.ping()
        assert (await client.messages().get()).text == "0"
    async with Client(url, **lasting) as client:  # type: ignore[arg-type]
        assert [(await client.messages().get()).text for _ in range(2)] == ["1", "2"]


async def test_a_session_that_is_not_to_last_is_over_when_the_client_has_left(url: str) -> None:
    client = Client(url, client_id="me")
    for _ in range(2):
        async with client:
            assert client.connack is not None
            assert not client.connack.session_present
            assert client.session.subscriptions == {}
            await client.subscribe("a")


async def test_a_second_client_with_the_same_identifier_is_left_to_it(url: str) -> None:
    first, second = Client(url, client_id="me", reconnect=Reconnect(0.01, 0.1)), Client(url, client_id="me")
    async with first, second:
        with pytest.raises(DisconnectedError, match="session taken over") as over:
            await first.messages().get()
        assert over.value.reason_code == 0x8E
        with pytest.raises(DisconnectedError, match="session taken over"):
            await first.publish("a")
        await second.ping()


async def test_a_program_that_does_not_read_makes_the_server_wait(broker_with: Brokers) -> None:
    broker = await broker_with(maximum_queued_messages=10_000)
    url = url_of(broker)
    async with Client(url, receive_maximum=5) as slow, Client(url) as quick:
        await slow.subscribe("a", qos=1)
        for number in range(50):
            await quick.publish("a", str(number), qos=1)
        await slow.ping()
        assert len(slow.messages()) == 5
        assert [int((await slow.messages().get()).text) for _ in range(50)] == list(range(50))


async def test_qos_0_beyond_the_bounds_is_dropped_and_counted(url: str) -> None:
    async with Client(url, maximum_queued_messages=10) as client:
        await client.subscribe("a")
        for number in range(30):
            await client.publish("a", str(number))
        await client.ping()
        assert len(client.messages()) == 10
        assert client.dropped == 20
        assert [(await client.messages().get()).text for _ in range(10)] == [str(n) for n in range(10)]


async def test_a_program_that_publishes_while_much_waits_is_answered(url: str) -> None:
    """What it waits for itself is behind what it has not read."""
    async with Client(url, version=4, client_id="me", maximum_queued_messages=4) as client:
        await client.subscribe("a", qos=1)
        for number in range(100):
            await client.publish("a", str(number), qos=1)
        assert [int((await client.messages().get()).text) for _ in range(100)] == list(range(100))


async def test_many_publish_at_once_and_none_is_lost(url: str) -> None:
    async with Client(url, maximum_queued_messages=20, maximum_inflight=5) as client, Client(url) as reader:
        await reader.subscribe("a", qos=2)
        async with asyncio.TaskGroup() as tasks:
            for number in range(200):
                tasks.create_task(client.publish("a", str(number), qos=2))
        assert [int((await reader.messages().get()).text) for _ in range(200)] == list(range(200))


async def test_a_cancelled_reader_takes_nothing_with_it(url: str) -> None:
    async with Client(url) as client:
        await client.subscribe("a", qos=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await client.messages().get()
        await client.publish("a", "x", qos=1)
        assert (await client.messages().get()).text == "x"


async def test_several_readers_share_a_stream(url: str) -> None:
    async with Client(url) as client:
        await client.subscribe("a", qos=1)
        readers = [asyncio.create_task(client.messages().get()) for _ in range(5)]
        for number in range(5):
            await client.publish("a", str(number), qos=1)
        assert sorted([(await reader).text for reader in readers]) == ["0", "1", "2", "3", "4"]


def test_every_public_method_says_what_it_does() -> None:
    for name, member in inspect.getmembers(Client):
        if not name.startswith("_"):
            assert inspect.getdoc(member), name
