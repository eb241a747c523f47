"""What an authenticated Client may do: asked on every PUBLISH, SUBSCRIBE, delivery and Will Message."""


class Permissions:
    """What one Client may do, decided once at CONNECT and looked up from then on.

    This class grants what the standard leaves to everybody: every topic but those that begin with
    `$` may be published to, everything may be subscribed to and received. Override the three
    questions to grant less. They must answer at once: no waiting, no I/O.

    `user` is who the Client is, None when anonymous. `receives_everything` True says that
    `may_receive` need not be asked.
    """

    receives_everything: bool = True

    def __init__(self, user: str | None = None) -> None:
        self.user = user

    def may_publish(self, topic: str, retain: bool) -> bool:
        """Whether an Application Message may be published to this Topic Name."""
        return not topic.startswith("$")

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        """The QoS granted to this Topic Filter (without any `$share/name/`), or -1 to refuse it."""
        return qos

    def may_receive(self, topic: str) -> bool:
        """Whether an Application Message on this Topic Name may be delivered."""
        return True
