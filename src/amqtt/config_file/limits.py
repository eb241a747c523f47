"""The section `limits`, and the keys of aMQTT that say the same."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from amqtt.config_file import values
from amqtt.config_file.section import Section
from amqtt.server.limits import Limits

_MUCH = 1 << 40
_LONG = 365 * 86400.0

_RANGES: Mapping[str, tuple[int, int]] = {
    "maximum_connections": (0, _MUCH),
    "maximum_packet_size": (128, 268_435_455 + 5),
    "maximum_connect_size": (128, 268_435_455 + 5),
    "maximum_keep_alive": (0, 65_535),
    "maximum_client_id_length": (23, 65_535),
    "maximum_topic_levels": (1, 65_535),
    "maximum_topic_length": (1, 65_535),
    "maximum_topic_filters": (1, 65_536),
    "maximum_wildcard_levels": (1, _MUCH),
    "maximum_shared_members": (1, _MUCH),
    "maximum_qos": (0, 2),
    "receive_maximum": (1, 65_535),
    "maximum_inflight": (1, 65_535),
    "topic_alias_maximum": (0, 65_535),
    "maximum_unsent_bytes": (1024, _MUCH),
    "maximum_subscriptions": (1, _MUCH),
    "receivers_at_once": (1, _MUCH),
    "retained_per_turn": (1, _MUCH),
    "maximum_sessions": (1, _MUCH),
    "maximum_session_expiry": (0, 0xFFFFFFFF),
    "session_expiry_3_1_1": (0, 0xFFFFFFFF),
}
"""Whole numbers that have a range of their own; the others are from 0 on."""
_SHORTEST_TIME = 0.01
_TIMES: Mapping[str, tuple[float, float]] = {
    "lag_to_hold_publishers": (0, _LONG),
    "lag_to_refuse_clients": (0, _LONG),
    "lag_to_drop_qos_0": (0, _LONG),
}
"""Times that may be 0."""


def read_limits(section: Section, top: Section) -> Limits:
    """The limits of this section over our defaults.

    `top` is the whole configuration, which may say `max-qos` and `session-expiry-interval` as
    aMQTT does: seconds until the session of a Client that is away ends.
    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(Limits):
        value = section.take(field.name.replace("_", "-"), _reader(field.name, field.default), None)
        if value is not None:
            given[field.name] = value
    section.refuse_unknown()
    _adopt(top, "max-qos", ("maximum_qos",), given)
    _adopt(top, "session-expiry-interval", ("maximum_session_expiry", "session_expiry_3_1_1"), given)
    return Limits(**given)


def check_limits(section: Section, limits: Limits) -> None:
    """Count limits out of their range as mistakes; `section` is where they would stand."""
    for field in dataclasses.fields(Limits):
        try:
            _reader(field.name, field.default)(getattr(limits, field.name))
        except ValueError as error:
            section.mistake(field.name, str(error))


def _adopt(top: Section, key: str, names: tuple[str, ...], given: dict[str, Any]) -> None:
    value = top.take(key, _reader(names[0], 0), None)
    if value is None:
        return
    for name in names:
        if given.setdefault(name, value) != value:
            top.mistake(key, f"limits.{name.replace('_', '-')} says something else; say it once")


def _reader(name: str, default: object) -> Callable[[object], object]:
    if isinstance(default, bool):
        return values.switch
    if name == "memory_to_refuse_clients":
        return values.share
    if isinstance(default, float):
        return values.seconds(*_TIMES.get(name, (_SHORTEST_TIME, _LONG)))
    return values.whole(*_RANGES.get(name, (0, _MUCH)))
