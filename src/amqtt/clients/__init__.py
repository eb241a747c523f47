"""Floor 7: an MQTT Client for programs with asyncio. `amqtt.Client` is what they use.

async with Client("mqtt://localhost") as client:
await client.subscribe("sensors/#", qos=1)
async for message in client.messages():
print(message.topic, message.text)
"""

from typing import TYPE_CHECKING

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.clients.backoff import Reconnect
from amqtt.clients.client import Client
from amqtt.clients.streams import MessageStream
from amqtt.clients.tls import TlsOptions
from amqtt.wire.packets import SubscriptionRequest, WillFields

if TYPE_CHECKING:
    from amqtt.clients.scram import ScramAuthentication

__all__ = [
    "Client", "ClientAuthentication", "ClientSettings", "MessageStream", "ReceivedMessage", "Reconnect",
    "ScramAuthentication", "SubscriptionRequest", "TlsOptions", "WillFields",
]


def __getattr__(name: str) -> object:
    """Find what few programs need when it is asked for."""
    if name == "ScramAuthentication":
        from amqtt.clients.scram import ScramAuthentication

        return ScramAuthentication
    raise AttributeError(f"module 'amqtt.clients' has no attribute {name!r}")
