"""aMQTT's contexts and typed configurations."""

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
    "Action", "BaseContext", "BrokerConfig", "BrokerContext", "Dictable", "ListenerConfig", "ListenerType",
    "default_broker_plugins", "default_listeners",
]
