"""Programs of others as processes: started, fed, waited for with a deadline, and ended by their id."""

import os
import re
import select
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Self

import pytest

from support.ports import kept_port
from support.served import DEADLINE

AMQTT = str(Path(sysconfig.get_path("scripts")) / "amqtt")
"""Our own command, of the package that is tested."""


def program(name: str) -> str:
    """The path of a program. Without it the test is skipped, but fails under `make` and in CI.

    There it was installed, so a test that did not run must not look like one that passed.
    """
    found = shutil.which(name)
    if found is None:
        missing(name)
    return found


def missing(what: str) -> NoReturn:
    """Skip for want of this, or fail where it must be there."""
    if os.environ.get("CI") or os.environ.get("MAKELEVEL"):
        pytest.fail(f"{what} is missing, and here it must be installed")
    pytest.skip(f"{what} is missing; `make test` installs it")


class Running:
    """A process of somebody else's program."""

    def __init__(
        self,
        arguments: Sequence[str],
        data: bytes | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # Unbuffered: what `line` has not asked for must be left to `end`.
        self.process = subprocess.Popen(
            arguments, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=folder, env=environment,
        )
        self._command = " ".join(arguments)
        self._data = data

    def finish(self) -> bytes:
        """Let it end by itself with status 0, and return what it wrote."""
        out, err, status = self.end()
        assert status == 0, (self._command, status, err.decode(), out[-400:])
        return out

    def lines(self) -> list[str]:
        """The same in lines."""
        return self.finish().decode().splitlines()

    def end(self) -> tuple[bytes, bytes, int]:
        """Let it end by itself: standard output, standard error, exit status."""
        try:
            out, err = self.process.communicate(self._data, DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            pytest.fail(f"{self._command} did not end: {err.decode()} {out[-400:]!r}")
        return out, err, self.process.returncode

    def line(self, of_errors: bool = False) -> str:
        """The next line that it writes to standard output, or to standard error."""
        stream = self.process.stderr if of_errors else self.process.stdout
        assert stream is not None
        written = b""
        while not written.endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], DEADLINE)
            assert ready, f"{self._command} says nothing after {written!r}"
            byte = stream.read(1)
            assert byte, f"{self._command} ended after {written!r}"
            written += byte
        return written.decode().rstrip("\n")

    def kill(self) -> None:
        """End it the way a power cut does."""
        self.process.kill()
        self.process.wait(DEADLINE)


class Commands:
    """Starts programs; those that still run are killed in the end."""

    def __init__(self) -> None:
        self._started: list[Running] = []
        self._ports = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for running in self._started:
            if running.process.poll() is None:
                running.kill()
            for stream in (running.process.stdin, running.process.stdout, running.process.stderr):
                if stream is not None:
                    stream.close()
        self._ports.close()

    def port(self) -> int:
        """A port for a server among them that must be told one; nobody else is given it until the end."""
        return self._ports.enter_context(kept_port())

    def start(
        self,
        name: str,
        *arguments: object,
        data: bytes | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Running:
        """Start it; `data` is what it will read on standard input once it is waited for."""
        running = Running([program(name), *map(str, arguments)], data, folder, environment)
        self._started.append(running)
        return running

    def run(self, name: str, *arguments: object, data: bytes | None = None) -> bytes:
        """Start it, let it end with status 0, and return what it wrote."""
        return self.start(name, *arguments, data=data).finish()

    def serve(self, folder: Path, config: str = "", port: int = 0) -> tuple[Running, int]:
        """Start our own command with a Listener on this port, 0: a free one, and this configuration."""
        path = folder / "amqtt.yaml"
        listeners = f"listeners: {{default: {{type: tcp, bind: '127.0.0.1:{port}'}}}}\n"
        path.write_text(listeners + config, encoding="utf-8")
        # A Broker of several tests starts before any of them has a state directory of its own.
        environment = {"XDG_STATE_HOME": str(folder / "state"), **os.environ}
        running = self.start(AMQTT, "-c", path, environment=environment)
        while not (found := re.search(r"listens on 127\.0\.0\.1:(\d+)", running.line(of_errors=True))):
            pass
        return running, int(found[1])


class Mosquitto:
    """Mosquitto's commands, told where the Broker is."""

    def __init__(self, commands: Commands, port: int) -> None:
        self._commands = commands
        self._port = port

    def start(self, command: str, *arguments: object, data: bytes | None = None) -> Running:
        """Start `mosquitto_<command>`; -W of `sub` and `rr` is not needed, waiting has a deadline."""
        return self._commands.start(f"mosquitto_{command}", "-p", self._port, *arguments, data=data)

    def run(self, command: str, *arguments: object, data: bytes | None = None) -> bytes:
        """Start it, let it end with status 0, and return what it wrote."""
        return self.start(command, *arguments, data=data).finish()
