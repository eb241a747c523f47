"""Our Broker killed in the middle of everything, and started again with what it has on the disk."""

import asyncio
import sys
from pathlib import Path

import pytest

from amqtt.clients import Client, Reconnect
from support.commands import Commands, Running
from support.served import DEADLINE

COUNT = 300
SOON = Reconnect(first=0.01, longest=0.1)


class KillableBroker:
    """A process of our own command, always with the same port and the same store."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        self.port = commands.port()
        self._commands = commands
        self._config = folder / "amqtt.yaml"
        self._config.write_text(
            f"listeners: {{default: {{type: tcp, bind: '127.0.0.1:{self.port}'}}}}\n"
            f"persistence: {{file: '{folder / 'amqtt.db'}'}}\n",
            encoding="utf-8",
        )
        self._running: Running

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._running = self._commands.start(sys.executable, "-m", "amqtt", "-c", self._config)
        while "listens on" not in self._running.line(of_errors=True):
            pass

    def kill_and_start(self) -> None:
        """A power cut, and what comes after it."""
        self._running.kill()
        self.start()


@pytest.mark.parametrize(("qos", "version"), [(1, 5), (2, 5), (2, 4)])
async def test_what_it_acknowledged_is_there_and_qos_2_comes_once(
    tmp_path: Path, qos: int, version: int
) -> None:
    with Commands() as commands:
        broker = KillableBroker(commands, tmp_path)
        broker.start()
        url = f"mqtt://127.0.0.1:{broker.port}"
        session = {} if version == 4 else {"session_expiry_interval": 1000}
        options = {"version": version, "clean_start": False, "reconnect": SOON, **session}
        publisher = Client(url, client_id="publisher", **options)  # type: ignore[arg-type]
        reader = Client(url, client_id="reader", **options)  # type: ignore[arg-type]
        acknowledged: list[int] = []
        seen: list[int] = []

        async def publish_all() -> None:
            limit = asyncio.Semaphore(20)

            async def one(number: int) -> None:
                await publisher.publish("a", str(number), qos)
                acknowledged.append(number)
                limit.release()

            async with asyncio.TaskGroup() as tasks:
                for number in range(COUNT):
                    await limit.acquire()
                    tasks.create_task(one(number))

        async def read_until(count: int) -> None:
            while len(set(seen)) < count:
                seen.append(int((await reader.messages().get()).text))

        async with asyncio.timeout(2 * DEADLINE), publisher, reader:
            await reader.subscribe("a", qos)
            publishing = asyncio.create_task(publish_all())
            for part in (COUNT // 5, COUNT // 2):
                await read_until(part)
                await asyncio.to_thread(broker.kill_and_start)
            await publishing
            await read_until(COUNT)
            await reader.ping()
            while (late := reader.messages().get_nowait()) is not None:
                seen.append(int(late.text))
    assert sorted(acknowledged) == list(range(COUNT))
    assert set(seen) == set(range(COUNT))
    if qos == 2:
        assert sorted(seen) == list(range(COUNT))
