"""amqtt: an MQTT broker for programs and for the command line.

`amqtt.broker.Broker` is what a program embeds, `amqtt` is the command.
"""

__version__ = "1.0.0a1"
