"""SUBSCRIBE and UNSUBSCRIBE, and their answers (MQTT 5.0, 3.8 to 3.11)."""

from amqtt.client_session.receipt import ANSWERED, DROPPED, Receipt
from amqtt.client_session.state import AcceptedSubscription, ClientState, PendingRequest
from amqtt.topics.names import has_wildcard, split_shared, topic_filter_fault
from amqtt.wire.encoder import encode_within
from amqtt.wire.errors import ProtocolError
from amqtt.wire.interned import ALL_LEVELS
from amqtt.wire.packets import MQTT_5, Suback, Subscribe, SubscriptionRequest, Unsuback, Unsubscribe
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode


def check_request(version: int, request: SubscriptionRequest, identifier: int) -> None:
    """ValueError for what the standard does not let a Client ask for, with a sentence."""
    fault = topic_filter_fault(request.topic_filter, ALL_LEVELS)
    if fault:
        raise ValueError(f"topic filter {request.topic_filter!r}: {fault}")
    if request.qos not in (0, 1, 2):
        raise ValueError(f"qos is 0, 1 or 2, not {request.qos!r}")
    if request.retain_handling not in (0, 1, 2):
        raise ValueError(f"retain handling is 0, 1 or 2, not {request.retain_handling!r}")
    if version != MQTT_5:
        if request.no_local or request.retain_as_published or request.retain_handling or identifier:
            raise ValueError("before MQTT 5.0 a Subscription has a QoS and no other options; use version 5")
        return
    if request.no_local and split_shared(request.topic_filter)[0]:  # [MQTT-3.8.3-4]
        raise ValueError("a shared Subscription cannot have No Local")
    if not 0 <= identifier <= 268_435_455:
        raise ValueError(f"a Subscription Identifier is 1 to 268435455, not {identifier}")


def _unsupported(state: ClientState, requests: list[SubscriptionRequest], identifier: int) -> str:
    connection = state.connected
    limits = None if connection is None else connection.limits
    if limits is None:
        return ""
    if identifier and not limits.subscription_identifier_available:
        return "the Server has no Subscription Identifiers"
    for request in requests:
        share_name, topic_filter = split_shared(request.topic_filter)
        if share_name and not limits.shared_subscription_available:
            return "the Server has no shared Subscriptions"
        if has_wildcard(topic_filter) and not limits.wildcard_subscription_available:
            return "the Server has no Subscriptions with wildcards"
    return ""


def subscribe(
    state: ClientState,
    requests: list[SubscriptionRequest],
    identifier: int = 0,
    user_properties: tuple[tuple[str, str], ...] = (),
) -> Receipt:
    """Ask for Subscriptions; the Client is connected. `identifier` 0 is no Subscription Identifier."""
    receipt = Receipt()
    reason = _unsupported(state, requests, identifier)
    if reason:
        receipt.settle(DROPPED, [ReasonCode.UNSPECIFIED_ERROR] * len(requests), reason)
        return receipt
    properties = Properties()
    properties.user_properties = user_properties
    if identifier:
        properties.subscription_identifiers = (identifier,)
    packet = Subscribe(state.session.inflight.reserve(), requests, properties)
    topic_filters = [request.topic_filter for request in requests]
    _ask(state, packet, PendingRequest(receipt, topic_filters, requests, identifier, _deadline(state)))
    return receipt


def unsubscribe(
    state: ClientState, topic_filters: list[str], user_properties: tuple[tuple[str, str], ...] = ()
) -> Receipt:
    """End Subscriptions; the Client is connected."""
    receipt = Receipt()
    properties = Properties()
    properties.user_properties = user_properties
    packet = Unsubscribe(state.session.inflight.reserve(), topic_filters, properties)
    _ask(state, packet, PendingRequest(receipt, topic_filters, [], 0, _deadline(state)))
    return receipt


def _deadline(state: ClientState) -> float:
    return state.turn.now + state.settings.response_timeout


def _ask(state: ClientState, packet: Subscribe | Unsubscribe, request: PendingRequest) -> None:
    connection = state.connected
    assert connection is not None
    limits = connection.limits
    assert limits is not None
    encoded = encode_within(packet, state.settings.version, limits.maximum_packet_size)
    if encoded is None:
        state.session.inflight.release(packet.packet_id)
        codes = [int(ReasonCode.PACKET_TOO_LARGE)] * len(request.topic_filters)
        request.receipt.settle(DROPPED, codes, "it is larger than the Server takes")
        return
    state.requests[packet.packet_id] = request
    connection.link.send(encoded)


def suback(state: ClientState, packet: Suback) -> None:
    """One Reason Code for each Topic Filter, in their order [MQTT-3.9.3-1]."""
    request = _answered(state, packet.packet_id, len(packet.reason_codes))
    if not request.requests:
        raise ProtocolError("SUBACK for an UNSUBSCRIBE")
    for asked, code in zip(request.requests, packet.reason_codes, strict=True):
        if code < 0x80:
            accepted = AcceptedSubscription(asked, request.identifier, code)
            state.subscriptions[asked.topic_filter] = accepted
    request.receipt.properties = packet.properties
    request.receipt.settle(ANSWERED, packet.reason_codes)


def unsuback(state: ClientState, packet: Unsuback) -> None:
    """The Subscriptions are ended [MQTT-3.11.3-1]; before MQTT 5.0 it cannot say otherwise."""
    codes = packet.reason_codes
    expected = state.requests.get(packet.packet_id)
    if state.settings.version != MQTT_5 and expected is not None:
        codes = [ReasonCode.SUCCESS] * len(expected.topic_filters)
    request = _answered(state, packet.packet_id, len(codes))
    if request.requests:
        raise ProtocolError("UNSUBACK for a SUBSCRIBE")
    for topic_filter, code in zip(request.topic_filters, codes, strict=True):
        if code < 0x80:
            state.subscriptions.pop(topic_filter, None)
    request.receipt.properties = packet.properties
    request.receipt.settle(ANSWERED, codes)


def _answered(state: ClientState, packet_id: int, reason_codes: int) -> PendingRequest:
    request = state.requests.get(packet_id)
    if request is None:
        raise ProtocolError("an answer to nothing that was asked")
    if len(request.topic_filters) != reason_codes:
        raise ProtocolError("an answer with another number of Reason Codes than Topic Filters")
    del state.requests[packet_id]
    state.session.inflight.release(packet_id)
    return request

