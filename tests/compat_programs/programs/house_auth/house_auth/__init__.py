"""A plugin package: who lives in the house stands in a dict, and everybody has a topic of their own."""

from amqtt.broker import Action


class HouseAuth:
    def __init__(self, context):
        self.context = context
        self.residents = context.config["house"]["residents"]
        self.prefix = context.config["house"].get("topic-prefix", "")

    async def authenticate(self, *args, **kwargs):
        session = kwargs["session"]
        # A KeyError for strangers. aMQTT caught it, so nobody ever noticed.
        return self.residents[session.username] == session.password

    async def topic_filtering(self, *args, **kwargs):
        session, topic, action = kwargs["session"], kwargs["topic"], kwargs["action"]
        if action == Action.SUBSCRIBE and topic == f"{self.prefix}notices":
            return True
        return topic.startswith(f"{self.prefix}{session.username}/")

    async def on_broker_client_connected(self, client_id):
        self.context.logger.info("%s is at home", client_id)

    async def on_broker_client_disconnected(self, client_id):
        self.context.logger.info("%s has left", client_id)

    async def on_broker_post_start(self, *args, **kwargs):
        self.context.retain_message(f"{self.prefix}notices", b"welcome")
