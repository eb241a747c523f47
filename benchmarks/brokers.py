"""The brokers under test: each a process of its own, on a port of its own, ended when its run is over."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 15.0
STOP_SECONDS = 5.0
_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
log_dest none
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
max_queued_bytes 0
"""


class BrokerFailed(Exception):
    """A broker did not start, or ended during its run."""


def _amqtt(loop: str) -> Callable[[int, Path], list[str]]:
    def command(port: int, _folder: Path) -> list[str]:
        return [sys.executable, "-m", "benchmarks.amqtt_broker", loop, str(port)]

    return command


def _mosquitto(port: int, folder: Path) -> list[str]:
    configuration = _MOSQUITTO.format(port=port)
    if os.getuid() == 0:
        configuration += "user root\n"
    path = folder / "mosquitto.conf"
    path.write_text(configuration)
    return ["mosquitto", "-c", str(path)]


COMMANDS: dict[str, Callable[[int, Path], list[str]]] = {
    "amqtt uvloop": _amqtt("uvloop"),
    "amqtt asyncio": _amqtt("asyncio"),
    "mosquitto": _mosquitto,
}


def missing(name: str) -> str:
    """Why this broker cannot run here, "" if it can."""
    if name == "mosquitto" and shutil.which("mosquitto") is None:
        return "no command mosquitto"
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class BrokerProcess:
    """A running broker: where it listens, and the processor time it has used."""

    def __init__(self, name: str, folder: Path, processor: int | None) -> None:
        self.name = name
        self.address = ("127.0.0.1", _free_port())
        self._log = (folder / "broker.log").open("w+b")
        self._process = subprocess.Popen(
            COMMANDS[name](self.address[1], folder), stdout=self._log, stderr=self._log
        )
        if processor is not None:
            os.sched_setaffinity(self._process.pid, {processor})

    def __enter__(self) -> Self:
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def cpu_seconds(self) -> float:
        """Processor time of the process until now, in user space and in the kernel."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process, if it has not ended by itself."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait_until_it_listens(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(self.address, 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()
        raise BrokerFailed(f"{self.name} does not listen: {said[-2000:] or 'it said nothing'}")
