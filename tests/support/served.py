"""A Broker that serves in a thread of its own: its Clients are threads and processes, as in life."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from amqtt.broker import Broker
from amqtt.server.events import (
    ClientConnected,
    ClientDisconnected,
    ClientSubscribed,
    ConnectionRefused,
    Event,
    Fault,
)

DEADLINE = 60.0
"""Seconds to wait for what must come; long, because they only pass when the test fails."""

Result = TypeVar("Result")
SomeEvent = TypeVar("SomeEvent", bound=Event)


class Served:
    """A Broker in a thread, and what its Server told of."""

    def __init__(self, broker: Broker, loop: asyncio.AbstractEventLoop) -> None:
        self.broker = broker
        self._loop = loop
        self._events: list[Event] = []
        self._arrived = threading.Condition()
        for kind in (ClientConnected, ClientDisconnected, ClientSubscribed, ConnectionRefused, Fault):
            broker.server.events.on(kind, self._told)

    def _told(self, event: Event) -> None:
        with self._arrived:
            self._events.append(event)
            self._arrived.notify_all()

    def port(self, listener: str) -> int:
        """The port of a TCP or WebSocket Listener."""
        address = self.broker.listeners[listener].addresses[0]
        assert isinstance(address, tuple)
        return address[1]

    def path(self, listener: str) -> str:
        """The socket file of a Unix Listener."""
        address = self.broker.listeners[listener].addresses[0]
        assert isinstance(address, str)
        return address

    def run(self, ask: Callable[[Broker], Result]) -> Result:
        """What `ask` says of the Broker, asked in the Broker's own thread."""
        answer: Future[Result] = Future()

        def asked() -> None:
            try:
                answer.set_result(ask(self.broker))
            except BaseException as failed:
                answer.set_exception(failed)

        self._loop.call_soon_threadsafe(asked)
        return answer.result(DEADLINE)

    def told(self, kind: type[SomeEvent], **wanted: object) -> SomeEvent:
        """Wait for an event with these attributes, take it out and return it."""
        found: list[SomeEvent] = []

        def is_there() -> bool:
            for event in self._events:
                if isinstance(event, kind) and all(getattr(event, k) == v for k, v in wanted.items()):
                    self._events.remove(event)
                    found.append(event)
                    return True
            return False

        with self._arrived:
            assert self._arrived.wait_for(is_there, DEADLINE), (kind.__name__, wanted, self._events)
        return found[0]

    def subscribed(self, client_id: str, *topic_filters: str) -> None:
        """Wait until this Client has these Subscriptions."""
        for topic_filter in topic_filters:
            self.told(ClientSubscribed, client_id=client_id, topic_filter=topic_filter)

    def left(self, client_id: str) -> None:
        """Wait until the Network Connection of this Client is gone."""
        self.told(ClientDisconnected, client_id=client_id)

    def forget(self) -> list[BaseException]:
        """Forget what was told; the Faults are returned."""
        with self._arrived:
            faults = [event.exception for event in self._events if isinstance(event, Fault)]
            self._events.clear()
        return faults


@contextmanager
def serving(config: Mapping[str, object]) -> Iterator[Served]:
    """Run a Broker of this configuration in a thread, and shut it down in the end."""
    started: Future[Served] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        async with Broker(config) as broker:
            started.set_result(Served(broker, asyncio.get_running_loop()))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as failed:
            if started.done():
                raise
            started.set_exception(failed)

    thread = threading.Thread(target=run, name="broker", daemon=True)
    thread.start()
    served = started.result(DEADLINE)
    try:
        yield served
        assert served.forget() == []
    finally:
        served.run(lambda _: stop.set())
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the Broker does not shut down"
