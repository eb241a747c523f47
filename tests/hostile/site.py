"""A broker in a process of its own, the idle Client beside it, and ways to get at it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from support.ports import kept_port
from support.raw_client import MQTT_5, RawClient
from support.tls import Authority

PATIENCE = 60.0


class Processors:
    """Who runs where: those who attack and the idle Client on one processor, the broker where there is room.

    So the broker is not late only because its attackers are at work, as they would be on other machines.
    Where there is one processor only, or nobody can say, all share what there is.
    """

    def __init__(self) -> None:
        self._all = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._can_share = len(self._all) > 1

    def take_one(self) -> None:
        """For this process and its children."""
        if self._can_share:
            os.sched_setaffinity(0, self._all[-1:])

    def take_all(self) -> None:
        """For a child that is a broker, and for this process when it attacks nobody."""
        if self._can_share:
            os.sched_setaffinity(0, self._all)


class Deaf(asyncio.Protocol):
    """The other side of one attacking connection: what it is sent is thrown away."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.answered = asyncio.Event()
        """It was sent something, or is closed."""
        self.data = b""
        """What it was sent first."""
        self._writable = asyncio.Event()
        self._writable.set()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data = self.data or data
        self.answered.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self.answered.set()
        self.closed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def send(self, data: bytes) -> bool:
        """Write it when there is room; False: it is closed."""
        await self._writable.wait()
        if self.closed.is_set() or self.transport.is_closing():
            return False
        self.transport.write(data)
        await asyncio.sleep(0)
        return True

    def abort(self) -> None:
        self.transport.abort()


class Site:
    """The broker under attack. `ports` are those of its listeners: tcp, ws, tls, proxied, http."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.seconds = seconds
        self._kept = ExitStack()
        names = ("tcp", "ws", "tls", "proxied", "http")
        self.ports = {name: self._kept.enter_context(kept_port()) for name in names}
        self.log = folder / "log"
        self.notes: list[str] = []
        self._folder = folder
        self._authority = Authority(folder)
        self._processors = Processors()

    def configuration(self, more: Mapping[str, Any]) -> dict[str, Any]:
        here = {name: {"bind": f"127.0.0.1:{port}"} for name, port in self.ports.items()}
        listeners: dict[str, Any] = {
            "default": {"type": "tcp"},
            "tcp": here["tcp"],
            "ws": {**here["ws"], "type": "ws"},
            "tls": {
                **here["tls"], "ssl": True, "certfile": str(self._authority.certfile),
                "keyfile": str(self._authority.keyfile),
            },
            "proxied": {**here["proxied"], "proxy-from": ["127.0.0.1"]},
            "http": {**here["http"], "type": "http"},
        }
        return {"listeners": listeners, "auth": {"allow-anonymous": True}, **more}

    async def start(self, more: Mapping[str, Any], descriptors: int) -> None:
        """Start the broker, and the idle Client beside it."""
        file = self._folder / "amqtt.json.yaml"
        file.write_text(json.dumps(self.configuration(more)))
        limit = f"ulimit -n {descriptors or '$(ulimit -Hn)'} && exec " + " ".join(
            (sys.executable, "-m", "amqtt", "-c", str(file))
        )
        with self.log.open("wb") as log:
            self.broker = await asyncio.create_subprocess_exec(
                "sh", "-c", limit, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": str(self._folder)}, preexec_fn=self._processors.take_all,
            )
        self._processors.take_one()
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    (await self.open()).abort()
                    break
                except ConnectionError:
                    await asyncio.sleep(0.05)
        self.idle = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hostile.idle", "127.0.0.1", str(self.ports["tcp"]), str(self.broker.pid),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        await self.waited()

    async def stop(self) -> int:
        """End both; the broker's exit status."""
        self._processors.take_all()
        if self.idle.returncode is None:
            self.idle.terminate()
            await self.idle.wait()
        self.broker.send_signal(signal.SIGTERM)
        self._kept.close()
        async with asyncio.timeout(PATIENCE):
            return await self.broker.wait()

    async def waited(self) -> dict[str, float]:
        """What the idle Client saw since this was asked last."""
        assert self.idle.stdin is not None
        assert self.idle.stdout is not None
        self.idle.stdin.write(b"\n")
        async with asyncio.timeout(PATIENCE):
            line = await self.idle.stdout.readline()
        nothing = {"pings": 0.0, **dict.fromkeys(("worst", "median", "at_work", "lacked"), float("inf"))}
        seen: dict[str, float] = json.loads(line) if line else nothing
        return seen

    def memory(self) -> float:
        """MiB of it that are resident."""
        return self._status("VmRSS:")

    def peak(self) -> float:
        """MiB that were resident at most since `forget_peak`."""
        return self._status("VmHWM:")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.broker.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> float:
        for line in Path(f"/proc/{self.broker.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        raise OSError("the operating system does not say how much memory is resident")

    def note(self, seen: str) -> None:
        """Say what this attack has seen itself."""
        self.notes.append(seen)

    # -- ways in

    async def open(self, listener: str = "tcp", address: str = "127.0.0.1") -> Deaf:
        """A connection from this address that reads and forgets."""
        loop = asyncio.get_running_loop()
        port = self.ports[listener]
        _, made = await loop.create_connection(Deaf, "127.0.0.1", port, local_addr=(address, 0))
        return made

    async def crowd(self, size: int, listener: str = "tcp") -> list[Deaf]:
        """So many of them."""
        return [await self.open(listener) for _ in range(size)]

    @asynccontextmanager
    async def client(self, client_id: str, version: int = MQTT_5, **options: Any) -> AsyncIterator[RawClient]:
        """A Client that was accepted."""
        made = await RawClient.open(("127.0.0.1", self.ports["tcp"]), version)
        await made.connect(client_id, **options)
        try:
            yield made
        finally:
            made.abort()

    def over(self, begun: float) -> bool:
        """Whether the time of an attack that began then is over."""
        return asyncio.get_running_loop().time() - begun > self.seconds
