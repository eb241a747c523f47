"""User Properties whose names are ours: what a Client states there must not pass for what we know of it."""

from typing import Final

from amqtt.wire.properties import Properties

RESERVED: Final = "amqtt-"
"""How their names begin, in capitals or not: plugins and other Servers may believe them."""


def strip_reserved(properties: Properties | None) -> None:
    """Take out the User Properties that only this Server may set."""
    if properties is None or not properties.user_properties:
        return
    kept = [pair for pair in properties.user_properties if pair[0][:len(RESERVED)].lower() != RESERVED]
    if len(kept) < len(properties.user_properties):
        properties.user_properties = tuple(kept)
