"""Plugins that are asked: `authenticate` as an Authenticator, `topic_filtering` as a TopicCheck."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from types import CodeType
from typing import Any, Final

from amqtt.abc import (
    Accepted,
    Answer,
    AuthenticationExchange,
    Authenticator,
    ConnectRequest,
    Permissions,
    Refusal,
)
from amqtt.access.authenticators import Authenticators
from amqtt.access.policy import TopicCheck, TopicRules, all_of
from amqtt.compat.contexts import Action
from amqtt.compat.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.compat.plugins.calls import Call, Suspended, at_once, begin, may_wait, unless_it_waits
from amqtt.compat.plugins.deliveries import MOST_TOPICS, AndThen, Deliveries, in_turn
from amqtt.compat.plugins.faults import Faults
from amqtt.compat.plugins.feed import call_of
from amqtt.compat.plugins.loading import Loaded
from amqtt.compat.plugins.settled import Settled
from amqtt.compat.session import Session, session_of_request
from amqtt.server.realm import Realm
from amqtt.topics.names import split_shared

ASKED_AUTH: Final = ("session",)
ASKED_TOPIC: Final = ("session", "topic", "action")

Keep = Callable[[str, bool | None], None]
"""Notes what a plugin says of a topic."""


def auth_call(loaded: Loaded) -> Call | None:
    """Its `authenticate`; None where it has none but that of a base class, which knows nobody."""
    if getattr(type(loaded.plugin), "authenticate", None) is BaseAuthPlugin.authenticate:
        return None
    return call_of(loaded, "authenticate", ASKED_AUTH)


def topic_call(loaded: Loaded) -> Call | None:
    """Its `topic_filtering`, in the same way."""
    if getattr(type(loaded.plugin), "topic_filtering", None) is BaseTopicPlugin.topic_filtering:
        return None
    return call_of(loaded, "topic_filtering", ASKED_TOPIC)


def knows_receiving(loaded: Loaded) -> bool:
    """Whether a plugin of topics expects to be asked about deliveries, as aMQTT 0.11.3 began to.

    One that was chosen by its class and is of aMQTT's classes does. An older one, which takes
    whatever is not PUBLISH for SUBSCRIBE, would keep every message back that a wildcard brings.
    So any other must speak of it: name `RECEIVE`, or the text `receive`.
    """
    if loaded.is_modern:
        return True
    methods = (
        method for kind in type(loaded.plugin).__mro__ if not kind.__module__.startswith("amqtt.")
        for method in vars(kind).values() if inspect.isfunction(method)
    )
    return any(_speaks_of_receiving(inspect.unwrap(method).__code__) for method in methods)


def _speaks_of_receiving(code: CodeType) -> bool:
    return (
        Action.RECEIVE.name in code.co_names
        or Action.RECEIVE.value in code.co_consts
        or any(_speaks_of_receiving(inner) for inner in code.co_consts if isinstance(inner, CodeType))
    )


def verdict(answer: object) -> bool | None:
    """What a plugin meant: as in aMQTT, whatever is true is a yes, and only None has no opinion.

    Not so text, of which "false" would be true: a back end that answers in words is not understood.
    """
    if answer is None:
        return None
    return answer is not NotImplemented and not isinstance(answer, (str, bytes)) and bool(answer)


class PluginAuthenticator(Authenticator):
    """Asks a plugin at CONNECT. True accepts, None has no opinion, anything false refuses."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        """Answer a CONNECT: at once, or with what the plugin waits for."""
        session = session_of_request(request)
        answer = self._call({"session": session})
        if inspect.isawaitable(answer):
            return _Later(answer, session)
        return _answer(answer, session)


class _Later(Awaitable[Answer]):
    def __init__(self, answer: Awaitable[object], session: Session) -> None:
        self._answer = answer
        self._session = session

    def __await__(self) -> Generator[Any, None, Answer]:
        return _answer((yield from self._answer.__await__()), self._session)


def _answer(answer: object, session: Session) -> Answer:
    meant = verdict(answer)
    if meant is None:
        return None
    # The name that the plugin found out, from a certificate perhaps, is who the Client is.
    return Accepted(Permissions(session.username or None)) if meant else Refusal()


class PluginTopics(TopicCheck):
    """Asks a plugin about topics. `receives` says that it is asked about every delivery, too.

    `receives_later` says that it may wait before it answers, so that it is asked ahead; `has_waited`
    that it did, so that where nobody can wait it is not even begun to be asked.
    """

    def __init__(self, name: str, call: Call, receives: bool, deliveries: Deliveries) -> None:
        self.faults = Faults(name)
        self.call = call
        self.receives = receives
        self.deliveries = deliveries
        self.receives_later = receives and may_wait(call.function)
        deliveries.is_needed = deliveries.is_needed or self.receives_later
        self.has_waited = False

    def rules(self, user: str | None) -> TopicRules:
        """The rules for a Client of whom only the name is known."""
        session = Session()
        session.username = user
        return PluginRules(self, session)

    def rules_for(self, user: str | None, request: ConnectRequest | None) -> TopicRules:
        """The rules for the Client that sent this CONNECT."""
        return self.rules(user) if request is None else PluginRules(self, session_of_request(request))


class PluginRules(TopicRules):
    """What a plugin says to one Client; it is asked anew each time.

    What it waits for is waited for before a PUBLISH or SUBSCRIBE is acted on, and so is what it
    says of the deliveries that come of them. Where there is no time to wait, its last answer about
    a delivery on that topic counts; without one it is a no.
    """

    asks = True

    def __init__(self, check: PluginTopics, session: Session) -> None:
        self._check = check
        self._faults = check.faults
        self._call = check.call
        self._session = session
        self._published: tuple[str, bool | None] | None = None
        self._will: tuple[str, bool | None] | None = None
        self._subscribed: dict[str, bool | None] = {}
        self._received: dict[str, bool | None] = {}
        self._asked_ahead: set[str] = set()
        self._has_complained = False
        self.receives_everything = not check.receives

    def prepare_publish(self, topic: str) -> Awaitable[object] | None:
        """Ask about a PUBLISH, and then about whom it is for; what the plugin waits for, None: nothing."""
        question = self._prepare(topic, Action.PUBLISH, self._keep_published)
        if not self._check.receives_later:
            return question
        if question is None:
            return self._ask_receivers(topic)
        return AndThen(question, partial(self._ask_receivers, topic))

    def prepare_subscribe(self, topic_filters: Sequence[str]) -> Awaitable[object] | None:
        """Ask about all Topic Filters of a SUBSCRIBE, and about the retained messages that match them."""
        self._subscribed = {}
        questions = [self._prepare(each, Action.SUBSCRIBE, self._keep_subscribed) for each in topic_filters]
        if self._check.receives_later:
            topics = self._check.deliveries.retained_topics(topic_filters)
            questions.append(in_turn(
                partial(self._prepare, topic, Action.RECEIVE, self._keep_received) for topic in topics
            ))
        return all_of(questions)

    def publish(self, topic: str) -> bool | None:
        """What the plugin has answered, or else answers at once."""
        prepared, self._published = self._published, None
        if prepared is not None and prepared[0] == topic:
            return prepared[1]
        return self._at_once(topic, Action.PUBLISH, self._will)

    def subscribe(self, topic_filter: str) -> bool | None:
        """The same."""
        if topic_filter in self._subscribed:
            return self._subscribed[topic_filter]
        return self._at_once(topic_filter, Action.SUBSCRIBE)

    def receive(self, topic: str) -> bool | None:
        """What the plugin has answered ahead, or answers at once, or has last answered."""
        deliveries = self._check.deliveries
        if deliveries.is_asking:
            if self._check.receives_later and deliveries.asks(self._check):
                question = self._prepare(topic, Action.RECEIVE, self._keep_received)
                if question is not None:
                    deliveries.wait_for(question)
            return None
        if topic in self._asked_ahead:
            self._asked_ahead.discard(topic)
            return self._received[topic]
        last = (topic, self._received[topic]) if topic in self._received else None
        if last is not None and self._check.has_waited:
            return last[1]
        return self._at_once(topic, Action.RECEIVE, last)

    def _ask_receivers(self, topic: str) -> Awaitable[object] | None:
        """Whoever may not publish this does not have the plugin asked about everybody else."""
        if self._published == (topic, False):
            return None
        return self._check.deliveries.of_topic(topic, self._check)

    def _keep_published(self, topic: str, answer: bool | None) -> None:
        self._published = (topic, answer)
        # The first topic is that of the Will Message, if there is one: it is published when
        # nobody can wait.
        if self._will is None or self._will[0] == topic:
            self._will = self._published

    def _keep_subscribed(self, topic_filter: str, answer: bool | None) -> None:
        self._subscribed[topic_filter] = answer

    def _keep_received(self, topic: str, answer: bool | None) -> None:
        if topic not in self._received and len(self._received) >= MOST_TOPICS:
            oldest = next(iter(self._received))
            del self._received[oldest]
            self._asked_ahead.discard(oldest)
        self._received[topic] = answer
        self._asked_ahead.add(topic)

    def _ask(self, topic: str, action: Action) -> Any:
        return self._call({"session": self._session, "topic": topic, "action": action})

    def _leaves_free(self, action: Action) -> bool:
        """Whether it is a plugin of the time when only Subscriptions were asked about."""
        return action is Action.PUBLISH and not self._call.takes("action")

    def _prepare(self, topic: str, action: Action, keep: Keep) -> Awaitable[object] | None:
        if self._leaves_free(action):
            keep(topic, True)
            return None
        if action is not Action.RECEIVE:
            keep(topic, False)  # until it says something better
        try:
            answer = self._ask(topic, action)
            begun = begin(answer) if inspect.isawaitable(answer) else Settled(answer)
        except Exception as fault:
            self.failed(fault)
            keep(topic, False)
            return None
        if isinstance(begun, Settled):
            keep(topic, verdict(begun.value))
            return None
        self._check.has_waited = self._check.has_waited or action is Action.RECEIVE
        begun.add_done_callback(partial(self._answered, topic, keep))
        return _Waiting(begun)

    def _answered(self, topic: str, keep: Keep, task: "asyncio.Task[Any]") -> None:
        if task.cancelled():
            # Nobody waits any more. What it said before about a delivery must not stand in for this.
            if keep == self._keep_received and topic not in self._asked_ahead:
                self._received.pop(topic, None)
            return
        fault = task.exception()
        if fault is not None:
            self.failed(fault)
        keep(topic, False if fault is not None else verdict(task.result()))

    def _at_once(
        self, topic: str, action: Action, fallback: tuple[str, bool | None] | None = None
    ) -> bool | None:
        if self._leaves_free(action):
            return True
        try:
            answer = self._ask(topic, action)
            # At a delivery, of which there may be very many, it is not even given a Task.
            return verdict(at_once(answer) if action is Action.RECEIVE else unless_it_waits(answer))
        except Suspended:
            if fallback is not None and fallback[0] == topic:
                return fallback[1]
            self._complain(action)
        except Exception as fault:
            self.failed(fault)
        return False

    def failed(self, fault: BaseException) -> None:
        """It has raised this."""
        self._faults.tell(self._call.name, "failed: refused", fault)

    def _complain(self, action: Action) -> None:
        if not self._has_complained:
            self._has_complained = True
            what = f"waits although {action.name} must be answered at once: refused"
            self._faults.tell(self._call.name, what)


class _Waiting(Awaitable[None]):
    """The rest of an answer; whether it failed is told elsewhere. It is given up with the last who waits."""

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self._task = task

    def __await__(self) -> Generator[Any, None, None]:
        with suppress(Exception):
            yield from self._task.__await__()

    def __del__(self) -> None:
        self._task.cancel()


class PreparedAccess(Authenticator):
    """Has Permissions that ask before they answer asked about what a CONNECT brings, too.

    That is its Will Message, and the Subscriptions of the Session that it resumes, with what waits there.
    """

    def __init__(self, inner: Authenticators, realm: Realm, deliveries: Deliveries) -> None:
        self._inner = inner
        self._realm = realm
        self._deliveries = deliveries
        self.methods = inner.methods

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        """Answer a CONNECT."""
        answer = self._inner.authenticate(request)
        if inspect.isawaitable(answer):
            return self._later(answer, request)
        pending = self._prepare(answer, request)
        return answer if pending is None else _prepared(answer, pending)

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        """Begin enhanced authentication."""
        return self._inner.exchange(request)

    def keeps(self, user: str | None) -> bool:
        """Whether a Client of this user, who is in already, would still be let in."""
        return self._inner.keeps(user)

    def renewed(self, permissions: Permissions, request: ConnectRequest) -> Permissions:
        """What a Client that is in already may do by the present rules."""
        return self._inner.renewed(permissions, request)

    async def close(self) -> None:
        """Close those who are asked."""
        await self._inner.close()

    async def _later(self, answer: Awaitable[Answer], request: ConnectRequest) -> Answer:
        given = await answer
        pending = self._prepare(given, request)
        return given if pending is None else await _prepared(given, pending)

    def _prepare(self, answer: Answer, request: ConnectRequest) -> Awaitable[object] | None:
        if not isinstance(answer, Accepted) or not answer.permissions.asks:
            return None
        permissions = answer.permissions
        stored = None if request.clean_start else self._realm.sessions.get(request.client_id)
        filters = [] if stored is None else [split_shared(each)[1] for each in stored.subscriptions]
        return all_of([
            permissions.prepare_publish(request.will.topic) if request.will is not None else None,
            permissions.prepare_subscribe(filters) if filters else None,
            self._deliveries.of_session(permissions, stored) if stored is not None else None,
        ])


async def _prepared(answer: Answer, pending: Awaitable[object]) -> Answer:
    await pending
    return answer
