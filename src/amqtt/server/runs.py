"""Packets that arrived one behind the other, taken together: as if each had come by itself."""

from typing import Final

from amqtt.message import MessageRun
from amqtt.server.publish import (
    PUBACK_SUCCESS,
    PUBCOMP_SUCCESS,
    PUBREC_SUCCESS,
    press,
    publish,
    refused,
    released,
)
from amqtt.server.realm import Realm
from amqtt.server.state import ConnectionState
from amqtt.sessions.journal import answer, changes_of
from amqtt.sessions.session import Session
from amqtt.topics.subscriptions import Target, same_targets
from amqtt.wire.packets import MQTT_5, PUBREL, AcknowledgementRun, PublishRun
from amqtt.wire.primitives import BYTE_PAIRS, SINGLE_BYTES
from amqtt.wire.reasons import ReasonCode
from amqtt.wire.runs import acknowledgement_run, packets_of, pieces_of

DELIVERIES: Final = 10_000
"""Messages of a run times their receivers, until somebody looks whether the turn is over. Sent as they came
they take half a millisecond; where something is noted of each, as for a Session that lasts, 30."""
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
        or (run.qos == 2 and not _are_new(realm, state, session, run))
        or (journal is not None and journal.failing)
    ):
        _publish_each(realm, state, run, run)
        return
    topics = run.topics
    targets = _welcome(realm, session, topics[0])
    for at in range(1, len(topics)):
        others = _welcome(realm, session, topics[at])
        if others is not targets and (others is None or targets is None or not same_targets(others, targets)):
            _publish_pieces(realm, state, run, run.take(at), targets)
            if state.closed or realm.line.is_over:
                return
            targets = others
    _publish_pieces(realm, state, run, run.take(len(topics)), targets)


def _are_new(realm: Realm, state: ConnectionState, session: Session, run: PublishRun) -> bool:
    """Whether no message of QoS 2 in a run came before, there is room for all, and none is to be noted."""
    received = session.received
    return (
        session.journal is None
        and received.isdisjoint(range(run.first_id, run.first_id + run.count))
        and (state.version != MQTT_5 or len(received) + run.count <= realm.limits.receive_maximum)
    )


def _publish_each(realm: Realm, state: ConnectionState, run: PublishRun, part: PublishRun) -> None:
    """Take the packets of this part of a run one by one, until the turn is over."""
    packets = packets_of(part.wire, state.version, part.names)
    for at, packet in enumerate(packets):
        if state.closed:
            return
        publish(realm, state, packet)
        if realm.line.is_over:
            run.put_back(packets[at + 1 :])
            return


def _welcome(realm: Realm, session: Session, topic: str) -> list[Target] | None:
    """Whom a message of this Client to this topic is for; None: it may not publish it."""
    return realm.tree.match(topic) if session.may_publish(topic, False) else None


def _publish_pieces(
    realm: Realm, state: ConnectionState, run: PublishRun, part: PublishRun, targets: list[Target] | None
) -> None:
    """Route what of a run has the same receivers, until the turn is over."""
    if targets is None or part.count * len(targets) <= DELIVERIES:
        _publish_part(realm, state, part, targets)
        return
    if len(targets) > DELIVERIES:
        _publish_each(realm, state, run, part)
        return
    pieces = pieces_of(part, DELIVERIES // len(targets))
    for at, piece in enumerate(pieces):
        _publish_part(realm, state, piece, targets)
        if state.closed:
            return
        if realm.line.is_over:
            run.put_back(pieces[at + 1 :])
            return


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
    changes = changes_of(journal)
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
    """Take ownership of messages of QoS 1 or 2: a PUBACK or PUBREC for each."""
    if part.qos == 2:
        session = state.session
        assert session is not None
        if not state.closed or realm.has(session):
            session.received.update(range(part.first_id, part.first_id + part.count))
            session.counters.inflight_in += part.count
    if state.closed:
        return
    head = PUBACK_SUCCESS if part.qos == 1 else PUBREC_SUCCESS
    if matched or state.version != MQTT_5:
        packets = acknowledgement_run(head, part.first_id, part.count)
        answer(realm.journal, state.link, packets, changes, part.count)
        return
    head = SINGLE_BYTES[head[0]] + b"\x03"
    for identifier in BYTE_PAIRS[part.first_id : part.first_id + part.count]:
        answer(realm.journal, state.link, head + identifier + NO_MATCHING_SUBSCRIBERS, changes)


def acknowledgements(realm: Realm, state: ConnectionState, run: AcknowledgementRun) -> None:
    """Take acknowledgements that came one behind the other, as if each had come by itself."""
    session = state.session
    assert session is not None
    realm.counters.packets_received += run.count - 1
    if run.packet_type == PUBREL:
        _released_run(realm, state, session, run)
    else:
        session.acknowledged_run(run.packet_type, run.first_id, run.count)
    if session.retained:
        realm.pace(session)


def _released_run(
    realm: Realm, state: ConnectionState, session: Session, run: AcknowledgementRun
) -> None:
    """Take PUBREL packets: the Client has released these Packet Identifiers [MQTT-4.3.3-11]."""
    identifiers = range(run.first_id, run.first_id + run.count)
    received = session.received
    if session.journal is not None or not received.issuperset(identifiers):
        for packet_id in identifiers:
            released(realm, state, session, packet_id)
        return
    received.difference_update(identifiers)
    session.counters.inflight_in -= run.count
    state.link.follow(acknowledgement_run(PUBCOMP_SUCCESS, run.first_id, run.count), run.count)
