"""Mosquitto as a bridge to us, with what it does when nobody configures it otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Commands, Mosquitto, Running
from support.served import Served

BridgeOf = Callable[..., tuple[Mosquitto, Running]]


@pytest.fixture
def bridge_of(served: Served, commands: Commands, tmp_path: Path, name: str) -> BridgeOf:
    """Run a Mosquitto that shares the topics below `name` with us; its Client Identifier is `name`."""

    def make(version: str) -> tuple[Mosquitto, Running]:
        port = commands.port()
        config = tmp_path / "bridge.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\n"
            f"connection us\naddress 127.0.0.1:{served.port('tcp')}\nremote_clientid {name}\n"
            f"bridge_protocol_version {version}\ntopic {name}/# both 2\nrestart_timeout 1\n",
            encoding="utf-8",
        )
        running = commands.start("mosquitto", "-c", config)
        served.subscribed(name, f"{name}/#")
        return Mosquitto(commands, port), running

    return make


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv50"])
def test_a_message_crosses_it_once_in_each_direction(
    mosquitto: Mosquitto, bridge_of: BridgeOf, name: str, version: str
) -> None:
    beyond, _ = bridge_of(version)
    # A SUBACK is on its way to each of them before anything is published.
    for side in (mosquitto, beyond):
        side.run("pub", "-q", 1, "-r", "-t", "here", "-m", "here")
    readers = [
        side.start("sub", "-q", 2, "-t", f"{name}/+", "-t", "here", "-C", 4, "-F", "%r %p")
        for side in (mosquitto, beyond)
    ]
    assert [reader.line() for reader in readers] == ["1 here", "1 here"]
    for side, text in ((beyond, "from beyond"), (mosquitto, "from us"), (beyond, "the last")):
        side.run("pub", "-q", 2, "-t", f"{name}/t", "-m", text)
        # What came back would come before the next one.
        assert [reader.line() for reader in readers] == [f"0 {text}", f"0 {text}"]


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv50"])
def test_what_is_retained_is_retained_on_the_other_side(
    served: Served, mosquitto: Mosquitto, bridge_of: BridgeOf, name: str, version: str
) -> None:
    beyond, _ = bridge_of(version)
    echo = beyond.start("sub", "-t", f"{name}/kept", "-C", 1)
    mosquitto.run("pub", "-q", 1, "-r", "-t", f"{name}/kept", "-m", "kept")
    assert echo.lines() == ["kept"]
    assert beyond.start("sub", "-t", f"{name}/kept", "-C", 1, "-F", "%r %p").lines() == ["1 kept"]


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv50"])
def test_it_says_whether_it_is_connected(
    mosquitto: Mosquitto, bridge_of: BridgeOf, name: str, version: str
) -> None:
    watcher = mosquitto.start("sub", "-t", f"$SYS/broker/connection/{name}/state", "-C", 2)
    _, running = bridge_of(version)
    assert watcher.line() == "1"
    running.kill()
    assert watcher.lines() == ["0"]
