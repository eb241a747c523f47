"""aMQTT's import path of Sessions and their messages; ours are in `amqtt.sessions`."""

from amqtt.compat.messages import (
    INCOMING,
    OUTGOING,
    ApplicationMessage,
    IncomingApplicationMessage,
    OutgoingApplicationMessage,
)
from amqtt.compat.packets import PublishPacket
from amqtt.compat.session import Session

__all__ = [
    "INCOMING", "OUTGOING", "ApplicationMessage", "IncomingApplicationMessage",
    "OutgoingApplicationMessage", "PublishPacket", "Session",
]
