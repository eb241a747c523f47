"""Messages on their way from a program to the Server: one after the other where they must wait."""

import asyncio
from collections.abc import Mapping
from copy import copy

from amqtt.client_session.ending import named
from amqtt.client_session.receipt import ANSWERED, DROPPED, Receipt
from amqtt.clients.lifeline import Lifeline
from amqtt.errors import DisconnectedError, PublishError
from amqtt.message import NEVER, Message, take_hop_properties
from amqtt.publishing import properties_of
from amqtt.wire.properties import Properties


def message_of(
    topic: str,
    payload: bytes | bytearray | memoryview | str,
    qos: int,
    retain: bool,
    properties: Properties | Mapping[str, object] | None,
    now: float,
) -> Message:
    """What a program publishes, as a Message; its Message Expiry Interval begins `now`."""
    content = payload.encode() if isinstance(payload, str) else bytes(payload)
    if not properties:
        return Message(topic, content, qos, retain, None, NEVER)
    carried = copy(properties) if isinstance(properties, Properties) else properties_of(properties)
    expires_at = take_hop_properties(carried, now)
    return Message(topic, content, qos, retain, carried, expires_at)


class Publications:
    """Those who publish, in one line: who came first goes first when there is room again."""

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline
        self._line = asyncio.Lock()

    async def publish(self, message: Message) -> int:
        """Publish when there is room, and wait for what the Server says; PublishError if it refuses."""
        lifeline = self._lifeline
        session = lifeline.session
        if lifeline.is_over or self._line.locked() or not session.has_room(message):
            async with self._line:
                await lifeline.until(lambda: session.has_room(message))
                receipt = session.publish(message)
        else:
            receipt = session.publish(message)
        await lifeline.settled(receipt)
        return reason_code_of(receipt, message.topic)


def reason_code_of(receipt: Receipt, topic: str) -> int:
    """What the Server said of a message that it took; PublishError if it did not."""
    if receipt.outcome == ANSWERED:
        code = receipt.reason_codes[0]
        if code < 0x80:
            return code
        reason = named(code)
        if receipt.properties is not None and receipt.properties.reason_string:
            reason = f"{reason}: {receipt.properties.reason_string}"
        raise PublishError(f"the Server refuses the message to {topic!r}: {reason}", reason_code=code)
    if receipt.outcome == DROPPED:
        code = receipt.reason_codes[0]
        raise PublishError(f"the message to {topic!r} is not sent: {receipt.reason}", reason_code=code)
    raise DisconnectedError(f"whether the message to {topic!r} was published is not known: {receipt.reason}")
