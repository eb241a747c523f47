"""aMQTT's import path of its client, and what stood beside it. Our own is `amqtt.Client`."""

from amqtt.compat.client import CONNECTION_ACCEPTED, ClientContext, MQTTClient, mqtt_connected
from amqtt.compat.client_config import ClientConfig
from amqtt.compat.contexts import BaseContext
from amqtt.compat.messages import ApplicationMessage, OutgoingApplicationMessage
from amqtt.compat.session import Session
from amqtt.errors import ClientError, ClientException, ConnectError, ConnectException
from amqtt.mqtt.constants import QOS_0, QOS_1, QOS_2

__all__ = [
    "CONNECTION_ACCEPTED", "QOS_0", "QOS_1", "QOS_2", "ApplicationMessage", "BaseContext", "ClientConfig",
    "ClientContext", "ClientError", "ClientException", "ConnectError", "ConnectException", "MQTTClient",
    "OutgoingApplicationMessage", "Session", "mqtt_connected",
]
