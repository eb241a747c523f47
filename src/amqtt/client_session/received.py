"""An Application Message as the Client was sent it."""

from typing import Final

from amqtt.wire.packets import Publish
from amqtt.wire.properties import Properties

_NONE: Final = Properties()


class ReceivedMessage:
    """An Application Message; `topic` is its Topic Name, whether the Server sent it or an alias.

    `retain` says that it was kept on the Server, or comes as it was published where the
    Subscription has Retain As Published. `dup` says that the Server sent it before (3.3.1.1).
    """

    __slots__ = (
        "_arrived_by", "_holders", "_packet_id", "_taken", "dup", "payload", "properties", "qos", "retain",
        "topic",
    )

    def __init__(self, packet: Publish, topic: str) -> None:
        self.topic = topic
        self.payload = packet.payload
        self.qos = packet.qos
        self.retain = packet.retain
        self.dup = packet.dup
        self.properties: Properties = packet.properties or _NONE
        self._packet_id = packet.packet_id
        self._arrived_by = 0
        self._holders = 0
        self._taken = False

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; UnicodeDecodeError where it is none."""
        return self.payload.decode()

    @property
    def size(self) -> int:
        """Its topic and payload in bytes, about: what a queue counts."""
        return len(self.topic) + len(self.payload)

    def __repr__(self) -> str:
        kept = ", retain" if self.retain else ""
        return f"ReceivedMessage({self.topic!r}, {len(self.payload)} bytes, QoS {self.qos}{kept})"

    # For whoever passes it on: every one who holds it must have taken it before it is acknowledged.

    @property
    def packet_id(self) -> int:
        """Its Packet Identifier, 0 at QoS 0 and when nobody waits for an acknowledgement any more."""
        return self._packet_id

    @property
    def taken(self) -> bool:
        """Whether everybody who held it has taken it."""
        return self._taken

    @property
    def arrived_by(self) -> int:
        """The number of the Network Connection by which it came, the last time."""
        return self._arrived_by

    def arrive(self, connection: int) -> None:
        """It came by this Network Connection."""
        self._arrived_by = connection

    def hold(self) -> None:
        """One more holds it."""
        self._holders += 1

    def let_go(self) -> bool:
        """One who held it has taken it; whether that was the last one."""
        self._holders -= 1
        if self._holders > 0 or self._taken:
            return False
        self._taken = True
        return True

    def forget_packet_id(self) -> None:
        """The Session is gone: no acknowledgement is owed."""
        self._packet_id = 0
