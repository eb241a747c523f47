"""What an authenticated Client may do: asked on every PUBLISH, SUBSCRIBE, delivery and Will Message."""

from collections.abc import Awaitable, Sequence
from typing import Final

CONNECTIONS: Final = "$SYS/broker/connection/"
"""Below it a bridge of Mosquitto retains whether it is connected; it is refused nowhere, and so not here."""


class Permissions:
    """What one Client may do, decided once at CONNECT and looked up from then on.

    This class grants what the standard leaves to everybody: every topic but those that begin with
    `$` may be published to, everything may be subscribed to and received. Override the three
    questions to grant less. They must answer at once: no waiting, no I/O.

    `user` is who the Client is, None when anonymous. `receives_everything` True says that
    `may_receive` need not be asked.
    """

    receives_everything: bool = True
    asks: bool = False
    """Whether the two `prepare_…` must be called before a PUBLISH or SUBSCRIBE is acted on."""

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

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        """Find out what must be waited for, so that `may_publish` can answer at once; None: nothing.

        It costs only those who need it: while the awaitable is pending, nothing more is read from
        the Client. When it fails, or takes longer than `Limits.authentication_timeout`, the
        question is asked all the same, and must have an answer.
        """
        return None

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        """The same for `may_subscribe`, for all Topic Filters of one SUBSCRIBE."""
        return None


def may_publish(permissions: Permissions, client_id: str, topic: str, retain: bool) -> bool:
    """Whether the Client with these Permissions may publish to this Topic Name.

    One whom nobody restricts may also say whether its own connection stands, as bridges do.
    """
    if type(permissions) is Permissions and topic.startswith(CONNECTIONS):
        return topic == f"{CONNECTIONS}{client_id}/state"
    return permissions.may_publish(topic, retain)
