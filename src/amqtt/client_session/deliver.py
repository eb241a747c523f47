"""PUBLISH from the Server to the Client, and its acknowledgements (MQTT 5.0, 3.3 to 3.7 and 4.3).

A QoS 1 or 2 message is acknowledged when the program has taken it, not when it arrived: so a
Server that keeps to our Receive Maximum never sends more than the program reads, and what a program
that dies has not taken is sent again to the next one.
"""

from typing import Final

from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.state import ClientState
from amqtt.wire.encoder import encode
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import MQTT_5, Pubcomp, Publish, Pubrel
from amqtt.wire.reasons import ReasonCode

PUBACK_SUCCESS: Final = b"\x40\x02"
PUBREC_SUCCESS: Final = b"\x50\x02"


def publish_arrived(state: ClientState, packet: Publish) -> None:
    """Take an Application Message of the Server and give it to the program, once at QoS 2."""
    topic = _topic_of(state, packet)
    state.counters.published += 1
    if packet.qos == 0:
        state.application.deliver(ReceivedMessage(packet, topic))
        return
    if packet.qos == 2:
        if packet.packet_id in state.session.received:
            _arrived_again(state, packet.packet_id)
            return
        _check_quota(state)
        state.session.received.add(packet.packet_id)
        state.counters.inflight_in += 1
    elif packet.dup and packet.packet_id in state.held:
        _arrived_again(state, packet.packet_id)
        return
    else:
        _check_quota(state)
    message = ReceivedMessage(packet, topic)
    message.arrive(state.connections)
    state.held[packet.packet_id] = message
    message.hold()
    state.application.deliver(message)
    take(state, message)


def _topic_of(state: ClientState, packet: Publish) -> str:
    """The Topic Name that a PUBLISH means, by itself or by its Topic Alias (3.3.2.3.4)."""
    properties = packet.properties
    if properties is None or properties.topic_alias is None:
        return packet.topic
    connection = state.connection
    assert connection is not None
    return connection.aliases.resolve(properties.topic_alias, packet.topic)


def _check_quota(state: ClientState) -> None:
    """The Server must keep to our Receive Maximum [MQTT-3.3.4-9]; before MQTT 5.0 it knows of none."""
    maximum = state.settings.receive_maximum
    if state.settings.version != MQTT_5 or len(state.held) < maximum:
        return
    sent = [message for message in state.held.values() if message.arrived_by == state.connections]
    if len(sent) >= maximum:
        raise ProtocolError(
            "more unacknowledged PUBLISH packets than Receive Maximum", ReasonCode.RECEIVE_MAXIMUM_EXCEEDED
        )


def _arrived_again(state: ClientState, packet_id: int) -> None:
    """A message that was resent: the program has it, or will be given it; never twice [MQTT-4.3.3-10]."""
    held = state.held.get(packet_id)
    if held is None:
        _acknowledge(state, packet_id, 2)
        return
    held.arrive(state.connections)
    if held.taken:
        del state.held[packet_id]
        _acknowledge(state, packet_id, held.qos)


def take(state: ClientState, message: ReceivedMessage) -> None:
    """One who held the message has taken it; the last one has it acknowledged.

    [MQTT-4.3.2-4] [MQTT-4.3.3-8]
    """
    if not message.let_go() or not message.packet_id or state.connected is None:
        return
    # After another Network Connection than this one, the Server sends it again first.
    if message.arrived_by == state.connections:
        del state.held[message.packet_id]
        _acknowledge(state, message.packet_id, message.qos)


def _acknowledge(state: ClientState, packet_id: int, qos: int) -> None:
    connection = state.connection
    assert connection is not None
    head = PUBACK_SUCCESS if qos == 1 else PUBREC_SUCCESS
    connection.link.send(head + packet_id.to_bytes(2, "big"))


def pubrel(state: ClientState, packet: Pubrel) -> None:
    """The Server's PUBREL: its Packet Identifier is free again [MQTT-4.3.3-11] [MQTT-4.3.3-12]."""
    received = state.session.received
    reason_code = 0
    if packet.packet_id in received:
        if packet.packet_id in state.held:
            raise ProtocolError("PUBREL before PUBREC")
        received.discard(packet.packet_id)
        state.counters.inflight_in -= 1
    elif state.settings.version == MQTT_5:
        reason_code = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
    connection = state.connection
    assert connection is not None
    connection.link.send(encode(Pubcomp(packet.packet_id, reason_code), state.settings.version))
