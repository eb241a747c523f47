"""Rules that changed while the Server runs, or before it began: what everybody may do is asked anew."""

from collections.abc import Callable
from typing import TypeAlias

from amqtt.message import Message
from amqtt.server.accept import hand_over
from amqtt.server.contained import contained
from amqtt.server.disconnect import close
from amqtt.server.realm import Realm
from amqtt.sessions.permissions import Permissions, may_publish
from amqtt.sessions.session import Session
from amqtt.wire.reasons import ReasonCode

OfSession: TypeAlias = Callable[[Session], Permissions | None]
"""The Permissions that the owner of a Session has now; None: he may not connect any more."""
OfUser: TypeAlias = Callable[[str, str], Permissions | None]
"""The same for a Client Identifier and a user ("" without a name) who have no Session."""


def review(realm: Realm, of_session: OfSession, of_user: OfUser | None = None) -> int:
    """Give every Session, connected or stored, the Permissions that its user has now; None ends it.

    Those that it has already are left alone. Subscriptions that are not granted any more end, what
    waits is permitted anew before it is sent, and what a user retained and may not publish any more
    is retained no longer, whether his Session goes on or ended long ago: then `of_user` is asked, and
    without it nobody is. Returns how many Clients had to leave.
    """
    publishers = _Publishers(realm, of_user)
    left = 0
    for session in list(realm.sessions.values()):
        permissions = of_session(session)
        if permissions is session.permissions:
            continue
        owner = session.owner
        if permissions is None:
            left += _end(realm, session)
        else:
            permissions = contained(permissions, realm.events)
            _give(realm, session, permissions)
        publishers.judged[session.client_id] = permissions
        publishers.owners[session.client_id] = owner
    for message in realm.retained:
        if not publishers.may_retain(message):
            realm.router.retain(Message(message.topic, b"", 0, True))
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


class _Publishers:
    """What those who retained something may do now.

    `judged` are the Permissions of Sessions that were just given others, None for those that ended, and
    `owners` whose these were, both by Client Identifier.
    """

    def __init__(self, realm: Realm, of_user: OfUser | None) -> None:
        self.judged: dict[str, Permissions | None] = {}
        self.owners: dict[str, str | None] = {}
        self._realm = realm
        self._of_user = of_user
        self._absent: dict[tuple[str, str], Permissions | None] = {}

    def may_retain(self, message: Message) -> bool:
        """Whether it may stay: its publisher may publish it now, or nobody can say."""
        client_id, owner = message.publisher, message.owner
        if client_id in self.judged and (owner is None or owner == self.owners[client_id]):
            permissions = self.judged[client_id]
        elif owner is None or self._of_user is None or self._has_session(client_id, owner):
            return True
        else:
            permissions = self._of_absent(client_id, owner, self._of_user)
            if permissions is not None and (permissions.asks or type(permissions) is Permissions):
                return True  # who asks cannot answer at once; who is not restricted has lost nothing
        return permissions is not None and may_publish(permissions, client_id, message.topic, True)

    def _has_session(self, client_id: str, owner: str) -> bool:
        """Whether this user has it still: then it was left alone, or its Permissions are what they were."""
        session = self._realm.sessions.get(client_id)
        return session is not None and session.owner == owner

    def _of_absent(self, client_id: str, owner: str, of_user: OfUser) -> Permissions | None:
        key = client_id, owner
        if key not in self._absent:
            permissions = of_user(client_id, owner)
            self._absent[key] = permissions and contained(permissions, self._realm.events)
        return self._absent[key]
