"""Rules that changed while the Server runs: what everybody may do is asked anew."""

from collections.abc import Callable

from amqtt.message import Message
from amqtt.server.accept import hand_over
from amqtt.server.contained import contained
from amqtt.server.disconnect import close
from amqtt.server.realm import Realm
from amqtt.sessions.permissions import Permissions, may_publish
from amqtt.sessions.session import Session
from amqtt.wire.reasons import ReasonCode


def review(realm: Realm, permissions_of: Callable[[Session], Permissions | None]) -> int:
    """Give every Session, connected or stored, the Permissions that its user has now; None ends it.

    Those that it has already are left alone. Subscriptions that are not granted any more end, what
    waits is permitted anew before it is sent, and what a Client retained and may not publish any more
    is retained no longer. Returns how many Clients had to leave.
    """
    judged: dict[str, Permissions | None] = {}
    left = 0
    for session in list(realm.sessions.values()):
        permissions = permissions_of(session)
        if permissions is session.permissions:
            continue
        if permissions is None:
            left += _end(realm, session)
        else:
            permissions = contained(permissions, realm.events)
            _give(realm, session, permissions)
        judged[session.client_id] = permissions
    _forget_retained(realm, judged)
    return left


def _end(realm: Realm, session: Session) -> int:
    """End it, and its Network Connection if there is one: how many of these."""
    session.will = None
    realm.keep_will(session)
    state = realm.connected.get(session.client_id)
    if state is not None:
        close(realm, state, ReasonCode.NOT_AUTHORIZED, "the user may not connect any more")
    if realm.sessions.get(session.client_id) is session:
        realm.end_session(session)
    return int(state is not None)


def _give(realm: Realm, session: Session, permissions: Permissions) -> None:
    hand_over(realm, session, permissions)
    session.inherited = True
    state = realm.connected.get(session.client_id)
    if state is not None:
        state.asks = permissions.asks
    realm.pump(session)


def _forget_retained(realm: Realm, judged: dict[str, Permissions | None]) -> None:
    """Retain no longer what a Client published that may not publish it now."""
    for message in realm.retained:
        if message.publisher not in judged:
            continue
        client_id = message.publisher
        permissions = judged[client_id]
        if permissions is None or not may_publish(permissions, client_id, message.topic, True):
            realm.router.retain(Message(message.topic, b"", 0, True))
