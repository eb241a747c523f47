"""`amqtt_pub` and `amqtt_sub`, as aMQTT's users type them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Commands, Running
from support.served import Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    listeners = {"tcp": {"bind": "127.0.0.1:0"}, "ws": {"bind": "127.0.0.1:0", "type": "ws"}}
    with serving({"listeners": listeners, "sys-interval": 0}) as served:
        yield served


@pytest.fixture
def commands() -> Iterator[Commands]:
    with Commands() as started:
        yield started


def start(commands: Commands, command: str, *arguments: object, data: bytes | None = None) -> Running:
    program = f"from amqtt.cli import {command}; {command}()"
    return commands.start(sys.executable, "-c", program, *arguments, data=data)


def test_what_amqtt_pub_publishes_amqtt_sub_writes(
    served: Served, commands: Commands, tmp_path: Path
) -> None:
    url = f"mqtt://localhost:{served.port('tcp')}"
    config = tmp_path / "client.yaml"
    config.write_text("keep_alive: 20\nauto_reconnect: false\n", encoding="utf-8")
    wanted = ("-i", "me", "-t", "a/#", "-q", 1, "-n", 5, "-c", config)
    reader = start(commands, "amqtt_sub", "--url", url, *wanted)
    served.subscribed("me", "a/#")
    (tmp_path / "file").write_text("one\ntwo\n", encoding="utf-8")
    ws = f"ws://localhost:{served.port('ws')}"
    for arguments, data in (
        (("-m", "hello"), None), (("-f", tmp_path / "file"), None), (("-s",), b"all\n"), (("-l",), b"line"),
        (("-n",), None),
    ):
        where = ws if arguments[0] == "-m" else url
        common = ("--url", where, "-t", "a/b", "-q", 1, "--extra-headers", '{"X-Who": "me"}')
        start(commands, "amqtt_pub", *common, *arguments, data=data).finish()
    # A line keeps its end, and amqtt_sub adds one.
    assert reader.finish() == b"hello\none\n\ntwo\n\nall\n\nline\n\n"


def test_the_address_and_the_qos_may_be_the_configurations(
    served: Served, commands: Commands, tmp_path: Path
) -> None:
    config = tmp_path / "client.yaml"
    config.write_text(
        f"broker: {{uri: 'mqtt://localhost:{served.port('tcp')}'}}\ndefault_qos: 1\n", encoding="utf-8"
    )
    reader = start(commands, "amqtt_sub", "-c", config, "-i", "its", "-t", "its", "-q", 2, "-n", 2)
    served.subscribed("its", "its")
    for option in ("-m", "--message"):
        start(commands, "amqtt_pub", "-c", config, "-t", "its", option, "hello").finish()
    assert reader.finish() == b"hello\nhello\n"


@pytest.mark.parametrize("command", ["amqtt_pub", "amqtt_sub", "main"])
def test_help_has_a_short_name(commands: Commands, command: str) -> None:
    assert b"Usage: " in start(commands, command, "-h").finish()


@pytest.mark.parametrize("module", ["broker_script", "pub_script", "sub_script"])
def test_the_commands_are_modules_of_amqtts_names(commands: Commands, module: str) -> None:
    running = commands.start(sys.executable, "-m", f"amqtt.scripts.{module}", "--version")
    assert b"1.0" in running.finish()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("amqtt_pub", "--url", "mqtt://localhost:1", "-t", "a"), 2, "-m, -f, -s, -l and -n"),
        (("amqtt_pub", "--url", "ws://localhost:1", "-t", "a", "-m", "x"), 1, "Connection failed: "),
        (("amqtt_sub", "--url", "mqtt://localhost:1", "-t", "a", "--will-topic", "x"), 2, "--will-message"),
        (("amqtt_sub", "--url", "http://localhost", "-t", "a"), 1, "'http' is not one of MQTT's"),
        (("amqtt_sub", "--url", "mqtt://x", "-t", "a", "--extra-headers", "{"), 1, "no JSON"),
    ],
)
def test_what_goes_wrong_is_said(
    commands: Commands, arguments: tuple[str, ...], status: int, said: str
) -> None:
    out, err, code = start(commands, *arguments).end()
    assert (code, out) == (status, b"")
    assert said in " ".join(err.decode().split())
    assert b"Traceback" not in err
