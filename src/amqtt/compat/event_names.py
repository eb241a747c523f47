"""What aMQTT's first releases called the events of a broker."""

from typing import Final

from amqtt.compat.events import BrokerEvents

EVENT_BROKER_PRE_START: Final = str(BrokerEvents.PRE_START)
EVENT_BROKER_POST_START: Final = str(BrokerEvents.POST_START)
EVENT_BROKER_PRE_SHUTDOWN: Final = str(BrokerEvents.PRE_SHUTDOWN)
EVENT_BROKER_POST_SHUTDOWN: Final = str(BrokerEvents.POST_SHUTDOWN)
EVENT_BROKER_CLIENT_CONNECTED: Final = str(BrokerEvents.CLIENT_CONNECTED)
EVENT_BROKER_CLIENT_DISCONNECTED: Final = str(BrokerEvents.CLIENT_DISCONNECTED)
EVENT_BROKER_CLIENT_SUBSCRIBED: Final = str(BrokerEvents.CLIENT_SUBSCRIBED)
EVENT_BROKER_CLIENT_UNSUBSCRIBED: Final = str(BrokerEvents.CLIENT_UNSUBSCRIBED)
EVENT_BROKER_MESSAGE_RECEIVED: Final = str(BrokerEvents.MESSAGE_RECEIVED)
