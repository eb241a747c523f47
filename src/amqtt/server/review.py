"""Rules that changed while the Server runs: what everybody may do is asked anew."""

from collections.abc import Callable

from amqtt.message import Message
from amqtt.server.accept import hand_over
from amqtt.server.contained import contained
from amqtt.server.disconnect import close
from amqtt.server.realm import Realm
from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import Session
from amqtt.wire.reasons import ReasonCode


def review(realm: Realm, permissions_of: Callable[[Session], Permissions | None]) -> None:
    """Give every Session, connected or stored, the Permissions that its user has now; None ends it.

    Subscriptions that are not granted any more end, what waits is permitted anew before it is sent,
    and what a Client retained and may not publish any more is retained no longer.
    """
    judged: dict[str, Permissions | None] = {}
    for session in list(realm.sessions.values()):
        permissions = permissions_of(session)
        if permissions is not None:
            permissions = contained(permissions, realm.events)
        judged[session.client_id] = permissions
        if permissions is None:
            _end(realm, session)
        else:
            _give(realm, session, permissions)
    _forget_retained(realm, judged)


def _end(realm: Realm, session: Session) -> None:
    session.will = None
    state = realm.connected.get(session.client_id)
    if state is not None:
        close(realm, state, ReasonCode.NOT_AUTHORIZED, "its user may not connect any more")
    if realm.sessions.get(session.client_id) is session:
        realm.end_session(session)


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
        permissions = judged[message.publisher]
        if permissions is None or not permissions.may_publish(message.topic, True):
            realm.router.retain(Message(message.topic, b"", 0, True))
