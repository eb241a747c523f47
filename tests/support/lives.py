"""The command `amqtt` on one file, ended and started again."""

import signal
from collections.abc import Callable
from pathlib import Path

from support.commands import Commands, Running
from support.served import DEADLINE

GRACE = 5
"""Seconds that Clients have to come back before their Will Messages are published."""


class Lives:
    """The command on one file; `port` is where it listens in its present life, or `stays` in all of them."""

    def __init__(self, commands: Commands, folder: Path, *, stays: bool = False) -> None:
        self._commands = commands
        self._folder = folder
        self._stays = stays
        self.running: Running
        self.port = commands.port() if stays else 0
        self.begin()

    def begin(self) -> None:
        """Start it."""
        persistence = f"persistence: {{file: '{self._folder / 'amqtt.db'}', restart-grace: {GRACE}}}\n"
        self.running, self.port = self._commands.serve(
            self._folder, persistence, self.port if self._stays else 0
        )

    def kill(self) -> None:
        """End it as a power cut does."""
        self.running.kill()

    def stop(self) -> None:
        """End it in good order."""
        self.running.process.send_signal(signal.SIGTERM)
        assert self.running.process.wait(DEADLINE) == 0


Ends = Callable[[Lives], None]
KILLED, STOPPED = Lives.kill, Lives.stop
