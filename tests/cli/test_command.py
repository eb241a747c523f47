"""The command as its users start it: a process of its own."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import amqtt
from amqtt.broker import Broker

DEADLINE = 60.0
CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"
CONNACK = b"\x20\x02\x00\x00"
SUBSCRIBE_A_1 = b"\x82\x06\x00\x01\x00\x01a\x01"
SUBACK_1 = b"\x90\x03\x00\x01\x01"
PUBLISH_A_1 = b"\x32\x05\x00\x01a\x00\x01"
PUBACK_1 = b"\x40\x02\x00\x01"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command with these arguments; it is killed at the end of the test, if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def start_one(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "amqtt", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE)


def written(folder: Path, text: str) -> Path:
    path = folder / "amqtt.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def one_listener(folder: Path, port: int = 0) -> Path:
    return written(folder, f"listeners:\n  default: {{type: tcp, bind: '127.0.0.1:{port}'}}\n")


def lines_until(process: subprocess.Popen[str], pattern: str) -> list[str]:
    """What it logs up to a line that matches."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if re.search(pattern, line):
            return lines
    pytest.fail(f"it ended and never said {pattern}: {''.join(lines)}")


def port_of(process: subprocess.Popen[str]) -> int:
    (line,) = lines_until(process, r"listens on")[-1:]
    match = re.search(r"127\.0\.0\.1:(\d+)", line)
    assert match is not None
    return int(match[1])


def failure(process: subprocess.Popen[str]) -> str:
    """What a start that has to fail says on standard error."""
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "Traceback" not in said
    return said


def test_it_serves_what_its_configuration_says(start: Start, tmp_path: Path) -> None:
    process = start("-c", one_listener(tmp_path))
    with socket.create_connection(("127.0.0.1", port_of(process)), DEADLINE) as client:
        client.sendall(CONNECT)
        assert client.recv(4) == CONNACK


def test_without_a_configuration_it_listens_on_this_machine_alone() -> None:
    (listener,) = Broker().config.listeners.values()
    assert (listener.type, listener.bind) == ("tcp", "localhost:1883")


def test_it_says_who_may_connect(start: Start, tmp_path: Path) -> None:
    process = start("-c", one_listener(tmp_path))
    assert lines_until(process, r"listens on") != []
    assert process.stderr is not None
    assert "may connect" in process.stderr.readline()


def test_two_run_beside_each_other_and_the_second_says_that_it_keeps_nothing(
    start: Start, tmp_path: Path, state_home: Path
) -> None:
    port_of(start("-c", one_listener(tmp_path)))
    said = "".join(lines_until(start("-c", one_listener(tmp_path)), r"listens on"))
    file = re.escape(str(state_home / "amqtt" / "amqtt.db"))
    assert re.search(rf"WARNING .* in memory, and end with this broker: {file} is in use by another", said)
    assert "are kept in" not in said


def test_so_does_one_whose_user_has_nowhere_to_keep_anything(
    start: Start, tmp_path: Path, state_home: Path
) -> None:
    (state_home / "amqtt").write_bytes(b"")
    said = "".join(lines_until(start("-c", one_listener(tmp_path)), r"listens on"))
    assert re.search(r"WARNING .* in memory, and end with this broker: .* cannot be opened for writing", said)


def test_so_does_one_whose_file_cannot_be_written(start: Start, tmp_path: Path, state_home: Path) -> None:
    # For root nothing is read-only, so it is a directory that stands where the file should be.
    (state_home / "amqtt" / "amqtt.db").mkdir(parents=True)
    said = "".join(lines_until(start("-c", one_listener(tmp_path)), r"listens on"))
    assert re.search(r"WARNING .* in memory, and end with this broker: .* cannot be opened for writing", said)


def test_where_systemd_says_where_it_is_kept_there_or_nothing_runs(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    port_of(start("-c", one_listener(tmp_path)))
    assert "is in use by another broker" in failure(start("-c", one_listener(tmp_path)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start("-c", one_listener(tmp_path))
    with socket.create_connection(("127.0.0.1", port_of(process)), DEADLINE) as client:
        client.sendall(CONNECT)
        assert client.recv(4) == CONNACK
        process.send_signal(number)
        assert client.recv(4) == b""
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "Stopped" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_second_signal_ends_it_at_once(loop: str, number: signal.Signals) -> None:
    pytest.importorskip(loop)
    program = (
        f"import asyncio, {loop}\n"
        "from amqtt.cli.signals import on_first_signal\n"
        "async def main():\n"
        "    stop = asyncio.Event()\n"
        "    on_first_signal(stop.set)\n"
        "    print('ready', flush=True)\n"
        "    await stop.wait()\n"
        "    print('stopping', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        f"asyncio.Runner(loop_factory={loop}.new_event_loop).run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for expected in ("ready\n", "stopping\n"):
            assert process.stdout.readline() == expected
            process.send_signal(number)
        assert process.wait(DEADLINE) == -number


def test_it_finishes_what_is_under_way_and_is_not_ready_meanwhile(start: Start, tmp_path: Path) -> None:
    listeners = "listeners: {default: {bind: '127.0.0.1:0'}, health: {type: http, bind: '127.0.0.1:0'}}\n"
    process = start("-c", written(tmp_path, f"{listeners}drain: 3000\n"))
    port, health = ports_of(process)
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
        assert answered(client, CONNECT, 4) == CONNACK
        assert answered(client, SUBSCRIBE_A_1, 5) == SUBACK_1
        # Its own message comes back, and is not acknowledged yet.
        assert len(answered(client, PUBLISH_A_1, 11)) == 11
        assert readiness(health) == b"HTTP/1.1 200"
        process.send_signal(signal.SIGTERM)
        lines_until(process, "Stopping, within 3010 s")
        assert readiness(health) == b"HTTP/1.1 503"
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", port), DEADLINE)
        assert answered(client, b"\xc0\x00", 2) == b"\xd0\x00"
        assert answered(client, PUBACK_1, 1) == b""
    assert process.wait(DEADLINE) == 0


def test_its_second_signal_ends_it_at_once_with_exit_status_0(start: Start, tmp_path: Path) -> None:
    process = start("-c", written(tmp_path, "listeners: {default: {bind: '127.0.0.1:0'}}\ndrain: 3000\n"))
    with socket.create_connection(("127.0.0.1", port_of(process)), DEADLINE) as client:
        assert answered(client, CONNECT, 4) == CONNACK
        assert answered(client, SUBSCRIBE_A_1, 5) == SUBACK_1
        assert answered(client, PUBLISH_A_1, 11)
        process.send_signal(signal.SIGTERM)
        lines_until(process, "Stopping")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def answered(client: socket.socket, packet: bytes, size: int) -> bytes:
    """The next bytes after this packet was sent; b"" at the end."""
    client.sendall(packet)
    received = b""
    while len(received) < size and (more := client.recv(size - len(received))):
        received += more
    return received


def ports_of(process: subprocess.Popen[str]) -> tuple[int, int]:
    """The ports of its Listener for MQTT, and of the one for HTTP."""
    first, second = lines_until(process, r"listens on")[-1], lines_until(process, r"\(http\) listens on")[-1]
    return int(first.rsplit(":", 1)[1]), int(second.rsplit(":", 1)[1])


def readiness(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as asking:
        return answered(asking, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", 12)


def test_a_port_in_use_is_one_clear_message_and_exit_status_1(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = failure(start("-c", one_listener(tmp_path, port)))
    assert re.search(rf"^amqtt: .*{port}", said, re.MULTILINE)


def test_a_configuration_that_is_not_there_is_named(start: Start, tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert str(missing) in failure(start("-c", missing))


@pytest.mark.parametrize(
    "text", ["listeners: [", "listeners: 7", "limits: {maximum-qos: 3}", "listeners: {default: {typ: tcp}}"]
)
def test_a_configuration_with_a_mistake_is_named(start: Start, tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    said = failure(start("-c", path))
    assert said.startswith("amqtt: ")
    assert str(path) in said


FILES = """\
listeners:
  default: {bind: '127.0.0.1:0'}
  other: {bind: '127.0.0.1:0', ssl: on, certfile: /no/cert, keyfile: /no/key}
auth: {password-file: /no/users, scram-file: /no/secrets}
"""


@pytest.mark.parametrize("mistake", ["", "limits: {maximum-qos: 3}\n"])
def test_whatever_check_says_of_it_a_start_says_too(start: Start, tmp_path: Path, mistake: str) -> None:
    """Also of the files that it names, of which a start would end at the first."""
    path = written(tmp_path, FILES + mistake)
    checked, _ = start("check", path).communicate(timeout=DEADLINE)
    assert len(checked.splitlines()) == (4 if mistake else 3)
    assert failure(start("-c", path)) == f"amqtt: {checked}"


def test_what_no_check_can_know_is_said_with_it(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = FILES.replace("0'}", f"{port}'}}").replace("auth:", "#")
        said = failure(start("-c", written(tmp_path, text)))
    assert [f"127.0.0.1:{port}" in line for line in said.splitlines()] == [False, True]


def test_an_option_that_is_not_there_is_exit_status_2(start: Start) -> None:
    process = start("--no-such-option")
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert "--no-such-option" in said


def test_version_says_what_runs(start: Start) -> None:
    process = start("--version")
    said, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    python = ".".join(map(str, sys.version_info[:3]))
    begin = re.escape(f"amqtt {amqtt.__version__} (Python {python}, ")
    assert re.fullmatch(begin + r"(uvloop|asyncio), (pure|compiled)\)\n", said)


def test_the_command_amqtt_is_the_same() -> None:
    (command,) = entry_points(group="console_scripts", name="amqtt")
    assert command.value == "amqtt.cli:main"
    assert version("amqtt") == amqtt.__version__
