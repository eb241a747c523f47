"""The command `amqtt` as a process, and Clients of others at it."""

import socket
from pathlib import Path

import paho.mqtt.client as paho

from support.commands import Commands, Mosquitto
from support.paho_client import Connects


def test_it_serves_mosquitto_s_clients(commands: Commands, tmp_path: Path) -> None:
    _, port = commands.serve(tmp_path)
    mosquitto = Mosquitto(commands, port)
    mosquitto.run("pub", "-t", "ready", "-r", "-m", "ready")
    for version in ("mqttv31", "mqttv311", "mqttv5"):
        reader = mosquitto.start("sub", "-V", version, "-q", 2, "-t", "a", "-t", "ready", "-C", 2)
        assert reader.line() == "ready"
        mosquitto.run("pub", "-V", version, "-q", 2, "-t", "a", "-m", version)
        assert reader.lines() == [version]


def test_sigterm_ends_it_in_good_order(commands: Commands, tmp_path: Path, paho_client: Connects) -> None:
    broker, port = commands.serve(tmp_path, port=commands.port())
    new, old = paho_client("new", paho.MQTTv5), paho_client("old", paho.MQTTv311)
    for client in (new, old):
        assert client.open(port) == 0
        client.subscribe("a", 1)
    last = [new.publish("a", str(number).encode(), 1) for number in range(200)][-1]
    new.published(last)
    broker.process.terminate()
    code, by_server = new.expect_closed()
    assert (code.value, by_server) == (0x8B, True)
    old.expect_closed()
    # What was acknowledged to its publisher was delivered before the end.
    for client in (new, old):
        assert [int(message.payload) for message in client.take(200)] == list(range(200))
    _, log, status = broker.end()
    assert status == 0
    assert b"Stopped" in log
    assert b"ERROR" not in log
    assert b"Traceback" not in log
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_its_configuration_says_who_may_come_in(commands: Commands, tmp_path: Path) -> None:
    commands.run("mosquitto_passwd", "-c", "-b", tmp_path / "passwd", "alice", "wonderland")
    _, port = commands.serve(
        tmp_path, f"auth: {{allow-anonymous: false, password-file: {tmp_path / 'passwd'}}}\n"
    )
    mosquitto = Mosquitto(commands, port)
    mosquitto.run("pub", "-u", "alice", "-P", "wonderland", "-q", 1, "-t", "a", "-m", "x")
    _, _, status = mosquitto.start("pub", "-u", "alice", "-P", "wrong", "-q", 1, "-t", "a", "-m", "x").end()
    assert status != 0


def test_a_client_notices_that_the_broker_was_killed(
    commands: Commands, tmp_path: Path, paho_client: Connects
) -> None:
    broker, port = commands.serve(tmp_path)
    client = paho_client("one", paho.MQTTv5)
    client.open(port)
    broker.kill()
    _, by_server = client.expect_closed()
    assert not by_server
