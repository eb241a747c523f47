"""SUBSCRIBE and UNSUBSCRIBE (MQTT 5.0, 3.8 to 3.11)."""

from typing import TYPE_CHECKING, Final

from amqtt.server.events import ClientSubscribed, ClientUnsubscribed
from amqtt.server.realm import Realm
from amqtt.server.state import ConnectionState
from amqtt.sessions.journal import answer, changes_of
from amqtt.sessions.session import RetainedDelivery, Session
from amqtt.topics.names import (
    shared_fault,
    split_shared,
    topic_excess,
    topic_filter_fault,
    wildcard_levels,
)
from amqtt.topics.shared import SharedGroupFull
from amqtt.topics.subscriptions import Subscription, Target
from amqtt.wire.encoder import encode
from amqtt.wire.errors import ProtocolError
from amqtt.wire.packets import MQTT_3_1, MQTT_5, Suback, Subscribe, SubscriptionRequest, Unsuback, Unsubscribe
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from amqtt.server.limits import Limits

SEND_ALWAYS: Final = 0
SEND_IF_NEW: Final = 1
"""Retain Handling: send retained messages at every SUBSCRIBE, or if it is new (3.8.3.1)."""


def subscribe(realm: Realm, state: ConnectionState, packet: Subscribe) -> None:
    """Grant or refuse each Topic Filter in turn, then answer all in one SUBACK [MQTT-3.8.4-5]."""
    session = state.session
    assert session is not None
    identifier = _identifier(realm, packet)
    if state.connect is not None and state.connect.bridge:
        _mean_as_a_bridge(packet.requests)
    for request in packet.requests:
        check(realm, request)
        if state.version == MQTT_5:
            _check_supported(realm, request)
    changes = changes_of(session.journal)
    reason_codes = [grant(realm, session, request, identifier) for request in packet.requests]
    if state.version == MQTT_3_1:
        # It has no word for a refusal, and asks for a positive acknowledgement all the same.
        wishes = packet.requests
        reason_codes = [min(code, wish.qos) for code, wish in zip(reason_codes, wishes, strict=True)]
    _answer(state, session, Suback(packet.packet_id, reason_codes), changes)
    if session.client_id not in realm.paced:
        # Else a slice of its retained messages was sent in this turn, and the next one follows in the next.
        realm.pump(session)


def _mean_as_a_bridge(requests: list[SubscriptionRequest]) -> None:
    """What a bridge of Mosquitto says with its Protocol Level, for want of options before MQTT 5.0.

    It must not be sent what it brought, and keeps RETAIN for its own side.
    """
    for request in requests:
        request.retain_as_published = True
        request.no_local = not split_shared(request.topic_filter)[0]


def _answer(state: ConnectionState, session: Session, packet: Suback | Unsuback, changes: int) -> None:
    """Send it, unless the Client asked for so much at once that it cannot take the answer.

    Raises ProtocolError then [MQTT-3.1.2-24]. It leaves when what the Journal noted since `changes` is
    durable.
    """
    encoded = encode(packet, state.version)
    if len(encoded) > state.maximum_packet_size:
        raise ProtocolError("the answer is larger than Maximum Packet Size", ReasonCode.PACKET_TOO_LARGE)
    answer(session.journal, state.link, encoded, changes)


def _identifier(realm: Realm, packet: Subscribe) -> int:
    properties = packet.properties
    if properties is None or not properties.subscription_identifiers:
        return 0
    if not realm.limits.subscription_identifier_available:
        raise ProtocolError(
            "Subscription Identifiers are not supported",
            ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
        )
    return properties.subscription_identifiers[0]


def check(realm: Realm, request: SubscriptionRequest) -> None:
    """Raise ProtocolError for a filter that the standard does not know [MQTT-4.7.1-1] [MQTT-4.7.1-2]."""
    _check_filter(realm, request.topic_filter)
    if request.no_local and split_shared(request.topic_filter)[0]:
        raise ProtocolError("No Local on a Shared Subscription")  # [MQTT-3.8.3-4]


def _check_filter(realm: Realm, topic_filter: str) -> None:
    fault, excess = shared_fault(topic_filter), ""
    if not fault:
        bounds = realm.limits.maximum_topic_levels, realm.limits.maximum_topic_length
        real_filter = split_shared(topic_filter)[1]
        fault = topic_filter_fault(real_filter, *bounds)
        if fault:
            excess = topic_excess(real_filter, *bounds)
    if fault:
        raise ProtocolError(f"Topic Filter: {fault}", ReasonCode.TOPIC_FILTER_INVALID, excess)


def _check_supported(realm: Realm, request: SubscriptionRequest) -> None:
    """Raise ProtocolError for what the CONNACK said that there is not (3.2.2.3.11, 3.2.2.3.13)."""
    unsupported = _unsupported(realm, *split_shared(request.topic_filter))
    if unsupported:
        raise ProtocolError("the CONNACK said that such Subscriptions are not available", unsupported)


def grant(realm: Realm, session: Session, request: SubscriptionRequest, identifier: int = 0) -> int:
    """The Reason Code for one Topic Filter; from now on the Session is owed its retained messages."""
    share_name, topic_filter = split_shared(request.topic_filter)
    unsupported = _unsupported(realm, share_name, topic_filter)
    if unsupported:
        return unsupported
    journal = session.journal
    if journal is not None and journal.failing:
        return ReasonCode.QUOTA_EXCEEDED
    wished = min(request.qos, realm.limits.maximum_qos)
    granted = session.permissions.may_subscribe(topic_filter, wished)
    if granted < 0:
        return ReasonCode.NOT_AUTHORIZED
    granted = min(granted, wished)
    existed = request.topic_filter in session.subscriptions
    excess = "" if existed else _excess(realm.limits, session, topic_filter)
    if excess:
        realm.exceeded(excess, session.client_id)
        return ReasonCode.QUOTA_EXCEEDED
    subscription = Subscription(
        topic_filter, granted, request.no_local, request.retain_as_published, identifier
    )
    if share_name:
        try:
            realm.shared.join(share_name, session, subscription)
        except SharedGroupFull:
            realm.exceeded("maximum_shared_members", session.client_id)
            return ReasonCode.QUOTA_EXCEEDED
    else:
        realm.tree.add(session, subscription)
        _owe_retained(realm, session, subscription, request.retain_handling, existed)
    session.put_subscription(request.topic_filter, subscription)
    if journal is not None:
        journal.subscribe(session.number, request.topic_filter, subscription)
    if realm.events.wanted(ClientSubscribed):
        realm.events.tell(ClientSubscribed(session.client_id, request.topic_filter, granted))
    return granted


def _excess(limits: "Limits", session: Session, topic_filter: str) -> str:
    """The Limit that another Subscription of this Session would exceed; "": none."""
    if len(session.subscriptions) >= limits.maximum_subscriptions:
        return "maximum_subscriptions"
    if session.wildcard_levels + wildcard_levels(topic_filter) > limits.maximum_wildcard_levels:
        return "maximum_wildcard_levels"
    return ""


def _unsupported(realm: Realm, share_name: str, topic_filter: str) -> int:
    """The Reason Code for a kind of Subscription that this Server does not have; 0: it has it."""
    limits = realm.limits
    if share_name and not limits.shared_subscription_available:
        return ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
    if not limits.wildcard_subscription_available and ("+" in topic_filter or "#" in topic_filter):
        return ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED
    return 0


def _owe_retained(
    realm: Realm, session: Session, subscription: Subscription, handling: int, existed: bool
) -> None:
    """Owe the Subscription its retained messages, from the first one on if it is to be re-sent them.

    What the Subscription that it replaces is owed still is not lost [MQTT-3.8.4-4].
    """
    target = _retained_target(session, subscription)
    owed = session.retained
    topic_filter = subscription.topic_filter
    if handling == SEND_ALWAYS or (handling == SEND_IF_NEW and not existed):
        owed.pop(topic_filter, None)
        batch = 0 if session.journal is None else session.journal.batch
        owed[topic_filter] = RetainedDelivery(realm.retained.match(topic_filter), target, batch)
    elif topic_filter in owed:
        owed[topic_filter].target = target


def _retained_target(session: Session, subscription: Subscription) -> Target:
    """How retained messages come: RETAIN stays 1 [MQTT-3.3.1-8 of 3.1.1], No Local holds."""
    identifiers = (subscription.identifier,) if subscription.identifier else ()
    target = Target(session, subscription.qos, True, identifiers)
    if subscription.no_local:
        target.local = None
    return target


def unsubscribe(realm: Realm, state: ConnectionState, packet: Unsubscribe) -> None:
    """End each Subscription that is named exactly, and answer all in one UNSUBACK [MQTT-3.10.4-6]."""
    session = state.session
    assert session is not None
    for topic_filter in packet.topic_filters:
        _check_filter(realm, topic_filter)
    changes = changes_of(session.journal)
    reason_codes = [_end(realm, session, topic_filter) for topic_filter in packet.topic_filters]
    _answer(state, session, Unsuback(packet.packet_id, reason_codes), changes)


def _end(realm: Realm, session: Session, topic_filter: str) -> int:
    if session.take_subscription(topic_filter) is None:
        return ReasonCode.NO_SUBSCRIPTION_EXISTED
    session.retained.pop(topic_filter, None)  # [MQTT-3.10.4-2]
    realm.end_subscription(session, topic_filter)
    if realm.events.wanted(ClientUnsubscribed):
        realm.events.tell(ClientUnsubscribed(session.client_id, topic_filter))
    return ReasonCode.SUCCESS
