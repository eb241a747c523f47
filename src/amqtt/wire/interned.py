"""Topic Names off the wire: validated once, then remembered, because most come again and again."""

from typing import Final

from amqtt.wire.errors import MalformedPacket, ProtocolError
from amqtt.wire.primitives import text_of
from amqtt.wire.reasons import ReasonCode

MAXIMUM_REMEMBERED: Final = 16_384
"""Topic Names kept: with the bound below, about 10 MiB at the very worst."""
MAXIMUM_REMEMBERED_LENGTH: Final = 256
"""Longer Topic Names, in bytes, are seldom sent twice and never remembered."""
ALL_LEVELS: Final = 65_536
"""Topic levels of the longest Topic Name that there can be."""
ALL_BYTES: Final = 65_535
"""Bytes of the longest Topic Name that there can be [MQTT-4.7.3-3]."""


def topic_name(raw: bytes) -> str:
    """The Topic Name in `raw`, which may be empty; wildcard characters are refused with 0x90.

    MalformedPacket if it is not strict UTF-8 or includes U+0000 [MQTT-3.3.2-1], or has a wildcard
    character in it [MQTT-3.3.2-2].
    """
    topic = text_of(raw)
    if "#" in topic or "+" in topic:
        raise MalformedPacket("a Topic Name contains a wildcard character", ReasonCode.TOPIC_NAME_INVALID)
    return topic


class TopicNames:
    """Remembers the Topic Names seen, so that each is validated, and held, only once.

    One is shared by all Decoders of a Server. It is bounded, and forgets everything when it is
    full: that is cheaper than keeping an order, and a working set that fits is back at once.
    `maximum_levels` is how many topic levels a Topic Name may have, `maximum_length` how many bytes.
    """

    __slots__ = ("_known", "_maximum_length", "_maximum_levels")

    def __init__(self, maximum_levels: int = ALL_LEVELS, maximum_length: int = ALL_BYTES) -> None:
        self._maximum_levels = maximum_levels
        self._maximum_length = maximum_length
        self._known: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def decode(self, field: bytes) -> str:
        """The Topic Name in a UTF-8 Encoded String, its two bytes of length included: see topic_name.

        It is remembered; ProtocolError if it is too long.
        """
        known = self._known.get(field)
        return self._learn(field) if known is None else known

    def _learn(self, field: bytes) -> str:
        raw = field[2:]
        topic = topic_name(raw)
        if topic.count("/") >= self._maximum_levels:
            text = f"the Topic Name has more than {self._maximum_levels} levels"
            raise ProtocolError(text, ReasonCode.TOPIC_NAME_INVALID, "maximum_topic_levels")
        if len(raw) > self._maximum_length:
            text = f"the Topic Name is longer than {self._maximum_length} bytes"
            raise ProtocolError(text, ReasonCode.TOPIC_NAME_INVALID, "maximum_topic_length")
        if len(raw) <= MAXIMUM_REMEMBERED_LENGTH:
            if len(self._known) >= MAXIMUM_REMEMBERED:
                self._known.clear()
            self._known[field] = topic
        return topic
