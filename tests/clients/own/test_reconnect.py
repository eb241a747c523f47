"""Networks that break and Servers that are restarted, in the middle of everything."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.clients import Client, Reconnect
from amqtt.errors import ConnectError, DisconnectedError, PublishError
from support.commands import Commands
from support.cutting_proxy import CuttingProxy
from support.mosquitto_server import MosquittoServer
from support.ports import kept_port
from support.served import DEADLINE

SOON = Reconnect(first=0.01, longest=0.05)


@pytest.fixture
def port() -> Iterator[int]:
    """Where a Server comes and goes."""
    with kept_port() as kept:
        yield kept


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Broker]:
    """Our Broker on this port."""
    config = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "sys_interval": 0}
    async with Broker(config) as broker:
        yield broker


async def published(client: Client, topic: str, count: int, qos: int) -> None:
    """Publish numbers, a few at a time, each until it is acknowledged."""
    limit = asyncio.Semaphore(10)

    async def one(number: int) -> None:
        await client.publish(topic, str(number), qos)
        limit.release()

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await limit.acquire()
            tasks.create_task(one(number))


def cut_often(seed: int) -> Callable[[], int | None]:
    """Twenty cuts, each at another place; then the network is whole."""
    chance = random.Random(seed)
    allowances = iter([chance.randint(20, 1500) for _ in range(20)])
    return lambda: next(allowances, None)


@pytest.mark.parametrize("version", [5, 4])
@pytest.mark.parametrize("qos", [1, 2])
async def test_nothing_is_lost_on_a_network_that_breaks_and_qos_2_comes_once(
    server_url: Callable[[str], str], name: str, qos: int, version: int
) -> None:
    lasting = {"client_id": f"me-{name}", "clean_start": False, "session_expiry_interval": 1000}
    if version == 4:
        del lasting["session_expiry_interval"]
    port = port_of(server_url("tcp"))
    # The Session is there before the network begins to break: a first connection is not tried again.
    async with Client(f"mqtt://127.0.0.1:{port}", version=version, **lasting) as client:  # type: ignore[arg-type]
        await client.subscribe(name, qos=2)
    async with CuttingProxy(port, cut_often(qos)) as proxy, asyncio.timeout(DEADLINE):
        url = f"mqtt://127.0.0.1:{proxy.port}"
        client = Client(url, version=version, reconnect=SOON, **lasting)  # type: ignore[arg-type]
        while client.is_over:
            with contextlib.suppress(ConnectError):
                await client.connect()
        publishing = asyncio.create_task(published(client, name, 300, qos))
        seen: list[int] = []
        while len(set(seen)) < 300:
            seen.append(int((await client.messages().get()).text))
        await publishing
        await client.disconnect()
        assert proxy.cuts > 5
    if qos == 2:
        assert seen == list(range(300))


async def test_a_server_that_has_lost_the_session_is_subscribed_to_again(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=SOON)
        async with listening(port):
            await client.connect()
            await client.subscribe("a/#", qos=1, identifier=9)
        publishing = asyncio.create_task(client.publish("a/1", "kept", qos=1))
        asking = asyncio.create_task(client.subscribe("b"))
        speaking = asyncio.create_task(client.publish("b", "sent at once when there is a way"))
        async with listening(port):
            message = await client.messages().get()
            assert (message.topic, message.text) == ("a/1", "kept")
            assert message.properties.subscription_identifiers == (9,)
            assert await publishing == 0
            await asking
            await speaking
            assert set(client.session.subscriptions) == {"a/#", "b"}
            await client.disconnect()


async def test_subscriptions_are_left_alone_where_that_is_wanted(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=SOON, resubscribe=False)
        async with listening(port):
            await client.connect()
            await client.subscribe("a")
        async with listening(port):
            await client.connected()
            assert client.session.subscriptions == {}
            await client.disconnect()


async def test_qos_2_that_nobody_knows_of_is_not_sent_twice(port: int) -> None:
    """The Server that had it, perhaps, has lost the Session."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x20\x03\x00\x00\x00")
        seen = b""
        while b"once" not in seen:
            seen += await reader.read(4096)
        writer.transport.abort()
        gone.set()

    gone = asyncio.Event()
    async with asyncio.timeout(DEADLINE):
        server = await asyncio.start_server(silent, "127.0.0.1", port)
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=SOON)
        await client.connect()
        publishing = asyncio.create_task(client.publish("a", "once", qos=2))
        await gone.wait()
        server.close()
        await server.wait_closed()
        async with listening(port):
            with pytest.raises(DisconnectedError, match=r"not known.*lost the Session"):
                await publishing
            await client.disconnect()


async def test_mosquitto_restarted_in_the_middle_has_what_it_acknowledged(tmp_path: Path) -> None:
    with Commands() as commands:
        server = MosquittoServer(commands, tmp_path, None)
        server.start()
        url = server.url("tcp")
        lasting = Client(
            url, client_id="me", clean_start=False, session_expiry_interval=1000, reconnect=SOON,
            receive_maximum=3,
        )
        async with asyncio.timeout(DEADLINE), lasting as client:
            await client.subscribe("a", qos=2)
            publishing = asyncio.create_task(published(client, "a", 200, 2))
            seen = [int((await client.messages().get()).text) for _ in range(20)]
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            while len(seen) < 200:
                seen.append(int((await client.messages().get()).text))
            await publishing
            await client.ping()
            assert client.messages().get_nowait() is None
        assert sorted(seen) == list(range(200))


async def test_a_server_that_says_no_for_good_is_not_asked_again() -> None:
    answers = [b"\x20\x03\x00\x00\x00", b"\x20\x03\x00\x88\x00", b"\x20\x03\x00\x86\x00"]
    asked: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        asked.append(1)
        writer.write(answers[len(asked) - 1])
        await writer.drain()
        writer.close()

    async with asyncio.timeout(DEADLINE), await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=SOON)
        await client.connect()
        with pytest.raises(DisconnectedError, match="bad user name or password") as over:
            await client.messages().get()
        assert over.value.reason_code == 0x86
        assert len(asked) == 3
        with pytest.raises(DisconnectedError):
            await client.publish("a", qos=1)
        await client.disconnect()


async def test_after_so_many_attempts_it_gives_up(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=Reconnect(0.01, 0.01, attempts=3))
        async with listening(port):
            await client.connect()
        waiting = asyncio.create_task(client.publish("a", "x", qos=1))
        with pytest.raises(DisconnectedError, match=r"given up: cannot connect .* connection refused"):
            await client.connected()
        with pytest.raises((DisconnectedError, PublishError)):
            await waiting
        await client.disconnect()


async def test_without_reconnect_the_first_loss_is_the_end(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=False)
        async with listening(port):
            await client.connect()
        with pytest.raises(DisconnectedError, match="is lost: server shutting down"):
            await client.messages().get()
        await client.disconnect()
        async with listening(port), client:
            await client.ping()


async def test_a_first_connection_that_fails_is_not_tried_again(port: int) -> None:
    client = Client(f"mqtt://127.0.0.1:{port}", reconnect=SOON)
    with pytest.raises(ConnectError):
        await client.connect()
    assert client.is_over


async def test_disconnecting_while_it_tries_to_come_back_ends_the_trying(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        client = Client(f"mqtt://127.0.0.1:{port}", reconnect=Reconnect(1000, 1000))
        async with listening(port):
            await client.connect()
        while client.is_connected:
            await client._lifeline.news()
        await client.disconnect()
        assert client.end is None
