"""`amqtt top`: what a broker is doing, again and again, from what it publishes below `$SYS`."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Final

import typer

from amqtt.cli.client_options import Connecting
from amqtt.cli.client_runs import run_client
from amqtt.cli.option_sets import takes
from amqtt.cli.screen import screen

if TYPE_CHECKING:
    from amqtt.clients import Client

ROOT: Final = "$SYS/broker/"
PATIENCE: Final = 15.0
"""Seconds to wait for the first figures; brokers publish them every ten seconds or so."""
LONGEST_FIGURE: Final = 64
"""Bytes of a figure; what is longer is none."""
UPTIME: Final = "uptime"
"""The first figure of every set, and the only one that is in each: a total that stays is not told again."""
SLOWEST: Final = "clients/slowest"
LONGEST_LIST: Final = 64 * 1024
"""Bytes of the list of the slowest Clients."""
_SHOWN_NAME: Final = 40
_NOT_TOLD: Final = "not told by this broker; amqtt names them where sys-slowest says how many"
_BEHIND: Final = ("queued", "unacknowledged", "unsent_bytes")
_COUNTED: Final = {
    "messages_in": "publish/messages/received",
    "messages_out": "publish/messages/sent",
    "dropped": "publish/messages/dropped",
    "packets_in": "messages/received",
    "packets_out": "messages/sent",
    "bytes_in": "bytes/received",
    "bytes_out": "bytes/sent",
}
"""Rate → the total that it is the growth of; the names are those of Mosquitto, too."""


@dataclass
class Watching:
    """How often to look, and how to show it."""

    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="Between two pictures.")
    ] = 2.0
    count: Annotated[
        int | None, typer.Option("-n", "--count", metavar="N", min=1, help="End after so many pictures.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, no pictures.")] = False


class Figures:
    """The figures of a broker as they came, and how fast those that only grow do."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.slowest: Sequence[Mapping[str, object]] | None = None
        self._before: Mapping[str, str] = {}
        self._between: float | None = None
        self._last_set: float | None = None

    def take(self, topic: str, payload: bytes, now: float, retained: bool = False) -> None:
        """One figure came; a retained one was counted before anybody looked."""
        name = topic.removeprefix(ROOT)
        if name == SLOWEST:
            self.slowest = _clients_in(payload)
            return
        text = payload[:LONGEST_FIGURE].decode(errors="replace")
        text = "".join(letter for letter in text if letter.isprintable())
        if name == UPTIME:
            self._begin_set(text, now, retained)
        self.values[name] = text

    def _begin_set(self, uptime: str, now: float, retained: bool) -> None:
        """The figures that follow are those of this uptime, and those that are there of the last one."""
        if retained:
            self._last_set = self._between = None
            return
        self._before = dict(self.values)
        if self._last_set is not None:
            self._between = now - self._last_set
        elif UPTIME in self.values:
            self._between = (_number(uptime) or 0.0) - (_number(self.values[UPTIME]) or 0.0)
        self._last_set = now

    def whole(self, *names: str) -> int:
        """The first of these figures that is there, 0 without one."""
        found = (_number(self.values[name]) for name in names if name in self.values)
        return int(next((value for value in found if value is not None), 0))

    def rate(self, name: str) -> float | None:
        """How fast one of the totals grows, in one second; None before that is known."""
        total = _number(self.values.get(name, ""))
        if total is None or self._between is None or self._between <= 0:
            return None
        # A total that has become less is that of a broker that was started anew.
        return max(0.0, total - (_number(self._before.get(name, "")) or 0.0)) / self._between

    def summary(self) -> Mapping[str, object]:
        """What is shown, by name."""
        found: dict[str, object] = {
            "version": self.values.get("version", "unknown"),
            "uptime": self.values.get(UPTIME, "unknown"),
            "connected": self.whole("clients/connected"),
            "away": self.whole("clients/disconnected"),
            "most": self.whole("clients/maximum"),
            "subscriptions": self.whole("subscriptions/count"),
            "retained": self.whole("retained messages/count"),
            "waiting": self.whole("messages/inflight/stored"),
            "unacknowledged": self.whole("messages/inflight/out"),
            "stored_bytes": self.whole("store/messages/bytes"),
            "memory": self.whole("heap/current", "heap/current size"),
            "cpu_percent": _number(self.values.get("cpu/percent", "")) or 0.0,
        }
        found["slowest"] = self.slowest
        rates = {rate: self.rate(name) for rate, name in _COUNTED.items()}
        return found | {
            f"{name}_per_second": None if rate is None else round(rate, 1) for name, rate in rates.items()
        }

    def exceeded(self) -> Iterator[tuple[str, str]]:
        """The limits that were exceeded, and how often."""
        for name, value in sorted(self.values.items()):
            if name.startswith("limits/") and name.endswith("/exceeded"):
                yield name.split("/")[1], value


def picture(figures: Figures, where: str) -> str:
    """The figures for a terminal."""
    seen = figures.summary()
    rows = [
        f"{where}   {seen['version']}   up {_long(str(seen['uptime']))}",
        "",
        f"clients    {seen['connected']:>12,} connected {seen['away']:>12,} away {seen['most']:>15,} at most",
        _rates("messages/s", "messages", seen) + f" {_rate(seen['dropped_per_second']):>12} dropped",
        _rates("packets/s", "packets", seen),
        _rates("bytes/s", "bytes", seen),
        f"waiting    {seen['waiting']:>12,} queued    {seen['unacknowledged']:>12,} unacknowledged",
        f"held       {seen['subscriptions']:>12,} subscriptions {seen['retained']:>8,} retained",
        f"stored     {seen['stored_bytes']:>12,} bytes of messages",
        f"process    {seen['cpu_percent']:>11}% of a core {_of_memory(int(str(seen['memory']))):>10} memory",
    ]
    exceeded = list(figures.exceeded())
    if exceeded:
        times = [f"           {value:>12} times {limit}" for limit, value in exceeded]
        rows += ["", "exceeded limits", *times]
    rows += ["", *_slowest(figures.slowest)]
    return "\n".join(rows)


def _clients_in(payload: bytes) -> Sequence[Mapping[str, object]] | None:
    """The list of the slowest Clients; None where there is none, or it is none."""
    if not payload or len(payload) > LONGEST_LIST:
        return None
    try:
        found = json.loads(payload)
        return [
            {"client_id": _printable(str(each["client_id"]))} | {name: int(each[name]) for name in _BEHIND}
            for each in found
        ]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _slowest(clients: Sequence[Mapping[str, object]] | None) -> Iterator[str]:
    """Who is furthest behind, a line each."""
    if clients is None:
        yield f"slowest    {_NOT_TOLD}"
    elif not clients:
        yield "slowest    nobody is behind"
    else:
        yield f"{'slowest':<{_SHOWN_NAME}} {'queued':>10} {'unacknowledged':>15} {'unsent bytes':>13}"
        for each in clients:
            name = str(each["client_id"])
            shown = name if len(name) <= _SHOWN_NAME else f"{name[:_SHOWN_NAME - 1]}…"
            queued, unacknowledged, unsent = (each[name] for name in _BEHIND)
            yield f"{shown:<{_SHOWN_NAME}} {queued:>10,} {unacknowledged:>15,} {unsent:>13,}"


def _rates(title: str, name: str, seen: Mapping[str, object]) -> str:
    coming, going = _rate(seen[f"{name}_in_per_second"]), _rate(seen[f"{name}_out_per_second"])
    return f"{title:<10} {coming:>12} in        {going:>12} out"


def _rate(found: object) -> str:
    return "-" if found is None else f"{found:,}"


def _long(uptime: str) -> str:
    """An uptime in seconds as people say it."""
    seconds = int(_number(uptime) or 0)
    hours, rest = divmod(seconds % 86400, 3600)
    clock = f"{hours}:{rest // 60:02}:{rest % 60:02}"
    if uptime != f"{seconds} seconds":
        return uptime
    return f"{seconds // 86400:,} days {clock}" if seconds >= 86400 else clock


def _of_memory(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MiB" if size else "unknown"


def _number(text: str) -> float | None:
    try:
        value = float(text.partition(" ")[0])
    except ValueError:
        return None
    return value if isfinite(value) else None


@takes(Connecting, Watching)
def top(connecting: Connecting, watching: Watching) -> None:
    """Show what a broker is doing, again and again; q ends it.

    -h is the host; the user must be allowed `$SYS/#`.
    """
    run_client(connecting, "amqtt top", lambda: _watch(connecting, watching))


async def _watch(connecting: Connecting, watching: Watching) -> int:
    client = connecting.new_client("top", reconnect=True)
    figures = Figures()
    async with client:
        await client.subscribe(f"{ROOT}#", 0)
        try:
            async with asyncio.timeout(PATIENCE):
                await _take_first(client, figures)
        except TimeoutError:
            raise ValueError(
                f"nothing is published below {ROOT}; is sys-interval 0, or is $SYS/# not granted?"
            ) from None
        taking = asyncio.create_task(_take_all(client, figures))
        try:
            await _show(client, figures, watching)
        finally:
            taking.cancel()
    return 0


async def _take_first(client: "Client", figures: Figures) -> None:
    async for message in client.messages():
        figures.take(message.topic, message.payload, time.monotonic(), message.retain)
        return


async def _take_all(client: "Client", figures: Figures) -> None:
    async for message in client.messages():
        figures.take(message.topic, message.payload, time.monotonic(), message.retain)


async def _show(client: "Client", figures: Figures, watching: Watching) -> None:
    if watching.json:
        async for _ in _moments(watching, asyncio.Event()):
            typer.echo(json.dumps(figures.summary()))
        return
    with screen() as terminal:
        async for _ in _moments(watching, terminal.closed):
            away = "" if client.is_connected else " (not connected; these are its last figures)"
            terminal.show(picture(figures, f"amqtt top {client.address}{away}"))


async def _moments(watching: Watching, closed: asyncio.Event) -> AsyncIterator[int]:
    """The numbers of the pictures, each when it is time for it, until that is closed."""
    seconds = min(watching.interval, 0.2)
    for number in range(watching.count) if watching.count else itertools.count():
        with suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), seconds)
            return
        yield number
        seconds = watching.interval
