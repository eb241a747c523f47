"""PUBLISH from the Client to the Server, and its acknowledgements (MQTT 5.0, 3.3 to 3.7 and 4.3)."""

from amqtt.client_session.receipt import ANSWERED, DROPPED, Receipt
from amqtt.client_session.state import ClientState
from amqtt.message import Message
from amqtt.sessions.inflight import AWAITS_PUBCOMP, COMPLETE, RESERVED, Outgoing
from amqtt.topics.names import topic_name_fault
from amqtt.topics.subscriptions import Target
from amqtt.wire.interned import ALL_LEVELS
from amqtt.wire.packets import MQTT_5, PUBACK, PUBCOMP, PUBREC, Puback, Pubcomp, Pubrec
from amqtt.wire.properties import Properties
from amqtt.wire.reasons import ReasonCode


def check_message(version: int, message: Message) -> None:
    """ValueError for what the standard does not let a Client publish, with a sentence."""
    fault = topic_name_fault(message.topic, ALL_LEVELS)
    if fault:
        raise ValueError(f"topic {message.topic!r}: {fault}")
    if message.qos not in (0, 1, 2):
        raise ValueError(f"qos is 0, 1 or 2, not {message.qos!r}")
    properties = message.properties
    if properties is None:
        return
    if version != MQTT_5:
        raise ValueError("a message has no properties before MQTT 5.0; leave them out or use version 5")
    _check_properties(properties)
    # Its encoding is kept, and finds out what else is wrong with a property.
    _ = message.size


def _check_properties(properties: Properties) -> None:
    response_topic = properties.response_topic
    if response_topic is not None:
        fault = topic_name_fault(response_topic, ALL_LEVELS)
        if fault:
            raise ValueError(f"response topic {response_topic!r}: {fault}")


def unsupported(state: ClientState, message: Message) -> str:
    """Why the Server that we are connected to takes no such message; "" when it does."""
    connection = state.connected
    limits = None if connection is None else connection.limits
    if limits is None:
        return ""
    if message.qos > limits.maximum_qos:  # [MQTT-3.2.2-11]
        return f"the Server takes QoS {limits.maximum_qos} at most"
    if message.retain and not limits.retain_available:  # [MQTT-3.2.2-14]
        return "the Server does not retain messages"
    if len(message.payload) > limits.maximum_packet_size:
        return f"the Server takes packets of {limits.maximum_packet_size} bytes at most"
    return ""


def has_room(state: ClientState, message: Message) -> bool:
    """Whether `publish` can take this message now.

    At QoS 0 it needs a Network Connection that is not full, else room in the Backlog. One that is
    larger than the whole Backlog waits until it can be sent at once.
    """
    if message.qos == 0:
        connection = state.connected
        return connection is not None and not connection.link.full
    if state.session.available and not state.session.inflight.is_resending:
        return True
    backlog = state.session.backlog
    fits = backlog.size + message.size <= backlog.maximum_bytes
    return fits and len(backlog) < backlog.maximum_messages


def publish(state: ClientState, message: Message) -> Receipt:
    """Send a message, or queue it at QoS 1 and 2; `has_room` must have said that there is room.

    `check_message` found nothing wrong with it.
    """
    receipt = Receipt()
    reason = unsupported(state, message)
    if reason:
        receipt.settle(DROPPED, [ReasonCode.QOS_NOT_SUPPORTED], reason)
        return receipt
    session = state.session
    if message.qos == 0:
        before = state.counters.dropped_too_large
        session.deliver(message, Target(session, 0, retain_as_published=True))
        if state.counters.dropped_too_large > before:
            too_large = [int(ReasonCode.PACKET_TOO_LARGE)]
            receipt.settle(DROPPED, too_large, "it is larger than the Server takes")
        else:
            receipt.settle(ANSWERED, [ReasonCode.SUCCESS])
        return receipt
    outgoing = Outgoing(message, message.qos, message.retain)
    state.receipts[outgoing] = receipt
    if not session.assure(outgoing):
        del state.receipts[outgoing]
        receipt.settle(DROPPED, [ReasonCode.QUOTA_EXCEEDED], "too many messages wait to be sent")
    return receipt


def puback(state: ClientState, packet: Puback) -> None:
    """The Server has a QoS 1 message, or refuses it [MQTT-4.3.2-3]."""
    _acknowledged(state, PUBACK, packet)


def pubrec(state: ClientState, packet: Pubrec) -> None:
    """The Server has a QoS 2 message, or refuses it; PUBREL follows [MQTT-4.3.3-4]."""
    _acknowledged(state, PUBREC, packet)


def pubcomp(state: ClientState, packet: Pubcomp) -> None:
    """The delivery of a QoS 2 message is complete [MQTT-4.3.3-5]."""
    _acknowledged(state, PUBCOMP, packet)


def _acknowledged(state: ClientState, packet_type: int, packet: Puback | Pubrec | Pubcomp) -> None:
    session = state.session
    outgoing = session.inflight.get(packet.packet_id)
    if outgoing is None or outgoing.state == RESERVED:
        session.acknowledged(packet_type, packet.packet_id, packet.reason_code)
        return
    before = outgoing.state
    session.acknowledged(packet_type, packet.packet_id, packet.reason_code)
    receipt = state.receipts.get(outgoing)
    if receipt is None:
        return
    if outgoing.state == AWAITS_PUBCOMP and before != AWAITS_PUBCOMP:
        # PUBREC says what became of the message, PUBCOMP only that all is over.
        receipt.reason_codes = [packet.reason_code]
        receipt.properties = packet.properties
    elif outgoing.state == COMPLETE:
        del state.receipts[outgoing]
        if not receipt.reason_codes:
            receipt.properties = packet.properties
        receipt.settle(ANSWERED, receipt.reason_codes or [packet.reason_code])
