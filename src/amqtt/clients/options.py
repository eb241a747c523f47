"""What may be written in `Client(…)` beside the address: the fields of ClientSettings."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TypedDict

from amqtt.client_session.settings import ClientSettings
from amqtt.clients.address import ServerAddress
from amqtt.wire.packets import MQTT_3_1, MQTT_5, WillFields


class ClientOptions(TypedDict, total=False):
    """The fields of ClientSettings; a password may be text."""

    client_id: str
    version: int
    clean_start: bool
    session_expiry_interval: int
    resume_within: int
    keep_alive: int
    username: str | None
    password: str | bytes | None
    will: WillFields | None
    user_properties: Sequence[tuple[str, str]] | Mapping[str, str]
    connect_timeout: float
    response_timeout: float
    receive_maximum: int
    maximum_inflight: int
    maximum_packet_size: int
    topic_alias_maximum: int
    maximum_queued_messages: int
    maximum_queued_bytes: int
    maximum_unsent_bytes: int


_RANGES = {
    "version": (MQTT_3_1, MQTT_5),
    "session_expiry_interval": (0, 0xFFFFFFFF),
    "resume_within": (0, 0xFFFFFFFF),
    "keep_alive": (0, 65535),
    "receive_maximum": (1, 65535),
    "maximum_inflight": (1, 60_000),
    "maximum_packet_size": (64, 268_435_460),
    "topic_alias_maximum": (0, 65535),
    "maximum_queued_messages": (1, 10_000_000),
    "maximum_queued_bytes": (1, 1 << 40),
    "maximum_unsent_bytes": (1024, 1 << 40),
}


def settings_of(
    address: ServerAddress, options: ClientOptions, settings: ClientSettings | None = None
) -> ClientSettings:
    """The settings that these options describe; ValueError and TypeError say what is wrong with one."""
    given = dict(options)
    known = {field.name for field in fields(ClientSettings)}
    for name in given:
        if name not in known:
            raise TypeError(f"a Client has no option {name!r}; it has {', '.join(sorted(known))}")
    if address.username is not None:
        given.setdefault("username", address.username)
    if address.password is not None:
        given.setdefault("password", address.password)
    password = given.get("password")
    if isinstance(password, str):
        given["password"] = password.encode()
    pairs = given.get("user_properties")
    if isinstance(pairs, Mapping):
        given["user_properties"] = tuple(pairs.items())
    made = replace(settings or ClientSettings(), **given)  # type: ignore[arg-type]
    _check(made)
    return made


def _check(settings: ClientSettings) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(settings, name)
        if value is None and name == "maximum_inflight":
            continue
        if not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{name} is a number from {least} to {most}, not {value!r}")
    if settings.password is not None and settings.username is None and settings.version != MQTT_5:
        raise ValueError("before MQTT 5.0 there is no password without a user name")
    if settings.connect_timeout <= 0 or settings.response_timeout <= 0:
        raise ValueError("connect_timeout and response_timeout are seconds, above 0")
    if not settings.clean_start and not settings.client_id:
        raise ValueError(
            "a Session is found again by its Client Identifier: "
            "clean_start=False needs client_id"
        )
