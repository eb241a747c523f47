"""aMQTT's import path of Control Packets; ours are in `amqtt.wire`."""

from amqtt.compat.packets import MQTTPacket

__all__ = ["MQTTPacket"]
