"""Whose a Session is: nobody comes into another user's by stating its Client Identifier."""

from typing import Final

from amqtt.server.realm import Realm
from amqtt.sessions.session import Session

UNNAMED: Final = ""
"""The owner of what Clients without a user name leave."""


def belongs_to_another(realm: Realm, client_id: str, user: str | None) -> bool:
    """Whether this Client Identifier has a Session that this user may neither resume nor end.

    What somebody without a name left is nobody's: see `is_left_by_nobody`.
    """
    session = realm.sessions.get(client_id)
    if session is None or not session.owner or realm.settings.shares_client_ids:
        return False
    return session.owner != user


def is_left_by_nobody(realm: Realm, session: Session, user: str | None) -> bool:
    """Whether a named user would inherit what somebody unknown subscribed to and was queued."""
    return session.owner == UNNAMED and bool(user) and not realm.settings.shares_client_ids
