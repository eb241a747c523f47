"""What the embedding program can catch."""


class AMQTTError(Exception):
    """Anything that went wrong in amqtt itself, not in a peer."""


class BrokerError(AMQTTError):
    """A Broker cannot be configured, started or used as asked; the text says what to change."""
