"""CONNECT, CONNACK and AUTH: how the Client comes in (MQTT 5.0, 3.1, 3.2, 3.15 and 4.12)."""

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.ending import asked_expiry, refused
from amqtt.client_session.receipt import ANSWERED, UNKNOWN, Receipt
from amqtt.client_session.state import CONNECTED, NEVER, AcceptedSubscription, ClientState, ServerLimits
from amqtt.sessions.aliases import OutgoingAliases
from amqtt.sessions.inflight import AWAITS_PUBACK, AWAITS_PUBREC, Outgoing
from amqtt.wire.encoder import encode
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import LARGEST_PACKET, MQTT_5, Auth, Connack, Connect
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode

PING_SHARE = 0.75
"""The part of Keep Alive after which PINGREQ is sent: time is left for it to arrive."""


def connect_packet(state: ClientState) -> Connect:
    """The CONNECT of the next Network Connection: the first may start clean, the others resume."""
    settings = state.settings
    clean_start = settings.clean_start and not (state.begun and settings.version == MQTT_5)
    return Connect(
        state.client_id, settings.version, clean_start, settings.keep_alive, settings.will,
        settings.username, settings.password, _properties(state) if settings.version == MQTT_5 else None,
    )


def _properties(state: ClientState) -> Properties:
    settings = state.settings
    properties = Properties()
    properties.receive_maximum = settings.receive_maximum
    properties.maximum_packet_size = settings.maximum_packet_size
    properties.topic_alias_maximum = settings.topic_alias_maximum
    properties.user_properties = tuple(settings.user_properties)
    if asked_expiry(state):
        properties.session_expiry_interval = asked_expiry(state)
    authentication = state.authentication
    if authentication is not None:
        properties.authentication_method = authentication.method
        properties.authentication_data = authentication.begin()
    return properties


def connack(state: ClientState, packet: Connack) -> None:
    """The Server's answer to CONNECT."""
    if packet.reason_code:
        refused(state, packet)
        return
    connection = state.connection
    assert connection is not None
    settings = state.settings
    version = settings.version
    if packet.session_present and settings.clean_start and not (state.begun and version == MQTT_5):
        raise ProtocolError("a Session is present where there can be none")  # [MQTT-3.2.2-2]
    _finish_authentication(state, packet.properties)
    properties = packet.properties
    if properties is not None and properties.assigned_client_identifier:
        state.client_id = properties.assigned_client_identifier
    limits = connection.limits = ServerLimits(packet, settings.keep_alive)
    connection.phase = CONNECTED
    connection.deadline = NEVER
    if limits.keep_alive:
        connection.ping_at = state.turn.now + limits.keep_alive * PING_SHARE
    lost: list[AcceptedSubscription] = []
    if not packet.session_present:
        lost = _start_anew(state)
    state.begun = True
    _attach(state, limits)
    state.application.accepted(packet, lost)
    # After the Subscriptions that the program makes again: it may want what it publishes itself.
    state.session.pump()


def _attach(state: ClientState, limits: ServerLimits) -> None:
    """Bind the Session to the Network Connection, on this Server's terms."""
    connection = state.connection
    assert connection is not None
    settings = state.settings
    alias_maximum = min(limits.topic_alias_maximum, settings.topic_alias_maximum)
    session = state.session
    session.attach(
        connection.link,
        settings.version,
        min(limits.receive_maximum, settings.most_inflight),
        min(limits.maximum_packet_size, LARGEST_PACKET),
        OutgoingAliases(alias_maximum) if alias_maximum else None,
    )
    if limits.maximum_qos < 2 or not limits.retain_available:
        _drop_unsupported(state, limits)


def _start_anew(state: ClientState) -> list[AcceptedSubscription]:
    """The Server has no Session: what we have of it goes too [MQTT-3.2.2-5]; its Subscriptions are lost.

    QoS 1 messages in flight are sent as new ones: they may come twice. Of QoS 2 messages nobody
    knows whether the Server had them, so they are not: they must not come twice.
    """
    for message in state.held.values():
        message.forget_packet_id()
    state.held.clear()
    session = state.session
    session.counters.inflight_in -= len(session.received)
    session.received.clear()
    unsent: list[Outgoing] = []
    completed: list[Outgoing] = []
    for outgoing in list(session.inflight.entries.values()):
        before = outgoing.state
        session.inflight.discard(outgoing)
        if before == AWAITS_PUBACK:
            again = Outgoing(outgoing.message, outgoing.qos, outgoing.retain)
            unsent.append(again)
            receipt = state.receipts.pop(outgoing, None)
            if receipt is not None:
                state.receipts[again] = receipt
        elif before == AWAITS_PUBREC:
            lost = state.receipts.pop(outgoing, None)
            if lost is not None:
                lost.settle(UNKNOWN, [], "the Server lost the Session before it acknowledged it")
        else:
            completed.append(outgoing)
    session.backlog.put_back(unsent)
    for outgoing in completed:
        done = state.receipts.pop(outgoing, None)
        if done is not None:
            done.settle(ANSWERED, done.reason_codes or [ReasonCode.SUCCESS])
    lost_subscriptions = list(state.subscriptions.values())
    state.subscriptions.clear()
    return lost_subscriptions


def _drop_unsupported(state: ClientState, limits: ServerLimits) -> None:
    """Give up what this Server, other than the last one, does not take [MQTT-3.2.2-11, -14]."""
    session = state.session
    for outgoing in list(session.inflight.entries.values()):
        if _is_unsupported(outgoing, limits):
            session.inflight.discard(outgoing)
            state.drop(outgoing, ReasonCode.QOS_NOT_SUPPORTED)
    waiting: list[Outgoing] = []
    while session.backlog:
        outgoing = session.backlog.pop()
        if _is_unsupported(outgoing, limits):
            state.drop(outgoing, ReasonCode.QOS_NOT_SUPPORTED)
        else:
            waiting.append(outgoing)
    session.backlog.put_back(waiting)


def _is_unsupported(outgoing: Outgoing, limits: ServerLimits) -> bool:
    return outgoing.qos > limits.maximum_qos or (outgoing.retain and not limits.retain_available)


def auth(state: ClientState, packet: Auth) -> None:
    """A step of enhanced authentication: a challenge, or the good end of a re-authentication."""
    authentication = state.authentication
    properties = packet.properties
    if authentication is None or properties is None:
        raise ProtocolError("AUTH without an Authentication Method")
    if properties.authentication_method != authentication.method:
        raise ProtocolError("AUTH with another Authentication Method")  # [MQTT-4.12.0-5]
    if packet.reason_code == ReasonCode.CONTINUE_AUTHENTICATION:
        _send_auth(state, authentication, _answered(authentication, properties.authentication_data))
    elif packet.reason_code == ReasonCode.SUCCESS and state.reauthentication is not None:
        _finish_authentication(state, properties)
        receipt, state.reauthentication = state.reauthentication, None
        state.reauthentication_deadline = NEVER
        receipt.settle(ANSWERED, [ReasonCode.SUCCESS])
    else:
        raise ProtocolError("AUTH that nobody asked for")


def reauthenticate(state: ClientState) -> Receipt:
    """Prove anew who we are, on the same Network Connection (4.12.1)."""
    authentication = state.authentication
    assert authentication is not None
    receipt = Receipt()
    state.reauthentication = receipt
    state.reauthentication_deadline = state.turn.now + state.settings.response_timeout
    _send_auth(state, authentication, authentication.begin(), ReasonCode.RE_AUTHENTICATE)
    return receipt


def _send_auth(
    state: ClientState,
    authentication: ClientAuthentication,
    data: bytes | None,
    reason_code: int = ReasonCode.CONTINUE_AUTHENTICATION,
) -> None:
    properties = Properties()
    properties.authentication_method = authentication.method
    properties.authentication_data = data
    connection = state.connection
    assert connection is not None
    connection.link.send(encode(Auth(reason_code, properties), MQTT_5))


def _answered(authentication: ClientAuthentication, data: bytes | None) -> bytes | None:
    try:
        return authentication.step(data)
    except ValueError as error:
        raise ProtocolError(str(error), ReasonCode.NOT_AUTHORIZED) from None


def _finish_authentication(state: ClientState, properties: Properties | None) -> None:
    authentication = state.authentication
    if authentication is None:
        return
    method = None if properties is None else properties.authentication_method
    if method != authentication.method:
        raise ProtocolError("the Server answers without the Authentication Method", ReasonCode.NOT_AUTHORIZED)
    try:
        authentication.finish(None if properties is None else properties.authentication_data)
    except ValueError as error:
        raise ProtocolError(str(error), ReasonCode.NOT_AUTHORIZED) from None
