"""A broker under test: a process of its own, on a port of its own, ended when its run is over."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.brokers import Broker, Place
from benchmarks.certificates import Certificates
from benchmarks.channels import Endpoint

START_SECONDS = 30.0
STOP_SECONDS = 10.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class BrokerFailed(Exception):
    """A broker did not start, or ended during its run."""


def _keep_port() -> socket.socket:
    """A port that nobody else is given; the broker listens beside this socket, which never does."""
    keeping = socket.socket()
    keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeping.bind(("127.0.0.1", 0))
    return keeping


class BrokerProcess:
    """A running broker: where it listens, the processor time it has used, the memory it has.

    A broker may be several processes: all of the session that the command began count.
    """

    def __init__(
        self, broker: Broker, transport: str, folder: Path, certificates: Certificates, processor: int | None
    ) -> None:
        self.broker = broker
        self._port = _keep_port()
        place = Place(self._port.getsockname()[1], transport, folder, certificates)
        self.endpoint = Endpoint(place.port, transport, certificates.trust if transport != "tcp" else None)
        self._log = (folder / "broker.log").open("w+b")
        command = broker.command(place)
        if processor is not None:
            command = ["taskset", "--cpu-list", str(processor), *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True
        )
        self._pids: list[int] = []

    def __enter__(self) -> Self:
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        self._pids = list(_session(self._process.pid))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The number of its first process."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time of the broker until now, in user space and in the kernel, to the nanosecond."""
        try:
            return sum(time.clock_gettime(_processor_clock(pid)) for pid in self._pids)
        except OSError as error:
            raise BrokerFailed(f"{self.broker.name} has ended: {self._said()}") from error

    def memory(self) -> int:
        """Bytes of memory that are there for the broker alone or that it shares (resident set)."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids) * _PAGE

    def stop(self) -> None:
        """End the processes that have not ended by themselves."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        self._port.close()

    def _wait_until_it_listens(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection((self.endpoint.host, self.endpoint.port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise BrokerFailed(f"{self.broker.name} does not listen: {self._said()}")

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip().rpartition("\n")[2] or "it said nothing"


def _processor_clock(pid: int) -> int:
    """The number of a process's clock, as the C library's clock_getcpuclockid says it."""
    return (~pid) << 3 | 2


def _session(leader: int) -> Iterator[int]:
    """The processes of a session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == leader:
                    yield int(entry.name)
            except ProcessLookupError:
                continue
