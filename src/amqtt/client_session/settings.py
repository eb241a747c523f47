"""What one Client asks for and holds: its CONNECT, and every bound of it with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from amqtt.wire.packets import MQTT_5, WillFields


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What one Client asks for and holds; sizes in bytes, times in seconds."""

    client_id: str = ""
    """Its Client Identifier; "" lets the Server assign one."""
    version: int = MQTT_5
    """The Protocol Level: 5, 4 (MQTT 3.1.1) or 3 (MQTT 3.1)."""
    clean_start: bool = True
    """Whether the first CONNECT ends an existing Session. Before MQTT 5.0: whether every one does."""
    session_expiry_interval: int = 0
    """How long the Server keeps the Session once the Client has left; MQTT 5.0 only."""
    resume_within: int = 300
    """How long it keeps it when the Network Connection is lost: what happens in it is not missed."""
    keep_alive: int = 60
    """After how long a silence each side may take the other for dead; 0: never."""
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    will: WillFields | None = None
    user_properties: Sequence[tuple[str, str]] = ()
    """Of the CONNECT."""
    connect_timeout: float = 10.0
    """From opening the Network Connection to CONNACK."""
    response_timeout: float = 30.0
    """From SUBSCRIBE, UNSUBSCRIBE or re-authentication to its answer."""
    receive_maximum: int = 256
    """QoS 1 and 2 PUBLISH packets that the Server may send before we have acknowledged the first."""
    maximum_inflight: int | None = None
    """The same in the other direction, whatever the Server allows. None: 256, and before MQTT 5.0, where a
    Server cannot say what it allows, 20: Mosquitto ends the Network Connection at the next one."""
    maximum_packet_size: int = 16 * 1024 * 1024
    """The largest Control Packet that we take: people send pictures."""
    topic_alias_maximum: int = 16
    """Topic Aliases that the Server may set, and that we set where it allows them."""
    maximum_queued_messages: int = 10_000
    """QoS 1 and 2 messages that wait to be sent, and messages that wait to be read, each."""
    maximum_queued_bytes: int = 16 * 1024 * 1024
    """The same in bytes: a program that does not read must not fill the memory."""
    maximum_unsent_bytes: int = 1024 * 1024
    """Bytes that wait for the Network Connection; beyond, what publishes waits too."""

    @property
    def most_inflight(self) -> int:
        """`maximum_inflight`, or what is usual with this version."""
        if self.maximum_inflight is not None:
            return self.maximum_inflight
        return 256 if self.version >= MQTT_5 else 20
