"""Reads the packets about Subscriptions: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK."""

from amqtt.wire.bounds import PacketBounds
from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.packets import (
    MQTT_5,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from amqtt.wire.primitives import byte_at, string_at
from amqtt.wire.properties import decode_properties
from amqtt.wire.reasons import SUBACK_REASONS, SUBACK_RETURN_CODES, UNSUBACK_REASONS, ReasonCode


def packet_id_at(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """A Packet Identifier, which is not 0 [MQTT-2.2.1-3] [MQTT-2.2.1-4]."""
    after = at + 2
    if after > end:
        raise MalformedPacket("the packet ends within its Packet Identifier")
    packet_id = buffer[at] << 8 | buffer[at + 1]
    if packet_id == 0:
        raise ProtocolError("the Packet Identifier is 0")
    return packet_id, after


def subscribe_at(buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds) -> Subscribe:
    """The SUBSCRIBE packet: at least one Topic Filter with its options [MQTT-3.8.3-2]."""
    packet_id, at = packet_id_at(buffer, at, end)
    properties = None
    if version == MQTT_5:
        properties, at = decode_properties(buffer, at, end, SUBSCRIBE, bounds)
    requests: list[SubscriptionRequest] = []
    while at < end:
        topic_filter, at = _topic_filter_at(buffer, at, end)
        options, at = byte_at(buffer, at, end)
        requests.append(_request(topic_filter, options, version))
        if len(requests) > bounds.maximum_topic_filters:
            raise _too_many_filters(bounds)
    if not requests:
        raise ProtocolError("a SUBSCRIBE packet has no Topic Filter")
    return Subscribe(packet_id, requests, properties)


def _too_many_filters(bounds: PacketBounds) -> ProtocolError:
    """Without a bound each four bytes would become objects of a hundred, and keep the Server busy."""
    return ProtocolError(
        f"more than {bounds.maximum_topic_filters} Topic Filters in one packet",
        ReasonCode.QUOTA_EXCEEDED,
        "maximum_topic_filters",
    )


def _topic_filter_at(buffer: bytes, at: int, end: int) -> tuple[str, int]:
    topic_filter, at = string_at(buffer, at, end)  # [MQTT-3.8.3-1] [MQTT-3.10.3-1]
    if not topic_filter:  # [MQTT-4.7.3-1]
        raise MalformedPacket("a Topic Filter is empty")
    return topic_filter, at


def _request(topic_filter: str, options: int, version: int) -> SubscriptionRequest:
    qos = options & 3
    if version != MQTT_5:
        if options > 2:
            raise MalformedPacket("the requested QoS is not 0, 1 or 2")
        return SubscriptionRequest(topic_filter, qos)
    if options & 0xC0:
        raise MalformedPacket("reserved Subscription Options are set")  # [MQTT-3.8.3-5]
    retain_handling = options >> 4
    if qos == 3 or retain_handling == 3:
        raise ProtocolError("QoS or Retain Handling is 3")
    return SubscriptionRequest(topic_filter, qos, options & 4 != 0, options & 8 != 0, retain_handling)


def unsubscribe_at(
    buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds
) -> Unsubscribe:
    """The UNSUBSCRIBE packet: at least one Topic Filter [MQTT-3.10.3-2]."""
    packet_id, at = packet_id_at(buffer, at, end)
    properties = None
    if version == MQTT_5:
        properties, at = decode_properties(buffer, at, end, UNSUBSCRIBE, bounds)
    topic_filters: list[str] = []
    while at < end:
        topic_filter, at = _topic_filter_at(buffer, at, end)
        topic_filters.append(topic_filter)
        if len(topic_filters) > bounds.maximum_topic_filters:
            raise _too_many_filters(bounds)
    if not topic_filters:
        raise ProtocolError("an UNSUBSCRIBE packet has no Topic Filter")
    return Unsubscribe(packet_id, topic_filters, properties)


def suback_at(buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds) -> Suback:
    """The SUBACK packet."""
    packet_id, at = packet_id_at(buffer, at, end)
    if version != MQTT_5:
        return Suback(packet_id, _reason_codes(buffer[at:end], SUBACK_RETURN_CODES, bounds))
    properties, at = decode_properties(buffer, at, end, SUBACK, bounds)
    return Suback(packet_id, _reason_codes(buffer[at:end], SUBACK_REASONS, bounds), properties)


def unsuback_at(buffer: bytes, at: int, end: int, version: int, bounds: PacketBounds) -> Unsuback:
    """The UNSUBACK packet; before MQTT 5.0 it has no payload, and its Reason Codes are an empty list."""
    packet_id, at = packet_id_at(buffer, at, end)
    if version != MQTT_5:
        if at != end:
            raise MalformedPacket("an UNSUBACK packet has bytes behind its Packet Identifier")
        return Unsuback(packet_id, [])
    properties, at = decode_properties(buffer, at, end, UNSUBACK, bounds)
    return Unsuback(packet_id, _reason_codes(buffer[at:end], UNSUBACK_REASONS, bounds), properties)


def _reason_codes(codes: bytes, allowed: frozenset[int], bounds: PacketBounds) -> list[int]:
    if not codes:
        raise ProtocolError("an acknowledgement has no Reason Code")
    if len(codes) > bounds.maximum_topic_filters:
        raise ProtocolError("more Reason Codes than we take", ReasonCode.QUOTA_EXCEEDED)
    for code in codes:
        if code not in allowed:
            raise ProtocolError(f"the Reason Code {code:#04x} is not one of this packet")
    return list(codes)
