"""What a Will Message must keep to before its CONNECT is accepted (MQTT 5.0, 3.1.2.5 and 3.2.2.3)."""

from typing import TYPE_CHECKING

from amqtt.topics.names import topic_excess, topic_name_fault
from amqtt.wire.errors import PeerError, ProtocolError
from amqtt.wire.packets import MQTT_5, WillFields
from amqtt.wire.reasons import ReasonCode

if TYPE_CHECKING:
    from amqtt.server.limits import Limits


def will_fault(limits: "Limits", will: WillFields, version: int) -> PeerError | None:
    """Why a CONNECT with this Will Message is refused; None when it is not.

    Only MQTT 5.0 Clients can know of limits to QoS and RETAIN [MQTT-3.2.2-12] [MQTT-3.2.2-13];
    for the others the Will Message is brought within them.
    """
    bounds = limits.maximum_topic_levels, limits.maximum_topic_length
    fault = topic_name_fault(will.topic, *bounds)
    if fault:
        excess = topic_excess(will.topic, *bounds)
        return ProtocolError(f"Will Topic: {fault}", ReasonCode.TOPIC_NAME_INVALID, excess)
    if version == MQTT_5:
        if will.qos > limits.maximum_qos:
            return ProtocolError("Will QoS is above Maximum QoS", ReasonCode.QOS_NOT_SUPPORTED)
        if will.retain and not limits.retain_available:
            return ProtocolError("Will Retain is not supported", ReasonCode.RETAIN_NOT_SUPPORTED)
    will.qos = min(will.qos, limits.maximum_qos)
    will.retain = will.retain and limits.retain_available
    properties = will.properties
    claims_text = properties is not None and properties.payload_format_indicator == 1
    if limits.validate_payload_format and claims_text and not is_utf8(will.payload):
        return ProtocolError("the Will Payload is not UTF-8", ReasonCode.PAYLOAD_FORMAT_INVALID)
    return None


def is_utf8(payload: bytes) -> bool:
    """Whether a payload is the UTF-8 that its Payload Format Indicator says (3.3.2.3.2)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
