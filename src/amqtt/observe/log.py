"""What the Server tells, as log lines of the logger `amqtt.broker`: one for what a person would act on."""

import logging

from amqtt.abc import Peer
from amqtt.server.events import (
    ClientConnected,
    ClientDisconnected,
    ConnectionRefused,
    Events,
    Fault,
    LimitExceeded,
)

logger = logging.getLogger("amqtt.broker")

VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}


def log_events(events: Events) -> None:
    """Log who connects, who leaves and why, who is refused, and what went wrong with us."""
    events.on(ClientConnected, _connected)
    events.on(ClientDisconnected, _disconnected)
    events.on(ConnectionRefused, _refused)
    events.on(LimitExceeded, _exceeded)
    events.on(Fault, _fault)


def printable(text: str, longest: int = 80) -> str:
    """Text of a peer for one line of a log: control characters escaped, cut to `longest` characters."""
    safe = text[:longest].encode("unicode_escape").decode() if not text.isprintable() else text[:longest]
    return safe if len(text) <= longest else f"{safe}…"


def _whence(peer: Peer) -> str:
    address = f"[{peer.address}]" if ":" in peer.address else peer.address
    return f"{address}:{peer.port}" if peer.address else f"a {peer.transport} socket"


def _connected(event: ClientConnected) -> None:
    if logger.isEnabledFor(logging.INFO):
        user = "" if event.user is None else f" as user {printable(event.user)!r}"
        resumed = ", its Session resumed" if event.session_present else ""
        logger.info(
            "Client %s connected from %s with MQTT %s%s on listener %s%s",
            printable(event.client_id), _whence(event.peer), VERSIONS[event.version], user,
            event.peer.listener, resumed,
        )


def _disconnected(event: ClientDisconnected) -> None:
    logger.info("Client %s left: %s", printable(event.client_id), printable(event.reason, 200))


def _refused(event: ConnectionRefused) -> None:
    who = f" of Client {printable(event.client_id)}" if event.client_id else ""
    logger.info(
        "Connection%s from %s on listener %s was refused: %s",
        who, _whence(event.peer), event.peer.listener, printable(event.reason, 200),
    )


def _exceeded(event: LimitExceeded) -> None:
    who = f"Client {printable(event.client_id)}" if event.client_id else "A Client"
    whence = "" if event.peer is None else f" from {_whence(event.peer)}"
    logger.warning("%s%s exceeded limits.%s", who, whence, event.limit.replace("_", "-"))


def _fault(event: Fault) -> None:
    fault = event.exception
    logger.error("%s failed: %s", event.where, fault, exc_info=(type(fault), fault, fault.__traceback__))
