"""Every import path that programs and plugins of aMQTT have."""

import importlib
import subprocess
import sys

import pytest

from amqtt import errors

NAMES = {
    "amqtt.broker": [
        "Broker", "BrokerError", "BrokerException", "BrokerContext", "RetainedApplicationMessage", "Server",
        "DEFAULT_PORTS", "Action", "EVENT_BROKER_PRE_START", "EVENT_BROKER_POST_START",
        "EVENT_BROKER_PRE_SHUTDOWN", "EVENT_BROKER_POST_SHUTDOWN", "EVENT_BROKER_CLIENT_CONNECTED",
        "EVENT_BROKER_CLIENT_DISCONNECTED", "EVENT_BROKER_CLIENT_SUBSCRIBED",
        "EVENT_BROKER_CLIENT_UNSUBSCRIBED", "EVENT_BROKER_MESSAGE_RECEIVED", "BaseContext", "BrokerConfig",
        "ListenerConfig", "ListenerType", "Session",
    ],
    "amqtt.client": [
        "MQTTClient", "ClientError", "ConnectError", "ClientException", "ConnectException", "ClientContext",
        "mqtt_connected", "QOS_0", "QOS_1", "QOS_2", "CONNECTION_ACCEPTED", "ClientConfig", "BaseContext",
        "Session", "ApplicationMessage", "OutgoingApplicationMessage",
    ],
    "amqtt.contexts": [
        "ClientConfig", "ConnectionConfig", "TopicConfig", "WillConfig",
        "Action", "BaseContext", "BrokerConfig", "BrokerContext", "ListenerConfig", "ListenerType",
    ],
    "amqtt.events": ["BrokerEvents", "MQTTEvents"],
    "amqtt.errors": [
        "AMQTTError", "MQTTError", "CodecError", "NoDataError", "ZeroLengthReadError", "BrokerError",
        "PluginError", "PluginImportError", "PluginCoroError", "PluginInitError", "PluginLoadError",
        "ClientError", "ConnectError", "ProtocolHandlerError", "HBMQTTException", "AMQTTException",
        "MQTTException", "NoDataException", "CodecException", "BrokerException",
    ],
    "amqtt.session": [
        "Session", "ApplicationMessage", "IncomingApplicationMessage", "OutgoingApplicationMessage",
        "PublishPacket",
    ],
    "amqtt.plugins.manager": [
        "PluginManager", "BaseContext", "get_plugin_manager", "Action", "BaseAuthPlugin", "BaseTopicPlugin",
        "BrokerEvents", "MQTTEvents", "Session", "PluginCoroError", "PluginImportError", "PluginInitError",
        "PluginLoadError",
    ],
    "amqtt.plugins.authentication": [
        "BaseAuthPlugin", "AnonymousAuthPlugin", "FileAuthPlugin", "BaseContext", "BrokerContext", "Session",
    ],
    "amqtt.plugins.topic_checking": [
        "BaseTopicPlugin", "TopicTabooPlugin", "TopicAccessControlListPlugin", "Action", "BaseContext",
        "PluginInitError", "Session",
    ],
    "amqtt.plugins.sys.broker": [
        "BrokerSysPlugin", "BasePlugin", "BrokerContext", "Session", "DOLLAR_SYS_ROOT",
    ],
    "amqtt.plugins.logging_amqtt": [
        "EventLoggerPlugin", "PacketLoggerPlugin", "BaseContext", "BasePlugin", "BrokerEvents", "MQTTPacket",
        "Session",
    ],
    "amqtt.plugins.persistence": ["SQLitePlugin"],
    "amqtt.plugins.logging": ["EventLoggerPlugin", "PacketLoggerPlugin"],
    "amqtt.plugins.base": [
        "BasePlugin", "BaseAuthPlugin", "BaseTopicPlugin", "Action", "BaseContext", "BrokerConfig", "Session",
    ],
    "amqtt.adapters": [
        "ReaderAdapter", "WriterAdapter", "StreamReaderAdapter", "StreamWriterAdapter", "WebSocketsReader",
        "WebSocketsWriter", "BufferReader", "BufferWriter",
    ],
    "amqtt.codecs_amqtt": [
        "bytes_to_hex_str", "bytes_to_int", "int_to_bytes", "int_to_bytes_str", "read_or_raise",
        "decode_string", "decode_data_with_length", "decode_packet_id", "encode_string",
        "encode_data_with_length",
    ],
    "amqtt.codecs": ["bytes_to_int", "decode_string", "encode_string", "int_to_bytes", "read_or_raise"],
    "amqtt.version": ["get_version"],
    "amqtt.utils": ["gen_client_id", "read_yaml_config", "format_client_message", "import_string"],
    "amqtt.mqtt": [
        "CONNECT", "DISCONNECT", "MQTTPacket", "MQTTFixedHeader", "packet_class", "packet_dict",
        "ConnectPacket", "ConnackPacket", "PublishPacket", "PubackPacket", "PubrecPacket", "PubrelPacket",
        "PubcompPacket", "SubscribePacket", "SubackPacket", "UnsubscribePacket", "UnsubackPacket",
        "PingReqPacket", "PingRespPacket", "DisconnectPacket",
    ],
    "amqtt.mqtt.constants": ["QOS_0", "QOS_1", "QOS_2"],
    "amqtt.mqtt.packet": [
        "MQTTPacket", "MQTTFixedHeader", "MQTTVariableHeader", "MQTTPayload", "PacketIdVariableHeader",
        "CONNECT", "PUBLISH", "DISCONNECT",
    ],
    "amqtt.mqtt.connect": ["ConnectPacket", "ConnectVariableHeader", "ConnectPayload"],
    "amqtt.mqtt.protocol.broker_handler": ["BrokerProtocolHandler"],
    "amqtt.plugins": ["TopicMatcher"],
    "amqtt.scripts.broker_script": ["main"],
    "amqtt.scripts.pub_script": ["main"],
    "amqtt.scripts.sub_script": ["main"],
    "amqtt.mqtt.connack": ["ConnackPacket", "CONNECTION_ACCEPTED", "BAD_USERNAME_PASSWORD", "NOT_AUTHORIZED"],
    "amqtt.mqtt.publish": ["PublishPacket"],
    "amqtt.mqtt.puback": ["PacketIdVariableHeader", "PubackPacket"],
    "amqtt.mqtt.pubrec": ["PacketIdVariableHeader", "PubrecPacket"],
    "amqtt.mqtt.pubrel": ["PacketIdVariableHeader", "PubrelPacket"],
    "amqtt.mqtt.pubcomp": ["PacketIdVariableHeader", "PubcompPacket"],
    "amqtt.mqtt.subscribe": ["SubscribePacket"],
    "amqtt.mqtt.suback": ["SubackPacket"],
    "amqtt.mqtt.unsubscribe": ["UnsubscribePacket"],
    "amqtt.mqtt.unsuback": ["PacketIdVariableHeader", "UnsubackPacket"],
    "amqtt.mqtt.pingreq": ["PingReqPacket"],
    "amqtt.mqtt.pingresp": ["PingRespPacket"],
    "amqtt.mqtt.disconnect": ["DisconnectPacket"],
}


TABLE = [(module, name) for module, names in NAMES.items() for name in names]


@pytest.mark.parametrize(("module", "name"), TABLE)
def test_a_name_of_amqtt_is_where_it_was(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize("module", sorted(NAMES))
def test_a_path_of_amqtt_can_be_the_first_that_is_imported(module: str) -> None:
    command = [sys.executable, "-W", "error", "-c", f"import {module}"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


@pytest.mark.parametrize(
    ("raised", "caught"),
    [
        ("BrokerError", "BrokerException"), ("BrokerError", "HBMQTTException"),
        ("MQTTError", "MQTTException"),
        ("NoDataError", "NoDataException"), ("ZeroLengthReadError", "NoDataError"),
        ("PluginImportError", "PluginError"), ("PluginImportError", "PluginLoadError"),
        ("PluginInitError", "PluginLoadError"), ("ConnectError", "ClientError"),
    ],
)
def test_an_error_is_caught_by_its_older_and_wider_names(raised: str, caught: str) -> None:
    assert issubclass(getattr(errors, raised), getattr(errors, caught))


def test_values_that_programs_compare_with_are_amqtts() -> None:
    from amqtt.broker import DEFAULT_PORTS, EVENT_BROKER_CLIENT_CONNECTED
    from amqtt.contexts import Action
    from amqtt.events import BrokerEvents
    from amqtt.mqtt.constants import QOS_0, QOS_1, QOS_2

    assert (QOS_0, QOS_1, QOS_2) == (0, 1, 2)
    assert dict(DEFAULT_PORTS) == {"tcp": 1883, "ws": 8883}
    assert EVENT_BROKER_CLIENT_CONNECTED == BrokerEvents.CLIENT_CONNECTED == "broker_client_connected"
    assert [action.value for action in Action] == ["subscribe", "publish", "receive"]
    assert (Action["subscribe"], Action["publish"]) == (Action.SUBSCRIBE, Action.PUBLISH)
    assert errors.ConnectError().return_code is None
