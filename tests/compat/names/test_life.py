"""The life of a Broker as programs of aMQTT watch it, and the ways they construct it."""

import asyncio
import gc
import logging
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.compat.typed_config import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError
from amqtt.plugins.logging_amqtt import EventLoggerPlugin
from support.raw_client import WAIT, RawClient

LOOPBACK = {"listeners": {"test": {"bind": "127.0.0.1:0"}}}


class Hesitant(Broker):
    """A Broker whose start can be watched."""

    async def _open(self) -> None:
        await asyncio.sleep(0)
        await super()._open()


@pytest.mark.parametrize(
    ("topic", "topic_filter", "matched"),
    [
        ("sport/tennis/player1/ranking", "sport/tennis/player1/#", True),
        ("sport/tennis/player1", "sport/tennis/player1/#", True),
        ("sport/tennis", "sport/tennis/player1/#", False),
        ("sport/tennis/", "sport/tennis/+", True),
        ("sport/tennis", "sport/tennis/+", False),
        ("$SYS/broker/uptime", "#", False),
        ("a", "a+", False),
        ("a/#", "a/#", False),
    ],
)
def test_a_broker_says_what_a_filter_matches(topic: str, topic_filter: str, matched: bool) -> None:
    assert Broker(LOOPBACK).matches(topic, topic_filter) is matched


async def test_the_state_is_told_through_the_whole_life() -> None:
    broker = Hesitant(LOOPBACK)
    assert broker.transitions.state == "new"
    assert broker.transitions.is_new()
    starting = asyncio.create_task(broker.start())
    await asyncio.sleep(0)
    assert broker.transitions.state == "starting"
    await starting
    assert broker.transitions.state == "started"
    assert broker.transitions.is_started()
    assert not broker.transitions.is_stopped()
    stopping = asyncio.create_task(broker.shutdown())
    await asyncio.sleep(0)
    assert broker.transitions.state == "stopping"
    await stopping
    assert broker.transitions.state == "stopped"
    await broker.start()
    assert broker.transitions.state == "started"
    await broker.shutdown()
    assert broker.transitions.state == "stopped"


def test_the_states_are_those_of_amqtt() -> None:
    assert Broker.states == [
        "new", "starting", "started", "not_started", "stopping", "stopped", "not_stopped",
    ]
    with pytest.raises(AttributeError, match="started"):
        _ = Broker(LOOPBACK).transitions.is_elsewhere


async def test_a_failed_start_is_not_started_and_can_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = Broker({"listeners": {"test": {"bind": f"127.0.0.1:{port}"}}})
        with pytest.raises(BrokerError, match=str(port)):
            await broker.start()
        assert broker.transitions.state == "not_started"
        await broker.shutdown()
        assert broker.transitions.state == "not_started"
    await broker.start()
    assert broker.transitions.state == "started"
    await broker.shutdown()


async def test_a_cancelled_start_is_not_started() -> None:
    broker = Hesitant(LOOPBACK)
    starting = asyncio.create_task(broker.start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert broker.transitions.state == "not_started"


async def test_a_second_start_changes_nothing() -> None:
    async with Broker(LOOPBACK) as broker:
        with pytest.raises(BrokerError, match="Broker instance can't be started"):
            await broker.start()
        assert broker.transitions.state == "started"


async def test_shutdown_of_a_broker_that_never_ran_changes_nothing() -> None:
    broker = Broker(LOOPBACK)
    await broker.shutdown()
    assert broker.transitions.state == "new"


async def test_a_shutdown_that_nobody_waits_for_ends_in_stopped() -> None:
    released = asyncio.Event()

    class Held(Broker):
        async def _shut_down(self) -> None:
            await released.wait()
            await super()._shut_down()

    broker = Held(LOOPBACK)
    await broker.start()
    stopping = asyncio.create_task(broker.shutdown())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    assert broker.transitions.state == "stopping"
    released.set()
    assert broker._stopping is not None
    await asyncio.wait_for(broker._stopping, WAIT)
    assert broker.transitions.state == "stopped"


async def test_a_start_during_a_shutdown_waits_for_it() -> None:
    broker = Broker(LOOPBACK)
    await broker.start()
    stopping = asyncio.create_task(broker.shutdown())
    await asyncio.sleep(0)
    await broker.start()
    await stopping
    assert broker.transitions.state == "started"
    await broker.shutdown()


async def test_a_failed_shutdown_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(LOOPBACK)
    await broker.start()

    def fails() -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(broker._house, "dismiss", fails)
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await broker.shutdown()
    assert broker.transitions.state == "not_stopped"
    await broker.shutdown()
    assert broker.transitions.state == "stopped"


def test_a_broker_made_at_module_level_runs_forever_until_it_is_told_otherwise(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent("""
        import asyncio
        from amqtt.broker import Broker

        broker = Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}})

        async def serve():
            await broker.start()
            host, port = broker.listeners["default"].addresses[0]
            reader, writer = await asyncio.open_connection(host, port)
            writer.close()
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.sleep(0))
        task = loop.create_task(serve())
        loop.run_forever()
        loop.run_until_complete(broker.shutdown())
        print(broker.transitions.state)
    """))
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.returncode) == ("stopped\n", 0), done.stderr


def test_a_broker_that_is_told_nothing_listens_on_this_machine_only() -> None:
    broker = Broker()
    assert {name: (one.type, one.bind) for name, one in broker.config.listeners.items()} == {
        "default": ("tcp", "localhost:1883"),
    }
    assert dict(broker.listeners_config) == {"default": {"type": "tcp", "bind": "localhost:1883"}}


async def test_the_server_lives_on_when_the_program_forgets_the_broker() -> None:
    async def serve() -> tuple[tuple[str, int] | str, asyncio.Event]:
        broker = Broker(LOOPBACK)
        await broker.start()
        stopped = asyncio.Event()
        broker.subscribe("stop", callback=lambda _: (asyncio.create_task(broker.shutdown()), stopped.set()))
        return broker.listeners["test"].addresses[0], stopped

    address, stopped = await serve()
    gc.collect()
    client = await RawClient.open(address)
    assert (await client.connect("one")).reason_code == 0
    client.publish("stop")
    async with asyncio.timeout(WAIT):
        await stopped.wait()
    await client.expect_closed()
    await client.close()


async def test_an_event_loop_may_be_given_and_is_not_needed() -> None:
    loop = asyncio.new_event_loop()
    try:
        broker = Broker(LOOPBACK, loop, "somebody.elses.plugins")
        assert Broker(LOOPBACK, loop=loop, plugin_namespace="mine").plugin_namespace == "mine"
        assert broker.plugin_namespace == "somebody.elses.plugins"
        assert Broker(LOOPBACK).plugin_namespace == "amqtt.broker.plugins"
        await broker.start()
        assert broker.transitions.is_started()
        await broker.shutdown()
    finally:
        loop.close()


async def test_a_typed_configuration_listens_and_is_left_as_it_is() -> None:
    listener = ListenerConfig(bind="127.0.0.1:0")
    config = BrokerConfig(listeners={"default": listener}, auth={"allow-anonymous": True})
    async with Broker(config) as broker:
        assert broker.listeners["default"].addresses[0][0] == "127.0.0.1"
        assert set(broker._servers) == {"default"}
        assert broker._servers["default"].max_connections == -1
        assert broker._loop is asyncio.get_running_loop()
    assert config == BrokerConfig(listeners={"default": listener}, auth={"allow-anonymous": True})
    assert broker._loop is None


def test_the_configuration_can_be_read_as_a_dictionary_and_by_attribute() -> None:
    given = {
        "listeners": {"default": {"max-connections": 7}, "test": {"bind": "127.0.0.1:0"}},
        "my-plugin": {"some_key": [1, {"a-b": 2}]},
    }
    broker = Broker(given)
    config = broker.config
    assert config["my-plugin"] == config["my_plugin"] == {"some_key": [1, {"a-b": 2}]}
    assert config["my-plugin"]["some-key"][1]["a_b"] == 2
    assert "my_plugin" in config
    assert "elsewhere" not in config
    assert config.get("elsewhere", 3) == 3
    assert config["auth"]["allow-anonymous"] is True
    assert set(config) == set(config.keys()) >= {"listeners", "my-plugin", "auth"}
    assert len(config) == len(list(config.values())) == len(list(config.items()))
    with pytest.raises(KeyError):
        config["elsewhere"]
    assert broker.listeners_config["test"] == {"max-connections": 7, "bind": "127.0.0.1:0"}
    config["my-plugin"]["some_key"] = 0
    assert given["my-plugin"] == {"some_key": [1, {"a-b": 2}]}
    assert config.listeners["test"].max_connections == 7


async def test_the_port_that_0_became_is_where_it_was_in_amqtt() -> None:
    async with Broker(LOOPBACK) as broker:
        server = next(iter(broker._servers.values()))
        assert [each.getsockname() for each in server.instance.sockets] == next(
            iter(broker.listeners.values())
        ).addresses


async def test_the_log_says_when_the_broker_has_closed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amqtt.broker")
    broker = Broker(LOOPBACK)
    await broker.shutdown()
    assert "Broker closed" not in caplog.text
    await broker.start()
    await broker.shutdown()
    assert [each.name for each in caplog.records if each.message == "Broker closed"] == ["amqtt.broker"]


async def test_a_plugin_is_found_by_the_private_name_that_programs_took() -> None:
    broker = Broker({**LOOPBACK, "plugins": [EventLoggerPlugin]})
    assert [type(each) for each in broker.plugins_manager._plugins] == [EventLoggerPlugin]
