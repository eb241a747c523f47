"""What an earlier life of the Server left: Sessions, their messages, retained messages and Wills."""

from amqtt.abc import Permissions
from amqtt.message import NEVER, Message
from amqtt.server.disconnect import delay_will, expect_end
from amqtt.server.realm import Realm
from amqtt.sessions.inflight import AWAITS_PUBACK, QUEUED, Outgoing
from amqtt.sessions.journal import Batch, StoredEntry, StoredSession, StoredWill
from amqtt.sessions.session import NEVER_EXPIRES, Session
from amqtt.sessions.will import Will
from amqtt.topics.names import split_shared
from amqtt.topics.shared import SharedGroup, SharedGroupFull
from amqtt.topics.subscriptions import Subscription


def restore(realm: Realm, kept: Batch, grace: float) -> None:
    """Go on with what the store kept, at the present moment of the turn.

    `grace` is how many seconds Clients that were connected have to come back before their Will
    Messages are published. What has expired meanwhile is due at the next tick.
    """
    sessions = {
        number: _session(realm, number, stored)
        for number, stored in kept.sessions.items() if stored is not None
    }
    for (number, topic_filter), subscription in kept.subscriptions.items():
        if subscription is not None and number in sessions:
            _subscribe(realm, sessions[number], topic_filter, subscription)
    for entry_number, entry in sorted(kept.entries.items()):
        message = None if entry is None else kept.messages.get(entry.message)
        if entry is not None and message is not None and entry.session in sessions:
            message.number = entry.message
            _queue(realm, sessions[entry.session], entry_number, entry, message)
    for (number, packet_id), received in kept.received.items():
        if received and number in sessions:
            sessions[number].received.add(packet_id)
            realm.counters.inflight_in += 1
    for retained in kept.retained.values():
        if retained is not None:
            realm.router.restore(retained)
    for number, session in sessions.items():
        stored, will = kept.sessions[number], kept.wills.get(number)
        assert stored is not None
        _settle(realm, session, stored, will, grace)


def _session(realm: Realm, number: int, stored: StoredSession) -> Session:
    """Its user's Permissions are known again when its Client comes back: what waits is asked about then."""
    session = realm.new_session(stored.client_id, Permissions(stored.owner or None))
    session.owner = stored.owner
    session.expiry_interval = stored.expiry_interval
    session.inherited = True
    session.journal = realm.journal
    session.number = number
    return session


def _subscribe(realm: Realm, session: Session, topic_filter: str, subscription: Subscription) -> None:
    share_name = split_shared(topic_filter)[0]
    if share_name:
        try:
            realm.shared.join(share_name, session, subscription)
        except SharedGroupFull:
            return
    else:
        realm.tree.add(session, subscription)
    session.put_subscription(topic_filter, subscription)


def _queue(realm: Realm, session: Session, number: int, entry: StoredEntry, message: Message) -> None:
    outgoing = Outgoing(message, entry.qos, entry.retain, entry.identifiers, _group(realm, entry.group))
    outgoing.number = number
    outgoing.session_number = session.number
    message.references += 1
    outgoing.state = entry.state
    outgoing.packet_id = entry.packet_id
    is_taken = session.inflight.get(entry.packet_id) is not None
    if entry.state == AWAITS_PUBACK and (session.backlog or is_taken):
        _send_anew(session, outgoing)
    if outgoing.state == QUEUED:
        session.backlog.restore(outgoing)
    else:
        session.inflight.restore(outgoing)


def _send_anew(session: Session, outgoing: Outgoing) -> None:
    """What was sent after something of which that is not known must not overtake it [MQTT-4.6.0-1]."""
    outgoing.state = QUEUED
    outgoing.packet_id = 0
    if session.journal is not None:
        session.journal.update(outgoing)


def _group(realm: Realm, name: str) -> SharedGroup | None:
    return realm.shared.group(*split_shared(name)) if name else None


def _settle(
    realm: Realm, session: Session, stored: StoredSession, will: StoredWill | None, grace: float
) -> None:
    """Begin to wait for its Client. Time has gone on; a clock that was set back must not prolong it."""
    now = realm.turn.now
    interval = session.expiry_interval
    if will is not None:
        session.will = Will(will.fields)
        longest = now + max(session.will.delay_interval, grace)
        delay_will(realm, session, min(will.due, longest))
    ends_at = NEVER if interval == NEVER_EXPIRES else min(stored.ends_at, now + interval)
    expect_end(realm, session, ends_at)
