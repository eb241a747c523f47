"""An MQTT Server with its Listeners, for a program to run: everything of a Broker but aMQTT's ways."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from amqtt import clock
from amqtt.abc import Answer, Authenticator, ConnectRequest, Refusal
from amqtt.access.assembly import build_authenticator
from amqtt.access.authenticators import Closable
from amqtt.embedded import EmbeddedSubscription, Publication, message_to_publish
from amqtt.errors import BrokerError, StoreError, StoreUnavailableError
from amqtt.message import Message
from amqtt.observe.figures import memory_limit
from amqtt.observe.log import log_events
from amqtt.observe.metrics import Metric, exposition
from amqtt.observers import Observers
from amqtt.reloading import Retired, certificates, left_alone, renew_permissions
from amqtt.server.events import Fault
from amqtt.server.server import Server
from amqtt.sessions.link import Turn
from amqtt.stopping import DRAIN, Patience, drain
from amqtt.ticking import Ticking
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

    from amqtt.admin.http import HttpListener
    from amqtt.config import Config
    from amqtt.net.house import Connection, House
    from amqtt.net.listener import Listener
    from amqtt.net.mdns import Announcement
    from amqtt.server.settings import ServerSettings
    from amqtt.store.keeping import Keeping
    from amqtt.threaded import ServiceThread

logger = logging.getLogger("amqtt.broker")

QUEUES = 4
"""What waits for Sessions may take this part of the memory: the rest is for those who are there."""
SHUTDOWN_TIMEOUT = 10.0
"""Seconds for a shutdown in all; whoever has not taken his last bytes by then is dropped."""
FAREWELL = 5.0
"""Seconds of them that the drain leaves to what comes after it, or half of them."""
LEAST_FOR_THE_DISK = 1.0
"""Seconds that the disk has in any case to write what was noted, also when no more time is left."""


class NotStarted(Authenticator):
    """Refuses everybody: the Broker is not running."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        """No."""
        return Refusal(ReasonCode.SERVER_UNAVAILABLE, "the Broker is not running")


class Service:
    """An MQTT 3.1, 3.1.1 and 5.0 Server that a program runs.

    `config` is aMQTT's dict, the path of a YAML or TOML file, or a `Config`; None listens on
    loopback, port 1883. Raises BrokerError, with every mistake in it, for a configuration that
    cannot be used. It needs no running event loop; `start` binds it to the one it runs in.

    Sessions and retained messages outlast `shutdown` and are there at the next `start`. With
    `persistence.file` they outlast the process; without it they live as long as the Broker object.
    """

    def __init__(self, config: "Config | Mapping[str, object] | str | Path | None" = None) -> None:
        self._source = config
        self.config = self._read_config(config)
        self._turn = Turn(_nobody_waits, clock.now())
        self._server = Server(_with_memory(self.config.server), NotStarted(), self._turn)
        # Weak, so that one that was closed is not kept: the tree of Subscriptions holds the others.
        self._embedded: WeakSet[EmbeddedSubscription] = WeakSet()
        self._listeners: dict[str, Listener] = {}
        self._house: House | None = None
        self._authenticator: Authenticator | None = None
        self._ticking = Ticking(self._server)
        self._observers = Observers(self)
        self._retired = Retired()
        self._http: dict[str, HttpListener] = {}
        self._started = 0.0
        self._starting: asyncio.Future[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._patience: Patience | None = None
        self._drain = DRAIN
        self._keeping: Keeping | None = None
        self._default_file: Path | None = None
        self._may_forget = False
        self._handed_in: dict[str, Sequence[socket.socket]] = {}
        self._announcement: Announcement | None = None
        log_events(self._server.events)

    def _read_config(self, source: "Config | Mapping[str, object] | str | Path | None") -> "Config":
        # Whoever imports a Broker need not load what reads its configuration before there is one.
        from amqtt.config_file import load

        return load(source)

    @property
    def listeners(self) -> "Mapping[str, Listener]":
        """The open Listeners by name; `listeners["x"].addresses` are the real addresses."""
        return MappingProxyType(self._listeners)

    @property
    def http_listeners(self) -> "Mapping[str, HttpListener]":
        """Those of type `http`, by name; they serve metrics and health, no MQTT."""
        return MappingProxyType(self._http)

    @property
    def server(self) -> Server:
        """The Server inside: its counters, events and retained messages."""
        return self._server

    @property
    def is_running(self) -> bool:
        """Whether it serves: from the end of `start` to the beginning of `shutdown`."""
        return self._house is not None and self._starting is None and self._stopping is None

    @property
    def ready(self) -> bool:
        """Whether Clients should be sent here: it runs, and can keep what it promises."""
        return self.is_running and (self._keeping is None or self._keeping.is_well)

    def metrics(self) -> str:
        """Everything that is counted, in the text format of Prometheus."""
        return exposition(self.figures())

    def figures(self) -> Iterator[Metric]:
        """The same, one by one; may be asked from any thread."""
        from amqtt.health import figures_of

        house = self._house
        uptime = house.clock() - self._started if house is not None else 0.0
        return figures_of(self._server.realm, list(self._listeners.values()), self.ready, uptime)

    def keep_in(self, file: "Path", or_in_memory: bool = False) -> None:
        """Keep in this file what outlasts the Broker, unless the configuration says where; before `start`.

        `or_in_memory`: where another broker has it, or it cannot be written, warn and keep nothing.
        """
        self._default_file = file
        self._may_forget = or_in_memory

    def drain_for(self, seconds: float) -> None:
        """Unless the configuration says, `drain` is so many seconds; before `shutdown`."""
        self._drain = seconds

    @property
    def drain(self) -> float:
        """Seconds for which it goes on when it is to stop while something is under way."""
        return self._drain if self.config.drain is None else self.config.drain

    def listen_on(self, sockets: Mapping[str, Sequence[socket.socket]]) -> None:
        """Have these Listeners, by name, accept from sockets that listen already; before `start`.

        They belong to the Broker from then on. Their own `bind` counts again at a second `start`.
        """
        self._handed_in = dict(sockets)

    # -- life

    async def start(self) -> None:
        """Open every Listener; returns when all of them listen.

        Raises BrokerError, with nothing left open, when one cannot be opened or the Broker runs.
        """
        if self._stopping is not None:
            await asyncio.shield(self._stopping)
        if self._house is not None or self._starting is not None:
            raise BrokerError("the Broker is running already")
        self._starting = asyncio.get_running_loop().create_future()
        try:
            await self._open()
        except BaseException:
            await self._close_listeners()
            await self._release()
            raise
        finally:
            self._starting.set_result(None)
            self._starting = None
        self._announce()

    async def _open(self) -> None:
        # What listens is loaded when it is to listen, not with the import.
        from amqtt.net.house import House
        from amqtt.net.listeners import ListenerError, open_listener

        self._authenticator = self._access()
        self._house = House(self._server, self._turn, self._report, clock.now)
        self._turn.now = self._house.clock()
        self._server.serve()
        await self._open_store(self._house)
        self._server.authenticator = self._authenticator
        renew_permissions(self._server.realm, self._authenticator)
        self._started = self._turn.now
        for name, settings in self.config.listeners.items():
            if settings.type == "http":
                # Who serves no HTTP need not load what reads it.
                from amqtt.health import open_http, pages_of

                self._http[name] = await open_http(settings, pages_of(self.metrics, lambda: self.ready))
                continue
            try:
                self._listeners[name] = await open_listener(
                    self.config.guarded(settings), self._house, self._handed_in.get(name, ())
                )
            except ListenerError as error:
                raise BrokerError(str(error)) from error
            self._handed_in.pop(name, None)
        self._begin_mdns()
        self._observers.begin(self.config)
        self._ticking.begin(self._house)

    async def _open_store(self, house: "House") -> None:
        """Go on where the last one ended, whoever that was."""
        settings = self.config.persistence
        file = settings.file or self._default_file
        may_forget = self._may_forget and self._keeping is None and settings.file is None
        if self._keeping is None and file is not None and settings.durability != "memory":
            # Who keeps nothing need not load SQLite.
            from amqtt.store.keeping import Keeping

            self._keeping = Keeping(self._server, replace(settings, file=file.expanduser().absolute()))
        if self._keeping is None:
            return
        try:
            await self._keeping.open(house.clock)
        except StoreError as error:
            if not (may_forget and isinstance(error, StoreUnavailableError)):
                raise BrokerError(str(error)) from error
            self._keeping = None
            logger.warning(
                "Sessions and retained messages are in memory, and end with this broker: %s", error
            )

    def _access(self) -> Authenticator:
        """Who is asked at CONNECT."""
        return build_authenticator(self.config.auth, self.config.topic_check)

    def _begin_mdns(self) -> None:
        if self.config.mdns.enabled:
            from amqtt.net.mdns import Announcement

            try:
                self._announcement = Announcement(self.config.mdns, self._listeners.values())
            except ImportError:
                raise BrokerError("mdns.enabled: pip install 'amqtt[mdns]'") from None
            self._announcement.begin()

    async def _end_mdns(self) -> None:
        announcement, self._announcement = self._announcement, None
        if announcement is not None:
            await announcement.end()

    def _announce(self) -> None:
        for notice in self.config.notices:
            logger.warning("%s", notice)
        self._announce_certificates()
        for name, listener in self._listeners.items():
            for address in listener.addresses:
                logger.info("Listener %s (%s) listens on %s", name, listener.settings.type, _written(address))
        for name, pages in self._http.items():
            for address in pages.addresses:
                logger.info("Listener %s (http) listens on %s", name, _written(address))
        logger.info("%s", self.config.who_may_connect)
        if self._keeping is not None:
            logger.info("Sessions and retained messages are kept in %s", self._keeping.file)

    def _announce_what_is_new(self, old: "Config") -> None:
        """Say what is of concern now, and who may connect, as far as `old` did not."""
        for notice in self.config.notices:
            if notice not in old.notices:
                logger.warning("%s", notice)
        if self.config.who_may_connect != old.who_may_connect:
            logger.info("%s", self.config.who_may_connect)

    def _announce_certificates(self) -> None:
        from amqtt.net.certificates import concerns_of

        for name, settings in self.config.listeners.items():
            for concern in () if settings.tls is None else concerns_of(settings.tls, time.time()):
                logger.warning("listeners.%s: %s", name, concern)

    def reload(self, config: "Config | Mapping[str, object] | str | Path | None" = None) -> Sequence[str]:
        """Read the configuration again, or another one, and go by it: users, rules, certificates, limits.

        What it says otherwise and only a restart changes is returned, a sentence each. Raises
        BrokerError where it cannot be used, or while `start` is under way; then everything is as it
        was before. Clients stay connected, unless their user would not be let in any more. Limits count
        for connections and Sessions that begin afterwards.
        """
        if self._starting is not None:
            raise BrokerError("the Broker is starting: reload it when it runs")
        source = self._source if config is None else config
        old, new = self.config, self._read_config(source)
        if self._house is None:
            self._source, self.config = source, new
            self._server.adopt(_with_memory(new.server))
            return ()
        self.config = new
        try:
            authenticator = self._access()
            contexts = certificates(new, self._listeners)
        except BaseException:
            self.config = old
            raise
        self._source = source
        self._turn.now = self._house.clock()
        self._retired.add(self._authenticator, new.limits.authentication_timeout)
        self._authenticator = self._server.authenticator = authenticator
        for name, context in contexts.items():
            self._listeners[name].renew_tls(context)
        self._server.adopt(_with_memory(new.server))
        self._house.limits = self._server.limits
        renew_permissions(self._server.realm, authenticator)
        self._announce_what_is_new(old)
        self._announce_certificates()
        self._observers.adopt(old, new)
        self._ticking.arm()
        return left_alone(old, new)

    def run_in_thread(self) -> "ServiceThread":
        """Start it in a thread of its own: `with broker.run_in_thread() as running`."""
        from amqtt.threaded import ServiceThread

        return ServiceThread(self).start()

    async def shutdown(self, timeout: float = SHUTDOWN_TIMEOUT) -> None:  # noqa: ASYNC109 - it ends what it began
        """Stop serving in good order, within `timeout` seconds; what is not done by then is cut short.

        It is not `ready` any more, and takes in nobody. While messages are under way between it and its
        Clients, it goes on for `drain` seconds, if `timeout` leaves so many; what is published after that
        is not taken. What must be kept is brought to the disk, every Client is told (DISCONNECT 0x8B)
        and takes what it was sent. `wills-on-shutdown` says what becomes of Will Messages.

        Idempotent; a second call may shorten the time, 0 ends it at once. Safe to cancel: it goes on by
        itself then. While `start` is under way that is waited for first.
        """
        if self._starting is not None:
            await asyncio.shield(self._starting)
        if self._stopping is None:
            if self._house is None:
                return
            self._patience = Patience(timeout)
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        if self._patience is not None:
            self._patience.shorten(timeout)
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        try:
            await self._shut_down()
        except BaseException:
            # Whatever has failed, nothing is left open.
            await self._close_listeners()
            await self._release()
            raise
        finally:
            self._stopping = self._patience = None

    async def _shut_down(self) -> None:
        house, patience = self._house, self._patience
        assert house is not None
        assert patience is not None
        await patience.spend(self._end_mdns())
        for listener in self._listeners.values():
            listener.stop_accepting()
        most = max(patience.left - FAREWELL, patience.left / 2)
        await drain(self._server, patience, min(self.drain, most))
        if self._keeping is not None:
            await self._keeping.settle(patience.left / 2)
        self._turn.now = house.clock()
        self._server.shut_down()
        house.dismiss()
        if not await patience.spend(house.emptied()):
            house.abort()
        for subscription in list(self._embedded):
            subscription.close()
        self._embedded.clear()
        await self._close_listeners()
        await self._release()

    async def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            await listener.close()
        pages, self._http = self._http, {}
        for each in pages.values():
            await each.close()

    async def _release(self) -> None:
        if self._house is not None:
            self._house.abort()
            self._house = None
        self._ticking.end()
        self._observers.end()
        await self._end_mdns()
        self._turn.wake = _nobody_waits
        self._turn.forget()
        self._server.authenticator = NotStarted()
        if self._keeping is not None:
            left = LEAST_FOR_THE_DISK if self._patience is None else self._patience.left
            await self._keeping.close(max(left, LEAST_FOR_THE_DISK))
        authenticator: object = self._authenticator
        self._authenticator = None
        if isinstance(authenticator, Closable):
            await authenticator.close()
        await self._retired.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.shutdown()

    # -- for the embedding program

    def publish(
        self,
        topic: str,
        payload: bytes | bytearray | memoryview | str = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | Mapping[str, object] | None = None,
    ) -> Publication:
        """Publish from within the program, to every Subscriber that matches.

        `properties` may hold payload_format_indicator, message_expiry_interval (seconds),
        content_type, response_topic, correlation_data and user_properties. ValueError says what
        is wrong with an argument. It is routed when this returns.

        The result may be awaited: it is durable then where it must outlast the Broker, as with a PUBACK.
        BrokerError: the store fails. Raised here, the message was not taken; raised by the await, which
        takes `persistence.commit-timeout` at most, it was, and is stored as soon as that is possible.
        """
        self._turn.now = clock.now()
        message = message_to_publish(self._server, topic, payload, qos, retain, properties)
        try:
            return self._kept(lambda: self._server.publish(message))
        except StoreError as fault:
            raise BrokerError(str(fault)) from None

    def _kept(self, work: Callable[[], int | None]) -> Publication:
        """What `work` publishes, and, where it notes something that must be kept, the wait until it is."""
        keeping = self._keeping
        changes = 0 if keeping is None else keeping.changes
        matched = work() or 0
        if keeping is None or keeping.changes == changes:
            return Publication(matched)
        return Publication(matched, partial(self._durable, keeping.batch))

    async def _durable(self, batch: int) -> None:
        keeping = self._keeping
        assert keeping is not None
        try:
            await keeping.durable(batch)
        except StoreError as fault:
            raise BrokerError(str(fault)) from None

    def subscribe(
        self, topic_filter: str, qos: int = 0, callback: Callable[[Message], object] | None = None
    ) -> EmbeddedSubscription:
        """Subscribe from within the program: `async for message in broker.subscribe("a/#")`.

        With `callback`, a plain function, it is called with each Message at once instead; it must
        be quick. Matching retained messages come first. ValueError for an invalid Topic Filter.
        """
        self._turn.now = clock.now()
        subscription = EmbeddedSubscription(self._server, topic_filter, qos, callback)
        self._embedded.add(subscription)
        return subscription

    # -- what the house calls

    def _report(self, fault: BaseException, connection: "Connection | None") -> None:
        where = "accepting" if connection is None else f"Listener {connection.listener.name}"
        self._server.events.tell(Fault(where, fault))


def _with_memory(settings: "ServerSettings") -> "ServerSettings":
    """The settings with the bounds that depend on the memory there is."""
    limits = settings.limits
    if limits.maximum_queued_bytes_in_all:
        return settings
    return replace(settings, limits=replace(limits, maximum_queued_bytes_in_all=memory_limit() // QUEUES))


def _nobody_waits() -> None:
    """Nothing runs that would want to know."""


def _written(address: tuple[str, int] | str) -> str:
    if isinstance(address, str):
        return address
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
