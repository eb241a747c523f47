"""Reading one mapping of a configuration key by key, and gathering everything that is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from amqtt.errors import ConfigurationError, Mistake

Value = TypeVar("Value")
Default = TypeVar("Default")

DEEPEST = 32
"""Sections in sections."""

KeyPath = tuple[str, ...]
"""The keys that lead to a value; a place in a list is the key "[0]"."""
Mark = tuple[int, int]
"""Line and column, counted from 1."""


class Findings:
    """The mistakes in one configuration, so that all can be said at once, and notices about it.

    `name` is the file ("": it is none), `marks` where each key stands in it.
    """

    def __init__(self, name: str = "", marks: Mapping[KeyPath, Mark] | None = None) -> None:
        self.mistakes: list[Mistake] = []
        self.notices: list[str] = []
        self._name = name
        self._marks = marks or {}
        self._likely_marks = {tuple(map(_canonical, path)): mark for path, mark in self._marks.items()}

    def mistake(self, path: KeyPath, text: str) -> None:
        """What is wrong with the value at this path."""
        self.mistakes.append(self._at(path, text))

    def notice(self, path: KeyPath, text: str) -> None:
        """What should be known about it."""
        self.notices.append(str(self._at(path, text)))

    def has_mistakes(self, *path: str) -> bool:
        """Whether something is wrong with the value at this path, or in it."""
        place = ".".join(path).casefold()
        return any(f"{mistake.path}.".casefold().startswith(f"{place}.") for mistake in self.mistakes)

    def raise_mistakes(self) -> None:
        """Raise one ConfigurationError with all the mistakes, if there are any."""
        if self.mistakes:
            raise ConfigurationError(self.mistakes)

    def _at(self, path: KeyPath, text: str) -> Mistake:
        line, column = self._mark(path) if self._name else (0, 0)
        return Mistake(text, ".".join(path).replace(".[", "["), self._name, line, column)

    def _mark(self, path: KeyPath) -> Mark:
        """Where the value stands, or else what it stands in."""
        for length in range(len(path), -1, -1):
            found = self._marks.get(path[:length]) or self._likely_marks.get(
                tuple(map(_canonical, path[:length]))
            )
            if found:
                return found
        return 0, 0


class Section:
    """One mapping of the configuration. `-` and `_` are the same character in its keys.

    What is wrong goes to the findings, and reading goes on with the default.
    """

    def __init__(self, findings: Findings, path: KeyPath, content: object) -> None:
        self.findings = findings
        self.path = path
        self._values: dict[str, tuple[str, object]] = {}
        self._known: dict[str, None] = {}
        if isinstance(content, Mapping):
            for key, value in content.items():
                self._add(key, value)
        elif content is not None:
            findings.mistake(path, f"it must be a section of keys and values, not {kind(content)}")

    def __contains__(self, key: str) -> bool:
        self._known[key] = None
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def path_of(self, key: str) -> KeyPath:
        """The path of this key, as it is written."""
        return (*self.path, self._values[key][0] if key in self._values else key)

    def raw(self, key: str) -> object:
        """The value as it is written, None without one."""
        self._known[key] = None
        return self._values[key][1] if key in self._values else None

    def take(self, key: str, read: Callable[[object], Value], default: Default) -> Value | Default:
        """The value of this key as `read` understands it; the default where it is absent or null."""
        value = self.raw(key)
        return default if value is None else self._read(key, value, read, default)

    def take_stated(self, key: str, read: Callable[[object], Value], default: Default) -> Value | Default:
        """The same, but null is a mistake: that it is blank must not decide."""
        return self._read(key, self.raw(key), read, default) if key in self else default

    def mistake(self, key: str, text: str) -> None:
        """What is wrong with the value of this key."""
        self.findings.mistake(self.path_of(key), text)

    def unknown(self) -> dict[str, object]:
        """The keys, as they are written, that nobody has read."""
        return {written: value for key, (written, value) in self._values.items() if key not in self._known}

    def likely(self, key: str, similarity: float = 0.6) -> str:
        """The known key that an unknown one probably means, "" if there is none like it."""
        from difflib import get_close_matches

        close = get_close_matches(_canonical(key), list(self._known), n=1, cutoff=similarity)
        return close[0] if close else ""

    def swapped(self, key: str) -> str:
        """The known key that has the same letters in another order, "" without one."""
        letters = sorted(_canonical(key))
        return next((known for known in self._known if sorted(known) == letters), "")

    def refuse_unknown(self) -> None:
        """Count every key that nobody has read as a mistake."""
        for key in self.unknown():
            likely = self.likely(key)
            hint = (
                f" (did you mean {likely!r}?)" if likely else f"; known are {', '.join(sorted(self._known))}"
            )
            self.findings.mistake((*self.path, key), f"there is no such key{hint}")

    def _add(self, key: object, value: object) -> None:
        if not isinstance(key, str):
            self.findings.mistake(self.path, f"the key {key!r} must be text")
            return
        canonical = _canonical(key)
        if canonical in self._values:
            written, other = self._values[canonical]
            if other != value:
                self.findings.mistake(
                    (*self.path, key), f"it says something else than {written!r}, which is the same key"
                )
            return
        self._values[canonical] = key, value

    def _read(
        self, key: str, value: object, read: Callable[[object], Value], default: Default
    ) -> Value | Default:
        try:
            return read(value)
        except ValueError as error:
            self.mistake(key, str(error))
            return default


def items(findings: Findings, path: KeyPath, content: object) -> Sequence[tuple[KeyPath, object]]:
    """The items of a list, each with its path; a mistake if it is no list."""
    if isinstance(content, (list, tuple)):
        return [((*path, f"[{place}]"), item) for place, item in enumerate(content)]
    findings.mistake(path, f"it must be a list, not {kind(content)}")
    return []


def copied(findings: Findings, path: KeyPath, content: Mapping[str, object]) -> dict[str, object]:
    """The same sections and lists, none of them shared with the caller's."""
    copy = _copied(findings, path, content)
    return copy if isinstance(copy, dict) else {}


def kind(value: object) -> str:
    """What a value is called in a configuration."""
    names = {
        bool: "on or off",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a section",
    }
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")


def _copied(findings: Findings, path: KeyPath, content: object) -> object:
    if len(path) > DEEPEST:
        findings.mistake(path[:1], "its sections are nested too deeply")
        return None
    if isinstance(content, Mapping):
        return {key: _copied(findings, (*path, str(key)), value) for key, value in content.items()}
    if isinstance(content, list):
        return [_copied(findings, (*path, f"[{place}]"), item) for place, item in enumerate(content)]
    return content


def _canonical(key: str) -> str:
    return key.replace("_", "-")
