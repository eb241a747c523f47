"""The Network Connections of one Client, one after another, and who waits for what happens on them."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.client_session import ClientSession
from amqtt.client_session.ending import named
from amqtt.client_session.receipt import ANSWERED, PENDING, UNKNOWN, Receipt
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.client_session.state import AcceptedSubscription, Ending
from amqtt.clients.backoff import Backoff, Reconnect
from amqtt.clients.inbox import Inbox
from amqtt.clients.network import CLOSE_TIMEOUT, NetworkConnection
from amqtt.clients.opening import Door
from amqtt.errors import ConnectError, DisconnectedError
from amqtt.sessions.link import Turn
from amqtt.wire.packets import Connack
from amqtt.wire.reasons import RETURN_CODES, ReasonCode

logger = logging.getLogger("amqtt.client")

FINAL: Final = frozenset((
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD, ReasonCode.NOT_AUTHORIZED, ReasonCode.BANNED,
    ReasonCode.BAD_AUTHENTICATION_METHOD, ReasonCode.SESSION_TAKEN_OVER, ReasonCode.USE_ANOTHER_SERVER,
    ReasonCode.SERVER_MOVED,
))
"""What the Server says when it is of no use to try again. Of two Clients with one Client Identifier,
each would take the Session over from the other for ever."""


class Lifeline:
    """Keeps one Client connected: opens, hears, tends and reopens its Network Connection.

    `resubscribes` says whether Subscriptions are made again when the Server has lost the Session.
    """

    def __init__(
        self,
        door: Door,
        settings: ClientSettings,
        authentication: ClientAuthentication | None,
        reconnect: Reconnect | None,
        resubscribes: bool,
    ) -> None:
        self._turn = Turn(self._wake, time.monotonic())
        self.session = ClientSession(settings, self, self._turn, authentication)
        self.inbox = Inbox(settings, self._take)
        self.connack: Connack | None = None
        self._door = door
        self._settings = settings
        self._reconnect = reconnect
        self._resubscribes = resubscribes
        self._backoff = Backoff(reconnect or Reconnect())
        self._loop: asyncio.AbstractEventLoop
        self._connection: NetworkConnection | None = None
        self._answer: asyncio.Future[Connack] | None = None
        self._ended: asyncio.Future[Ending] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def is_over(self) -> bool:
        """Whether there will be no Network Connection any more: not yet, or never again."""
        return self.inbox.is_over

    @property
    def end(self) -> Exception | None:
        """What the Client has given up for; None while it has not, and when the program disconnected."""
        return self.inbox.end

    # Coming and going.

    async def connect(self) -> Connack:
        """Connect, and stay connected; ConnectError says why that was not possible."""
        if self._keeper is not None:
            await self.disconnect(ReasonCode.NORMAL_DISCONNECTION, ())
        self._loop = asyncio.get_running_loop()
        self.inbox.open()
        try:
            connack = await self._open()
        except BaseException:
            self.inbox.finish(None)
            raise
        self._keeper = self._loop.create_task(self._keep_connected())
        return connack

    async def disconnect(self, reason_code: int, user_properties: tuple[tuple[str, str], ...]) -> None:
        """Say DISCONNECT and close; what is not acknowledged by now is given up."""
        keeper, self._keeper = self._keeper, None
        connection = self._connection
        self._finish(None)
        if keeper is not None:
            keeper.cancel()
        self.now()
        self.session.leave(reason_code, user_properties)
        self.session.give_up("the program disconnected")
        if connection is not None:
            await _closed(connection)
        if keeper is not None:
            await asyncio.wait([keeper])

    async def _open(self) -> Connack:
        """Open a Network Connection and have it accepted; ConnectError says why not."""
        settings = self._settings
        logger.debug("Connecting to %s", self._door.address)
        connection = await self._door.open(self, self._turn, settings)
        if connection.closed.done():
            raise ConnectError(
                f"cannot connect to {self._door.address}: the Server closed it at once{self._door.doubt}"
            )
        self._connection = connection
        answer: asyncio.Future[Connack] = self._loop.create_future()
        self._answer = answer
        self._ended = self._loop.create_future()
        self.now()
        try:
            self.session.open(connection.link)
            self.tend()
            return await answer
        except ConnectError:
            raise
        except BaseException:
            self.session.lost("given up")
            connection.abort()
            raise
        finally:
            self._answer = None

    async def _keep_connected(self) -> None:
        """Open another Network Connection whenever one is lost, until that is of no use."""
        while True:
            assert self._ended is not None
            ending = await self._ended
            self._backoff.lost(self.now())
            text = f"the connection to {self._door.address} is lost: {ending.reason}"
            if self._reconnect is None or (ending.by_server and ending.reason_code in FINAL):
                self._finish(DisconnectedError(text, reason_code=ending.reason_code))
                return
            logger.warning("%s; trying again", text[0].upper() + text[1:])
            if not await self._come_back():
                return
            logger.info("Connected to %s again", self._door.address)

    async def _come_back(self) -> bool:
        """Try until the Server accepts the Client; False: given up."""
        failed: ConnectError | None = None
        while not self._backoff.exhausted:
            await asyncio.sleep(self._backoff.next_wait())
            try:
                await self._open()
            except ConnectError as error:
                failed = error
                logger.debug("%s", error)
                if error.reason_code in FINAL:
                    break
            except Exception as fault:
                # What the program gave us to prove who it is may raise anything, and may be well again.
                failed = ConnectError(f"cannot connect to {self._door.address}: {fault!r}")
                logger.exception("%s", failed)
            else:
                return True
        text = "no attempt is to be made" if failed is None else str(failed)
        code = None if failed is None else failed.reason_code
        self._finish(DisconnectedError(f"given up: {text}", reason_code=code))
        return False

    def _finish(self, end: Exception | None) -> None:
        """There will be no other Network Connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.is_over:
            return
        self.inbox.finish(end)
        if end is not None:
            logger.error("%s", end)
            self.session.give_up(str(end))
        self.tell()

    # Who waits for what.

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until this is so; DisconnectedError when it never will be."""
        while self.is_over or not ready():
            if self.is_over:
                raise self.end or DisconnectedError("the client is not connected; connect first")
            await self.news()

    async def news(self) -> None:
        """Wait until something has changed: connected, lost, acknowledged, room, over."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def tell(self) -> None:
        """Something has changed."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def settled(self, receipt: Receipt) -> None:
        """Wait until it is known what came of a packet."""
        if receipt.outcome != PENDING:
            return
        if self.inbox.unread:
            self._read_or_wait()
        done: asyncio.Future[None] = self._loop.create_future()
        receipt.settled = lambda: None if done.done() else done.set_result(None)
        await done

    # Time.

    def now(self) -> float:
        """The present moment, which the ClientSession is told."""
        self._turn.now = now = time.monotonic()
        return now

    def _wake(self) -> None:
        """The first packet of a turn: all of them are written together when it ends."""
        self._loop.call_soon(self._turn.flush)

    def tend(self) -> None:
        """See what is due, and when to come again; read from the Server or let it wait."""
        self.now()
        due = self.session.tick()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self._turn.now), self.tend)
        self._read_or_wait()

    def _read_or_wait(self) -> None:
        """Read, unless much waits to be read already; what we wait for ourselves must be read."""
        if self._connection is not None:
            self._connection.read(not self.inbox.is_full or self.session.awaits_answer)

    # What the Network Connection tells.

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        self.now()
        self.session.received(data)
        if self.inbox.unread:
            self._read_or_wait()
        if self._waiters:
            self.tell()

    def drained(self) -> None:
        """The Link was full, and is no longer."""
        self.now()
        self.session.drained()
        self.tell()

    def lost(self, connection: NetworkConnection, reason: str) -> None:
        """A Network Connection is gone."""
        if connection is not self._connection:
            return
        self._connection = None
        self.now()
        self.session.lost(reason)
        self.tell()

    # What the ClientSession tells.

    def accepted(self, connack: Connack, lost_subscriptions: list[AcceptedSubscription]) -> None:
        """The Server has accepted the Client."""
        self.connack = connack
        resumed = "its Session resumed" if connack.session_present else "with a new Session"
        logger.debug("%s has accepted Client %s, %s", self._door.address, self.session.client_id, resumed)
        self._backoff.connected(self._turn.now)
        if self._resubscribes:
            for lost in lost_subscriptions:
                self._resubscribe(lost)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(connack)
        self._loop.call_soon(self.tend)
        self.tell()

    def _resubscribe(self, lost: AcceptedSubscription) -> None:
        receipt = self.session.subscribe([lost.request], lost.identifier)
        topic_filter = lost.request.topic_filter

        def answered() -> None:
            refused = [code for code in receipt.reason_codes if code >= 0x80]
            if receipt.outcome == UNKNOWN:
                # To be made again on the next Network Connection, like all others that are lost.
                self.session.subscriptions[topic_filter] = lost
            elif refused or receipt.outcome != ANSWERED:
                why = named(refused[0]) if refused else receipt.reason
                logger.error("The Server does not subscribe to %r any more: %s", topic_filter, why)

        if receipt.outcome == PENDING:
            receipt.settled = answered
        else:
            answered()

    def closed(self, ending: Ending) -> None:
        """The Network Connection is over for the Session; its bytes may still be on their way."""
        logger.debug("The connection to %s ends: %s", self._door.address, ending.reason)
        answer = self._answer
        if answer is not None and not answer.done():
            answer.set_exception(self._refusal(ending))
        elif self._ended is not None and not self._ended.done():
            self._ended.set_result(ending)
        self.tell()

    def _refusal(self, ending: Ending) -> ConnectError:
        code = ending.reason_code if ending.refused else None
        address = self._door.address
        what = f"{address} refuses the client" if ending.refused else f"cannot connect to {address}"
        doubt = "" if ending.refused else self._door.doubt
        error = ConnectError(f"{what}: {ending.reason}{doubt}", reason_code=code)
        error.server_reference = ending.server_reference
        if code is not None:
            error.return_code = RETURN_CODES.get(code)
        return error

    def deliver(self, message: ReceivedMessage) -> None:
        """An Application Message arrived."""
        self.inbox.deliver(message)

    def _take(self, message: ReceivedMessage) -> None:
        """The program has taken a message."""
        self.session.take(message)
        self._read_or_wait()


async def _closed(connection: NetworkConnection) -> None:
    """Wait until it is closed; what the Server does not take in time is lost."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await asyncio.shield(connection.closed)
    except TimeoutError:
        connection.abort()
