"""CONNECT: who comes in, with which Session, and what the CONNACK says (MQTT 5.0, 3.1 and 3.2)."""

from collections.abc import Awaitable
from functools import partial

from amqtt.abc import Accepted, Challenge, ConnectRequest, Refusal
from amqtt.server.contained import contained
from amqtt.server.disconnect import close, refuse, requested_expiry
from amqtt.server.events import ClientConnected, Fault
from amqtt.server.realm import Realm
from amqtt.server.state import AUTHENTICATING, CONNECTED, ConnectionState
from amqtt.server.wills import will_fault
from amqtt.sessions.aliases import IncomingAliases, OutgoingAliases
from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import Session
from amqtt.sessions.will import Will
from amqtt.wire.encoder import encode_within
from amqtt.wire.errors import PeerError, ProtocolError
from amqtt.wire.packets import LARGEST_PACKET, MQTT_3_1, MQTT_5, Auth, Connack, Connect
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import CONNACK_REASONS, ReasonCode

KEEP_ALIVE_GRACE = 1.5
"""How many Keep Alives without a Control Packet end the Network Connection [MQTT-3.1.2-22]."""
DEFAULT_RECEIVE_MAXIMUM = 65535
"""The Receive Maximum of a Client that names none (3.1.2.11.3)."""


def connect(realm: Realm, state: ConnectionState, packet: Connect) -> None:
    """The first packet of a Network Connection: check it, then ask who it is."""
    state.connect = packet
    state.version = packet.version
    state.phase = AUTHENTICATING
    properties = packet.properties or Properties()
    state.maximum_packet_size = properties.maximum_packet_size or LARGEST_PACKET
    state.problem_information = properties.request_problem_information != 0
    fault = _fault(realm, packet)
    if fault is not None:
        refuse(realm, state, fault.reason_code, str(fault))
        return
    if not packet.client_id:
        packet.client_id = _unused_client_id(realm)
        state.client_id_assigned = True
    _ask(realm, state)


def _fault(realm: Realm, packet: Connect) -> PeerError | None:
    """Why this CONNECT is refused whoever sent it, None when it is not."""
    limits = realm.limits
    if realm.settings.use_another_server:
        return ProtocolError("this Server takes no new Clients", ReasonCode.USE_ANOTHER_SERVER)
    needs_client_id = packet.version == MQTT_3_1 or (packet.version != MQTT_5 and not packet.clean_start)
    if needs_client_id and not packet.client_id:
        return ProtocolError(
            "a Client Identifier is needed", ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
        )
    if len(packet.client_id.encode()) > limits.maximum_client_id_length:
        return ProtocolError(
            f"the Client Identifier is longer than {limits.maximum_client_id_length} bytes",
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
        )
    if packet.will is not None:
        return will_fault(limits, packet.will, packet.version)
    return None


def _unused_client_id(realm: Realm) -> str:
    """A new Client Identifier that no Session has [MQTT-3.2.2-16]."""
    while True:
        client_id = realm.settings.new_client_id()
        if client_id not in realm.sessions:
            return client_id


def _ask(realm: Realm, state: ConnectionState) -> None:
    """Ask the Authenticator; enhanced authentication where the Client names a method (4.12)."""
    request = _request(state)
    answer: object
    try:
        if request.authentication_method is None:
            answer = realm.authenticator.authenticate(request)
        else:
            state.exchange = realm.authenticator.exchange(request)
            if state.exchange is None:
                refuse(realm, state, ReasonCode.BAD_AUTHENTICATION_METHOD, "unknown Authentication Method")
                return
            answer = state.exchange.step(request.authentication_data)
    except Exception as fault:
        answer = fault
    _settle(realm, state, answer)


def _request(state: ConnectionState) -> ConnectRequest:
    packet = state.connect
    assert packet is not None
    properties = packet.properties or Properties()
    return ConnectRequest(
        packet.client_id,
        packet.username,
        packet.password,
        state.peer,
        packet.version,
        packet.clean_start,
        packet.keep_alive,
        properties.authentication_method,
        properties.authentication_data,
        packet.will,
    )


def auth(realm: Realm, state: ConnectionState, packet: Auth) -> None:
    """The Client's AUTH: the next step, or re-authentication [MQTT-4.12.0-3] [MQTT-4.12.1-1]."""
    connect_packet = state.connect
    assert connect_packet is not None
    properties = packet.properties or Properties()
    method = None if connect_packet.properties is None else connect_packet.properties.authentication_method
    if method is None:
        raise ProtocolError("AUTH although CONNECT had no Authentication Method")
    if properties.authentication_method != method:
        raise ProtocolError("the Authentication Method is not that of CONNECT")
    starts_anew = packet.reason_code == ReasonCode.RE_AUTHENTICATE
    may_start = state.phase == CONNECTED and not state.authenticating
    if starts_anew != may_start or packet.reason_code == ReasonCode.SUCCESS:
        raise ProtocolError(f"AUTH with Reason Code 0x{packet.reason_code:02X} is not expected now")
    answer: object
    try:
        if starts_anew:
            state.authenticating = True
            state.exchange = realm.authenticator.exchange(_request(state))
        if state.exchange is None:
            answer = Refusal(ReasonCode.BAD_AUTHENTICATION_METHOD)
        else:
            answer = state.exchange.step(properties.authentication_data)
    except Exception as fault:
        answer = fault
    _settle(realm, state, answer)


def _settle(realm: Realm, state: ConnectionState, answer: object) -> None:
    if isinstance(answer, Awaitable):
        state.pending = answer
    else:
        answered(realm, state, answer)


def answered(realm: Realm, state: ConnectionState, answer: object) -> None:
    """The Authenticator has spoken; anything but a clear yes is a no."""
    if isinstance(answer, Challenge) and state.exchange is not None:
        if state.phase != CONNECTED:
            # Nothing but AUTH and DISCONNECT may come now, from somebody who is not known yet.
            state.decoder.maximum_packet_size = realm.limits.maximum_connect_size
        _send_auth(realm, state, ReasonCode.CONTINUE_AUTHENTICATION, answer.data)
    elif isinstance(answer, Accepted):
        if state.phase == CONNECTED:
            _re_authenticated(realm, state, answer)
        else:
            _accept(realm, state, answer)
    elif isinstance(answer, Refusal):
        _reject(realm, state, answer.reason_code, answer.reason)
    else:
        _report(realm, answer)
        _reject(realm, state, ReasonCode.NOT_AUTHORIZED, "")


def _report(realm: Realm, answer: object) -> None:
    """Tell of an Authenticator that failed or answered rubbish; None is an honest "not mine"."""
    if answer is None or not realm.events.wanted(Fault):
        return
    fault = answer if isinstance(answer, Exception) else TypeError(f"not an Answer: {type(answer).__name__}")
    realm.events.tell(Fault("Authenticator", fault))


def _reject(realm: Realm, state: ConnectionState, reason_code: int, reason: str) -> None:
    """Refuse the CONNECT, or end the Network Connection whose re-authentication failed.

    [MQTT-4.12.0-4] [MQTT-4.12.1-2] [MQTT-3.2.2-8]
    """
    if reason_code < 0x80 or reason_code not in CONNACK_REASONS or state.phase == CONNECTED:
        reason_code = ReasonCode.NOT_AUTHORIZED
    close(realm, state, reason_code, reason or "not authorized")


def _send_auth(realm: Realm, state: ConnectionState, reason_code: int, data: bytes | None) -> None:
    """Send an AUTH with the Authentication Method of the CONNECT [MQTT-4.12.0-5]."""
    packet = Auth(reason_code, _auth_properties(state, data))
    encoded = encode_within(packet, MQTT_5, state.maximum_packet_size)
    if encoded is None:
        close(realm, state, ReasonCode.PACKET_TOO_LARGE, "AUTH is larger than Maximum Packet Size")
    else:
        state.link.send(encoded)


def _auth_properties(state: ConnectionState, data: bytes | None) -> Properties:
    properties = Properties()
    if state.connect is not None and state.connect.properties is not None:
        properties.authentication_method = state.connect.properties.authentication_method
    if properties.authentication_method is not None:
        properties.authentication_data = data
    return properties


def _re_authenticated(realm: Realm, state: ConnectionState, answer: Accepted) -> None:
    assert state.session is not None
    state.authenticating = False
    state.exchange = None
    permissions = contained(answer.permissions, realm.events)
    if permissions.asks and permissions.user == state.session.permissions.user:
        # What this user was granted was waited for then, and cannot be answered at once.
        state.session.permissions = permissions
    else:
        _hand_over(realm, state.session, permissions)
    state.asks = permissions.asks
    _send_auth(realm, state, ReasonCode.SUCCESS, answer.data)


def _accept(realm: Realm, state: ConnectionState, answer: Accepted) -> None:
    """The Client is who it says: bind its Session and say so [MQTT-3.1.4-4] [MQTT-3.1.4-5]."""
    packet = state.connect
    assert packet is not None
    permissions = contained(answer.permissions, realm.events)
    state.exchange = None
    will = packet.will
    if will is not None and not permissions.may_publish(will.topic, will.retain):
        refuse(realm, state, ReasonCode.NOT_AUTHORIZED, "the Will Message may not be published")
        return
    if packet.client_id not in realm.sessions and len(realm.sessions) >= realm.limits.maximum_sessions:
        refuse(realm, state, ReasonCode.QUOTA_EXCEEDED, "too many Sessions")
        return
    expiry_interval = _granted_expiry(realm, state, packet)
    properties = _connack_properties(realm, state, packet, expiry_interval, answer.data)
    if _connack(state, False, properties) is None:
        refuse(realm, state, ReasonCode.PACKET_TOO_LARGE, "the CONNACK exceeds the Maximum Packet Size")
        return
    _take_over(realm, packet)
    session, present = _session(realm, packet, permissions)
    _hand_over(realm, session, permissions)
    state.asks = permissions.asks
    session.will = None if will is None else Will(will)
    session.expiry_interval = expiry_interval
    _bind(realm, state, packet, session)
    connack = _connack(state, present, properties)
    assert connack is not None
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
        close(realm, old, ReasonCode.SESSION_TAKEN_OVER, "the Session was taken over")


def _session(realm: Realm, packet: Connect, permissions: Permissions) -> tuple[Session, bool]:
    """The Session of this CONNECT, and whether it was there before [MQTT-3.1.2-4] [MQTT-3.1.2-5]."""
    session = realm.sessions.get(packet.client_id)
    if session is not None and packet.clean_start:
        realm.end_session(session)
        session = None
    if session is None:
        return realm.new_session(packet.client_id, permissions), False
    realm.deadlines.cancel(realm.session_ends.pop(packet.client_id, None))
    realm.deadlines.cancel(realm.delayed_wills.pop(packet.client_id, None))
    return session, True


def _hand_over(realm: Realm, session: Session, permissions: Permissions) -> None:
    """Give a Session these Permissions: its user may be another one, and may do less."""
    is_another = session.permissions.user != permissions.user
    session.permissions = permissions
    if _end_refused_subscriptions(realm, session) or is_another:
        session.inherited = True


def _end_refused_subscriptions(realm: Realm, session: Session) -> bool:
    """End what a stored Session subscribed to and may not any more; whether there was any."""
    ended = False
    for topic_filter, subscription in list(session.subscriptions.items()):
        if session.permissions.may_subscribe(subscription.topic_filter, subscription.qos) < 0:
            del session.subscriptions[topic_filter]
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
    if state.pending is not None:
        state.last_heard = now  # nothing is read from it while an Authenticator is thinking
    if now >= state.last_heard + state.keep_alive:
        close(realm, state, ReasonCode.KEEP_ALIVE_TIMEOUT, "no Control Packet within 1.5 Keep Alives")
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
    properties = _auth_properties(state, data)
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


def connect_overdue(realm: Realm, state: ConnectionState, now: float) -> None:
    """The connect timeout has passed without a CONNACK."""
    close(realm, state, ReasonCode.UNSPECIFIED_ERROR, "not connected in time")
