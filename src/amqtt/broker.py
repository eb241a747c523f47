"""The Broker: what a program embeds."""

from amqtt.compat.broker import BrokerNames
from amqtt.errors import BrokerError
from amqtt.service import Service

__all__ = ["Broker", "BrokerError"]


class Broker(BrokerNames, Service):
    """An MQTT 3.1, 3.1.1 and 5.0 Server that a program embeds, with the names that aMQTT's users know."""
