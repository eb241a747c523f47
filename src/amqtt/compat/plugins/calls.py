"""Calling what other people wrote: with the arguments that it takes, and not beyond its first wait."""

import asyncio
import dis
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import suppress
from functools import lru_cache
from types import CodeType, CoroutineType
from typing import Any, Final

from amqtt.compat.plugins.settled import Settled

EVERYTHING: Final = None
"""As `taken`: all arguments, because it takes any."""


class Call:
    """A method of a plugin. It is given those of our arguments that its signature takes.

    aMQTT's releases differ in what they give, and plugins were written for each of them.
    """

    __slots__ = ("function", "missing", "name", "taken")

    def __init__(self, name: str, function: Callable[..., Any], offered: tuple[str, ...]) -> None:
        self.name = name
        self.function = function
        self.taken: frozenset[str] | None = EVERYTHING
        self.missing: list[str] = []
        """What it needs and is never given."""
        parameters = _parameters(function)
        if parameters is None or any(each.kind is each.VAR_KEYWORD for each in parameters):
            return
        named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        self.taken = frozenset(each.name for each in named)
        self.missing = [
            each.name for each in parameters
            if each.default is each.empty
            and each.kind is not each.VAR_POSITIONAL
            and (each.kind is each.POSITIONAL_ONLY or each.name not in offered)
        ]

    def takes(self, argument: str) -> bool:
        """Whether it is given this argument."""
        return self.taken is EVERYTHING or argument in self.taken

    def __call__(self, given: Mapping[str, Any]) -> Any:
        """Call it with those of these arguments that it takes."""
        taken = self.taken
        if taken is EVERYTHING:
            return self.function(**given)
        return self.function(**{name: value for name, value in given.items() if name in taken})


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """None where Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


class Suspended(Exception):
    """What should have answered at once waits for something."""


class Timed(Awaitable[Any]):
    """What is awaited, step by step; `longest` has the seconds of the longest step until now.

    Between two steps others are served; during one of them nobody is.
    """

    def __init__(self, answer: Awaitable[Any]) -> None:
        self._steps = answer if isinstance(answer, Coroutine) else _awaited(answer)
        self.longest = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        step, given = self._steps.send, None
        while True:
            began = time.perf_counter()
            try:
                wanted = step(given)
            except StopIteration as end:
                return end.value
            finally:
                self.longest = max(self.longest, time.perf_counter() - began)
            try:
                step, given = self._steps.send, (yield wanted)
            except BaseException as fault:
                step, given = self._steps.throw, fault


def at_once(answer: Any) -> Any:
    """What an answer comes to without waiting; raises Suspended where that cannot be."""
    if not inspect.isawaitable(answer):
        return answer
    steps = answer if isinstance(answer, Coroutine) else answer.__await__()
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    with suppress(RuntimeError):  # it may insist on waiting
        steps.close()
    raise Suspended


def begin(answer: Awaitable[Any]) -> "Settled[Any] | asyncio.Task[Any]":
    """Take the first step: what it comes to, or the Task that goes on with it.

    The first step is one of that Task already, because much of asyncio asks in which Task it is.
    A coroutine that nowhere waits is not given one.
    """
    if isinstance(answer, CoroutineType) and _never_waits(answer.cr_code):
        return Settled(at_once(answer))
    try:
        return _begin(answer if isinstance(answer, Coroutine) else _awaited(answer))
    except asyncio.CancelledError:
        raise RuntimeError("it has cancelled itself") from None


def may_wait(function: Callable[..., Any]) -> bool:
    """Whether what it is called for may come later: not so a plain function, or one without an `await`."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(plain, "__code__", None)
    return inspect.iscoroutinefunction(plain) and not (isinstance(code, CodeType) and _never_waits(code))


@lru_cache(maxsize=1024)
def _never_waits(code: CodeType) -> bool:
    """Whether an `async def` has no `await` in it, in any of its forms."""
    return all(instruction.opname != "YIELD_VALUE" for instruction in dis.get_instructions(code))


def unless_it_waits(answer: Any) -> Any:
    """The same as `at_once`, with a Task for the first step."""
    if not inspect.isawaitable(answer):
        return answer
    begun = begin(answer)
    if isinstance(begun, Settled):
        return begun.value
    begun.cancel()
    raise Suspended


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


if sys.version_info >= (3, 12):

    def _begin(steps: Coroutine[Any, Any, Any]) -> "Settled[Any] | asyncio.Task[Any]":
        task = asyncio.Task(steps, loop=asyncio.get_running_loop(), eager_start=True)
        return Settled(task.result()) if task.done() else task

else:

    def _begin(steps: Coroutine[Any, Any, Any]) -> "Settled[Any] | asyncio.Task[Any]":
        loop = asyncio.get_running_loop()
        rest = _Rest(steps)
        task = loop.create_task(_awaited(rest))
        outer = asyncio.current_task(loop)
        if outer is not None:
            asyncio.tasks._leave_task(loop, outer)
        asyncio.tasks._enter_task(loop, task)
        try:
            rest.first = steps.send(None)
        except StopIteration as end:
            return Settled(end.value)
        except BaseException:
            rest.ended = True
            raise
        finally:
            asyncio.tasks._leave_task(loop, task)
            if outer is not None:
                asyncio.tasks._enter_task(loop, outer)
        rest.ended = False
        return task


class _Rest(Awaitable[Any]):
    """What is left of a coroutine after its first step, which gave `first`."""

    def __init__(self, steps: Coroutine[Any, Any, Any]) -> None:
        self._steps = steps
        self.first: Any = None
        self.ended = True

    def __await__(self) -> Generator[Any, Any, Any]:
        if self.ended:
            return None
        given = self.first
        try:
            while True:
                try:
                    sent = yield given
                except GeneratorExit:
                    self._steps.close()
                    raise
                except BaseException as fault:
                    given = self._steps.throw(fault)
                else:
                    given = self._steps.send(sent)
        except StopIteration as end:
            return end.value
