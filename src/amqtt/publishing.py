"""What a program publishes with: properties as it writes them down."""

from collections.abc import Mapping, Sequence

from amqtt.wire.properties import Properties

ALLOWED = (
    "payload_format_indicator", "message_expiry_interval", "content_type", "response_topic",
    "correlation_data", "user_properties",
)
"""The properties that a program may publish with (3.3.2.3)."""


def properties_of(given: Mapping[str, object]) -> Properties:
    """Properties from a mapping such as `{"content_type": "text/plain"}`; ValueError for a stranger."""
    properties = Properties()
    for name, value in given.items():
        if name not in ALLOWED:
            raise ValueError(f"a message has no property {name!r}; it may have {', '.join(ALLOWED)}")
        setattr(properties, name, _pairs(value) if name == "user_properties" else value)
    return properties


def _pairs(value: object) -> object:
    """User Properties, of which a name may come more than once, from a mapping or from pairs."""
    if not isinstance(value, Mapping | Sequence):
        return value
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple((str(key), str(text)) for key, text in pairs)
