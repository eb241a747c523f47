"""A Client that was accepted: its Session, its Network Connection, its CONNACK (MQTT 5.0, 3.1.4 and 3.2)."""

from functools import partial
from typing import Final

from amqtt.abc import Accepted
from amqtt.server.contained import contained
from amqtt.server.disconnect import refuse, requested_expiry, send_away
from amqtt.server.events import ClientConnected
from amqtt.server.ownership import UNNAMED, belongs_to_another, is_left_by_nobody
from amqtt.server.publish import is_ahead_of_disk
from amqtt.server.realm import Realm
from amqtt.server.state import CONNECTED, ConnectionState
from amqtt.sessions.aliases import IncomingAliases, OutgoingAliases
from amqtt.sessions.journal import changes_of
from amqtt.sessions.permissions import Permissions, may_publish
from amqtt.sessions.session import Session
from amqtt.sessions.will import Will
from amqtt.wire.encoder import encode_within
from amqtt.wire.packets import MQTT_5, Connack, Connect
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode

KEEP_ALIVE_GRACE: Final = 1.5
"""How many Keep Alives without a Control Packet end the Network Connection [MQTT-3.1.2-22]."""
DEFAULT_RECEIVE_MAXIMUM: Final = 65535
"""The Receive Maximum of a Client that names none (3.1.2.11.3)."""


def accept(realm: Realm, state: ConnectionState, answer: Accepted) -> None:
    """The Client is who it says: bind its Session and say so [MQTT-3.1.4-4] [MQTT-3.1.4-5]."""
    packet = state.connect
    assert packet is not None
    permissions = contained(answer.permissions, realm.events)
    will = packet.will
    if will is not None and not may_publish(permissions, packet.client_id, will.topic, will.retain):
        refuse(realm, state, ReasonCode.NOT_AUTHORIZED, "the Will Message may not be published")
        return
    if belongs_to_another(realm, packet.client_id, permissions.user):
        refuse(realm, state, ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "the Session is another user's")
        return
    if packet.client_id not in realm.sessions and len(realm.sessions) >= realm.limits.maximum_sessions:
        realm.exceeded("maximum_sessions", packet.client_id, state.peer)
        refuse(realm, state, ReasonCode.QUOTA_EXCEEDED, "too many Sessions")
        return
    expiry_interval = _granted_expiry(realm, state, packet)
    journal = realm.journal
    if journal is not None and journal.failing and expiry_interval:
        refuse(realm, state, ReasonCode.SERVER_UNAVAILABLE, "no Session can be stored at present")
        return
    properties = _connack_properties(realm, state, packet, expiry_interval, answer.data)
    if _connack(state, False, properties) is None:
        refuse(realm, state, ReasonCode.PACKET_TOO_LARGE, "the CONNACK exceeds the Maximum Packet Size")
        return
    changes = changes_of(journal)
    _take_over(realm, packet)
    session, present = _session(realm, packet, permissions)
    hand_over(realm, session, permissions)
    state.asks = permissions.asks
    had_will = session.will is not None
    session.will = None if will is None else Will(will)
    session.expiry_interval = expiry_interval
    realm.keep(session)
    if had_will or will is not None:
        realm.keep_will(session)
    _bind(realm, state, packet, session)
    connack = _connack(state, present, properties)
    assert connack is not None
    predecessor = realm.fan_outs.get(session.client_id)
    if predecessor is not None:
        state.fan_out = predecessor.fan_out
    if journal is not None and journal.changes != changes:
        journal.withhold(state.link)
    state.link.send(connack)
    if realm.events.wanted(ClientConnected):
        realm.events.tell(
            ClientConnected(session.client_id, state.peer, state.version, permissions.user, present)
        )
    realm.pump(session)


def _take_over(realm: Realm, packet: Connect) -> None:
    """Close the Network Connection that the same Client still has [MQTT-3.1.4-3].

    Its Will Message is published unless the Session goes on and its delay has not passed
    [MQTT-3.1.3-9].
    """
    old = realm.connected.get(packet.client_id)
    if old is not None:
        realm.counters.taken_over += 1
        send_away(realm, old, ReasonCode.SESSION_TAKEN_OVER, "the Session was taken over")


def _session(realm: Realm, packet: Connect, permissions: Permissions) -> tuple[Session, bool]:
    """The Session of this CONNECT, and whether it was there before [MQTT-3.1.2-4] [MQTT-3.1.2-5]."""
    session = realm.sessions.get(packet.client_id)
    if session is not None and (packet.clean_start or is_left_by_nobody(realm, session, permissions.user)):
        realm.end_session(session)
        session = None
    if session is None:
        return realm.new_session(packet.client_id, permissions), False
    realm.deadlines.cancel(realm.session_ends.pop(packet.client_id, None))
    realm.deadlines.cancel(realm.delayed_wills.pop(packet.client_id, None))
    return session, True


def hand_over(realm: Realm, session: Session, permissions: Permissions) -> None:
    """Give a Session these Permissions: its user may be another one, and may do less."""
    is_another = session.permissions.user != permissions.user
    session.permissions = permissions
    session.owner = permissions.user or UNNAMED
    if _end_refused_subscriptions(realm, session) or is_another:
        session.inherited = True


def _end_refused_subscriptions(realm: Realm, session: Session) -> bool:
    """End what a stored Session subscribed to and may not any more; whether there was any."""
    ended = False
    for topic_filter, subscription in list(session.subscriptions.items()):
        if session.permissions.may_subscribe(subscription.topic_filter, subscription.qos) < 0:
            session.take_subscription(topic_filter)
            session.retained.pop(topic_filter, None)
            realm.end_subscription(session, topic_filter)
            ended = True
    return ended


def _granted_expiry(realm: Realm, state: ConnectionState, packet: Connect) -> int:
    limits = realm.limits
    if packet.version == MQTT_5:
        return min(requested_expiry(state), limits.maximum_session_expiry)
    return 0 if packet.clean_start else min(limits.session_expiry_3_1_1, limits.maximum_session_expiry)


def _bind(realm: Realm, state: ConnectionState, packet: Connect, session: Session) -> None:
    limits = realm.limits
    properties = packet.properties or Properties()
    alias_maximum = min(properties.topic_alias_maximum or 0, limits.topic_alias_maximum)
    aliases = OutgoingAliases(alias_maximum) if alias_maximum else None
    quota = min(properties.receive_maximum or DEFAULT_RECEIVE_MAXIMUM, limits.maximum_inflight)
    session.attach(state.link, packet.version, quota, state.maximum_packet_size, aliases)
    state.session = session
    state.aliases = IncomingAliases(limits.topic_alias_maximum) if packet.version == MQTT_5 else None
    state.phase = CONNECTED
    state.decoder.maximum_packet_size = limits.maximum_packet_size
    realm.connected[session.client_id] = state
    realm.counters.connections += 1
    user = None if state.exchange is None else state.exchange.user
    state.exchange = None
    if realm.bans.accepted(state.peer, packet, user, realm.turn.now):
        realm.exceeded("maximum_reconnections", packet.client_id, state.peer)
    state.keep_alive = KEEP_ALIVE_GRACE * _keep_alive(realm, packet)
    realm.deadlines.cancel(state.deadline)
    state.deadline = None
    if state.keep_alive:
        _expect_packet(realm, state)


def _keep_alive(realm: Realm, packet: Connect) -> int:
    """Seconds: the Client's, or ours where it asks for more than we grant [MQTT-3.2.2-22]."""
    maximum = realm.limits.maximum_keep_alive
    if packet.version == MQTT_5 and maximum and not 0 < packet.keep_alive <= maximum:
        return maximum
    return packet.keep_alive


def _expect_packet(realm: Realm, state: ConnectionState) -> None:
    state.deadline = realm.deadlines.at(
        state.last_heard + state.keep_alive, partial(_keep_alive_due, realm, state)
    )


def _keep_alive_due(realm: Realm, state: ConnectionState, now: float) -> None:
    """Close it if nothing came for one and a half Keep Alives [MQTT-3.1.2-22]."""
    journal = realm.journal
    waits_for_disk = journal is not None and state.link.held and is_ahead_of_disk(realm, state, journal)
    if state.pending is not None or state.link.paused or waits_for_disk:
        state.last_heard = now  # nothing is read from it while an Authenticator is thinking, or it must wait
    if now >= state.last_heard + state.keep_alive:
        send_away(realm, state, ReasonCode.KEEP_ALIVE_TIMEOUT, "no Control Packet within 1.5 Keep Alives")
    else:
        _expect_packet(realm, state)


def _connack(state: ConnectionState, present: bool, properties: Properties | None) -> bytes | None:
    """The CONNACK that accepts; None if it exceeds the Client's Maximum Packet Size [MQTT-3.1.2-24].

    What the Client can do without is left out where there is no room for it.
    """
    encoded = encode_within(Connack(present, 0, properties), state.version, state.maximum_packet_size)
    if encoded is None and properties is not None:
        properties.topic_alias_maximum = None
        properties.response_information = None
        encoded = encode_within(Connack(present, 0, properties), state.version, state.maximum_packet_size)
    return encoded


def _connack_properties(
    realm: Realm, state: ConnectionState, packet: Connect, expiry_interval: int, data: bytes | None
) -> Properties | None:
    if packet.version != MQTT_5:
        return None
    properties = auth_properties(state, data)
    _tell_limits(realm, properties)
    if expiry_interval != requested_expiry(state):
        properties.session_expiry_interval = expiry_interval
    if state.client_id_assigned:
        properties.assigned_client_identifier = packet.client_id
    if _keep_alive(realm, packet) != packet.keep_alive:
        properties.server_keep_alive = _keep_alive(realm, packet)
    asked = packet.properties
    if asked is not None and asked.request_response_information and realm.settings.response_information:
        properties.response_information = realm.settings.response_information
    return properties


def _tell_limits(realm: Realm, properties: Properties) -> None:
    """What this Server grants, where it is less than the standard's default (3.2.2.3)."""
    limits = realm.limits
    if limits.receive_maximum != DEFAULT_RECEIVE_MAXIMUM:
        properties.receive_maximum = limits.receive_maximum
    if limits.maximum_qos < 2:
        properties.maximum_qos = limits.maximum_qos
    properties.maximum_packet_size = limits.maximum_packet_size
    if limits.topic_alias_maximum:
        properties.topic_alias_maximum = limits.topic_alias_maximum
    if not limits.retain_available:
        properties.retain_available = 0
    if not limits.wildcard_subscription_available:
        properties.wildcard_subscription_available = 0
    if not limits.subscription_identifier_available:
        properties.subscription_identifier_available = 0
    if not limits.shared_subscription_available:
        properties.shared_subscription_available = 0


def auth_properties(state: ConnectionState, data: bytes | None) -> Properties:
    """Authentication Method and Data, where the CONNECT named a method [MQTT-4.12.0-5] [MQTT-4.12.0-6]."""
    properties = Properties()
    if state.connect is not None and state.connect.properties is not None:
        properties.authentication_method = state.connect.properties.authentication_method
    if properties.authentication_method is not None:
        properties.authentication_data = data
    return properties
