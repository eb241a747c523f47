"""aMQTT's import path of what stands beside a Session in `broker.sessions`, for annotations."""

from amqtt.compat.views import ClientConnection as BrokerProtocolHandler

__all__ = ["BrokerProtocolHandler"]
