"""`$SYS/broker/…`: what the Server counts, published for its Clients.

The names are Mosquitto's and aMQTT's; where both have one for the same figure, both are published.
"""

from collections.abc import Callable, Iterator, Mapping
from math import exp
from typing import Final

from amqtt.message import Message
from amqtt.server.deadlines import Deadline
from amqtt.server.realm import Realm
from amqtt.server.slowest import Slowest

ROOT: Final = "$SYS/broker/"
QOS: Final = 2
"""So that each Subscriber is sent them at the QoS that it was granted."""
SLOWEST: Final = "clients/slowest"
"""Has the only names of Clients that are published, so it is there where the settings say so."""
AVERAGES: Final = {"1min": 60.0, "5min": 300.0, "15min": 900.0}
"""Over how many seconds `load/…` is smoothed."""


class SysTopics:
    """Publishes the figures of one Server at each interval, as retained messages.

    `figures` adds what only the outside knows (Unix time, memory, processor time): name → value.
    """

    def __init__(self, realm: Realm, version: str, figures: Callable[[], Mapping[str, object]]) -> None:
        self._realm = realm
        self._version = version
        self._figures = figures
        self._slowest = Slowest(realm)
        self._started = realm.turn.now
        self._last_moment = realm.turn.now
        self._last: dict[str, int] = {}
        self._loads: dict[str, float] = {}
        self._most_clients = 0
        self._last_published: dict[str, str] = {}
        self._deadline: Deadline | None = None

    def begin(self) -> None:
        """Publish now, and at every interval from now on."""
        self._started = self._last_moment = self._realm.turn.now
        self._due(self._realm.turn.now)

    def end(self) -> None:
        """Publish no more."""
        self._realm.deadlines.cancel(self._deadline)

    def _due(self, now: float) -> None:
        # First of all: whoever is given what is published may end this.
        self._deadline = self._realm.deadlines.at(now + self._realm.settings.sys_interval, self._due)
        self._publish(now)

    def _publish(self, now: float) -> None:
        for name, value in self._all(now):
            text = str(value)
            if self._last_published.get(name) != text:
                self._last_published[name] = text
                self._realm.router.route(Message(ROOT + name, text.encode(), QOS, True))

    def _all(self, now: float) -> Iterator[tuple[str, object]]:
        yield "version", self._version
        yield from self._times(now)
        yield from self._clients()
        yield from self._behind()
        yield from self._traffic()
        yield from self._stored()
        yield from self._exceeded()
        yield from self._load(now)
        yield from self._figures().items()

    def _times(self, now: float) -> Iterator[tuple[str, object]]:
        seconds = int(now - self._started)
        yield "uptime", f"{seconds} seconds"
        hours, rest = divmod(seconds, 3600)
        days, hours = divmod(hours, 24)
        yield "uptime/formatted", f"{days} days, {hours:02}:{rest // 60:02}:{rest % 60:02}"

    def _clients(self) -> Iterator[tuple[str, object]]:
        connected = len(self._realm.connected)
        total = len(self._realm.sessions)
        self._most_clients = max(self._most_clients, connected)
        for name, value in (
            ("connected", connected), ("active", connected), ("disconnected", total - connected),
            ("inactive", total - connected), ("total", total), ("maximum", self._most_clients),
        ):
            yield f"clients/{name}", value

    def _behind(self) -> Iterator[tuple[str, object]]:
        """Who is furthest behind; the retained one ends where nobody is to be named any more."""
        number = self._realm.settings.sys_slowest
        if number:
            import json

            yield SLOWEST, json.dumps([
                {
                    "client_id": each.client_id, "queued": each.queued,
                    "unacknowledged": each.unacknowledged, "unsent_bytes": each.unsent_bytes,
                }
                for each in self._slowest.find(number)
            ])
        elif self._last_published.get(SLOWEST):
            yield SLOWEST, ""

    def _traffic(self) -> Iterator[tuple[str, object]]:
        counters, turn = self._realm.counters, self._realm.turn
        yield "bytes/received", counters.bytes_received
        yield "bytes/sent", turn.bytes_sent
        yield "load/bytes/received", counters.bytes_received
        yield "load/bytes/sent", turn.bytes_sent
        yield "messages/received", counters.packets_received
        yield "messages/sent", turn.packets_sent
        for name in ("publish/messages", "messages/publish"):
            yield f"{name}/received", counters.published
            yield f"{name}/sent", counters.delivered
        yield "publish/messages/dropped", counters.dropped

    def _stored(self) -> Iterator[tuple[str, object]]:
        realm = self._realm
        counters = realm.counters
        waiting, size = counters.queued_messages, counters.queued_bytes
        going_out, coming_in = counters.inflight_out, counters.inflight_in
        retained = len(realm.retained)
        yield "messages/stored", waiting + going_out + retained
        yield "messages/inflight", going_out + coming_in
        yield "messages/inflight/in", coming_in
        yield "messages/inflight/out", going_out
        yield "messages/inflight/stored", waiting
        yield "store/messages/count", waiting + going_out + retained
        yield "store/messages/bytes", size + realm.retained.size
        yield "retained messages/count", retained
        yield "messages/retained/count", retained
        yield "subscriptions/count", len(realm.tree)
        yield "messages/subscriptions/count", len(realm.tree)

    def _exceeded(self) -> Iterator[tuple[str, object]]:
        """How often each Limit was exceeded, once it was."""
        for limit, count in self._realm.excess.counts.items():
            yield f"limits/{limit.replace('_', '-')}/exceeded", count
        yield "overload/level", self._realm.overload.level
        yield "overload/messages/dropped", self._realm.overload.dropped

    def _load(self, now: float) -> Iterator[tuple[str, object]]:
        """Figures per minute, smoothed exponentially as Mosquitto does."""
        counters, turn = self._realm.counters, self._realm.turn
        passed = max(now - self._last_moment, 1e-3)
        self._last_moment = now
        for name, total in (
            ("messages/received", counters.packets_received), ("messages/sent", turn.packets_sent),
            ("publish/received", counters.published), ("publish/sent", counters.delivered),
            ("bytes/received", counters.bytes_received), ("bytes/sent", turn.bytes_sent),
            ("connections", counters.connections),
        ):
            per_minute = (total - self._last.get(name, 0)) * 60 / passed
            self._last[name] = total
            for label, seconds in AVERAGES.items():
                topic = f"load/{name}/{label}"
                weight = exp(-passed / seconds)
                load = per_minute + weight * (self._loads.get(topic, 0.0) - per_minute)
                self._loads[topic] = load
                yield topic, f"{load:.2f}"
