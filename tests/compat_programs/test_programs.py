"""Programs as aMQTT's users write them run against the package that they install."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.commands import Commands, Mosquitto
from support.installed import Environment, Starts
from support.paho_client import Connects

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("programs")]

LOOPBACK = "127.0.0.1:0"


def test_the_package_that_the_programs_import_is_the_installed_one(installed: Environment) -> None:
    found = installed.run("-c", "import amqtt.broker; print(amqtt.broker.__file__)").strip()
    assert Path(found).is_relative_to(installed.folder)


def test_a_host_application_publishes_from_a_timer(
    installed: Environment, start: Starts, commands: Commands
) -> None:
    program = start(installed, "python", "greenhouse.py", GREENHOUSE_BIND=LOOPBACK)
    mosquitto = Mosquitto(commands, program.port())
    lines = mosquitto.start("sub", "-q", 1, "-t", "greenhouse/#", "-C", 6, "-F", "%t %q %r %p").lines()
    assert lines[0] == "greenhouse/state 1 1 online"
    readings = [line.split(" ", 3) for line in lines[1:]]
    assert {tuple(parts[:3]) for parts in readings} == {("greenhouse/reading", "1", "0")}
    contents = [json.loads(parts[3]) for parts in readings]
    first = contents[0]["number"]
    assert contents == [{"number": number, "clients": 1} for number in range(first, first + 5)]
    program.stop()
    assert program.log[-1] == "INFO:greenhouse:the broker is stopped"


HOUSE = """\
listeners:
    default:
        max-connections: 50000
        type: tcp
    lan:
        bind: 127.0.0.1:0
house:
    topic-prefix: house/
    residents:
        alice: wonderland
        bob: builder
auth:
    plugins: [house_auth]
    allow-anonymous: false
topic-check:
    enabled: true
    plugins: [house_auth]
"""


ALICE = ["-u", "alice", "-P", "wonderland"]
BOB = ["-u", "bob", "-P", "builder"]
NOBODY = [["-u", "alice", "-P", "looking-glass"], ["-u", "alice"], ["-u", "stranger", "-P", "wonderland"], []]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE, encoding="utf-8")
    return path


def test_a_plugin_package_lets_in_whom_its_dict_has(
    with_plugin: Environment, start: Starts, commands: Commands, paho_client: Connects, house: Path
) -> None:
    program = start(with_plugin, "amqtt", "-c", house)
    mosquitto = Mosquitto(commands, program.port("lan"))
    program.says(r"Plugins loaded: house_auth$")
    alice = paho_client("alices-phone")
    alice.client.username_pw_set("alice", "wonderland")
    assert alice.open(program.port("lan")).value == 0
    program.says(r" amqtt\.broker\.plugins\.house_auth: alices-phone is at home$")
    for words in NOBODY:
        _, errors, status = mosquitto.start("pub", *words, "-t", "house/alice/door", "-m", "open").end()
        assert status != 0, words
        assert b"refused" in errors.lower(), (words, errors)
    alice.close()
    program.says(r"alices-phone has left$")
    # Of those whom it does not know, it says nothing but KeyError.
    program.stop(faults=2)
    assert len([line for line in program.log if line.lstrip().startswith("KeyError: ")]) == 2


def test_a_plugin_package_says_who_may_do_what_with_a_topic(
    with_plugin: Environment, start: Starts, commands: Commands, paho_client: Connects, house: Path
) -> None:
    program = start(with_plugin, "amqtt", "-c", house)
    mosquitto = Mosquitto(commands, program.port("lan"))
    alice = paho_client("alices-phone")
    alice.client.username_pw_set("alice", "wonderland")
    alice.open(program.port("lan"))
    assert alice.subscribe("house/bob/#") == 0x80
    assert alice.subscribe("#") == 0x80
    assert alice.subscribe("house/notices") == 0
    assert alice.message().payload == b"welcome"
    assert alice.subscribe("house/alice/#") == 0
    mosquitto.run("pub", *BOB, "-q", 1, "-t", "house/alice/door", "-m", "opened by bob")
    mosquitto.run("pub", *ALICE, "-q", 1, "-t", "house/alice/door", "-m", "opened by alice")
    assert alice.message().payload == b"opened by alice"
    alice.close()
    program.stop()


def test_a_plugin_keeps_every_message_in_a_database(
    installed: Environment, start: Starts, commands: Commands, tmp_path: Path
) -> None:
    database = tmp_path / "messages.db"
    program = start(installed, "python", "message_store.py", database, LOOPBACK)
    mosquitto = Mosquitto(commands, program.port())
    words = [f"word {number}" for number in range(200)]
    lines = "".join(f"{word}\n" for word in words).encode()
    mosquitto.run("pub", "-i", "writer", "-q", 1, "-t", "book/page", "-l", data=lines)
    mosquitto.run("pub", "-i", "printer", "-q", 2, "-r", "-t", "book/title", "-m", "A Book")
    program.says("kept a message of printer$")
    program.stop()
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT * FROM messages ORDER BY rowid").fetchall()
    assert rows[:-1] == [("writer", "book/page", word.encode(), 1, 0) for word in words]
    assert rows[-1] == ("printer", "book/title", b"A Book", 2, 1)


def test_a_broker_as_a_fixture_of_pytest(installed: Environment, folder: Path) -> None:
    said = installed.run("-m", "pytest", "-p", "no:cacheprovider", folder / "thermostat")
    assert "4 passed in" in said.splitlines()[-1], said


def test_a_broker_made_by_a_module_serves_for_ever(
    installed: Environment, start: Starts, commands: Commands, paho_client: Connects
) -> None:
    program = start(installed, "python", "broker_start.py", BIND=LOOPBACK, WS_BIND=LOOPBACK)
    mosquitto = Mosquitto(commands, program.port())
    browser = paho_client("browser", transport="websockets")
    browser.open(program.port("ws-mqtt"))
    browser.subscribe("a/b", 2)
    mosquitto.run("pub", "-t", "a/b", "-q", 2, "-m", "from nobody")
    mosquitto.run("pub", "-t", "a/b", "-q", 2, "-u", "ali", "-P", "open sesame", "-m", "from ali")
    wrong = mosquitto.start("pub", "-t", "a/b", "-u", "ali", "-P", "open barley", "-m", "from Kasim")
    assert wrong.end()[2] != 0
    assert [(message.payload, message.qos) for message in browser.take(2)] == [
        (b"from nobody", 2), (b"from ali", 2),
    ]
    browser.close()
    program.stop(signal.SIGINT)
    assert program.log[-1].endswith("the broker is stopped")
