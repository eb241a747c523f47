"""topic_acl_file: the rules of a file as Mosquitto's `acl_file` has them.

A line is a comment (`#`), `user NAME`, `topic [read|write|readwrite|deny] FILTER` or
`pattern [read|write|readwrite|deny] FILTER`, where `%u` and `%c` are the user name and the Client
Identifier. `topic` lines before the first `user` are for Clients without a user name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from amqtt.abc import ConnectRequest
from amqtt.access.credential_file import contents_of
from amqtt.access.policy import TopicCheck, TopicRules
from amqtt.errors import ConfigurationError, Mistake
from amqtt.topics.names import matches, topic_filter_fault

READ: Final = "read"
WRITE: Final = "write"
DENY: Final = "deny"
_ACCESS: Final = (READ, WRITE, "readwrite", DENY)
_ANY_NUMBER: Final = 65_535
_WILDCARDS: Final = frozenset("+#")
_UNSAFE: Final = frozenset("+#/\0")
_MOST_REMEMBERED: Final = 1024


class Rule:
    """One line: what it grants or denies. `place` is its file and line, for who asks why."""

    __slots__ = ("access", "place", "topic_filter")

    def __init__(self, access: str, topic_filter: str, place: str = "") -> None:
        self.access = access
        self.topic_filter = topic_filter
        self.place = place

    def allows(self, what: str) -> bool:
        """Whether it grants reading, or writing."""
        return self.access in (what, "readwrite")

    def __str__(self) -> str:
        return f"{self.place}: {self.access} {self.topic_filter}"


class MosquittoAcl(TopicCheck):
    """The rules of all users; `users` has those of Clients without a name under None.

    What no rule grants is refused, and a `deny` counts before all that grant. As in Mosquitto no
    pattern grants anything to a Client whose name or identifier has a wildcard.
    """

    def __init__(self, users: dict[str | None, list[Rule]], patterns: Sequence[Rule] = ()) -> None:
        self._users = users
        self._patterns = tuple(patterns)

    @classmethod
    def from_file(cls, path: Path) -> "MosquittoAcl":
        """The rules in this file; ConfigurationError with every mistake in it."""
        return read_acl(path)

    def rules(self, user: str | None) -> TopicRules:
        """The rules for this user, without those that ask for a Client Identifier."""
        return self._rules(user, "")

    def rules_for(self, user: str | None, request: ConnectRequest | None) -> TopicRules:
        """The rules for the user who sent this CONNECT."""
        return self._rules(user, "" if request is None else request.client_id)

    def _rules(self, user: str | None, client_id: str) -> "MosquittoRules":
        filled = [_filled(rule, user or "", client_id) for rule in self._patterns]
        found = [*self._users.get(user or None, ()), *(rule for rule in filled if rule is not None)]
        return MosquittoRules(found)


class MosquittoRules(TopicRules):
    """The rules for one Client; remembers what it answered for short topics.

    A Subscription is granted where it can bring anything that may be read; what may not is kept
    back when it would be delivered. Mosquitto grants every Subscription, to the same effect.
    """

    receives_everything = False

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._denied = tuple(rule for rule in rules if rule.access == DENY)
        self._answers: dict[tuple[str, str], bool] = {}

    def publish(self, topic: str) -> bool:
        """Whether the Topic Name may be written."""
        return self._may(WRITE, topic)

    def subscribe(self, topic_filter: str) -> bool:
        """Whether the filter can match anything that may be read."""
        return self._reading(topic_filter) is not None

    def receive(self, topic: str) -> bool:
        """Whether the Topic Name may be read."""
        return self._may(READ, topic)

    def why(self, action: str, topic: str) -> str:
        """The line that decides."""
        rule = self._reading(topic) if action == "subscribe" else self._deciding(_NEEDED[action], topic)
        return f"no line grants it to {_NEEDED[action]}" if rule is None else str(rule)

    def _may(self, what: str, topic: str) -> bool:
        answer = self._answers.get((what, topic))
        if answer is None:
            rule = self._deciding(what, topic)
            answer = rule is not None and rule.access != DENY
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.clear()
            self._answers[(what, topic)] = answer
        return answer

    def _deciding(self, what: str, topic: str) -> Rule | None:
        """The rule that counts for a Topic Name: one that denies it, else one that grants it."""
        for rule in self._denied:
            if matches(rule.topic_filter, topic):
                return rule
        return next(
            (rule for rule in self._rules if rule.allows(what) and matches(rule.topic_filter, topic)), None
        )

    def _reading(self, topic_filter: str) -> Rule | None:
        return next(
            (rule for rule in self._rules if rule.allows(READ) and overlap(rule.topic_filter, topic_filter)),
            None,
        )


_NEEDED: Final = {"publish": WRITE, "subscribe": READ, "receive": READ}


def overlap(one: str, other: str) -> bool:
    """Whether there is a Topic Name that both of these Topic Filters match."""
    for first, second in ((one, other), (other, one)):
        if first.startswith("$") and second[:1] in ("+", "#"):
            return False
    levels, others = one.split("/"), other.split("/")
    for level, opposite in zip(levels, others, strict=False):
        if "#" in (level, opposite):
            return True
        if level != opposite and "+" not in (level, opposite):
            return False
    shorter, longer = sorted((levels, others), key=len)
    # `a/#` also matches `a`.
    return len(shorter) == len(longer) or longer[len(shorter)] == "#"


def _filled(rule: Rule, user: str, client_id: str) -> Rule | None:
    """A pattern with the names of this Client; None where it has none, or they could grant more."""
    names = {"%u": user, "%c": client_id}
    marks = [mark for mark in names if mark in rule.topic_filter]
    if not all(names[mark] for mark in marks):
        return None
    if rule.access != DENY and not (
        _WILDCARDS.isdisjoint(user + client_id) and all(_UNSAFE.isdisjoint(names[mark]) for mark in marks)
    ):
        return None
    levels: list[str] = []
    for level in rule.topic_filter.split("/"):
        # In one pass: a name that is itself %c stays as it is.
        filled = user.join(piece.replace("%c", client_id) for piece in level.split("%u"))
        if filled != level and not _WILDCARDS.isdisjoint(filled):
            # No filter says what is to be denied; so all is that it may be part of.
            levels.append("#")
            break
        levels.append(filled)
    return Rule(rule.access, "/".join(levels), rule.place)


def read_acl(path: Path) -> MosquittoAcl:
    """The rules in a file as Mosquitto has them; ConfigurationError with every mistake in it."""
    try:
        text = contents_of(path)[1].decode("utf-8-sig")
    except OSError as error:
        raise _refused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise _refused(f"{path} is not UTF-8") from None
    except ValueError as error:
        raise _refused(f"{path} {error}") from None
    reading = _Reading(path)
    for number, line in enumerate(text.split("\n"), start=1):
        reading.read(number, line.strip())
    if reading.mistakes:
        raise ConfigurationError(reading.mistakes)
    return MosquittoAcl(reading.users, reading.patterns)


def _refused(text: str) -> ConfigurationError:
    return ConfigurationError([Mistake(text, "topic-check.acl-file")])


class _Reading:
    """What was read of a file so far."""

    def __init__(self, path: Path) -> None:
        self.users: dict[str | None, list[Rule]] = {}
        self.patterns: list[Rule] = []
        self.mistakes: list[Mistake] = []
        self._path = path
        self._user: str | None = None

    def read(self, number: int, line: str) -> None:
        """Read one line without the blanks around it."""
        if not line or line.startswith("#"):
            return
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "user" and rest:
            self._user = rest
        elif word in ("topic", "pattern") and rest:
            self._rule(number, word, rest)
        else:
            self._wrong(number, "a line is `user NAME`, or `topic` or `pattern` with its access and filter")

    def _rule(self, number: int, word: str, rest: str) -> None:
        access, blank, topic_filter = rest.partition(" ")
        if not blank:
            access, topic_filter = "readwrite", rest
        elif access not in _ACCESS:
            # It may be a `deny` with a slip of the pen, and must not become a grant.
            self._wrong(number, f"{access!r} is not one of {', '.join(_ACCESS)}; say it before the filter")
            return
        topic_filter = topic_filter.strip()
        if fault := topic_filter_fault(topic_filter, _ANY_NUMBER):
            self._wrong(number, fault)
            return
        rule = Rule(access, topic_filter, f"{self._path}:{number}")
        if word == "pattern":
            self.patterns.append(rule)
        else:
            self.users.setdefault(self._user, []).append(rule)

    def _wrong(self, number: int, text: str) -> None:
        self.mistakes.append(Mistake(text, "topic-check.acl-file", str(self._path), number, 1))
