"""A Service that runs in a thread of its own, for programs that are not asynchronous."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Final, Self, TypeVar

from amqtt.errors import BrokerError
from amqtt.message import Message

if TYPE_CHECKING:
    from amqtt.service import Service

Result = TypeVar("Result")

DEADLINE: Final = 30.0
"""Seconds for what is asked of the thread; nothing that it is asked takes so long."""


class ServiceThread:
    """A Service in its thread, from the moment it listens to `stop`; any thread may call its methods.

    It has an event loop of its own, so it may be used where another one runs, in Jupyter for
    instance. The thread ends with the program, if nobody stops it before.
    """

    def __init__(self, service: "Service") -> None:
        self.service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: Future[None] = Future()
        self._end: asyncio.Event | None = None
        self._timeout: float | None = None
        self._thread = threading.Thread(target=self._run, name="amqtt-broker", daemon=True)

    def start(self) -> Self:
        """Start it; returns when every Listener listens. Raises BrokerError like Service.start."""
        self._thread.start()
        self._started.result(DEADLINE)
        return self

    def stop(self, timeout: float | None = None) -> None:
        """Stop it in good order, and return when its thread has ended. Idempotent.

        `timeout` is that of Service.shutdown, in seconds.
        """
        if threading.current_thread() is self._thread:
            raise BrokerError("stop() waits for the thread that it is called in; use shutdown()")
        loop, end = self._loop, self._end
        if loop is not None and end is not None and self._thread.is_alive():
            self._timeout = timeout
            loop.call_soon_threadsafe(end.set)
        self._thread.join(DEADLINE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def address(self, listener: str | None = None) -> tuple[str, int] | str:
        """Where a Listener listens, the first one without a name: (host, port), or the path of a socket."""
        listeners = self.service.listeners
        if listener is None and not listeners:
            raise BrokerError("it has no Listener, or does not run")
        return listeners[next(iter(listeners)) if listener is None else listener].addresses[0]

    @property
    def port(self) -> int:
        """The port of the first Listener; BrokerError where it has none."""
        address = self.address()
        if isinstance(address, str):
            raise BrokerError(f"{address} is a socket file, which has no port")
        return address[1]

    def publish(
        self,
        topic: str,
        payload: bytes | bytearray | memoryview | str = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Mapping[str, object] | None = None,
    ) -> int:
        """Publish as Service.publish does, and wait as one who awaits it: how many Subscribers there were.

        In the thread of the Service, in a callback for instance, it does not wait for the disk.
        """
        if threading.current_thread() is self._thread:
            return self.service.publish(topic, payload, qos, retain, properties).matched

        async def published() -> int:
            return await self.service.publish(topic, payload, qos, retain, properties)

        loop = self._running_loop()
        answer = asyncio.run_coroutine_threadsafe(published(), loop)
        try:
            return answer.result(self.service.config.persistence.commit_timeout + DEADLINE)
        except (TimeoutError, CancelledError):
            raise BrokerError("it was stopped before the message was durable") from None

    def subscribe(self, topic_filter: str, callback: Callable[[Message], object], qos: int = 0) -> None:
        """Have `callback` called with each Message, in the thread of the Service; it must be quick."""
        self.call(lambda: self.service.subscribe(topic_filter, qos, callback))

    def call(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises, called in the thread of the Service."""
        if threading.current_thread() is self._thread:
            return work()
        answer: Future[Result] = Future()

        def worked() -> None:
            try:
                answer.set_result(work())
            except BaseException as fault:
                answer.set_exception(fault)

        self._running_loop().call_soon_threadsafe(worked)
        return answer.result(DEADLINE)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or not self._thread.is_alive():
            raise BrokerError("it does not run any more")
        return self._loop

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as fault:
            if self._started.done():
                raise
            self._started.set_exception(fault)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        async with self.service:
            self._started.set_result(None)
            await self._end.wait()
            if self._timeout is not None:
                await self.service.shutdown(self._timeout)
