"""aMQTT's plugin of `$SYS/broker/`."""

from amqtt.compat.plugins.builtin import BrokerSysPlugin

__all__ = ["BrokerSysPlugin"]
