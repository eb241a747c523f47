"""An Authenticator and Permissions of somebody else: late, refusing and raising as chance will have it."""

from collections.abc import Awaitable, Generator, Sequence
from random import Random

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Refusal
from amqtt.sessions.permissions import Permissions
from amqtt.wire.reasons import ReasonCode

FORBIDDEN = "t/secret"
"""What some users may not receive, publish to or subscribe to by name."""


class PluginTrouble(Exception):
    """What a plugin of the simulation raises: the one exception that a Server may tell of."""


class Later(Awaitable[Accepted | Refusal | None]):
    """An answer that the simulation gives when it will."""

    def __init__(self, answer: Accepted | Refusal | Exception | None) -> None:
        self.answer = answer

    def __await__(self) -> Generator[object, None, Accepted | Refusal | None]:
        raise AssertionError("the simulation answers by itself")


class Grants(Permissions):
    """Everything but what is forbidden, of which some raise; `slow` ones are prepared first."""

    receives_everything = False

    def __init__(self, user: str, restricted: bool, raises: bool, slow: bool) -> None:
        super().__init__(user)
        self.asks = slow
        self._restricted = restricted
        self._raises = raises

    def forbids(self, topic: str) -> bool:
        """Whether they say no to this topic, one way or the other."""
        return self._restricted and topic == FORBIDDEN

    def _may(self, topic: str) -> bool:
        if not self.forbids(topic):
            return True
        if self._raises:
            raise PluginTrouble(topic)
        return False

    def may_publish(self, topic: str, retain: bool) -> bool:
        return self._may(topic)

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        return qos if self._may(topic_filter) else -1

    def may_receive(self, topic: str) -> bool:
        return self._may(topic)

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        return Later(None) if self.asks and topic == FORBIDDEN else None

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        return Later(PluginTrouble("prepare")) if self.asks and FORBIDDEN in topic_filters else None


class Door(Authenticator):
    """Lets in whom chance favours; with `is_calm` everybody, at once and with everything granted.

    `granted` is what was granted on each Network Connection, by the port of its Peer.
    """

    def __init__(self, random: Random, trouble: float) -> None:
        self.is_calm = False
        self.granted: dict[int, Grants] = {}
        self._random = random
        self._trouble = trouble

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        random = self._random
        user = request.client_id
        grants = Grants(user, random.random() < 0.3, random.random() < 0.5, random.random() < 0.2)
        if self.is_calm:
            grants = Grants(user, False, False, False)
        self.granted[request.peer.port] = grants
        accepted = Accepted(grants)
        if self.is_calm or random.random() >= self._trouble:
            return accepted
        return self._some_trouble(accepted)

    def _some_trouble(self, accepted: Accepted) -> Answer | Awaitable[Answer]:
        match self._random.randrange(5):
            case 0:
                raise PluginTrouble("authenticate")
            case 1:
                return Refusal(ReasonCode.BAD_USER_NAME_OR_PASSWORD)
            case 2:
                return Later(PluginTrouble("later"))
            case 3:
                return Later(Refusal(ReasonCode.SERVER_BUSY))
        return Later(accepted)
