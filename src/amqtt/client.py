"""aMQTT's import path of its client. Our own is `amqtt.Client`."""

from amqtt.compat.client import ClientContext, MQTTClient, mqtt_connected
from amqtt.errors import ClientError, ClientException, ConnectError, ConnectException

__all__ = [
    "ClientContext", "ClientError", "ClientException", "ConnectError", "ConnectException", "MQTTClient",
    "mqtt_connected",
]
