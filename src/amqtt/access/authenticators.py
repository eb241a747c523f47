"""Several Authenticators as one: somebody must say yes, and nobody may say no."""

import inspect
import logging
from collections.abc import Awaitable, Mapping
from typing import Protocol, runtime_checkable

from amqtt.abc import (
    Accepted,
    Answer,
    AuthenticationExchange,
    Authenticator,
    Challenge,
    ConnectRequest,
    Permissions,
    Refusal,
)
from amqtt.access.policy import Policy

_log = logging.getLogger(__name__)


@runtime_checkable
class Closable(Protocol):
    """An Authenticator that holds something until it is closed."""

    async def close(self) -> None:
        """Let it go."""


@runtime_checkable
class Keeper(Protocol):
    """An Authenticator that knows, without a password, whether somebody who is in may stay."""

    def keeps(self, user: str | None) -> bool | None:
        """True: yes. False: it would refuse this user. None: it has no opinion."""


class Authenticators(Authenticator):
    """Asks its members in their order; the first that refuses ends it.

    A member that raises, or answers what is no Answer, has refused. What those who accepted
    allow becomes one Permissions by the policy. `members` are named as in the configuration.
    """

    def __init__(self, members: Mapping[str, Authenticator], policy: Policy | None = None) -> None:
        self._members = tuple(members.items())
        self._keepers = tuple(member for member in members.values() if isinstance(member, Keeper))
        self._policy = policy or Policy()
        self.methods = tuple(
            dict.fromkeys(method for member in members.values() for method in member.methods)
        )

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        """Answer a CONNECT: at once where all members do, else with an awaitable."""
        return self._ask(request, 0, [])

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        """Begin enhanced authentication with the first member that serves the Authentication Method."""
        for name, member in self._members:
            if request.authentication_method in member.methods:
                exchange = member.exchange(request)
                if exchange is not None:
                    return _Exchange(name, exchange, self._policy, request)
        return None

    def keeps(self, user: str | None) -> bool:
        """Whether a Client of this user, who is in already, would still be let in.

        One who knows the user is enough: each of them has its own way to prove who one is.
        """
        opinions = [keeper.keeps(user) for keeper in self._keepers]
        return True in opinions or False not in opinions

    def renewed(self, permissions: Permissions, request: ConnectRequest) -> Permissions:
        """What a Client that is in already may do by the present rules."""
        return self._policy.renewed(permissions, request)

    async def close(self) -> None:
        """Close the members that can be closed."""
        for name, member in self._members:
            if isinstance(member, Closable):
                try:
                    await member.close()
                except Exception:
                    _log.exception("%s failed to close", name)

    def _ask(
        self, request: ConnectRequest, first: int, allowed: list[Permissions]
    ) -> Answer | Awaitable[Answer]:
        """Ask the members from the `first` on; `allowed` is what those before them allow."""
        for number in range(first, len(self._members)):
            name, member = self._members[number]
            try:
                answer = member.authenticate(request)
            except Exception:
                return _failed(name)
            if inspect.isawaitable(answer):
                return self._wait(request, number, answer, allowed)
            refusal = _taken(name, answer, allowed)
            if refusal is not None:
                return refusal
        return self._conclusion(request, allowed)

    async def _wait(
        self, request: ConnectRequest, number: int, pending: Awaitable[Answer], allowed: list[Permissions]
    ) -> Answer:
        """Wait for the member that is thinking, then ask those after it."""
        name, _ = self._members[number]
        try:
            answer = await pending
        except Exception:
            return _failed(name)
        refusal = _taken(name, answer, allowed)
        if refusal is not None:
            return refusal
        rest = self._ask(request, number + 1, allowed)
        return await rest if inspect.isawaitable(rest) else rest

    def _conclusion(self, request: ConnectRequest, allowed: list[Permissions]) -> Accepted | Refusal:
        if not allowed:
            return Refusal(reason="no Authenticator accepts this Client")
        return Accepted(self._policy.permissions(allowed, request))


class _Exchange(AuthenticationExchange):
    """A member's exchange, its exceptions contained and its Permissions brought under the policy."""

    def __init__(
        self, name: str, exchange: AuthenticationExchange, policy: Policy, request: ConnectRequest
    ) -> None:
        self._name = name
        self._exchange = exchange
        self._policy = policy
        self._request = request

    @property
    def user(self) -> str | None:
        try:
            return self._exchange.user
        except Exception:
            _log.exception("%s failed to say who is asking", self._name)
            return None

    def step(
        self, data: bytes | None
    ) -> Accepted | Refusal | Challenge | Awaitable[Accepted | Refusal | Challenge]:
        try:
            answer = self._exchange.step(data)
        except Exception:
            return _failed(self._name)
        return self._later(answer) if inspect.isawaitable(answer) else self._judged(answer)

    async def _later(
        self, answer: Awaitable[Accepted | Refusal | Challenge]
    ) -> Accepted | Refusal | Challenge:
        try:
            return self._judged(await answer)
        except Exception:
            return _failed(self._name)

    def _judged(self, answer: object) -> Accepted | Refusal | Challenge:
        if isinstance(answer, (Refusal, Challenge)):
            return answer
        allowed: list[Permissions] = []
        refusal = _taken(self._name, answer, allowed)
        if refusal is not None:
            return refusal
        if not isinstance(answer, Accepted):
            return Refusal(reason="no Authenticator accepts this Client")
        return Accepted(self._policy.permissions(allowed, self._request), answer.data)


def _taken(name: str, answer: object, allowed: list[Permissions]) -> Refusal | None:
    """Keep what a member allows; the Refusal if it says no, or nothing that can be understood."""
    if answer is None:
        return None
    if isinstance(answer, Refusal):
        return answer
    if isinstance(answer, Accepted) and isinstance(answer.permissions, Permissions):
        allowed.append(answer.permissions)
        return None
    _log.error("%s answered with a %s, which is no Answer: refused", name, type(answer).__name__)
    return Refusal()


def _failed(name: str) -> Refusal:
    """The refusal for the exception that is being dealt with."""
    _log.exception("%s failed: refused", name)
    return Refusal()
