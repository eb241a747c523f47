"""topic_acl: lists of Topic Filters that each user may subscribe to, publish to and receive from.

The comparison is aMQTT's, level by level as text, with one difference: what is granted is never
wider than what is listed. There, `a/+` in a list granted a subscription to `a/#`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from amqtt.access.policy import TopicCheck, TopicRules

ANONYMOUS: Final = "anonymous"
"""The entry for Clients without a user name."""

_MOST_REMEMBERED: Final = 1024
_LONGEST_REMEMBERED: Final = 256

Entries = Mapping[str, Sequence[str]]
"""User name → Topic Filters."""


def covers(allowed: Sequence[str], requested: Sequence[str]) -> bool:
    """Whether a listed filter covers a requested filter or topic; both split into levels.

    `#` covers one level or more, so unlike a subscription's it does not cover its parent. `+`
    covers one level, be it `+` itself, but not `#`.
    """
    for level, listed in enumerate(allowed):
        if level == len(requested):
            return False
        if listed == "#":
            return True
        if listed != requested[level] and (listed != "+" or requested[level] == "#"):
            return False
    return len(allowed) == len(requested)


class AllowedTopics:
    """The filters that one user is listed with; remembers what it answered for short topics."""

    __slots__ = ("_answers", "_exact", "_patterns")

    def __init__(self, filters: Sequence[str]) -> None:
        self._exact = frozenset(filters)
        self._patterns = tuple(tuple(text.split("/")) for text in filters if "+" in text or "#" in text)
        self._answers: dict[str, bool] = {}

    def cover(self, requested: str) -> bool:
        """Whether one of the filters covers this filter or topic."""
        answer = self._answers.get(requested)
        if answer is None:
            answer = self._look(requested)
        return answer

    def covering(self, requested: str) -> str | None:
        """The filter in the list that covers this filter or topic, None without one."""
        if requested in self._exact:
            return requested
        levels = requested.split("/")
        return next(("/".join(pattern) for pattern in self._patterns if covers(pattern, levels)), None)

    def _look(self, requested: str) -> bool:
        levels = requested.split("/")
        answer = requested in self._exact or any(covers(pattern, levels) for pattern in self._patterns)
        if len(requested) <= _LONGEST_REMEMBERED:
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.clear()
            self._answers[requested] = answer
        return answer


_NOTHING: Final = AllowedTopics(())


class AccessControlList(TopicCheck):
    """The lists of all users. A user who is not in a list is granted nothing by it.

    `publish` None leaves publishing free, `receive` None leaves receiving what was subscribed to
    free, as in aMQTT.
    """

    def __init__(
        self, subscribe: Entries, publish: Entries | None = None, receive: Entries | None = None
    ) -> None:
        self._subscribe = _compiled(subscribe)
        self._publish = None if publish is None else _compiled(publish)
        self._receive = None if receive is None else _compiled(receive)

    def rules(self, user: str | None) -> TopicRules:
        """The rules for this user."""
        name = user or ANONYMOUS
        return AclRules(
            name,
            self._subscribe.get(name, _NOTHING),
            None if self._publish is None else self._publish.get(name, _NOTHING),
            None if self._receive is None else self._receive.get(name, _NOTHING),
        )


class AclRules(TopicRules):
    """What one user is listed with; None: free."""

    def __init__(
        self,
        name: str,
        subscribe: AllowedTopics,
        publish: AllowedTopics | None,
        receive: AllowedTopics | None,
    ) -> None:
        self._name = name
        self._subscribe = subscribe
        self._publish = publish
        self._receive = receive
        self.receives_everything = receive is None

    def publish(self, topic: str) -> bool:
        """Whether the Topic Name is listed for publishing, or publishing is free."""
        return self._publish is None or self._publish.cover(topic)

    def subscribe(self, topic_filter: str) -> bool:
        """Whether a listed filter covers this one."""
        return self._subscribe.cover(topic_filter)

    def receive(self, topic: str) -> bool:
        """Whether the Topic Name is listed for receiving, or receiving is free."""
        return self._receive is None or self._receive.cover(topic)


    def why(self, action: str, topic: str) -> str:
        """The entry of a list that decides."""
        key, listed = {
            "publish": ("publish-acl", self._publish),
            "subscribe": ("acl", self._subscribe),
            "receive": ("receive-acl", self._receive),
        }[action]
        if listed is None:
            return f"there is no topic-check.{key}, which leaves it free"
        if listed is _NOTHING:
            return f"topic-check.{key} has no entry for {self._name}"
        covering = listed.covering(topic)
        entry = f"topic-check.{key}.{self._name}"
        return f"nothing in {entry} covers it" if covering is None else f"{entry}: {covering}"


def _compiled(entries: Entries) -> dict[str, AllowedTopics]:
    return {user: AllowedTopics(filters) for user, filters in entries.items()}
