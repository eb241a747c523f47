"""aMQTT's import path of CONNACK, and the return codes of MQTT 3.1.1."""

from amqtt.compat.packet_parts import ConnackVariableHeader
from amqtt.compat.packets import ConnackPacket

__all__ = [
    "BAD_USERNAME_PASSWORD", "CONNECTION_ACCEPTED", "IDENTIFIER_REJECTED", "NOT_AUTHORIZED",
    "SERVER_UNAVAILABLE", "UNACCEPTABLE_PROTOCOL_VERSION", "ConnackPacket",
    "ConnackVariableHeader",
]

CONNECTION_ACCEPTED = 0
UNACCEPTABLE_PROTOCOL_VERSION = 1
IDENTIFIER_REJECTED = 2
SERVER_UNAVAILABLE = 3
BAD_USERNAME_PASSWORD = 4
NOT_AUTHORIZED = 5
