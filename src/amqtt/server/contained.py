"""Permissions that somebody else wrote: what they raise is a refusal, and hurts nobody."""

from collections.abc import Awaitable, Sequence

from amqtt.server.events import Events, Fault
from amqtt.sessions.permissions import Permissions


class ContainedPermissions(Permissions):
    """Asks the Permissions of a plugin, `inner`; an exception is a no, told as a Fault."""

    def __init__(self, permissions: Permissions, events: Events) -> None:
        super().__init__(permissions.user)
        self.receives_everything = permissions.receives_everything
        self.asks = permissions.asks
        self.inner = permissions
        self._events = events

    def may_publish(self, topic: str, retain: bool) -> bool:
        """What the plugin says, True or not."""
        try:
            return self.inner.may_publish(topic, retain) is True
        except Exception as fault:
            self._failed(fault)
            return False

    def may_subscribe(self, topic_filter: str, qos: int) -> int:
        """The QoS that the plugin grants; what is no QoS refuses."""
        try:
            granted = self.inner.may_subscribe(topic_filter, qos)
        except Exception as fault:
            self._failed(fault)
            return -1
        return granted if granted in (0, 1, 2) and not isinstance(granted, bool) else -1

    def may_receive(self, topic: str) -> bool:
        """What the plugin says, True or not."""
        try:
            return self.inner.may_receive(topic) is True
        except Exception as fault:
            self._failed(fault)
            return False

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        """What the plugin wants to wait for; nothing, if it fails."""
        try:
            return self._awaitable(self.inner.prepare_publish(topic))
        except Exception as fault:
            self._failed(fault)
            return None

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        """What the plugin wants to wait for; nothing, if it fails."""
        try:
            return self._awaitable(self.inner.prepare_subscribe(topic_filters))
        except Exception as fault:
            self._failed(fault)
            return None

    def _awaitable(self, question: object) -> Awaitable[object] | None:
        if question is None or isinstance(question, Awaitable):
            return question
        self._failed(TypeError(f"what must be waited for is no awaitable but {type(question).__name__}"))
        return None

    def _failed(self, fault: Exception) -> None:
        self._events.tell(Fault("Permissions", fault))


def contained(permissions: Permissions, events: Events) -> Permissions:
    """These Permissions, contained unless they are the standard's own, which cannot fail."""
    return permissions if type(permissions) is Permissions else ContainedPermissions(permissions, events)
