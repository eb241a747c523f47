"""The names that aMQTT's Broker has."""


class BrokerNames:
    """What aMQTT's users call on a Broker, beside our own."""
