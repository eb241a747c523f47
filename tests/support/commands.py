"""Programs of others as processes: started, fed, waited for with a deadline, and ended by their id."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Self

import pytest
from support.served import DEADLINE


def program(name: str) -> str:
    """The path of a program. Without it the test is skipped, but fails under `make` and in CI.

    There it was installed, so a test that did not run must not look like one that passed.
    """
    found = shutil.which(name)
    if found is None:
        missing(name)
    return found


def missing(what: str) -> None:
    """Skip for want of this, or fail where it must be there."""
    if os.environ.get("CI") or os.environ.get("MAKELEVEL"):
        pytest.fail(f"{what} is missing, and here it must be installed")
    pytest.skip(f"{what} is missing; `make test` installs it")


class Running:
    """A process of somebody else's program."""

    def __init__(self, arguments: Sequence[str], data: bytes | None = None) -> None:
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._data = data

    def finish(self) -> bytes:
        """Let it end by itself with status 0, and return what it wrote."""
        out, err, status = self.end()
        assert status == 0, (self.process.args, status, err.decode(), out[-400:])
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
            pytest.fail(f"{self.process.args} did not end: {err.decode()} {out[-400:]!r}")
        return out, err, self.process.returncode

    def line(self) -> str:
        """The next line that it writes; it must write one, or end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def kill(self) -> None:
        """End it the way a power cut does."""
        self.process.kill()
        self.process.wait(DEADLINE)


class Commands:
    """Starts programs; those that still run are killed in the end."""

    def __init__(self) -> None:
        self._started: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for running in self._started:
            if running.process.poll() is None:
                running.kill()
            for stream in (running.process.stdin, running.process.stdout, running.process.stderr):
                if stream is not None:
                    stream.close()

    def start(self, name: str, *arguments: object, data: bytes | None = None) -> Running:
        """Start it; `data` is what it will read on standard input once it is waited for."""
        running = Running([program(name), *map(str, arguments)], data)
        self._started.append(running)
        return running

    def run(self, name: str, *arguments: object, data: bytes | None = None) -> bytes:
        """Start it, let it end with status 0, and return what it wrote."""
        return self.start(name, *arguments, data=data).finish()
