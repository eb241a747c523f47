"""amqtt: an MQTT broker for programs and for the command line, and a client.

`amqtt.broker.Broker` is what a program embeds, `amqtt.Client` what it connects with, `amqtt` is the
command.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqtt.clients.client import Client as Client

__version__ = "1.0.0a1"


def __getattr__(name: str) -> object:
    """Find `Client` when it is asked for: who embeds a Broker need not load it."""
    if name == "Client":
        from amqtt.clients.client import Client

        return Client
    raise AttributeError(f"module 'amqtt' has no attribute {name!r}")
