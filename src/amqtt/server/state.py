"""Where one Network Connection stands, and which Control Packets it may receive then."""

from collections.abc import Awaitable
from typing import Final

from amqtt.abc import AuthenticationExchange, Peer
from amqtt.server.deadlines import Deadline
from amqtt.server.fan_out import FanOut
from amqtt.server.rates import Meter
from amqtt.sessions.aliases import IncomingAliases
from amqtt.sessions.link import Link
from amqtt.sessions.session import Session
from amqtt.wire.decoder import Decoder
from amqtt.wire.packets import LARGEST_PACKET, Arrived, Connect

NEW: Final = 0
AUTHENTICATING: Final = 1
CONNECTED: Final = 2
CLOSED: Final = 3


class ConnectionState:
    """The Server's side of one Network Connection, from its acceptance to its end.

    `phase` is NEW until CONNECT, AUTHENTICATING until CONNACK, then CONNECTED, and CLOSED in the
    end. `pending` is the answer that an Authenticator still owes; until it is given, and while the
    Link is paused, `held` and `waiting` keep what arrived. `meter` is there where publishing has a
    rate. `asks` says that the Client's Permissions want to `prepare`, and `prepared` is the packet for
    which they have. `fan_out` is a message of its Client that is not given to everybody yet; nothing is
    read behind it. `last_heard` is the moment of the last Control Packet.
    """

    __slots__ = (
        "aliases", "asks", "authenticating", "bytes_received", "client_id_assigned", "connect", "deadline",
        "decoder", "exchange", "fan_out", "held", "keep_alive", "last_heard", "link", "maximum_packet_size",
        "meter", "peer", "pending", "phase", "prepared", "session", "version", "waiting",
    )

    def __init__(self, link: Link, peer: Peer, decoder: Decoder, now: float) -> None:
        self.link = link
        self.peer = peer
        self.decoder = decoder
        self.phase = NEW
        self.version = 0
        self.last_heard = now
        self.bytes_received = 0
        self.session: Session | None = None
        self.connect: Connect | None = None
        self.exchange: AuthenticationExchange | None = None
        self.authenticating = False
        self.pending: Awaitable[object] | None = None
        self.asks = False
        self.prepared: Arrived | None = None
        self.fan_out: FanOut | None = None
        self.held: list[bytes] = []
        self.waiting: list[Arrived] = []
        self.aliases: IncomingAliases | None = None
        self.maximum_packet_size = LARGEST_PACKET
        self.meter: Meter | None = None
        self.keep_alive = 0.0
        self.deadline: Deadline | None = None
        self.client_id_assigned = False

    @property
    def closed(self) -> bool:
        """Whether the Server has done with it: what still arrives is ignored."""
        return self.phase == CLOSED

    @property
    def accepted(self) -> bool:
        """Whether its Client has been accepted, or it is over."""
        return self.phase >= CONNECTED

    @property
    def client_id(self) -> str:
        """The Client Identifier, "" before CONNECT."""
        return "" if self.connect is None else self.connect.client_id
