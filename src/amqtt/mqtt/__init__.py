"""aMQTT's import path of Control Packets; ours are in `amqtt.wire`."""

from amqtt.compat.packets import (
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    MQTTFixedHeader,
    MQTTPacket,
    PingReqPacket,
    PingRespPacket,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    SubackPacket,
    SubscribePacket,
    UnsubackPacket,
    UnsubscribePacket,
    packet_class,
    packet_dict,
)
from amqtt.wire.packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)

__all__ = [
    "CONNACK", "CONNECT", "DISCONNECT", "PINGREQ", "PINGRESP", "PUBACK", "PUBCOMP", "PUBLISH", "PUBREC",
    "PUBREL", "SUBACK", "SUBSCRIBE", "UNSUBACK", "UNSUBSCRIBE", "ConnackPacket", "ConnectPacket",
    "DisconnectPacket", "MQTTFixedHeader", "MQTTPacket", "PingReqPacket", "PingRespPacket", "PubackPacket",
    "PubcompPacket", "PublishPacket", "PubrecPacket", "PubrelPacket", "SubackPacket", "SubscribePacket",
    "UnsubackPacket", "UnsubscribePacket", "packet_class", "packet_dict",
]
