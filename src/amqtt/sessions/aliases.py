"""Topic Aliases of one Network Connection, in both directions (MQTT 5.0, 3.3.2.3.4)."""

from typing import Final

from amqtt.wire.errors import ProtocolError
from amqtt.wire.reasons import ReasonCode

CANDIDATES_PER_ALIAS: Final = 4
"""Topics counted beside those that have an alias; more would not change who is used most."""


class IncomingAliases:
    """Topic Aliases that the Client has set; they die with the Network Connection [MQTT-3.3.2-7]."""

    __slots__ = ("_topics", "maximum")

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self._topics: dict[int, str] = {}

    def resolve(self, alias: int, topic: str) -> str:
        """The Topic Name of a PUBLISH with this alias; a topic beside it sets the alias.

        Raises ProtocolError for an alias above `maximum` [MQTT-3.3.2-9] or never set.
        """
        if alias > self.maximum:
            raise ProtocolError(
                f"Topic Alias {alias} is above Topic Alias Maximum {self.maximum}",
                ReasonCode.TOPIC_ALIAS_INVALID,
                "topic_alias_maximum",
            )
        if topic:
            self._topics[alias] = topic
            return topic
        known = self._topics.get(alias)
        if known is None:
            raise ProtocolError(f"Topic Alias {alias} was never set on this Network Connection")
        return known


class OutgoingAliases:
    """Topic Aliases that the Server assigns, to the topics that this Client is sent most.

    Never more than the Client's Topic Alias Maximum [MQTT-3.3.2-11]. A free alias goes to whichever
    topic comes; then a topic that is used twice as often as the least used one takes its place.
    `maximum` is 1 or more.
    """

    __slots__ = ("_aliases", "_candidates", "_free", "_uses", "maximum")

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self._aliases: dict[str, int] = {}
        self._uses: dict[str, int] = {}
        self._candidates: dict[str, int] = {}
        self._free: list[int] = []

    def use(self, topic: str) -> tuple[int, bool]:
        """(alias, whether the topic must be sent beside it); (0, True): send the topic alone."""
        alias = self._aliases.get(topic)
        if alias is not None:
            self._uses[topic] += 1
            return alias, False
        count = self._candidates.get(topic, 0) + 1
        alias = self._alias_for(count)
        if alias:
            self._candidates.pop(topic, None)
            self._aliases[topic] = alias
            self._uses[topic] = count
            return alias, True
        if count == 1 and len(self._candidates) >= self.maximum * CANDIDATES_PER_ALIAS:
            self._forget_candidates()
        self._candidates[topic] = count
        return 0, True

    def forget(self, topic: str) -> None:
        """Take back what `use` gave, because the packet was not sent after all."""
        alias = self._aliases.pop(topic, 0)
        if alias:
            del self._uses[topic]
            self._free.append(alias)

    def _alias_for(self, count: int) -> int:
        if self._free:
            return self._free.pop()
        if len(self._aliases) < self.maximum:
            return len(self._aliases) + 1
        if count == 1:
            return 0
        least = min(self._uses, key=self._uses.__getitem__)
        if count <= 2 * self._uses[least]:
            return 0
        del self._uses[least]
        return self._aliases.pop(least)

    def _forget_candidates(self) -> None:
        """Start counting anew, and halve the past of those that have an alias, so that times change."""
        self._candidates.clear()
        for topic in self._uses:
            self._uses[topic] //= 2
