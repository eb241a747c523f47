"""Several Authenticators: the whole truth table, at once and in time, and what must not get out of hand."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import product
from typing import cast

import pytest

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
from amqtt.access.authenticators import Authenticators
from amqtt.access.policy import Policy
from amqtt.access.taboo import Taboo
from amqtt.wire.reasons import ReasonCode

Connect = Callable[..., ConnectRequest]

YES, NO, NOTHING, RAISES, TIMES_OUT, TRUE, TEXT, HALF = (
    "yes", "no", "nothing", "raises", "times out", "True", "'true'", "half",
)  # fmt: skip
SAYINGS = (YES, NO, NOTHING, RAISES, TIMES_OUT, TRUE, TEXT, HALF)


class Says(Authenticator):
    """Answers as it was told to."""

    def __init__(self, saying: str, later: bool = False) -> None:
        self.saying = saying
        self.later = later
        self.asked = 0

    def authenticate(self, request: ConnectRequest) -> Answer | Awaitable[Answer]:
        self.asked += 1
        return self._in_time() if self.later else self._answer()

    async def _in_time(self) -> Answer:
        await asyncio.sleep(0)
        return self._answer()

    def _answer(self) -> Answer:
        if self.saying == RAISES:
            raise RuntimeError("the back end is down")
        if self.saying == TIMES_OUT:
            raise TimeoutError
        answers: dict[str, object] = {
            YES: Accepted(Permissions("user")), NO: Refusal(ReasonCode.BANNED), NOTHING: None, TRUE: True,
            TEXT: "true", HALF: Accepted(cast(Permissions, "all")),
        }  # fmt: skip
        return cast(Answer, answers[self.saying])


async def ask(members: Sequence[Authenticator], request: ConnectRequest) -> Answer:
    together = Authenticators({f"plugin {number}": member for number, member in enumerate(members)})
    given = together.authenticate(request)
    return await given if isinstance(given, Awaitable) else given


@pytest.mark.parametrize("sayings", list(product(SAYINGS, repeat=3)), ids=" ".join)
async def test_somebody_must_say_yes_and_nobody_may_say_no(
    sayings: tuple[str, ...], connect: Connect
) -> None:
    expected = YES in sayings and set(sayings) <= {YES, NOTHING}
    for later in product((False, True), repeat=3):
        members = [Says(saying, late) for saying, late in zip(sayings, later, strict=True)]
        answer = await ask(members, connect("user"))
        assert isinstance(answer, Accepted if expected else Refusal)


def test_nobody_asked_is_nobody_accepted(connect: Connect) -> None:
    assert isinstance(Authenticators({}).authenticate(connect("user")), Refusal)


@pytest.mark.parametrize("count", [1, 3])
def test_who_answers_at_once_needs_no_event_loop(connect: Connect, count: int) -> None:
    together = Authenticators({str(number): Says(YES) for number in range(count)})
    assert isinstance(together.authenticate(connect("user")), Accepted)


async def test_the_first_refusal_counts_and_ends_it(connect: Connect) -> None:
    members = [Says(YES), Says(NO, later=True), Says(YES), Says(RAISES)]
    answer = await ask(members, connect("user"))
    assert isinstance(answer, Refusal)
    assert answer.reason_code == ReasonCode.BANNED
    assert [member.asked for member in members] == [1, 1, 0, 0]


async def test_being_given_up_is_not_taken_for_an_answer(connect: Connect) -> None:
    class Hangs(Authenticator):
        async def authenticate(self, request: ConnectRequest) -> Answer:
            await asyncio.Event().wait()
            return Accepted(Permissions())

    task = asyncio.ensure_future(ask([Hangs()], connect("user")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failure_is_logged_by_name_without_the_password(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    await ask([Says(RAISES)], connect("user", b"canary-secret"))
    await ask([Says(TEXT)], connect("user", b"canary-secret"))
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "plugin 0 failed" in caplog.text
    assert "the back end is down" in caplog.text
    assert "plugin 0 answered with a str" in caplog.text
    assert "canary" not in caplog.text


def test_what_those_who_accept_allow_comes_under_the_policy(connect: Connect) -> None:
    together = Authenticators({"a": Says(NOTHING), "b": Says(YES)}, Policy([Taboo()]))
    answer = together.authenticate(connect("user"))
    assert isinstance(answer, Accepted)
    assert answer.permissions.user == "user"
    assert not answer.permissions.may_publish("prohibited", False)


class Echo(AuthenticationExchange):
    """Answers each step with what it was told to."""

    def __init__(self, answers: list[object], later: bool) -> None:
        self.answers = answers
        self.later = later

    def step(self, data: bytes | None) -> Accepted | Refusal | Challenge:
        return cast(Challenge, self._soon() if self.later else self._answer())

    async def _soon(self) -> object:
        return self._answer()

    def _answer(self) -> object:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Enhanced(Says):
    def __init__(self, methods: tuple[str, ...], *answers: object, later: bool = False) -> None:
        super().__init__(NOTHING)
        self.methods = methods
        self.answers = answers
        self.late = later

    def exchange(self, request: ConnectRequest) -> AuthenticationExchange | None:
        return Echo(list(self.answers), self.late) if self.answers else None


async def step(exchange: AuthenticationExchange | None) -> object:
    assert exchange is not None
    answer = exchange.step(b"")
    return await answer if isinstance(answer, Awaitable) else answer


@pytest.mark.parametrize("later", [False, True])
async def test_an_exchange_is_the_members_with_its_permissions_under_the_policy(
    connect: Connect, later: bool
) -> None:
    member = Enhanced(("X",), Challenge(b"1"), Accepted(Permissions("user"), b"2"), later=later)
    exchange = Authenticators({"x": member}, Policy([Taboo()])).exchange(connect(authentication_method="X"))
    challenge = await step(exchange)
    assert isinstance(challenge, Challenge)
    assert challenge.data == b"1"
    accepted = await step(exchange)
    assert isinstance(accepted, Accepted)
    assert accepted.data == b"2"
    assert not accepted.permissions.may_publish("prohibited", False)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "answer", [Refusal(), RuntimeError("down"), None, True, "yes", Accepted(cast(Permissions, 1))]
)
async def test_anything_else_in_an_exchange_is_a_refusal(
    connect: Connect, later: bool, answer: object
) -> None:
    together = Authenticators({"x": Enhanced(("X",), answer, later=later)})
    assert isinstance(await step(together.exchange(connect(authentication_method="X"))), Refusal)


async def test_the_first_that_serves_a_method_is_asked(connect: Connect) -> None:
    members = {
        "a": Enhanced(("X",)),
        "b": Enhanced(("Y", "X"), Challenge(b"b")),
        "c": Enhanced(("X",), Challenge(b"c")),
    }
    together = Authenticators(members)
    assert together.methods == ("X", "Y")
    challenge = await step(together.exchange(connect(authentication_method="X")))
    assert isinstance(challenge, Challenge)
    assert challenge.data == b"b"


@pytest.mark.parametrize("method", ["Z", None, ""])
def test_a_method_that_nobody_serves_has_no_exchange(connect: Connect, method: str | None) -> None:
    assert Authenticators({"a": Enhanced(("X",))}).exchange(connect(authentication_method=method)) is None


def test_an_authenticator_serves_no_method_unless_it_says_so(connect: Connect) -> None:
    assert Authenticators({"a": Says(YES)}).methods == ()


async def test_closing_closes_those_that_can_be_and_goes_on_after_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = []

    class Closes(Says):
        async def close(self) -> None:
            closed.append(self)
            if self.saying == RAISES:
                raise RuntimeError("cannot")

    await Authenticators({"a": Closes(RAISES), "b": Says(YES), "c": Closes(YES)}).close()
    assert len(closed) == 2
    assert "a failed to close" in caplog.text
