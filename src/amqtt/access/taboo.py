"""topic_taboo: three topics that only the user `admin` may use, as aMQTT's example has it."""

from typing import Final

from amqtt.access.policy import TopicCheck, TopicRules

TABOO: Final = frozenset(("prohibited", "top-secret", "data/classified"))
EXEMPT: Final = "admin"


class Taboo(TopicCheck):
    """Refuses the taboo topics and grants all others, to whoever is not `admin`."""

    def rules(self, user: str | None) -> TopicRules:
        """The rules for this user."""
        return _EVERYTHING if user == EXEMPT else _UNTABOOED


class TabooRules(TopicRules):
    """Grants what is not taboo; a wildcard does not bring it in either."""

    receives_everything = False

    def publish(self, topic: str) -> bool:
        """Whether the topic is not taboo."""
        return topic not in TABOO

    def subscribe(self, topic_filter: str) -> bool:
        """Whether the filter is not a taboo topic itself."""
        return topic_filter not in TABOO

    def receive(self, topic: str) -> bool:
        """Whether the topic is not taboo."""
        return topic not in TABOO


    def why(self, action: str, topic: str) -> str:
        """That it is taboo, or is not."""
        return f"{topic} is {'' if topic in TABOO else 'not '}taboo"


class EverythingRules(TopicRules):
    """Grants everything."""

    def publish(self, topic: str) -> bool:
        """Yes."""
        return True

    def subscribe(self, topic_filter: str) -> bool:
        """Yes."""
        return True


    def why(self, action: str, topic: str) -> str:
        """The exemption."""
        return f"{EXEMPT} may use what is taboo"


_EVERYTHING: Final = EverythingRules()
_UNTABOOED: Final = TabooRules()
