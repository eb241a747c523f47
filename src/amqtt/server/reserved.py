"""User Properties whose names are ours: what a Client states there must not pass for what we know of it."""

from amqtt.wire.properties import Properties, is_reserved


def strip_reserved(properties: Properties | None) -> None:
    """Take out the User Properties that only this Server may set."""
    if properties is None or not properties.user_properties:
        return
    kept = [pair for pair in properties.user_properties if not is_reserved(pair[0])]
    if len(kept) < len(properties.user_properties):
        properties.user_properties = tuple(kept)
