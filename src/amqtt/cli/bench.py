"""`amqtt bench`: how much a server takes, and how long it takes; every message is counted."""

import asyncio
import json
import os
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amqtt.cli.client_options import Connecting
from amqtt.cli.client_runs import run_client
from amqtt.cli.option_sets import takes

if TYPE_CHECKING:
    from amqtt.clients import Client

STAMP = 16
"""Bytes of a payload that say which message it is, and when it was published."""
PATIENCE = 3.0
"""Seconds without any message after which the missing ones are given up as lost."""


@dataclass
class Load:
    """How much of it."""

    pairs: Annotated[int, typer.Option(min=1, max=2000, help="Publishers, each with a topic.")] = 10
    fan_out: Annotated[int, typer.Option(min=1, max=2000, help="Subscribers of each topic.")] = 1
    messages: Annotated[int, typer.Option(min=1, help="Messages of each publisher.")] = 1000
    size: Annotated[int, typer.Option(min=STAMP, max=1_000_000, help="Bytes of each payload.")] = 64
    qos: Annotated[int, typer.Option("-q", "--qos", min=0, max=2, help="The QoS.")] = 0
    under_way: Annotated[
        int, typer.Option("-M", "--under-way", min=1, max=10_000, help="Messages of each that are under way.")
    ] = 20
    topic: Annotated[str, typer.Option("-t", "--topic", help="The topics begin so.")] = "amqtt-bench"
    json: Annotated[bool, typer.Option("--json", help="Write the summary as JSON.")] = False

    @property
    def expected(self) -> int:
        """Messages that are to arrive."""
        return self.pairs * self.fan_out * self.messages


class Figures:
    """What was measured; latencies in seconds, as the program sees them."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.latencies = array("d")
        self.repeated = 0
        self.began = 0.0
        self.last = 0.0

    @property
    def received(self) -> int:
        """How many messages arrived, each once."""
        return len(self.latencies)

    def summary(self) -> dict[str, Any]:
        """The figures as people compare them; latencies in milliseconds."""
        ordered = sorted(self.latencies) or [0.0]
        seconds = max(self.last - self.began, 1e-9)
        return {
            "published": self.load.pairs * self.load.messages, "received": self.received,
            "lost": self.load.expected - self.received, "repeated": self.repeated,
            "qos": self.load.qos, "bytes": self.load.size, "pairs": self.load.pairs,
            "fan_out": self.load.fan_out, "under_way": self.load.under_way,
            "seconds": round(seconds, 3), "per_second": round(self.received / seconds),
            "latency_ms": {
                "median": _milliseconds(ordered[len(ordered) // 2]),
                "p99": _milliseconds(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]),
                "longest": _milliseconds(ordered[-1]),
            },
        }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


@takes(Connecting, Load)
def bench(connecting: Connecting, load: Load) -> None:
    """Publish and receive many messages, count every one, and say how fast that was."""
    run_client(connecting, "amqtt bench", lambda: _bench(connecting, load))


async def _bench(connecting: Connecting, load: Load) -> int:
    figures = Figures(load)
    async with AsyncExitStack() as stack:
        pairs = [await _Pair.connect(connecting, figures, number, stack) for number in range(load.pairs)]
        figures.began = figures.last = time.perf_counter()
        with _progress(load, connecting.quiet) as show:
            work = [asyncio.create_task(job) for pair in pairs for job in pair.jobs()]
            try:
                await _wait(work, figures, show)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
    summary = figures.summary()
    typer.echo(json.dumps(summary) if load.json else _in_words(summary))
    return 0 if figures.received == load.expected else 1


async def _wait(work: list[asyncio.Task[None]], figures: Figures, show: Callable[[int], None]) -> None:
    """Wait until everything has arrived, or nothing does any more."""
    while figures.received < figures.load.expected:
        done, _ = await asyncio.wait(work, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
        show(figures.received)
        for task in done:
            task.result()
        if time.perf_counter() - figures.last > PATIENCE:
            return
    show(figures.received)


class _Pair:
    """One publisher and the subscribers of its topic."""

    def __init__(self, figures: Figures, topic: str, publisher: "Client") -> None:
        self._load = load = figures.load
        self._figures = figures
        self._topic = topic
        self._publisher = publisher
        self._subscribers: list[Client] = []
        self._room = asyncio.Semaphore(load.under_way)

    @classmethod
    async def connect(
        cls, connecting: Connecting, figures: Figures, number: int, stack: AsyncExitStack
    ) -> "_Pair":
        load = figures.load
        topic = f"{load.topic}/{os.getpid()}/{number}"
        more = {"maximum_queued_messages": 1_000_000, "maximum_inflight": min(load.under_way, 60_000)}
        publisher = await stack.enter_async_context(connecting.new_client(f"bench-p{number}", False, **more))
        pair = cls(figures, topic, publisher)
        for place in range(load.fan_out):
            name = f"bench-s{number}-{place}"
            reader = await stack.enter_async_context(connecting.new_client(name, False, **more))
            await reader.subscribe(topic, load.qos)
            pair._subscribers.append(reader)
        return pair

    def jobs(self) -> list[Any]:
        """What is to run at the same time."""
        return [self._publish(), *(self._read(reader, at) for at, reader in enumerate(self._subscribers))]

    async def _publish(self) -> None:
        load = self._load
        padding = bytes(load.size - STAMP)
        unacknowledged: set[asyncio.Task[int]] = set()
        for number in range(load.messages):
            await self._room.acquire()
            stamp = number.to_bytes(8, "big") + time.perf_counter_ns().to_bytes(8, "big")
            if load.qos == 0:
                await self._publisher.publish(self._topic, stamp + padding)
                continue
            task = asyncio.create_task(self._publisher.publish(self._topic, stamp + padding, load.qos))
            unacknowledged.add(task)
            task.add_done_callback(unacknowledged.discard)
        await asyncio.gather(*unacknowledged)

    async def _read(self, reader: "Client", place: int) -> None:
        figures = self._figures
        seen: set[int] = set()
        async for message in reader.messages():
            now = time.perf_counter_ns()
            number = int.from_bytes(message.payload[:8], "big")
            if number in seen:
                figures.repeated += 1
                continue
            seen.add(number)
            figures.latencies.append((now - int.from_bytes(message.payload[8:STAMP], "big")) / 1e9)
            figures.last = now / 1e9
            if place == 0:
                self._room.release()
            if len(seen) == self._load.messages:
                return


def _in_words(summary: dict[str, Any]) -> str:
    latency = summary["latency_ms"]
    lost = f"{summary['lost']:,} lost" if summary["lost"] else "none lost"
    repeated = f", {summary['repeated']:,} came twice" if summary["repeated"] else ""
    return (
        f"{summary['received']:,} messages of {summary['bytes']} bytes at QoS {summary['qos']} "
        f"in {summary['seconds']} s: {summary['per_second']:,} per second, {lost}{repeated}\n"
        f"latency: median {latency['median']} ms, 99 of 100 within {latency['p99']} ms, "
        f"longest {latency['longest']} ms\n"
        f"(publishers: {summary['pairs']}, subscribers of each: {summary['fan_out']}, "
        f"{summary['under_way']} messages of each under way; the client's own time is in all of it)"
    )


def _progress(load: Load, quiet: bool) -> AbstractContextManager[Callable[[int], None]]:
    """A bar on the terminal, where there is one."""
    if quiet or not sys.stderr.isatty() or find_spec("rich") is None:
        return nullcontext(lambda received: None)
    return _bar(load)


@contextmanager
def _bar(load: Load) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("messages", total=load.expected)
        yield lambda received: progress.update(task, completed=received)
