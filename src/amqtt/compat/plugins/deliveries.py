"""Asking plugins about deliveries before they happen: aMQTT waited for each answer, a delivery cannot."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from amqtt import clock
from amqtt.access.policy import all_of
from amqtt.server.realm import Realm
from amqtt.sessions.permissions import Permissions
from amqtt.sessions.session import Session
from amqtt.topics.shared import SharedGroup
from amqtt.topics.subscriptions import Target

AT_ONCE: Final = 100
"""Questions under way at a time for one message: others are served in between, no back end is flooded."""
MOST_TOPICS: Final = 1000
"""Topics that a plugin is asked about ahead at one CONNECT or SUBSCRIBE, for what waits there; and those
of whose answers it is remembered for one Client. What is beyond them must be answered at once."""

Question = Callable[[], Awaitable[object] | None]
"""Begins to ask one thing; what must be waited for, None when it is answered."""


class Deliveries:
    """Has plugins that take their time asked ahead of what is about to be delivered.

    Permissions are then asked as at the delivery itself, and those parts of them that want to wait
    call `wait_for`. `is_asking` says that this is no delivery, `asks` whom it is about; `is_needed`
    that there is such a plugin at all.
    """

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._asked: object = None
        self._pending: list[Awaitable[object]] = []
        self.is_asking = False
        self.is_needed = False

    def asks(self, plugin: object) -> bool:
        """Whether this plugin is asked now."""
        return self._asked is None or self._asked is plugin

    def wait_for(self, answer: Awaitable[object]) -> None:
        """Have this waited for, too."""
        self._pending.append(answer)

    def of_topic(self, topic: str, plugin: object = None) -> Awaitable[object] | None:
        """Ask all plugins, or this one, about each Subscriber of the topic; what must be waited for."""
        if not self.is_needed:
            return None
        sessions = _sessions(self._realm.tree.match(topic))
        return in_turn(
            partial(self._ask, session.permissions, topic, plugin)
            for session in sessions if not session.permissions.receives_everything
        )

    def of_session(self, permissions: Permissions, session: Session) -> Awaitable[object] | None:
        """Ask about what waits in a Session for its Client, who may do this now."""
        if not self.is_needed:
            return None
        waiting = [outgoing.message.topic for outgoing in session.inflight.entries.values()]
        waiting += [outgoing.message.topic for outgoing in session.backlog]
        topics = list(dict.fromkeys(waiting))[:MOST_TOPICS]
        return in_turn(partial(self._ask, permissions, topic) for topic in topics)

    def retained_topics(self, topic_filters: Sequence[str]) -> list[str]:
        """On which topics there is a retained message for these Topic Filters."""
        found: dict[str, None] = {}
        for topic_filter in topic_filters:
            cursor = self._realm.retained.match(topic_filter)
            found |= dict.fromkeys(message.topic for message in cursor.take(MOST_TOPICS, clock.now()))
        return list(found)[:MOST_TOPICS]

    def _ask(self, permissions: Permissions, topic: str, plugin: object = None) -> Awaitable[object] | None:
        self._asked, self._pending, self.is_asking = plugin, [], True
        try:
            permissions.may_receive(topic)
            return all_of(self._pending)
        finally:
            self._asked, self._pending, self.is_asking = None, [], False


def in_turn(questions: Iterator[Question]) -> Awaitable[object] | None:
    """Ask all of them, so many at a time; what must be waited for."""
    first = list(islice(questions, AT_ONCE))
    asked = all_of([question() for question in first])
    return asked if len(first) < AT_ONCE else _InTurn(asked, questions)


class AndThen(Awaitable[None]):
    """Waits for one answer, and then asks what comes of it."""

    def __init__(self, answer: Awaitable[object], question: Question) -> None:
        self._answer = answer
        self._question = question

    def __await__(self) -> Generator[object, None, None]:
        yield from self._answer.__await__()
        asked = self._question()
        if asked is not None:
            yield from asked.__await__()


class _InTurn(Awaitable[None]):
    """Waits for the answers to some, and then asks the others."""

    def __init__(self, asked: Awaitable[object] | None, others: Iterator[Question]) -> None:
        self._asked = asked
        self._others = others

    def __await__(self) -> Generator[object, None, None]:
        asked, some = self._asked, True
        while some:
            if asked is not None:
                yield from asked.__await__()
            yield from asyncio.sleep(0).__await__()
            questions = list(islice(self._others, AT_ONCE))
            asked, some = all_of([question() for question in questions]), bool(questions)


def _sessions(targets: Iterable[Target]) -> Iterator[Session]:
    """Whom they may be for; of a shared group that is any of its members."""
    for target in targets:
        subscriber = target.subscriber
        for each in subscriber.subscribers if isinstance(subscriber, SharedGroup) else (subscriber,):
            if isinstance(each, Session):
                yield each
