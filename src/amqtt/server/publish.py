"""PUBLISH and its acknowledgements, from a Client to the Server (MQTT 5.0, 3.3 to 3.7 and 4.3)."""

from typing import Final

from amqtt.message import Message, message_of
from amqtt.server.disconnect import close
from amqtt.server.events import MessageOffered, MessagePublished
from amqtt.server.fan_out import FanOut
from amqtt.server.realm import Realm
from amqtt.server.reserved import strip_reserved
from amqtt.server.router import SYS
from amqtt.server.state import ConnectionState
from amqtt.server.wills import is_utf8
from amqtt.sessions.journal import NOTHING_YET, Journal, answer, changes_of
from amqtt.sessions.session import Session
from amqtt.topics.shared import SharedGroup
from amqtt.topics.subscriptions import Target
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
    Pubrec,
    Pubrel,
)
from amqtt.wire.primitives import BYTE_PAIRS
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
            # What the first PUBREC waits for, this one waits for, too.
            answer(realm.journal, state.link, PUBREC_SUCCESS + BYTE_PAIRS[packet.packet_id], NOTHING_YET)
            return
        _check_quota(realm, state, session)
    if packet.retain and not realm.limits.retain_available:
        packet.retain = False
    events = realm.events
    if events.wants_messages:
        _tell_offered(realm, session, packet, topic)
    refusal = _refusal(realm, session, packet, topic)
    if refusal:
        refused(realm, state, packet, refusal)
        return
    journal = realm.journal
    if journal is not None and journal.failing and needs_store(realm, session, packet, topic):
        _cannot_keep(realm, state, packet)
        return
    changes = NOTHING_YET if journal is None else journal.changes  # `changes_of`, without the call
    message = message_of(packet, topic, state.version, realm.turn.now, session.client_id)
    targets = realm.router.targets(message, session.owner)
    if len(targets) > realm.limits.receivers_at_once and _may_be_sliced(session, packet):
        state.fan_out = FanOut(message, packet, targets, changes)
        realm.fan_outs[session.client_id] = state
        fan_out(realm, state)
    else:
        _route(realm, state, packet, message, targets, changes)


def _route(
    realm: Realm,
    state: ConnectionState,
    packet: Publish,
    message: Message,
    targets: list[Target],
    changes: int,
) -> None:
    """Deliver a message to all that it is for, in one turn, and acknowledge it."""
    link = state.link
    before = len(link.chunks)
    for target in targets:
        target.subscriber.deliver(message, target)
    if realm.events.wants_messages:
        realm.events.tell(MessagePublished(message.publisher, message))
    behind = len(link.chunks)
    _routed(realm, state, packet, len(targets), changes)
    if before < behind < len(link.chunks):
        link.bring_forward(before)


def _routed(realm: Realm, state: ConnectionState, packet: Publish, matched: int, changes: int) -> None:
    """All that it is for have the message: acknowledge it; who is ahead of the disk is held back."""
    if packet.qos:
        _accepted(realm, state, packet, matched, changes)
    journal = realm.journal
    if journal is not None and journal.changes != changes and not state.closed:
        press(realm, state, journal)


def _may_be_sliced(session: Session, packet: Publish) -> bool:
    """Whether a message may be given to its Subscribers in several turns, and so in several Batches.

    Not one that its Client sends again after a crash, and nobody may have twice.
    """
    return packet.qos < 2 or session.journal is None


def fan_out(realm: Realm, state: ConnectionState) -> None:
    """Go on with the message of this Client that not all have been given, for as long as the turn lasts.

    `state` is the Network Connection that it came on, or the one that its Client has now.
    """
    under_way = state.fan_out
    assert under_way is not None
    while under_way.left:
        under_way.deliver(realm.limits.receivers_at_once)
        if under_way.left and realm.line.is_over:
            return
    state.fan_out = None
    if not under_way.done:
        under_way.done = True
        message = under_way.message
        came_on = realm.fan_outs.pop(message.publisher)
        if realm.events.wants_messages:
            realm.events.tell(MessagePublished(message.publisher, message))
        _routed(realm, came_on, under_way.packet, under_way.matched, under_way.changes)


def press(realm: Realm, state: ConnectionState, journal: Journal) -> None:
    """Hold a publisher back that is ahead of the disk; MQTT 3 knows no Receive Maximum to do it by."""
    if is_ahead_of_disk(realm, state, journal):
        journal.hold_back(state.link)


def is_ahead_of_disk(realm: Realm, state: ConnectionState, journal: Journal) -> bool:
    """Whether a Client that publishes must wait for the disk; nothing is read from it until then."""
    return journal.lags or state.link.owes > realm.limits.receive_maximum


def needs_store(realm: Realm, session: Session, packet: Publish, topic: str) -> bool:
    """Whether a message must be made durable before it can be acknowledged."""
    if packet.qos == 2 and session.journal is not None:
        return True
    return has_durable_destination(realm, topic, packet.qos, packet.retain)


def has_durable_destination(realm: Realm, topic: str, qos: int, retain: bool) -> bool:
    """Whether somebody must have a message whatever happens: a Session that lasts, or who subscribes later.

    Nobody need ever have one of QoS 0.
    """
    if qos == 0:
        return False
    if retain and not topic.startswith(SYS):
        return True
    for target in realm.tree.match(topic):
        subscriber = target.subscriber
        members = subscriber.subscribers if isinstance(subscriber, SharedGroup) else [subscriber]
        for member in members:
            if isinstance(member, Session) and member.journal is not None and target.qos:
                return True
    return False


def _cannot_keep(realm: Realm, state: ConnectionState, packet: Publish) -> None:
    """The store is failing: an MQTT 5.0 Client is told, the others lose their Network Connection."""
    realm.counters.dropped_refused += 1
    code = ReasonCode.QUOTA_EXCEEDED
    if state.version != MQTT_5:
        close(realm, state, code, "nothing can be stored at present")
    elif packet.qos == 1:
        state.link.follow(encode(Puback(packet.packet_id, code), MQTT_5))
    else:
        state.link.follow(encode(Pubrec(packet.packet_id, code), MQTT_5))


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


def refused(realm: Realm, state: ConnectionState, packet: Publish, reason_code: int) -> None:
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
        _accepted(realm, state, packet, 1, changes_of(realm.journal))
    elif packet.qos == 1:
        state.link.follow(encode(Puback(packet.packet_id, reason_code), MQTT_5))
    else:
        state.link.follow(encode(Pubrec(packet.packet_id, reason_code), MQTT_5))


def _accepted(realm: Realm, state: ConnectionState, packet: Publish, matched: int, changes: int) -> None:
    """Take ownership: PUBACK or PUBREC with its Packet Identifier [MQTT-4.3.2-4] [MQTT-4.3.3-8].

    It leaves when all that the Journal noted since `changes` is durable.
    """
    packet_id = packet.packet_id
    if packet.qos == 2:
        _await_release(realm, state, packet_id)
    if state.closed:
        return
    if not matched and state.version == MQTT_5:
        none = ReasonCode.NO_MATCHING_SUBSCRIBERS
        unwanted = Puback(packet_id, none) if packet.qos == 1 else Pubrec(packet_id, none)
        answer(realm.journal, state.link, encode(unwanted, MQTT_5), changes)
        return
    head = PUBACK_SUCCESS if packet.qos == 1 else PUBREC_SUCCESS
    answer(realm.journal, state.link, head + BYTE_PAIRS[packet_id], changes)


def _await_release(realm: Realm, state: ConnectionState, packet_id: int) -> None:
    """It has this message, whether that comes again or not; unless its Session has ended by it."""
    session = state.session
    assert session is not None
    if state.closed and not realm.has(session):
        return
    session.received.add(packet_id)
    session.counters.inflight_in += 1
    if session.journal is not None:
        session.journal.receive(session.number, packet_id)


def pubrel(realm: Realm, state: ConnectionState, packet: Pubrel) -> None:
    """The Client's PUBREL: its Packet Identifier is free again [MQTT-4.3.3-11] [MQTT-4.3.3-12]."""
    session = state.session
    assert session is not None
    released(realm, state, session, packet.packet_id)


def released(realm: Realm, state: ConnectionState, session: Session, packet_id: int) -> None:
    """The Client has released this Packet Identifier [MQTT-4.3.3-11]."""
    changes = changes_of(realm.journal)
    if packet_id in session.received:
        session.received.discard(packet_id)
        session.counters.inflight_in -= 1
        if session.journal is not None:
            session.journal.release(session.number, packet_id)
    elif state.version == MQTT_5:
        state.link.follow(encode(Pubcomp(packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND), MQTT_5))
        return
    answer(realm.journal, state.link, PUBCOMP_SUCCESS + BYTE_PAIRS[packet_id], changes)


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
