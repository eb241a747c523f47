"""The states that aMQTT's objects said they were in, without the library that kept them there."""

from collections.abc import Callable, Sequence


class Transitions:
    """Says the state of something: `transitions.state`, and `transitions.is_started()` for each state.

    `read` tells the present state, one of `states`. Nothing is changed through it.
    """

    def __init__(self, states: Sequence[str], read: Callable[[], str]) -> None:
        self.states = tuple(states)
        self._read = read

    @property
    def state(self) -> str:
        """The present state."""
        return self._read()

    def __getattr__(self, name: str) -> Callable[[], bool]:
        states = self.__dict__.get("states", ())
        state = name.removeprefix("is_")
        if state == name or state not in states:
            raise AttributeError(f"there is no {name!r}; the states are {', '.join(states)}")
        return lambda: self.state == state

    def __repr__(self) -> str:
        return f"Transitions(state={self.state!r})"
