"""PUBLISH and its acknowledgements, from a Client to the Server (MQTT 5.0, 3.3 to 3.7 and 4.3)."""

from typing import Final

from amqtt.message import Message, MessageRun, message_of
from amqtt.server.events import MessageOffered, MessagePublished
from amqtt.server.realm import Realm
from amqtt.server.reserved import strip_reserved
from amqtt.server.state import ConnectionState
from amqtt.server.wills import is_utf8
from amqtt.sessions.session import Session
from amqtt.wire.encoder import encode
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import (
    MQTT_5,
    PUBACK,
    PUBCOMP,
    PUBREC,
    Puback,
    Pubcomp,
    Publish,
    PublishRun,
    Pubrec,
    Pubrel,
)
from amqtt.wire.primitives import BYTE_PAIRS
from amqtt.wire.publish_packets import packets_of
from amqtt.wire.reasons import ReasonCode

PUBACK_SUCCESS: Final = b"\x40\x02"
PUBREC_SUCCESS: Final = b"\x50\x02"
PUBCOMP_SUCCESS: Final = b"\x70\x02"


def publish(realm: Realm, state: ConnectionState, packet: Publish) -> None:
    """Take an Application Message of a Client, route it, acknowledge it [MQTT-3.3.4-1]."""
    session = state.session
    assert session is not None
    realm.counters.published += 1
    topic = packet.topic
    if state.version == MQTT_5:
        topic = _admit_5(realm, state, packet)
    if packet.qos == 2:
        if packet.packet_id in session.received:
            state.link.send(PUBREC_SUCCESS + BYTE_PAIRS[packet.packet_id])
            return
        _check_quota(realm, state, session)
    if packet.retain and not realm.limits.retain_available:
        packet.retain = False
    events = realm.events
    if events.wants_messages:
        _tell_offered(realm, session, packet, topic)
    refusal = _refusal(realm, session, packet, topic)
    if refusal:
        _refused(realm, state, packet, refusal)
        return
    message = message_of(packet, topic, state.version, realm.turn.now, session.client_id)
    matched = realm.router.route(message)
    if events.wants_messages:
        events.tell(MessagePublished(session.client_id, message))
    if packet.qos:
        _accepted(state, session, packet, matched)


def publish_run(realm: Realm, state: ConnectionState, run: PublishRun) -> None:
    """Take PUBLISH packets that differ in nothing but their payloads, as if they came one by one."""
    session = state.session
    assert session is not None
    if realm.events.wants_messages:
        for packet in packets_of(run, state.version):
            publish(realm, state, packet)
        return
    realm.counters.published += run.count
    realm.counters.packets_received += run.count - 1
    if session.may_publish(run.topic, False):
        realm.router.route_run(MessageRun(run, state.version, session.client_id))
    else:
        realm.counters.dropped_refused += run.count


def _tell_offered(realm: Realm, session: Session, packet: Publish, topic: str) -> None:
    message = Message(topic, packet.payload, packet.qos, packet.retain, publisher=session.client_id)
    realm.events.tell(MessageOffered(session.client_id, message))


def _admit_5(realm: Realm, state: ConnectionState, packet: Publish) -> str:
    """The Topic Name of an MQTT 5.0 PUBLISH, its alias resolved; raises ProtocolError (3.3.2.3)."""
    limits = realm.limits
    if packet.qos > limits.maximum_qos:
        raise ProtocolError("QoS is above Maximum QoS", ReasonCode.QOS_NOT_SUPPORTED)
    if packet.retain and not limits.retain_available:
        raise ProtocolError("RETAIN is not supported", ReasonCode.RETAIN_NOT_SUPPORTED)
    properties = packet.properties
    if properties is not None:
        if properties.subscription_identifiers:
            raise ProtocolError("a Subscription Identifier in a PUBLISH of a Client")
        strip_reserved(properties)
    return resolved_topic(state, packet)


def resolved_topic(state: ConnectionState, packet: Publish) -> str:
    """The Topic Name that an MQTT 5.0 PUBLISH means, by itself or by its Topic Alias (3.3.2.3.4)."""
    properties = packet.properties
    if properties is None or properties.topic_alias is None:
        return packet.topic
    assert state.aliases is not None
    return state.aliases.resolve(properties.topic_alias, packet.topic)


def _check_quota(realm: Realm, state: ConnectionState, session: Session) -> None:
    """An MQTT 5.0 Client must keep to our Receive Maximum [MQTT-3.3.4-7]; the others know of none."""
    if state.version == MQTT_5 and len(session.received) >= realm.limits.receive_maximum:
        raise ProtocolError(
            "more unacknowledged PUBLISH packets than Receive Maximum",
            ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
            "receive_maximum",
        )


def _refusal(realm: Realm, session: Session, packet: Publish, topic: str) -> int:
    """The Reason Code to refuse it with, 0 when it is welcome."""
    if not session.may_publish(topic, packet.retain):
        return ReasonCode.NOT_AUTHORIZED
    properties = packet.properties
    if (
        realm.limits.validate_payload_format
        and properties is not None
        and properties.payload_format_indicator == 1
        and not is_utf8(packet.payload)
    ):
        return ReasonCode.PAYLOAD_FORMAT_INVALID
    return 0


def _refused(realm: Realm, state: ConnectionState, packet: Publish, reason_code: int) -> None:
    """Drop it; an MQTT 5.0 Client is told, the others get the normal acknowledgement.

    [MQTT-3.3.5-2 of 3.1.1]
    """
    realm.counters.dropped_refused += 1
    session = state.session
    assert session is not None
    if packet.qos == 0:
        if reason_code == ReasonCode.PAYLOAD_FORMAT_INVALID:
            raise ProtocolError("the payload is not UTF-8", reason_code)
        return
    if state.version != MQTT_5:
        _accepted(state, session, packet, 1)
    elif packet.qos == 1:
        state.link.send(encode(Puback(packet.packet_id, reason_code), MQTT_5))
    else:
        state.link.send(encode(Pubrec(packet.packet_id, reason_code), MQTT_5))


def _accepted(state: ConnectionState, session: Session, packet: Publish, matched: int) -> None:
    """Take ownership: PUBACK or PUBREC with its Packet Identifier [MQTT-4.3.2-4] [MQTT-4.3.3-8]."""
    packet_id = packet.packet_id
    if packet.qos == 2:
        session.received.add(packet_id)
        session.counters.inflight_in += 1
    if not matched and state.version == MQTT_5:
        none = ReasonCode.NO_MATCHING_SUBSCRIBERS
        answer = Puback(packet_id, none) if packet.qos == 1 else Pubrec(packet_id, none)
        state.link.send(encode(answer, MQTT_5))
        return
    head = PUBACK_SUCCESS if packet.qos == 1 else PUBREC_SUCCESS
    state.link.send(head + BYTE_PAIRS[packet_id])


def pubrel(realm: Realm, state: ConnectionState, packet: Pubrel) -> None:
    """The Client's PUBREL: its Packet Identifier is free again [MQTT-4.3.3-11] [MQTT-4.3.3-12]."""
    session = state.session
    assert session is not None
    packet_id = packet.packet_id
    if packet_id in session.received:
        session.received.discard(packet_id)
        session.counters.inflight_in -= 1
    elif state.version == MQTT_5:
        state.link.send(encode(Pubcomp(packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND), MQTT_5))
        return
    state.link.send(PUBCOMP_SUCCESS + BYTE_PAIRS[packet_id])


def puback(realm: Realm, state: ConnectionState, packet: Puback) -> None:
    """The Client has a QoS 1 message that it was sent."""
    _acknowledged(realm, state, PUBACK, packet)


def pubrec(realm: Realm, state: ConnectionState, packet: Pubrec) -> None:
    """The Client has a QoS 2 message that it was sent; PUBREL follows [MQTT-4.3.3-4]."""
    _acknowledged(realm, state, PUBREC, packet)


def pubcomp(realm: Realm, state: ConnectionState, packet: Pubcomp) -> None:
    """The delivery of a QoS 2 message is complete."""
    _acknowledged(realm, state, PUBCOMP, packet)


def _acknowledged(
    realm: Realm, state: ConnectionState, packet_type: int, packet: Puback | Pubrec | Pubcomp
) -> None:
    session = state.session
    assert session is not None
    session.acknowledged(packet_type, packet.packet_id, packet.reason_code)
    if session.retained:
        realm.pace(session)
