"""Brokers with plugins of aMQTT's users, written, packed and configured as they do it."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from amqtt.broker import Broker
from support.raw_client import RawClient

DEADLINE = 60.0
"""Seconds to wait for what must come; they only pass when the test fails."""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package: one module, and the entry points that it registers."""
    modules: list[str] = []

    def packed(name: str, source: str, group: str = "amqtt.broker.plugins", **entry_points: str) -> None:
        site = tmp_path / f"site-{name}"
        information = site / f"{name}-1.0.dist-info"
        information.mkdir(parents=True)
        (site / f"{name}.py").write_text(source, encoding="utf-8")
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}" for key, value in entry_points.items()]
        (information / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        modules.append(name)

    yield packed
    for name in modules:
        sys.modules.pop(name, None)


class Running:
    """A Broker that serves, and the Clients of a test."""

    def __init__(self, broker: Broker, stack: AsyncExitStack) -> None:
        self.broker = broker
        self._stack = stack

    async def open(self, version: int = 5) -> RawClient:
        """A Network Connection without CONNECT."""
        client = await RawClient.open(self.broker.listeners["default"].addresses[0], version)
        self._stack.push_async_callback(client.close)
        return client

    async def connect(self, client_id: str, **values: Any) -> RawClient:
        """A Client that is accepted."""
        client = await self.open()
        assert (await client.connect(client_id, **values)).reason_code == 0
        return client

    async def refused(self, client_id: str, **values: Any) -> int:
        """The Reason Code with which a Client is refused; 0 when it is not."""
        client = await self.open()
        return (await client.connect(client_id, **values)).reason_code


Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(config: Mapping[str, Any] | Broker | None = None, **sections: Any) -> Running:
            if not isinstance(config, Broker):
                listeners = {"listeners": {"default": {"bind": "127.0.0.1:0"}}}
                config = Broker({**listeners, **(config or {}), **sections})
            stack.push_async_callback(config.shutdown)
            await config.start()
            return Running(config, stack)

        yield started


class Diary:
    """What the hooks of a plugin were given, for a test that waits for it."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()

    def write(self, name: str, given: dict[str, Any]) -> None:
        """A hook was called."""
        self.pages.append((name, given))
        self._news.set()

    def of(self, name: str) -> list[dict[str, Any]]:
        """What this hook was given, each time."""
        return [given for written, given in self.pages if written == name]

    async def first(self, name: str, number: int = 1) -> dict[str, Any]:
        """What it was given the first time, or the `number`th."""
        async with asyncio.timeout(DEADLINE):
            while len(self.of(name)) < number:
                self._news.clear()
                await self._news.wait()
        return self.of(name)[number - 1]


@pytest.fixture
async def diary() -> Diary:
    return Diary()
