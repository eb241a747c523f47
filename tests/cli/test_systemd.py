"""What systemd is told and hands in, seen from its side of the sockets."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amqtt.cli.systemd import by_listener, inherited_sockets, notify, watchdog_interval
from amqtt.errors import BrokerError

DEPLOY = Path(__file__).parents[2] / "deploy" / "systemd"
DEADLINE = 60.0


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(DEADLINE)
        yield told


def test_it_is_told_where_it_listens(
    supervisor: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notify("READY=1", "STATUS=x")
    assert supervisor.recv(100) == b"READY=1\nSTATUS=x"


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket", "@no-such-socket-of-amqtt"])
def test_where_nobody_listens_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0), ({"WATCHDOG_USEC": "30000000"}, 15.0), ({"WATCHDOG_USEC": "x"}, 0.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
    ],
)  # fmt: skip
def test_signs_of_life_are_given_twice_as_often_as_asked_for(
    environment: dict[str, str], seconds: float
) -> None:
    assert watchdog_interval(environment) == seconds


def test_sockets_for_another_process_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert inherited_sockets() == {}
    assert "LISTEN_FDS" not in os.environ


def test_sockets_are_for_the_listeners_of_their_names() -> None:
    with socket.socket() as one, socket.socket() as two:
        assert by_listener({"a": [one], "b": [two]}, {"a": 1, "b": 2, "c": 3}) == {"a": [one], "b": [two]}
        assert by_listener({"amqtt.socket": [one, two]}, {"default": 1}) == {"default": [one, two]}
        with pytest.raises(BrokerError, match="'x', and no listener is called so"):
            by_listener({"x": [one]}, {"a": 1, "b": 2})


STARTER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "default"}
os.execv(sys.executable, [sys.executable, "-m", "amqtt", "-c", sys.argv[2], "--no-watch"])
"""


def test_the_command_serves_a_socket_that_is_handed_in_and_tells_of_its_life(
    supervisor: socket.socket, tmp_path: Path
) -> None:
    config = tmp_path / "amqtt.yaml"
    config.write_text("listeners: {default: {bind: '127.0.0.1:1'}}\nsys-interval: 0\n", encoding="utf-8")
    environment = {
        **os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000",
        "STATE_DIRECTORY": str(tmp_path),
    }  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Somebody who came before it was started waits in the socket.
        client = socket.create_connection(listening.getsockname(), DEADLINE)
        client.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
        descriptor = listening.fileno()
        with subprocess.Popen(
            [sys.executable, "-c", STARTER, str(descriptor), str(config)], pass_fds=(descriptor,),
            env=environment, stderr=subprocess.PIPE, text=True,
        ) as process:
            try:
                assert supervisor.recv(100) == b"READY=1"
                assert client.recv(4) == b"\x20\x02\x00\x00"
                assert supervisor.recv(100) == b"WATCHDOG=1"
                assert supervisor.recv(100) == b"WATCHDOG=1"
            finally:
                process.terminate()
                client.close()
            told = b""
            while told != b"STOPPING=1":
                told = supervisor.recv(100)
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
            assert process.wait(DEADLINE) == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_the_units_are_as_systemd_wants_them_and_well_closed(tmp_path: Path) -> None:
    text = (DEPLOY / "amqtt.service").read_text(encoding="utf-8")
    text = text.replace("/opt/amqtt/bin/amqtt", "/bin/true")
    (tmp_path / "amqtt.service").write_text(text, encoding="utf-8")
    shutil.copy(DEPLOY / "amqtt.socket", tmp_path)
    units = [str(tmp_path / "amqtt.service"), str(tmp_path / "amqtt.socket")]
    verified = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", units[0]],
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )
    assert rated.returncode == 0, rated.stdout[-400:]
