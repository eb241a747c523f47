"""The Will Message of a Session (MQTT 5.0, 3.1.2.5)."""

from copy import copy

from amqtt.message import NEVER, Message, take_hop_properties
from amqtt.wire.packets import WillFields


class Will:
    """A Will Message and its Will Delay Interval in seconds.

    Its Message Expiry Interval begins when it is published, so it is kept beside the Message.
    """

    __slots__ = ("delay_interval", "fields")

    def __init__(self, fields: WillFields) -> None:
        self.fields = fields
        properties = fields.properties
        delay = 0 if properties is None else properties.will_delay_interval
        self.delay_interval = delay or 0

    def message(self, now: float, publisher: str) -> Message:
        """The Application Message to publish at `now` [MQTT-3.1.2-14] [MQTT-3.1.2-15]."""
        fields = self.fields
        properties = copy(fields.properties)  # those in `fields` may be on their way to the store
        expires_at = NEVER if properties is None else take_hop_properties(properties, now)
        return Message(
            fields.topic, fields.payload, fields.qos, fields.retain, properties, expires_at, publisher
        )
