"""Who a Client is: asking the Authenticator, enhanced authentication, AUTH (MQTT 5.0, 3.15 and 4.12)."""

from collections.abc import Awaitable
from typing import Final

from amqtt.abc import Accepted, Challenge, ConnectRequest, Refusal
from amqtt.server.accept import accept, auth_properties, hand_over
from amqtt.server.contained import contained
from amqtt.server.disconnect import close, refuse
from amqtt.server.events import Fault
from amqtt.server.ownership import belongs_to_another
from amqtt.server.realm import Realm
from amqtt.server.state import CONNECTED, ConnectionState
from amqtt.wire.encoder import encode_within
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import MQTT_5, Auth
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import CONNACK_REASONS, ReasonCode

GUESSES: Final = frozenset({ReasonCode.BAD_USER_NAME_OR_PASSWORD, ReasonCode.NOT_AUTHORIZED})
"""Refusals that whoever guesses passwords is given."""


def ask(realm: Realm, state: ConnectionState) -> None:
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
            user = state.exchange.user
            if user and realm.bans.bars(state.peer, user, realm.turn.now):
                realm.exceeded("maximum_failed_logins", state.client_id, state.peer)
                refuse(realm, state, ReasonCode.BANNED, "too many failed logins; come back later")
                return
            # Nothing but AUTH and DISCONNECT may come now, from somebody who is not known yet.
            state.decoder.maximum_packet_size = realm.limits.maximum_connect_size
        _send_auth(realm, state, ReasonCode.CONTINUE_AUTHENTICATION, answer.data)
    elif isinstance(answer, Accepted):
        if state.phase == CONNECTED:
            _re_authenticated(realm, state, answer)
        else:
            accept(realm, state, answer)
    elif isinstance(answer, Refusal):
        _count_failed_login(realm, state, answer)
        _reject(realm, state, answer.reason_code, answer.reason)
    else:
        _report(realm, answer)
        _reject(realm, state, ReasonCode.NOT_AUTHORIZED, "")


def _count_failed_login(realm: Realm, state: ConnectionState, answer: Refusal) -> None:
    packet = state.connect
    if packet is None or answer.reason_code not in GUESSES:
        return
    user = None if state.exchange is None else state.exchange.user
    if realm.bans.failed(state.peer, packet, user, realm.turn.now):
        realm.exceeded("maximum_failed_logins", packet.client_id, state.peer)


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
    packet = Auth(reason_code, auth_properties(state, data))
    encoded = encode_within(packet, MQTT_5, state.maximum_packet_size)
    if encoded is None:
        close(realm, state, ReasonCode.PACKET_TOO_LARGE, "AUTH is larger than Maximum Packet Size")
    else:
        state.link.send(encoded)


def _re_authenticated(realm: Realm, state: ConnectionState, answer: Accepted) -> None:
    assert state.session is not None
    state.authenticating = False
    state.exchange = None
    permissions = contained(answer.permissions, realm.events)
    if belongs_to_another(realm, state.session.client_id, permissions.user):
        close(realm, state, ReasonCode.NOT_AUTHORIZED, "the Session is another user's")
        return
    if permissions.asks and permissions.user == state.session.permissions.user:
        # What this user was granted was waited for then, and cannot be answered at once.
        state.session.permissions = permissions
    else:
        hand_over(realm, state.session, permissions)
    state.asks = permissions.asks
    _send_auth(realm, state, ReasonCode.SUCCESS, answer.data)
