"""The end of a Network Connection, whoever ends it."""

from amqtt.client_session.receipt import UNKNOWN
from amqtt.client_session.state import CLOSED, NEVER, ClientState, Ending
from amqtt.wire.encoder import encode_within
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import LARGEST_PACKET, MQTT_5, Connack, Disconnect
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import DISCONNECT_REASONS, ReasonCode


def end(state: ClientState, ending: Ending) -> None:
    """The Network Connection is over: what it was asked is not answered any more."""
    connection = state.connection
    if connection is None:
        return
    connection.phase = CLOSED
    state.connection = None
    state.session.detach()
    requests, state.requests = state.requests, {}
    for packet_id, request in requests.items():
        state.session.inflight.release(packet_id)
        request.receipt.settle(UNKNOWN, [], ending.reason)
    if state.reauthentication is not None:
        state.reauthentication.settle(UNKNOWN, [], ending.reason)
        state.reauthentication = None
        state.reauthentication_deadline = NEVER
    state.application.closed(ending)


def fail(state: ClientState, reason_code: int, reason: str) -> None:
    """Close the Network Connection because of what the Server did; MQTT 5.0 tells it why (4.13)."""
    connection = state.connection
    if connection is None:
        return
    if state.settings.version == MQTT_5 and connection is state.connected:
        code = reason_code if reason_code in DISCONNECT_REASONS else int(ReasonCode.UNSPECIFIED_ERROR)
        _say(state, code, None)
    connection.link.close()
    end(state, Ending(reason_code, reason))


def leave(state: ClientState, reason_code: int, user_properties: tuple[tuple[str, str], ...]) -> None:
    """Say DISCONNECT and close the Network Connection [MQTT-3.14.4-1]."""
    connection = state.connection
    if connection is None:
        return
    if connection is state.connected:
        properties = Properties()
        properties.user_properties = user_properties
        if state.settings.session_expiry_interval < asked_expiry(state):
            properties.session_expiry_interval = state.settings.session_expiry_interval
        _say(state, reason_code, properties)
    connection.link.close()
    end(state, Ending(reason_code, "the program disconnected"))


def asked_expiry(state: ClientState) -> int:
    """The Session Expiry Interval of CONNECT: long enough to come back after a lost connection."""
    return max(state.settings.session_expiry_interval, state.settings.resume_within)


def _say(state: ClientState, reason_code: int, properties: Properties | None) -> None:
    connection = state.connection
    assert connection is not None
    limits = connection.limits
    maximum = LARGEST_PACKET if limits is None else limits.maximum_packet_size
    farewell = encode_within(Disconnect(reason_code, properties), state.settings.version, maximum)
    if farewell is not None:
        connection.link.send(farewell)


def disconnect(state: ClientState, packet: Disconnect) -> None:
    """The Server says DISCONNECT, which it can since MQTT 5.0 (3.14)."""
    if state.settings.version != MQTT_5:
        raise ProtocolError("a Server sends no DISCONNECT before MQTT 5.0")
    connection = state.connection
    assert connection is not None
    connection.link.close()
    properties = packet.properties
    reason = named(packet.reason_code)
    ending = Ending(packet.reason_code, reason, by_server=True)
    if properties is not None:
        ending.server_reference = properties.server_reference
        if properties.reason_string:
            ending.reason = f"{reason}: {properties.reason_string}"
    end(state, ending)


def refused(state: ClientState, packet: Connack) -> None:
    """The Server does not accept the Client (3.2.2.2)."""
    connection = state.connection
    assert connection is not None
    connection.link.close()
    properties = packet.properties
    reason = named(packet.reason_code)
    if properties is not None and properties.reason_string:
        reason = f"{reason}: {properties.reason_string}"
    ending = Ending(packet.reason_code, reason, True, packet)
    if properties is not None:
        ending.server_reference = properties.server_reference
    end(state, ending)


def named(reason_code: int) -> str:
    """A Reason Code in words: 0x87 is "not authorized"."""
    try:
        name = ReasonCode(reason_code).name
    except ValueError:
        return f"Reason Code {reason_code:#04x}"
    if reason_code == 0:
        return "normal disconnection"
    return name.replace("_", " ").lower()
