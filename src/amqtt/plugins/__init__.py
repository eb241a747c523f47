"""aMQTT's import paths of plugins and of what they inherit from."""

from amqtt.compat.functions import TopicMatcher

__all__ = ["TopicMatcher"]
