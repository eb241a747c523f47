"""Who may come in and what they may do, as an operator says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may come in (the section `auth`)."""

    allow_anonymous: bool | None = None
    """Whether Clients that prove nothing are accepted; None: not said, and they are."""
    password_file: Path | None = None
    """`username:hash` lines; read by auth_file."""
    scram_file: Path | None = None
    """`username:SCRAM-SHA-256$…` lines; read by auth_scram."""
    plugins: Sequence[str] | None = None
    """Names of the Authenticators to ask; None: the built-in ones; empty: nobody may come in."""

    @property
    def admits_anonymous(self) -> bool:
        """What `allow_anonymous` comes to."""
        return self.allow_anonymous is None or self.allow_anonymous

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the Authenticators that are asked.

        Without a password file auth_file knows nobody and would refuse every user name. Where
        anonymous Clients are admitted it is left out: a name is no reason to refuse them.
        """
        names = ("auth_file", "auth_scram", "auth_anonymous") if self.plugins is None else self.plugins
        asked = dict.fromkeys(AUTHENTICATOR_ALIASES.get(name, name) for name in names)
        if self.plugins is None and self.scram_file is None:
            del asked["auth_scram"]
        if self.password_file is None and self.admits_anonymous:
            asked.pop("auth_file", None)
        return tuple(asked)


@dataclass(frozen=True, slots=True)
class TopicCheckSettings:
    """What they may do (the section `topic-check`)."""

    enabled: bool = False
    """False: every topic but `$…` may be published to, everything subscribed to."""
    plugins: Sequence[str] | None = None
    """Names of the topic plugins to ask; None: the built-in ones; empty: nothing is granted."""
    acl: Mapping[str, Sequence[str]] | None = None
    """topic_acl: user name → Topic Filters for subscribing; None grants nothing."""
    publish_acl: Mapping[str, Sequence[str]] | None = None
    """The same for publishing; None: publishing is free."""
    receive_acl: Mapping[str, Sequence[str]] | None = None
    """The same for what is delivered; None: what could be subscribed to."""

    acl_file: Path | None = None
    """topic_acl_file: rules in the form of Mosquitto's `acl_file`; naming it says `enabled: true`, too."""

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the topic plugins that are asked.

        A file of rules is asked alone, unless there are lists as well.
        """
        names = self.plugins
        if names is None:
            names = ("topic_taboo", "topic_acl")
            if self.acl_file is not None:
                names = ("topic_acl_file", "topic_acl") if self.has_lists else ("topic_acl_file",)
        return tuple(dict.fromkeys(TOPIC_CHECK_ALIASES.get(name, name) for name in names))


    @property
    def has_lists(self) -> bool:
        """Whether topic_acl was given any list."""
        return any(entries is not None for entries in (self.acl, self.publish_acl, self.receive_acl))


AUTHENTICATOR_ALIASES: Mapping[str, str] = {
    "auth.anonymous": "auth_anonymous",
    "auth.file": "auth_file",
    "auth.scram": "auth_scram",
}
TOPIC_CHECK_ALIASES: Mapping[str, str] = {"topic.taboo": "topic_taboo", "topic.acl": "topic_acl"}
"""The dotted names in aMQTT's documentation → the names that its code had."""
