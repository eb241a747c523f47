"""The names that events of a Broker have; a plugin's hook is called `on_` and the name."""

from enum import StrEnum


class Events(StrEnum):
    """Events."""


class ClientEvents(Events):
    """Events of a client, of which there are none."""


class MQTTEvents(Events):
    """Control Packets."""

    PACKET_SENT = "mqtt_packet_sent"
    PACKET_RECEIVED = "mqtt_packet_received"


class BrokerEvents(Events):
    """Events of a Broker."""

    PRE_START = "broker_pre_start"
    POST_START = "broker_post_start"
    PRE_SHUTDOWN = "broker_pre_shutdown"
    POST_SHUTDOWN = "broker_post_shutdown"
    CLIENT_CONNECTED = "broker_client_connected"
    CLIENT_DISCONNECTED = "broker_client_disconnected"
    CLIENT_SUBSCRIBED = "broker_client_subscribed"
    CLIENT_UNSUBSCRIBED = "broker_client_unsubscribed"
    RETAINED_MESSAGE = "broker_retained_message"
    MESSAGE_RECEIVED = "broker_message_received"
    MESSAGE_BROADCAST = "broker_message_broadcast"
