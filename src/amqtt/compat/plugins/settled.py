"""Answers that are there at once and may be awaited all the same."""

from collections.abc import Awaitable, Generator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Settled(Awaitable[Value], Generic[Value]):
    """A value for those who await it and for those who do not: it is as true as the value."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def __await__(self) -> Generator[object, None, Value]:
        yield from ()
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)
