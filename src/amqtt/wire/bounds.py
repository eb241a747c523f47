"""How much one packet of a peer may hold: what is small on the wire can be large in memory."""

from typing import Final

LARGEST: Final = 256 * 1024 * 1024
"""No packet has so many bytes, or so many of anything."""


class PacketBounds:
    """Bounds on what one packet may hold; the packet's own size is the Decoder's."""

    __slots__ = ("maximum_topic_filters", "maximum_user_properties", "maximum_user_property_bytes")

    def __init__(
        self,
        maximum_user_properties: int = 64,
        maximum_user_property_bytes: int = 16 * 1024,
        maximum_topic_filters: int = 65_536,
    ) -> None:
        self.maximum_user_properties = maximum_user_properties
        self.maximum_user_property_bytes = maximum_user_property_bytes
        self.maximum_topic_filters = maximum_topic_filters


USUAL_BOUNDS: Final = PacketBounds()
"""Those of a Decoder that is given no others."""

UNBOUNDED: Final = PacketBounds(LARGEST, LARGEST, LARGEST)
"""For what was found to be within bounds before."""
