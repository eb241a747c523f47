"""How a Network Connection ends, and what becomes of its Session and Will Message (MQTT 5.0, 3.14)."""

from functools import partial
from typing import Final

from amqtt.message import NEVER
from amqtt.server.events import ClientDisconnected, ConnectionRefused
from amqtt.server.realm import Realm
from amqtt.server.state import CLOSED, CONNECTED, ConnectionState
from amqtt.sessions.session import NEVER_EXPIRES, Session
from amqtt.wire.encoder import encode, encode_within
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import MQTT_5, Connack, Disconnect
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import CONNACK_REASONS, DISCONNECT_REASONS, RETURN_CODES, ReasonCode

GOODBYE: Final = "the Client disconnected"
REFERRING: Final = frozenset({ReasonCode.USE_ANOTHER_SERVER, ReasonCode.SERVER_MOVED})
"""The Reason Codes that a Server Reference may go with (4.11)."""


def disconnect(realm: Realm, state: ConnectionState, packet: Disconnect) -> None:
    """The Client's DISCONNECT: Reason Code 0x00 discards the Will Message [MQTT-3.14.4-3]."""
    session = state.session
    if session is not None:
        _say_goodbye(realm, state, session, packet)
    state.link.close()
    end(realm, state, packet.reason_code, GOODBYE)


def _say_goodbye(realm: Realm, state: ConnectionState, session: Session, packet: Disconnect) -> None:
    _change_expiry(realm, state, session, packet)
    if packet.reason_code == ReasonCode.NORMAL_DISCONNECTION and session.will is not None:
        session.will = None
        realm.keep_will(session)


def has_gone(realm: Realm, state: ConnectionState) -> bool:
    """Whether a DISCONNECT has arrived, and waits for its turn: it is acted on, and that is the end.

    To be asked before anything else ends the Network Connection that is none of its Client's packets, a
    CONNECT that takes the Session over for one: the Server has received the DISCONNECT before that
    [MQTT-3.14.4-3]. The packets that wait before it are lost with it.
    """
    session = state.session
    if session is None or state.phase == CLOSED:
        return False
    held, state.held = state.held, []
    for data in held:
        state.waiting = state.waiting + state.decoder.feed_joined(data)
    for packet in state.waiting:
        if isinstance(packet, Disconnect):
            reason_code, reason = packet.reason_code, GOODBYE
            try:
                _say_goodbye(realm, state, session, packet)
            except ProtocolError as error:
                reason_code, reason = error.reason_code, str(error)
            end(realm, state, reason_code, reason)
            return True
    return False


def send_away(realm: Realm, state: ConnectionState, reason_code: int, reason: str) -> None:
    """Close a Network Connection for what is none of its Client's packets, unless it has gone already."""
    if has_gone(realm, state):
        state.link.close()
    else:
        close(realm, state, reason_code, reason)


def _change_expiry(realm: Realm, state: ConnectionState, session: Session, packet: Disconnect) -> None:
    """A Session Expiry Interval of 0 at CONNECT must not be raised now (3.14.2.2.2)."""
    properties = packet.properties
    if properties is None or properties.session_expiry_interval is None:
        return
    if not requested_expiry(state) and properties.session_expiry_interval:
        raise ProtocolError("Session Expiry Interval in DISCONNECT although it was 0 in CONNECT")
    session.expiry_interval = min(properties.session_expiry_interval, realm.limits.maximum_session_expiry)


def requested_expiry(state: ConnectionState) -> int:
    """The Session Expiry Interval of the CONNECT; absent is 0 (3.1.2.11.2)."""
    connect = state.connect
    if connect is None or connect.properties is None:
        return 0
    return connect.properties.session_expiry_interval or 0


def close(realm: Realm, state: ConnectionState, reason_code: int, reason: str) -> None:
    """Close a Network Connection from our side, telling an MQTT 5.0 Client why [MQTT-4.13.1-1].

    Before CONNACK the answer is a CONNACK [MQTT-3.14.0-1].
    """
    if state.phase == CLOSED:
        return
    if state.phase == CONNECTED:
        if state.version == MQTT_5:
            reason_code = _sayable(reason_code, DISCONNECT_REASONS)
            _send_last(state, Disconnect(reason_code, _explained(realm, reason_code, reason)))
    elif state.decoder.version:
        state.version = state.decoder.version
        refuse(realm, state, reason_code, reason)
        return
    state.link.close()
    end(realm, state, reason_code, reason)


def _sayable(reason_code: int, reasons: frozenset[int]) -> int:
    """The Reason Code, if the packet may bear it; what else is wrong with a packet is a Protocol Error.

    A second CONNECT may be of an unknown Protocol Level, and what follows a CONNECT too soon may have
    a Topic Alias of 0 [MQTT-3.14.2-1] [MQTT-3.2.2-8].
    """
    return reason_code if reason_code in reasons else ReasonCode.PROTOCOL_ERROR


def _explained(realm: Realm, reason_code: int, reason: str) -> Properties:
    properties = Properties()
    if reason:
        properties.reason_string = reason
    if reason_code in REFERRING and realm.settings.server_reference:
        properties.server_reference = realm.settings.server_reference
    return properties


def _send_last(state: ConnectionState, packet: Connack | Disconnect) -> None:
    encoded = encode_within(packet, state.version, state.maximum_packet_size)
    if encoded is not None:
        state.link.send(encoded)


def refuse(realm: Realm, state: ConnectionState, reason_code: int, reason: str = "") -> None:
    """Answer a CONNECT with a CONNACK that refuses, and close [MQTT-3.2.2-7].

    A Reason Code that MQTT 3.1.1 has no return code for closes without a CONNACK
    [MQTT-3.2.2-6 of 3.1.1].
    """
    realm.counters.refused_connections += 1
    if state.version == MQTT_5:
        reason_code = _sayable(reason_code, CONNACK_REASONS)
        _send_last(state, Connack(False, reason_code, _explained(realm, reason_code, reason)))
    elif reason_code in RETURN_CODES:
        state.link.send(encode(Connack(False, reason_code), state.version))
    state.link.close()
    end(realm, state, reason_code, reason)


def end(realm: Realm, state: ConnectionState, reason_code: int, reason: str) -> None:
    """The Network Connection is over, whoever ended it: settle its Will Message and its Session."""
    if state.phase == CLOSED:
        return
    state.phase = CLOSED
    state.held.clear()
    state.waiting.clear()
    realm.deadlines.cancel(state.deadline)
    session = state.session
    if session is None:
        if realm.events.wanted(ConnectionRefused):
            user = None if state.connect is None else state.connect.username
            realm.events.tell(ConnectionRefused(state.client_id, state.peer, reason_code, reason, user))
        return
    del realm.connected[session.client_id]
    session.detach()
    if realm.events.wanted(ClientDisconnected):
        realm.events.tell(ClientDisconnected(session.client_id, state.peer, reason_code, reason))
    _settle_will(realm, session)
    settle_session(realm, session)


def _settle_will(realm: Realm, session: Session) -> None:
    """Publish the Will Message now, or when its delay has passed [MQTT-3.1.2-8]."""
    will = session.will
    if will is None:
        return
    if realm.stopping:
        return  # settle_wills has decided: it waits for the next start
    if not will.delay_interval or not session.expiry_interval:
        realm.publish_will(session)
        return
    delay_will(realm, session, realm.turn.now + will.delay_interval)


def delay_will(realm: Realm, session: Session, when: float) -> None:
    """Publish its Will Message at `when`, unless its Client is back by then [MQTT-3.1.3-9]."""
    realm.delayed_wills[session.client_id] = realm.deadlines.at(when, partial(_will_due, realm, session))
    realm.keep_will(session, when)


def _will_due(realm: Realm, session: Session, now: float) -> None:
    realm.publish_will(session)


def settle_session(realm: Realm, session: Session) -> None:
    """End the Session, or keep it for its Session Expiry Interval [MQTT-3.1.2-23]."""
    interval = session.expiry_interval
    if interval == 0:
        realm.end_session(session)
    else:
        expect_end(realm, session, NEVER if interval == NEVER_EXPIRES else realm.turn.now + interval)


def expect_end(realm: Realm, session: Session, when: float) -> None:
    """End the Session at `when` (NEVER: not at all), unless its Client is back by then."""
    if when != NEVER:
        due = partial(_session_due, realm, session)
        realm.session_ends[session.client_id] = realm.deadlines.at(when, due)
    realm.keep(session, when)


def _session_due(realm: Realm, session: Session, now: float) -> None:
    realm.end_session(session)
