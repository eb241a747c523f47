"""Floor 7: an MQTT Client for programs with asyncio. `amqtt.Client` is what they use.

async with Client("mqtt://localhost") as client:
await client.subscribe("sensors/#", qos=1)
async for message in client.messages():
print(message.topic, message.text)
"""

from amqtt.client_session.authentication import ClientAuthentication
from amqtt.client_session.received import ReceivedMessage
from amqtt.client_session.settings import ClientSettings
from amqtt.clients.backoff import Reconnect
from amqtt.clients.client import Client
from amqtt.clients.scram import ScramAuthentication
from amqtt.clients.streams import MessageStream
from amqtt.clients.tls import TlsOptions
from amqtt.wire.packets import SubscriptionRequest, WillFields

__all__ = [
    "Client", "ClientAuthentication", "ClientSettings", "MessageStream", "ReceivedMessage", "Reconnect",
    "ScramAuthentication", "SubscriptionRequest", "TlsOptions", "WillFields",
]
