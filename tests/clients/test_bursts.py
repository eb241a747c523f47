"""Ten thousand messages as fast as a Client can, to a Broker process: every one counted, and in order."""

from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest

from support.commands import Commands, Mosquitto
from support.paho_client import Connects

MESSAGES = 10_000
NUMBERS = [str(number) for number in range(MESSAGES)]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a Broker that is a process of its own; it must end in good order."""
    with Commands() as commands:
        broker, port = commands.serve(tmp_path_factory.mktemp("broker"))
        yield port
        broker.process.terminate()
        _, log, status = broker.end()
        assert status == 0
        assert b"ERROR" not in log, log.decode()


@pytest.mark.parametrize(("version", "qos"), [(paho.MQTTv5, 0), (paho.MQTTv5, 1), (paho.MQTTv311, 2)])
def test_nothing_is_lost_between_paho_clients(
    port: int, paho_client: Connects, version: int, qos: int
) -> None:
    reader, writer = paho_client("reader", version), paho_client("writer", version)
    reader.open(port)
    writer.open(port)
    assert reader.subscribe("burst", qos) == qos
    for number in NUMBERS:
        last = writer.publish("burst", number.encode(), qos)
    assert [message.payload.decode() for message in reader.take(MESSAGES)] == NUMBERS
    writer.published(last)
    # A message that comes twice would come before this one.
    writer.publish("burst", b"end", qos)
    assert reader.message().payload == b"end"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_nothing_is_lost_between_mosquitto_clients(
    port: int, commands: Commands, name: str, qos: int
) -> None:
    mosquitto = Mosquitto(commands, port)
    mosquitto.run("pub", "-t", f"ready/{name}", "-r", "-m", "ready")
    reader = mosquitto.start("sub", "-q", qos, "-t", "burst", "-t", f"ready/{name}", "-C", MESSAGES + 2)
    assert reader.line() == "ready"
    writer = mosquitto.start(
        "pub", "-q", qos, "-t", "burst", "-l", data="\n".join([*NUMBERS, "end", ""]).encode()
    )
    assert writer.finish() == b""
    assert reader.lines() == [*NUMBERS, "end"]


def test_nothing_is_lost_while_the_reader_is_away(
    port: int, commands: Commands, paho_client: Connects
) -> None:
    mosquitto = Mosquitto(commands, port)
    mosquitto.run("sub", "-c", "-i", "away", "-q", 2, "-t", "away", "-E")
    mosquitto.run("pub", "-q", 2, "-t", "away", "-l", data="\n".join([*NUMBERS, ""]).encode())
    reader = mosquitto.start("sub", "-c", "-i", "away", "-q", 2, "-t", "away", "-C", MESSAGES)
    assert reader.lines() == NUMBERS
