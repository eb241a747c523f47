"""aMQTT's contexts and typed configurations."""

from amqtt.compat.client_config import ClientConfig, ConnectionConfig, TopicConfig, WillConfig
from amqtt.compat.contexts import Action, BaseContext, BrokerContext
from amqtt.compat.typed_config import (
    BrokerConfig,
    Dictable,
    ListenerConfig,
    ListenerType,
    default_broker_plugins,
    default_listeners,
)

__all__ = [
    "Action", "BaseContext", "BrokerConfig", "BrokerContext", "ClientConfig", "ConnectionConfig",
    "Dictable", "ListenerConfig", "ListenerType", "TopicConfig", "WillConfig",
    "default_broker_plugins", "default_listeners",
]
