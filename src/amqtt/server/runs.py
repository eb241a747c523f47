"""Packets that arrived one behind the other, taken together: as if each had come by itself."""

from typing import Final

from amqtt.message import MessageRun
from amqtt.server.publish import (
    PUBACK_SUCCESS,
    answer,
    changes_of,
    press,
    publish,
    refused,
    released,
)
from amqtt.server.realm import Realm
from amqtt.server.state import ConnectionState
from amqtt.sessions.session import Session
from amqtt.topics.subscriptions import Target, same_targets
from amqtt.wire.packets import MQTT_5, PUBACK, PUBREL, AcknowledgementRun, PublishRun
from amqtt.wire.primitives import BYTE_PAIRS, SINGLE_BYTES
from amqtt.wire.reasons import ReasonCode
from amqtt.wire.runs import packets_of

PUBACK_REASON: Final = b"\x40\x03"
NO_MATCHING_SUBSCRIBERS: Final = SINGLE_BYTES[ReasonCode.NO_MATCHING_SUBSCRIBERS]


def publish_run(realm: Realm, state: ConnectionState, run: PublishRun) -> None:
    """Take PUBLISH packets that may be sent on as they arrived, as if they came one by one.

    Those of topics in a row that have the same receivers are routed together. When the turn is over,
    the others stay in the run.
    """
    session = state.session
    assert session is not None
    realm.counters.packets_received += run.count - 1
    journal = realm.journal
    if (
        realm.events.wants_messages
        or run.qos > realm.limits.maximum_qos
        or (journal is not None and journal.failing)
    ):
        _publish_each(realm, state, run)
        return
    topics = run.topics
    targets = _welcome(realm, session, topics[0])
    for at in range(1, len(topics)):
        others = _welcome(realm, session, topics[at])
        if others is not targets and (others is None or targets is None or not same_targets(others, targets)):
            _publish_part(realm, state, run.take(at), targets)
            if realm.line.is_over:
                return
            targets = others
    _publish_part(realm, state, run.take(len(topics)), targets)


def _publish_each(realm: Realm, state: ConnectionState, run: PublishRun) -> None:
    """Take the packets of a run one by one."""
    for packet in packets_of(run.wire, state.version, run.names):
        if state.closed:
            return
        publish(realm, state, packet)


def _welcome(realm: Realm, session: Session, topic: str) -> list[Target] | None:
    """Whom a message of this Client to this topic is for; None: it may not publish it."""
    return realm.tree.match(topic) if session.may_publish(topic, False) else None


def _publish_part(
    realm: Realm, state: ConnectionState, part: PublishRun, targets: list[Target] | None
) -> None:
    """Route what of a run has the same receivers, and acknowledge it."""
    session = state.session
    assert session is not None
    realm.counters.published += part.count
    if targets is None:
        for packet in packets_of(part.wire, state.version, part.names):
            refused(realm, state, packet, ReasonCode.NOT_AUTHORIZED)
        return
    journal = realm.journal
    changes = changes_of(realm)
    link = state.link
    before = len(link.chunks)
    realm.router.route_run(MessageRun(part, state.version, session.client_id), targets)
    if part.qos:
        behind = len(link.chunks)
        _accepted_run(realm, state, part, len(targets), changes)
        if before < behind == len(link.chunks) - 1:
            link.bring_forward(before)
    if journal is not None and journal.changes != changes:
        press(realm, state, journal)


def _accepted_run(
    realm: Realm, state: ConnectionState, part: PublishRun, matched: int, changes: int
) -> None:
    """Take ownership of messages of QoS 1: a PUBACK for each, together where nothing has to wait."""
    identifiers = BYTE_PAIRS[part.first_id : part.first_id + part.count]
    journal = realm.journal
    link = state.link
    if not matched and state.version == MQTT_5:
        for identifier in identifiers:
            answer(realm, state, PUBACK_REASON + identifier + NO_MATCHING_SUBSCRIBERS, changes)
        return
    packets = PUBACK_SUCCESS.join([b"", *identifiers])
    if journal is not None and journal.changes != changes:
        journal.promise(link, packets, part.count)
    else:
        link.follow_run(packets, part.count)


def acknowledgements(realm: Realm, state: ConnectionState, run: AcknowledgementRun) -> None:
    """Take acknowledgements that came one behind the other, as if each had come by itself."""
    session = state.session
    assert session is not None
    realm.counters.packets_received += run.count - 1
    packet_type = run.packet_type
    if packet_type == PUBACK:
        session.acknowledged_run(run.first_id, run.count)
    else:
        for packet_id in range(run.first_id, run.first_id + run.count):
            if packet_type == PUBREL:
                released(realm, state, session, packet_id)
            else:
                session.acknowledged(packet_type, packet_id, ReasonCode.SUCCESS)
    if session.retained:
        realm.pace(session)
