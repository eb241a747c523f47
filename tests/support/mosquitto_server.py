"""Mosquitto as the Server, with a listener of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.commands import Commands, Running
from support.served import DEADLINE
from support.tls import Authority


class MosquittoServer:
    """A running Mosquitto; it can be killed and started again, with the same addresses."""

    def __init__(self, commands: Commands, folder: Path, authority: Authority | None) -> None:
        self._commands = commands
        self._folder = folder
        self.ports = {name: commands.port() for name in ("tcp", "tls", "ws", "wss")}
        self.path = str(folder / "m.sock")
        self._config = folder / "mosquitto.conf"
        self._config.write_text(self._text(authority), encoding="utf-8")
        self._running: Running | None = None

    def _text(self, authority: Authority | None) -> str:
        ports = self.ports
        lines = [
            "allow_anonymous true", "per_listener_settings false", "persistence true", "user root",
            "set_tcp_nodelay true",
            f"persistence_location {self._folder}/", "connection_messages false",
            f"listener {ports['tcp']} 127.0.0.1",
            f"listener {ports['ws']} 127.0.0.1", "protocol websockets",
            f"listener 0 {self.path}",
        ]
        if authority is not None:
            keys = [f"certfile {authority.certfile}", f"keyfile {authority.keyfile}"]
            lines += [f"listener {ports['tls']} 127.0.0.1", *keys]
            lines += [f"listener {ports['wss']} 127.0.0.1", "protocol websockets", *keys]
        return "\n".join(lines) + "\n"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._running = self._commands.start("mosquitto", "-c", self._config)
        while " running" not in self._running.line(of_errors=True):
            pass

    def stop(self) -> None:
        """Let it stop in good order: it keeps what it has."""
        assert self._running is not None
        self._running.process.terminate()
        self._running.process.wait(DEADLINE)

    def kill(self) -> None:
        """End it the way a power cut does."""
        assert self._running is not None
        self._running.kill()

    def url(self, transport: str) -> str:
        """Its URL over this transport."""
        return url_of(transport, self.ports.get(transport, 0), self.path)


def url_of(transport: str, port: int, path: str) -> str:
    """The URL of a Server over this transport."""
    scheme = {"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}.get(transport)
    return f"unix://{path}" if scheme is None else f"{scheme}://localhost:{port}"


@contextmanager
def mosquitto_server(folder: Path, authority: Authority | None = None) -> Iterator[MosquittoServer]:
    """Run Mosquitto, and kill it in the end."""
    with Commands() as commands:
        server = MosquittoServer(commands, folder, authority)
        server.start()
        yield server


