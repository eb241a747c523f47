"""What an accepted Client may do: the Permissions that several parties come to together."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Generator, Sequence

from amqtt.abc import ConnectRequest
from amqtt.sessions.permissions import CONNECTIONS, Permissions


class TopicRules(ABC):
    """What one topic plugin says of one user: True grants, False refuses, None is no opinion.

    It must answer at once. `receives_everything` True says that `receive` need not be asked, `asks`
    that the two `prepare_…` must be called before: see Permissions.
    """

    receives_everything: bool = True
    asks: bool = False

    @abstractmethod
    def publish(self, topic: str) -> bool | None:
        """Whether the user may publish to this Topic Name."""

    @abstractmethod
    def subscribe(self, topic_filter: str) -> bool | None:
        """Whether the user may subscribe to this Topic Filter (without any `$share/name/`)."""

    def receive(self, topic: str) -> bool | None:
        """Whether a message on this Topic Name may be delivered to the user; only False keeps it back."""
        return None

    def why(self, action: str, topic: str) -> str:
        """What decides of this `publish`, `subscribe` or `receive`, in words; "": nothing to say."""
        return ""

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        """What must be waited for before `publish` can answer; None: nothing."""
        return None

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        """The same for `subscribe`."""
        return None


class TopicCheck(ABC):
    """A topic plugin: knows the TopicRules of every user."""

    @abstractmethod
    def rules(self, user: str | None) -> TopicRules:
        """The rules for this user, None: who did not say a name."""

    def rules_for(self, user: str | None, request: ConnectRequest | None) -> TopicRules:
        """The rules for the user who sent this CONNECT, for those who want to know more than the name."""
        return self.rules(user)


class All(Awaitable[None]):
    """Waits for several things, one after the other."""

    def __init__(self, parts: Sequence[Awaitable[object]]) -> None:
        self.parts = parts

    def __await__(self) -> Generator[object, None, None]:
        for part in self.parts:
            yield from part.__await__()


def all_of(parts: Sequence[Awaitable[object] | None]) -> Awaitable[object] | None:
    """What must be waited for; None: nothing."""
    found = [part for part in parts if part is not None]
    if not found:
        return None
    return found[0] if len(found) == 1 else All(found)


class CheckedPermissions(Permissions):
    """Permissions after topic plugins: somebody must grant, nobody may refuse.

    Of topics that begin with `$` they are asked about one: where the Client, if it is a bridge, says
    whether its own connection stands. `client_id` is its Client Identifier, "" where it has none.
    """

    def __init__(self, user: str | None, rules: Sequence[TopicRules], client_id: str = "") -> None:
        super().__init__(user)
        self._own_state = f"{CONNECTIONS}{client_id}/state" if client_id else ""
        self._rules = tuple(rules)
        self._receive_rules = tuple(rule for rule in rules if not rule.receives_everything)
        self._asking = tuple(rule for rule in rules if rule.asks)
        self.receives_everything = not self._receive_rules
        self.asks = bool(self._asking)

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        """What the topic plugins must wait for."""
        return all_of([rules.prepare_publish(topic) for rules in self._asking])

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        """What the topic plugins must wait for."""
        return all_of([rules.prepare_subscribe(topic_filters) for rules in self._asking])

    def may_publish(self, topic: str, retain: bool) -> bool:
        """Whether the topic plugins grant it; nobody publishes to any other `$…`."""
        if topic.startswith("$") and topic != self._own_state:
            return False
        granted = False
        for rules in self._rules:
            verdict = rules.publish(topic)
            if verdict is True:
                granted = True
            elif verdict is not None:
                return False
        return granted

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        """The QoS asked for where the topic plugins grant the filter, else -1."""
        granted = -1
        for rules in self._rules:
            verdict = rules.subscribe(topic_filter)
            if verdict is True:
                granted = qos
            elif verdict is not None:
                return -1
        return granted

    def may_receive(self, topic: str) -> bool:
        """Whether no topic plugin keeps the message back."""
        for rules in self._receive_rules:
            verdict = rules.receive(topic)
            if verdict is not True and verdict is not None:
                return False
        return True


class SharedPermissions(Permissions):
    """What several parties allow, all of them."""

    def __init__(self, user: str | None, parts: Sequence[Permissions]) -> None:
        super().__init__(user)
        self.parts = tuple(parts)
        self._asking = tuple(part for part in parts if part.asks)
        self.receives_everything = all(part.receives_everything for part in parts)
        self.asks = bool(self._asking)

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        """What they must wait for."""
        return all_of([part.prepare_publish(topic) for part in self._asking])

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        """What they must wait for."""
        return all_of([part.prepare_subscribe(topic_filters) for part in self._asking])

    def may_publish(self, topic: str, retain: bool) -> bool:
        """Whether each of them allows it."""
        return all(part.may_publish(topic, retain) for part in self.parts)

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        """The lowest QoS that any of them grants, -1 where one refuses."""
        return min(part.may_subscribe(topic_filter, qos) for part in self.parts)

    def may_receive(self, topic: str) -> bool:
        """Whether each of them allows it."""
        return all(part.receives_everything or part.may_receive(topic) for part in self.parts)


def without_topics(permissions: Permissions) -> list[Permissions]:
    """The parts of these Permissions that are none of topic plugins, and restrict somebody."""
    if isinstance(permissions, SharedPermissions):
        return [part for part in permissions.parts if not isinstance(part, CheckedPermissions)]
    if type(permissions) is Permissions or isinstance(permissions, CheckedPermissions):
        return []
    return [permissions]


class Policy:
    """Makes one Permissions of what the Authenticators allow and what the topic plugins grant.

    `checks` are the topic plugins; None: topics are not checked. None of them grants nothing.
    """

    def __init__(self, checks: Sequence[TopicCheck] | None = None) -> None:
        self._checks = None if checks is None else tuple(checks)

    def permissions(
        self, allowed: Sequence[Permissions], request: ConnectRequest | None = None
    ) -> Permissions:
        """The Permissions of a Client that these Authenticators accepted.

        The user is the first that one of them names. A plain `Permissions` allows what is left to
        everybody and restricts nobody; one of a class of its own restricts.
        """
        user = next((part.user for part in allowed if part.user is not None), None)
        parts = [part for part in allowed if type(part) is not Permissions]
        if self._checks is not None:
            rules = [check.rules_for(user, request) for check in self._checks]
            parts.append(CheckedPermissions(user, rules, "" if request is None else request.client_id))
        if not parts:
            return Permissions(user)
        if len(parts) == 1 and parts[0].user == user:
            return parts[0]
        return SharedPermissions(user, parts)

    def renewed(self, permissions: Permissions, request: ConnectRequest) -> Permissions:
        """What a Client that is in already may do by this policy; `request` says who it is."""
        return self.permissions([Permissions(permissions.user), *without_topics(permissions)], request)
