"""What the rooms of this floor share: one Client, its Session, and its present Network Connection."""

from collections.abc import Callable
from typing import Final, Protocol

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.receipt import DROPPED, Receipt
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.sessions.aliases import IncomingAliases
from amqtt.sessions.backlog import Backlog
from amqtt.sessions.counters import Counters
from amqtt.sessions.inflight import Outgoing
from amqtt.sessions.link import Link, Turn
from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import Session
from amqtt.wire.decoder import Decoder
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import LARGEST_PACKET, Connack, SubscriptionRequest
from amqtt.wire.reasons import ReasonCode

CONNECTING: Final = 0
CONNECTED: Final = 1
CLOSED: Final = 2

NEVER: Final = float("inf")


class Ending:
    """Why a Network Connection ended.

    `reason_code` is the one that was sent: by the Server in CONNACK (`refused`) or DISCONNECT, else
    by us. `connack` is there when it was refused.
    """

    __slots__ = ("by_server", "connack", "reason", "reason_code", "refused", "server_reference")

    def __init__(
        self, reason_code: int, reason: str, by_server: bool = False, connack: Connack | None = None
    ) -> None:
        self.reason_code = reason_code
        self.reason = reason
        self.by_server = by_server
        self.refused = connack is not None
        self.connack = connack
        self.server_reference: str | None = None


class Application(Protocol):
    """Who uses the Client: told of what happens, at once."""

    def accepted(self, connack: Connack, lost_subscriptions: list["AcceptedSubscription"]) -> None:
        """The Server has accepted the Client; these Subscriptions are to be made again."""

    def deliver(self, message: ReceivedMessage) -> None:
        """An Application Message arrived."""

    def closed(self, ending: Ending) -> None:
        """The Network Connection is over."""


class AcceptedSubscription:
    """A Subscription that the Server granted: as it was asked for, with its Subscription Identifier."""

    __slots__ = ("granted_qos", "identifier", "request")

    def __init__(self, request: SubscriptionRequest, identifier: int, granted_qos: int) -> None:
        self.request = request
        self.identifier = identifier
        self.granted_qos = granted_qos


class PendingRequest:
    """A SUBSCRIBE or UNSUBSCRIBE that awaits its answer; `requests` is empty for an UNSUBSCRIBE."""

    __slots__ = ("deadline", "identifier", "receipt", "requests", "topic_filters")

    def __init__(
        self,
        receipt: Receipt,
        topic_filters: list[str],
        requests: list[SubscriptionRequest],
        identifier: int,
        deadline: float,
    ) -> None:
        self.receipt = receipt
        self.topic_filters = topic_filters
        self.requests = requests
        self.identifier = identifier
        self.deadline = deadline


class ServerLimits:
    """What the Server said in its CONNACK, with the standard's defaults (MQTT 5.0, 3.2.2.3)."""

    __slots__ = (
        "keep_alive", "maximum_packet_size", "maximum_qos", "receive_maximum", "retain_available",
        "shared_subscription_available", "subscription_identifier_available", "topic_alias_maximum",
        "wildcard_subscription_available",
    )

    def __init__(self, connack: Connack, keep_alive: int) -> None:
        properties = connack.properties
        self.keep_alive = keep_alive
        self.receive_maximum = 65535
        self.maximum_qos = 2
        self.retain_available = True
        self.maximum_packet_size = LARGEST_PACKET
        self.topic_alias_maximum = 0
        self.wildcard_subscription_available = True
        self.subscription_identifier_available = True
        self.shared_subscription_available = True
        if properties is None:
            return
        if properties.server_keep_alive is not None:
            self.keep_alive = properties.server_keep_alive  # [MQTT-3.1.2-21]
        if properties.receive_maximum is not None:
            self.receive_maximum = properties.receive_maximum
        if properties.maximum_qos is not None:
            self.maximum_qos = properties.maximum_qos
        if properties.maximum_packet_size is not None:
            self.maximum_packet_size = properties.maximum_packet_size
        if properties.topic_alias_maximum is not None:
            self.topic_alias_maximum = properties.topic_alias_maximum
        self.retain_available = properties.retain_available != 0
        self.wildcard_subscription_available = properties.wildcard_subscription_available != 0
        self.subscription_identifier_available = properties.subscription_identifier_available != 0
        self.shared_subscription_available = properties.shared_subscription_available != 0


class Connection:
    """One Network Connection of the Client; what is in here dies with it.

    `deadline` is when CONNACK must be there. `ping_at` is when the next PINGREQ is due,
    `pong_by` when PINGRESP must be there.
    """

    __slots__ = (
        "aliases", "deadline", "decoder", "limits", "link", "phase", "ping_at", "pong_by",
    )

    def __init__(self, link: Link, decoder: Decoder, aliases: IncomingAliases, deadline: float) -> None:
        self.link = link
        self.decoder = decoder
        self.aliases = aliases
        self.deadline = deadline
        self.phase = CONNECTING
        self.limits: ServerLimits | None = None
        self.ping_at = NEVER
        self.pong_by = NEVER


class ClientState:
    """One Client: its Session State (MQTT 5.0, 4.1), and what it is waiting for.

    `session` is what it shares with the Server's: messages in flight and queued, in `received` the
    QoS 2 messages that await PUBREL. `held` are QoS 1 and 2 messages that the program has not taken,
    or that could not be acknowledged yet, by Packet Identifier. `connections` counts the Network
    Connections that there were. `begun` says that the Server has had
    this Session before.
    """

    __slots__ = (
        "application", "authentication", "begun", "client_id", "connection", "connections", "counters",
        "held", "pings", "reauthentication", "reauthentication_deadline", "receipts", "requests", "session",
        "settings", "subscriptions", "topics", "turn",
    )

    def __init__(
        self,
        settings: ClientSettings,
        application: Application,
        turn: Turn,
        authentication: ClientAuthentication | None,
    ) -> None:
        self.settings = settings
        self.application = application
        self.turn = turn
        self.authentication = authentication
        self.client_id = settings.client_id
        self.counters = Counters()
        backlog = Backlog(settings.maximum_queued_messages, settings.maximum_queued_bytes, self.counters)
        self.session = Session(settings.client_id, Permissions(), backlog, self.counters)
        self.session.version = settings.version
        self.session.on_dropped = self.drop
        self.topics = TopicNames()
        self.connection: Connection | None = None
        self.connections = 0
        self.begun = False
        self.held: dict[int, ReceivedMessage] = {}
        self.receipts: dict[Outgoing, Receipt] = {}
        self.requests: dict[int, PendingRequest] = {}
        self.subscriptions: dict[str, AcceptedSubscription] = {}
        self.pings: list[Callable[[], None]] = []
        self.reauthentication: Receipt | None = None
        self.reauthentication_deadline = NEVER

    @property
    def connected(self) -> Connection | None:
        """The Network Connection on which the Server has accepted the Client; None without one."""
        connection = self.connection
        return connection if connection is not None and connection.phase == CONNECTED else None

    def drop(self, outgoing: Outgoing, reason_code: int) -> None:
        """A message will not be sent after all."""
        receipt = self.receipts.pop(outgoing, None)
        if receipt is None:
            return
        if reason_code == ReasonCode.PACKET_TOO_LARGE:
            reason = "it is larger than the Server takes"
        elif reason_code == ReasonCode.UNSPECIFIED_ERROR:
            reason = "its Message Expiry Interval has passed before it could be sent"
        else:
            reason = "the Server has no such QoS, or does not retain messages"
        receipt.settle(DROPPED, [reason_code], reason)
