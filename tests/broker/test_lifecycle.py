"""The life of a Broker: construct, start, serve, shut down, and again."""

import asyncio
import contextlib
import logging
import shutil
import signal
import socket
import threading
from pathlib import Path

import pytest

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest
from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.sessions.permissions import Permissions
from amqtt.wire.packets import Disconnect
from amqtt.wire.reasons import ReasonCode
from support.opener import Opener
from support.ports import kept_port
from support.raw_client import WAIT, RawClient
from support.tls import Authority

LOOPBACK = {"listeners": {"test": {"bind": "127.0.0.1:0"}}}
FOR_EVER = 1000.0
"""Seconds that no test waits for."""


def nobody_listens(port: int) -> bool:
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    return True


def test_a_broker_is_constructed_without_a_running_loop() -> None:
    broker = Broker(LOOPBACK)
    assert not broker.is_running
    assert dict(broker.listeners) == {}


def test_a_broker_constructed_outside_runs_in_any_loop() -> None:
    broker = Broker(LOOPBACK)

    async def serve() -> bool:
        async with broker:
            client = await RawClient.open(broker.listeners["test"].addresses[0])
            connack = await client.connect("one")
            await client.close()
            return connack.reason_code == 0

    assert asyncio.run(serve())
    assert asyncio.run(serve())


async def test_start_returns_when_every_listener_listens_and_says_where() -> None:
    listeners = {"a": {"bind": "127.0.0.1:0"}, "b": {"bind": "127.0.0.1:0", "type": "ws"}}
    async with Broker({"listeners": listeners}) as broker:
        assert set(broker.listeners) == {"a", "b"}
        for listener in broker.listeners.values():
            host, port = listener.addresses[0]
            assert host == "127.0.0.1"
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()


async def test_a_port_in_use_is_named_and_nothing_is_left_bound() -> None:
    with kept_port() as free, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listeners = {"a": {"bind": f"127.0.0.1:{free}"}, "b": {"bind": f"127.0.0.1:{port}"}}
        broker = Broker({"listeners": listeners})
        with pytest.raises(BrokerError, match=rf"'?b'?.*127\.0\.0\.1:{port}"):
            await broker.start()
        assert dict(broker.listeners) == {}
        assert nobody_listens(free)
        taken.close()
        await broker.start()
        await broker.shutdown()


async def test_a_second_start_is_refused_and_the_first_goes_on(opener: Opener) -> None:
    async with Broker(LOOPBACK) as broker:
        with pytest.raises(BrokerError, match="running already"):
            await broker.start()
        client = await opener(broker)
        assert (await client.connect("one")).reason_code == 0


async def test_shutdown_is_idempotent_and_harmless_on_a_broker_that_never_ran() -> None:
    broker = Broker(LOOPBACK)
    await broker.shutdown()
    await broker.start()
    await asyncio.gather(broker.shutdown(), broker.shutdown())
    await broker.shutdown()
    assert not broker.is_running


async def test_shutdown_tells_mqtt_5_clients_and_frees_the_port(opener: Opener) -> None:
    broker = Broker(LOOPBACK)
    await broker.start()
    where = broker.listeners["test"].addresses[0]
    client = await opener(broker)
    await client.connect("one")
    stopping = asyncio.create_task(broker.shutdown())
    packets = await client.expect_closed()
    assert [type(packet) for packet in packets] == [Disconnect]
    assert isinstance(packets[0], Disconnect)
    assert packets[0].reason_code == ReasonCode.SERVER_SHUTTING_DOWN
    await client.close()
    await stopping
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(where)


async def test_a_cancelled_shutdown_goes_on_by_itself() -> None:
    broker = Broker(LOOPBACK)
    await broker.start()
    stopping = asyncio.create_task(broker.shutdown())
    await asyncio.sleep(0)
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopping
    await broker.shutdown()
    assert not broker.is_running
    assert dict(broker.listeners) == {}


async def test_a_cancelled_start_leaves_nothing_bound() -> None:
    with kept_port() as port:
        broker = Broker({"listeners": {"a": {"bind": f"127.0.0.1:{port}"}}})
        starting = asyncio.create_task(broker.start())
        await asyncio.sleep(0)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        await broker.shutdown()
        assert nobody_listens(port)


async def under_way(broker: Broker) -> asyncio.Task[None]:
    """A start that waits for its store, which has a thread of its own."""
    starting = asyncio.create_task(broker.start())
    for _ in range(20):
        await asyncio.sleep(0)
        if broker._house is not None:
            break
    assert not starting.done()
    return starting


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, object]:
    return {**LOOPBACK, "persistence": {"file": str(tmp_path / "amqtt.db")}, "sys_interval": 0}


async def test_a_shutdown_during_the_start_waits_for_it_and_leaves_nothing_open(
    stored: dict[str, object],
) -> None:
    broker = Broker(stored)
    starting = await under_way(broker)
    await broker.shutdown()
    await starting
    assert (broker.is_running, broker._house, dict(broker.listeners)) == (False, None, {})
    assert broker.transitions.state == "stopped"
    await broker.start()
    assert broker.is_running
    await broker.shutdown()


async def test_a_shutdown_during_a_start_that_fails_has_nothing_to_do(stored: dict[str, object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        broker = Broker({**stored, "listeners": {"test": {"bind": f"127.0.0.1:{port}"}}})
        starting = await under_way(broker)
        await broker.shutdown()
        with pytest.raises(BrokerError, match="cannot bind"):
            await starting
    assert broker.transitions.state == "not_started"


async def test_a_second_start_during_the_first_is_refused(stored: dict[str, object]) -> None:
    broker = Broker(stored)
    starting = await under_way(broker)
    with pytest.raises(BrokerError, match="is running already"):
        await broker.start()
    await starting
    await broker.shutdown()


async def test_a_reload_during_the_start_is_refused(stored: dict[str, object]) -> None:
    broker = Broker(stored)
    starting = await under_way(broker)
    with pytest.raises(BrokerError, match="is starting: reload it when it runs"):
        broker.reload()
    await starting
    broker.reload()
    await broker.shutdown()


async def test_a_shutdown_that_fails_leaves_nothing_open(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("a fault of ours")

    broker = Broker(LOOPBACK)
    await broker.start()
    client = await opener(broker)
    await client.connect("one")
    monkeypatch.setattr("amqtt.net.house.House.dismiss", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        await broker.shutdown()
    assert (broker._house, dict(broker.listeners)) == (None, {})
    await client.expect_closed()
    await client.close()
    monkeypatch.undo()
    async with broker:
        assert broker.is_running


async def test_sockets_of_a_listener_that_cannot_be_opened_are_there_for_the_next_start(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    tls = {"ssl": True, "certfile": str(tmp_path / "not yet"), "keyfile": authority.keyfile}
    broker = Broker({"listeners": {"test": {"bind": "127.0.0.1:0", **tls}}})
    broker.listen_on({"test": [socket.create_server(("127.0.0.1", 0))]})
    with pytest.raises(BrokerError, match="not yet"):
        await broker.start()
    shutil.copyfile(authority.certfile, tmp_path / "not yet")
    async with broker:
        assert broker.listeners["test"].addresses[0][1]


async def test_sessions_and_retained_messages_outlast_a_restart_of_the_same_broker(opener: Opener) -> None:
    broker = Broker(LOOPBACK)
    async with broker:
        client = await opener(broker)
        await client.connect("one", clean_start=False, session_expiry_interval=300)
        await client.subscribe("a", 1)
        broker.publish("kept", b"still here", retain=True)
    async with broker:
        client = await opener(broker)
        assert (await client.connect("one", clean_start=False)).session_present
        await client.subscribe("kept")
        packets = await client.sync()
        assert [packet.payload for packet in packets] == [b"still here"]  # type: ignore[union-attr]


async def test_two_brokers_in_one_process_know_nothing_of_each_other(opener: Opener) -> None:
    async with Broker(LOOPBACK) as one, Broker(LOOPBACK) as other:
        reader = await opener(one)
        await reader.connect("same")
        await reader.subscribe("#")
        stranger = await opener(other)
        await stranger.connect("same")
        stranger.publish("a", b"for the other")
        await stranger.sync()
        assert await reader.sync() == []


async def test_a_broker_installs_no_signal_handlers_no_logging_and_leaves_no_thread() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = list(logging.getLogger().handlers)
    threads = set(threading.enumerate())
    async with Broker(LOOPBACK):
        assert {number: signal.getsignal(number) for number in before} == before
        assert logging.getLogger().handlers == handlers
    assert set(threading.enumerate()) - threads == set()


class Thinking(Authenticator):
    """Never makes up its mind."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def authenticate(self, request: ConnectRequest) -> Answer:  # type: ignore[override]
        self.asked.set()
        await asyncio.Event().wait()
        return Accepted(Permissions())


async def test_shutdown_does_not_wait_for_an_authenticator_that_thinks(opener: Opener) -> None:
    broker = Broker({**LOOPBACK, "limits": {"authentication-timeout": FOR_EVER, "connect-timeout": FOR_EVER}})
    await broker.start()
    broker.server.authenticator = thinking = Thinking()
    client = await opener(broker)
    waiting = asyncio.create_task(client.connect("one"))
    await thinking.asked.wait()
    async with asyncio.timeout(WAIT):
        await broker.shutdown(FOR_EVER)
    with pytest.raises(AssertionError):
        await waiting


async def test_a_peer_that_reads_nothing_does_not_hold_up_shutdown(opener: Opener) -> None:
    broker = Broker({**LOOPBACK, "sys_interval": 0, "limits": {"stall-timeout": FOR_EVER}})
    await broker.start()
    client = await opener(broker)
    await client.connect("deaf")
    await client.subscribe("big")
    for _ in range(8):
        broker.publish("big", bytes(4_000_000))
        await asyncio.sleep(0)
    async with asyncio.timeout(WAIT):
        await broker.shutdown(FOR_EVER)
    assert not broker.is_running
