"""What the Server tells, as log lines of the logger `amqtt.broker`: one for what a person would act on.

At INFO stand refusals and Network Connections that ended badly; that Clients come and go in good
order stands at DEBUG. Each line has its parts as fields of the record, too: `event`, `client_id`,
`user`, `address`, `port`, `listener`, `reason`, `reason_code`, as far as they are known.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from amqtt.abc import Peer
from amqtt.observe.pace import Pace
from amqtt.server.events import (
    ClientConnected,
    ClientDisconnected,
    ConnectionRefused,
    Events,
    Fault,
    LimitExceeded,
)
from amqtt.wire.reasons import ReasonCode

logger = logging.getLogger("amqtt.broker")

VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}
_FAILED: Final = 0x80
"""Reason Codes from here on are failures (MQTT 5.0, 2.4)."""
_EXPECTED: Final = frozenset({ReasonCode.SERVER_SHUTTING_DOWN, ReasonCode.USE_ANOTHER_SERVER})
"""The whole Server ends, which has a line of its own."""
_NO_PEER: Final = Peer()
_LONGEST_FIELD: Final = 1024
"""Characters of a field: a line holds no more of what a peer chose, however it is written."""


def log_events(events: Events, clock: Callable[[], float] = time.monotonic) -> None:
    """Log who connects, who leaves and why, who is refused, and what went wrong with us."""
    EventLog(clock).listen(events)


def printable(text: str, longest: int = 80) -> str:
    """Text of a peer for one line of a log: control characters escaped, cut to `longest` characters."""
    safe = text[:longest].encode("unicode_escape").decode() if not text.isprintable() else text[:longest]
    return safe if len(text) <= longest else f"{safe}…"


def whence(peer: Peer) -> str:
    """Where a Client is, in words."""
    address = f"[{peer.address}]" if ":" in peer.address else peer.address
    return f"{address}:{peer.port}" if peer.address else f"a {peer.transport} socket"


def _why(reason_code: int, reason: str) -> str:
    """The reason in words, with its Reason Code where that says more than that it is an error."""
    said = printable(reason, 200)
    if reason_code <= ReasonCode.UNSPECIFIED_ERROR:
        return said
    name = ReasonCode(reason_code).name.replace("_", " ").lower()
    return f"{said} (0x{reason_code:02X})" if said == name else f"{said} (0x{reason_code:02X}, {name})"


def _cut(value: object) -> object:
    return value[:_LONGEST_FIELD] if isinstance(value, str) else value


def _fields(event: ClientDisconnected | ConnectionRefused) -> dict[str, object]:
    return {"reason": event.reason, "reason_code": int(event.reason_code)}


class EventLog:
    """Writes the lines; of a kind that comes too often it leaves out some, and says how many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pace = Pace()

    def listen(self, events: Events) -> None:
        """Write a line for each of these events from now on."""
        events.on(ClientConnected, self._connected)
        events.on(ClientDisconnected, self._disconnected)
        events.on(ConnectionRefused, self._refused)
        events.on(LimitExceeded, self._exceeded)
        events.on(Fault, self._fault)

    def _write(self, level: int, kind: str, peer: Peer, text: str, fields: Mapping[str, object]) -> None:
        """Write one line, unless there are too many of its kind."""
        if not self._pace.allows(kind, peer.address, self._clock()):
            return
        left_out = self._pace.left_out(kind)
        where = {"address": peer.address, "port": peer.port, "listener": peer.listener}
        extra = {"event": kind, **where, **{name: _cut(value) for name, value in fields.items()}}
        if left_out:
            extra["left_out"] = left_out
            text = f"{text} (and {left_out} more lines like this that are left out)"
        logger.log(level, "%s", text, extra=extra)

    def _connected(self, event: ClientConnected) -> None:
        if not logger.isEnabledFor(logging.DEBUG):
            return
        user = "" if event.user is None else f" as user {printable(event.user)!r}"
        resumed = ", its Session resumed" if event.session_present else ""
        version = VERSIONS[event.version]
        text = (
            f"Client {printable(event.client_id)} connected from {whence(event.peer)} with MQTT {version}"
            f"{user} on listener {event.peer.listener}{resumed}"
        )
        fields = {"client_id": event.client_id, "user": event.user, "version": version}
        self._write(logging.DEBUG, "client_connected", event.peer, text, fields)

    def _disconnected(self, event: ClientDisconnected) -> None:
        failed = event.reason_code >= _FAILED and event.reason_code not in _EXPECTED
        level = logging.INFO if failed else logging.DEBUG
        if not logger.isEnabledFor(level):
            return
        why = _why(event.reason_code, event.reason)
        text = f"Client {printable(event.client_id)} at {whence(event.peer)} left: {why}"
        fields = {"client_id": event.client_id, **_fields(event)}
        self._write(level, "client_lost" if failed else "client_left", event.peer, text, fields)

    def _refused(self, event: ConnectionRefused) -> None:
        who = f" of Client {printable(event.client_id)}" if event.client_id else ""
        user = "" if event.user is None else f" as user {printable(event.user)!r}"
        why = _why(event.reason_code, event.reason)
        text = (
            f"Connection{who} from {whence(event.peer)}{user} on listener {event.peer.listener} "
            f"was refused: {why}"
        )
        fields = {"client_id": event.client_id, "user": event.user, **_fields(event)}
        self._write(logging.INFO, "connection_refused", event.peer, text, fields)

    def _exceeded(self, event: LimitExceeded) -> None:
        who = f"Client {printable(event.client_id)}" if event.client_id else "A Client"
        peer = _NO_PEER if event.peer is None else event.peer
        where = "" if event.peer is None else f" from {whence(peer)}"
        limit = event.limit.replace("_", "-")
        fields = {"client_id": event.client_id, "limit": limit}
        self._write(logging.WARNING, "limit_exceeded", peer, f"{who}{where} exceeded limits.{limit}", fields)

    def _fault(self, event: Fault) -> None:
        if not self._pace.allows("fault", event.where, self._clock()):
            return
        fault = event.exception
        trace = (type(fault), fault, fault.__traceback__)
        extra = {"event": "fault", "where": event.where}
        logger.error("%s failed: %s", event.where, fault, exc_info=trace, extra=extra)
