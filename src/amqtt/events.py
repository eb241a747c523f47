"""aMQTT's names of events."""

from amqtt.compat.events import BrokerEvents, ClientEvents, Events, MQTTEvents

__all__ = ["BrokerEvents", "ClientEvents", "Events", "MQTTEvents"]
