"""The configuration of aMQTT's client: a dictionary, or the dataclasses of its later releases."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from amqtt.clients.backoff import Reconnect
from amqtt.clients.tls import TlsOptions
from amqtt.compat.typed_config import Dictable
from amqtt.errors import ClientError
from amqtt.wire.packets import WillFields

DEFAULTS: Final[dict[str, Any]] = {
    "keep_alive": 10,
    "ping_delay": 1,
    "default_qos": 0,
    "default_retain": False,
    "auto_reconnect": True,
    "reconnect_max_interval": 10,
    "reconnect_retries": 2,
    "connection_timeout": 60,
}


@dataclass
class ConnectionConfig(Dictable):
    """Where the Server is, and its TLS."""

    uri: str | None = "mqtt://127.0.0.1:1883"
    cafile: Any = None
    capath: Any = None
    cadata: Any = None
    certfile: Any = None
    keyfile: Any = None

    def __post_init__(self) -> None:
        if (self.certfile is None) != (self.keyfile is None):
            raise ValueError("If specifying the 'certfile' or 'keyfile', both are required.")


@dataclass
class TopicConfig(Dictable):
    """How messages to one topic are published."""

    qos: int = 0
    retain: bool = False

    def __post_init__(self) -> None:
        _check_qos("Topic config", self.qos)


@dataclass
class WillConfig(Dictable):
    """The Will Message."""

    topic: str
    message: str | bytes
    qos: int | None = 0
    retain: bool | None = False

    def __post_init__(self) -> None:
        _check_qos("Will config", self.qos)


@dataclass
class ClientConfig(Dictable):
    """The configuration of an MQTTClient. `broker` is the older name of `connection`."""

    keep_alive: int | None = 10
    ping_delay: int | None = 1
    default_qos: int | None = 0
    default_retain: bool | None = False
    auto_reconnect: bool | None = True
    connection_timeout: int | None = 60
    reconnect_retries: int | None = 2
    reconnect_max_interval: int | None = 10
    cleansession: bool | None = True
    topics: dict[str, Any] | None = field(default_factory=dict)
    broker: Any = None
    connection: Any = field(default_factory=ConnectionConfig)
    plugins: dict[str, Any] | list[Any] | None = None
    check_hostname: bool | None = True
    verify_cert: bool | None = True
    will: Any = None
    qos1_puback_timeout: float | None = None

    def __post_init__(self) -> None:
        _check_qos("Client config", self.default_qos)
        if self.broker is not None:
            self.connection = self.broker

    @classmethod
    def from_dict(cls, d: Mapping[str, Any] | None) -> Self:
        """Read a dictionary, which is left as it is; TypeError names a key that there is not."""
        return cls(**{str(key).replace("-", "_"): value for key, value in (d or {}).items()})


def _check_qos(what: str, qos: int | None) -> None:
    if qos is not None and qos not in (0, 1, 2):
        raise ValueError(f"{what}: default QoS must be 0, 1 or 2.")


def said(config: Mapping[str, Any] | ClientConfig | None) -> dict[str, Any]:
    """What a program configured, over the defaults; `-` and `_` are the same character of a key."""
    if config is None:
        return dict(DEFAULTS)
    given = dict(_items(config))
    return DEFAULTS | {str(key).replace("-", "_"): value for key, value in given.items()}


def section(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The first of these sections that says something."""
    for name in names:
        written = config.get(name)
        if written:
            return {key: value for key, value in _items(written) if value is not None}
    return {}


def _items(config: Any) -> list[tuple[str, Any]]:
    if isinstance(config, Dictable):
        return [(each.name, getattr(config, each.name)) for each in fields(config)]  # type: ignore[arg-type]
    return list(config.items())


def will_of(config: Mapping[str, Any]) -> WillFields | None:
    """The Will Message; ClientError if it has no topic or message."""
    will = section(config, "will")
    if not will:
        return None
    if "topic" not in will or "message" not in will:
        raise ClientError("the section 'will' needs a topic and a message")
    message = will["message"]
    payload = message.encode() if isinstance(message, str) else bytes(message)
    return WillFields(will["topic"], payload, will.get("qos", 0), bool(will.get("retain", False)))


def tls_of(config: Mapping[str, Any], connection: Mapping[str, Any]) -> TlsOptions:
    """The TLS of mqtts and wss; certificate and key may stand in either place."""
    check_hostname = config.get("check_hostname")
    return TlsOptions(
        connection.get("cafile"), connection.get("capath"), connection.get("cadata"),
        connection.get("certfile") or config.get("certfile"),
        connection.get("keyfile") or config.get("keyfile"),
        check_hostname=check_hostname is not False,
        verify=config.get("verify_cert") is not False,
    )


def reconnect_of(config: Mapping[str, Any]) -> Reconnect:
    """When to try again; a negative `reconnect_retries` is for ever."""
    retries = config.get("reconnect_retries")
    retries = 5 if retries is None else int(retries)
    longest = max(1.0, float(config.get("reconnect_max_interval") or 10))
    return Reconnect(1.0, longest, None if retries < 0 else retries + 1)
