"""The package as its users have it: installed with pip into an environment of its own, far from here."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.commands import Running

PATIENCE = 300.0
"""Seconds for pip, which may have to fetch what the package needs."""


def surroundings() -> dict[str, str]:
    """The environment variables of somebody who has never seen this checkout, and has no C compiler.

    A minute of compiling would show nothing here: the suite itself runs on the compiled package.
    """
    ours = ("PYTHON", "VIRTUAL_ENV", "COV_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "AMQTT_PURE": "1"}


def run(folder: Path, *arguments: object) -> str:
    """Run a program to its end in this folder, and return what it writes; it must succeed."""
    done = subprocess.run(
        [str(argument) for argument in arguments], cwd=folder, env=surroundings(), capture_output=True,
        text=True, timeout=PATIENCE, check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def pip(folder: Path, *arguments: object) -> None:
    """Run the pip of this environment."""
    run(folder, sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)


class Environment:
    """A virtual environment with these packages in it, and a folder to run programs in."""

    def __init__(self, folder: Path, wheels: Path, *packages: str) -> None:
        self.folder = folder
        self._scripts = folder / "venv" / "bin"
        run(folder, sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        pip(
            folder, "--python", self.script("python"), "install", "--no-compile", "--no-index",
            "--find-links", wheels, *packages,
        )

    def script(self, name: str) -> str:
        """The path of a command of it."""
        return str(self._scripts / name)

    def run(self, *arguments: object) -> str:
        """Run its Python, and return what it writes."""
        return run(self.folder, self.script("python"), *arguments)


class Program:
    """A program that serves, and what it has logged so far."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.log: list[str] = []

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has logged a line in which this is found."""
        for line in self.log:
            if found := re.search(pattern, line):
                return found
        while True:
            self.log.append(self._running.line(of_errors=True))
            if found := re.search(pattern, self.log[-1]):
                return found

    def port(self, listener: str = "default") -> int:
        """Wait until a Listener is open."""
        return int(self.says(rf"Listener {listener} \(\w+\) listens on [\d.]+:(\d+)$")[1])

    def ended(self) -> int:
        """Wait until it has ended by itself; its exit status."""
        _, errors, status = self._running.end()
        self.log += errors.decode().splitlines()
        return status

    def stop(self, how: signal.Signals = signal.SIGTERM, faults: int = 0) -> None:
        """Have it stop; it has to in good order, and must have logged so many exceptions."""
        self._running.process.send_signal(how)
        assert self.ended() == 0, self.log
        assert len([line for line in self.log if line.lstrip().startswith("Traceback")]) == faults, self.log
        assert not [line for line in self.log if re.search("never (awaited|retrieved)", line)], self.log


Starts = Callable[..., Program]
