"""MQTT.js, which is what browsers and Node.js use."""

import json
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from support.commands import Commands, Running, missing
from support.paho_client import Connects
from support.served import Served
from support.tls import Authority

HERE = Path(__file__).parent
SCHEMES = {"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}

Scenario = Callable[..., Running]


@pytest.fixture
def start(served: Served, authority: Authority, commands: Commands, name: str) -> Scenario:
    """Start a scenario of mqttjs.mjs against one of the Listeners."""
    if not (HERE / "node_modules" / "mqtt").is_dir():
        missing("MQTT.js in tests/clients/node_modules")

    def start_one(scenario: str, listener: str = "tcp", **options: object) -> Running:
        given = {
            "url": f"{SCHEMES[listener]}://localhost:{served.port(listener)}",
            "cafile": authority.cafile,
            "topic": name,
            "clientId": name,
            **options,
        }
        return commands.start("node", HERE / "mqttjs.mjs", scenario, json.dumps(given))

    return start_one


@pytest.mark.parametrize("listener", SCHEMES)
def test_every_version_and_qos_goes_there_and_back(start: Scenario, listener: str) -> None:
    start("exchange", listener).finish()


@pytest.mark.parametrize(
    ("listener", "mebibytes"), [("tcp", 10), ("ws", 10), ("wss", 10), ("tls", 1), ("ws", 1)]
)
def test_large_payloads_go_there_and_back(start: Scenario, listener: str, mebibytes: int) -> None:
    start("large", listener, size=mebibytes * 1024 * 1024).finish()


@pytest.mark.parametrize("listener", ["tcp", "ws"])
def test_a_burst_is_complete_and_in_order(start: Scenario, listener: str) -> None:
    start("burst", listener, count=5_000 if listener == "tcp" else 1_000).finish()


@pytest.mark.parametrize("listener", ["tcp", "wss"])
def test_properties_and_topic_aliases_go_there_and_back(start: Scenario, listener: str) -> None:
    start("properties", listener).finish()


@pytest.mark.parametrize("listener", ["tcp", "ws"])
def test_a_session_is_resumed(start: Scenario, listener: str) -> None:
    start("resume", listener).finish()


@pytest.mark.parametrize("listener", ["tls", "ws"])
def test_a_process_that_is_killed_leaves_its_will(
    served: Served, start: Scenario, paho_client: Connects, name: str, listener: str
) -> None:
    watcher = paho_client(f"{name}-watcher", paho.MQTTv5)
    watcher.open(served.port("tcp"))
    watcher.subscribe(name, 1)
    victim = start("victim", listener)
    assert victim.line() == "connected"
    victim.kill()
    assert watcher.message().payload == b"gone"
