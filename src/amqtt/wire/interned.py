"""Topic Names off the wire: validated once, then remembered, because most come again and again."""

from typing import Final

from amqtt.wire.errors import MalformedPacket
from amqtt.wire.primitives import text_of
from amqtt.wire.reasons import ReasonCode

MAXIMUM_REMEMBERED: Final = 16_384
"""Topic Names kept: with the bound below, about 10 MiB at the very worst."""
MAXIMUM_REMEMBERED_LENGTH: Final = 256
"""Longer Topic Names, in bytes, are seldom sent twice and never remembered."""


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
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def decode(self, raw: bytes) -> str:
        """The Topic Name in `raw`: see topic_name, which it remembers."""
        known = self._known.get(raw)
        if known is not None:
            return known
        topic = topic_name(raw)
        if len(raw) <= MAXIMUM_REMEMBERED_LENGTH:
            if len(self._known) >= MAXIMUM_REMEMBERED:
                self._known.clear()
            self._known[raw] = topic
        return topic
