"""aMQTT's plugin of `$SYS/broker/`, and what stood beside it."""

from amqtt.compat.contexts import BrokerContext
from amqtt.compat.plugins.base import BasePlugin
from amqtt.compat.plugins.builtin import BrokerSysPlugin
from amqtt.compat.session import Session
from amqtt.server.sys_topics import ROOT as DOLLAR_SYS_ROOT

__all__ = ["DOLLAR_SYS_ROOT", "BasePlugin", "BrokerContext", "BrokerSysPlugin", "Session"]
