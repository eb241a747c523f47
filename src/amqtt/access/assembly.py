"""Making the one Authenticator of a Server out of its settings."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from amqtt.abc import Authenticator
from amqtt.access.anonymous import Anonymous
from amqtt.access.authenticators import Authenticators
from amqtt.access.policy import Policy, TopicCheck
from amqtt.errors import BrokerError

if TYPE_CHECKING:
    from amqtt.access.settings import AuthSettings, TopicCheckSettings

Part = TypeVar("Part")
AuthenticatorFactory: TypeAlias = "Callable[[AuthSettings], Authenticator]"
TopicCheckFactory: TypeAlias = "Callable[[TopicCheckSettings], TopicCheck]"


def build_authenticator(
    auth: "AuthSettings",
    topic_check: "TopicCheckSettings",
    authenticators: Mapping[str, AuthenticatorFactory] | None = None,
    topic_checks: Mapping[str, TopicCheckFactory] | None = None,
) -> Authenticators:
    """The Authenticator that asks those whom the settings name; close it after use.

    `authenticators` and `topic_checks` are all that can be named (None: the built-in ones).
    Raises BrokerError for a name that is not among them, and for a file that cannot be read.
    """
    known_authenticators = AUTHENTICATORS if authenticators is None else authenticators
    known_checks = TOPIC_CHECKS if topic_checks is None else topic_checks
    check_factories = _named("topic-check.plugins", topic_check.asked, known_checks)
    factories = _named("auth.plugins", auth.asked, known_authenticators)
    checks = [factory(topic_check) for factory in check_factories.values()] if topic_check.enabled else None
    return Authenticators({name: factory(auth) for name, factory in factories.items()}, Policy(checks))


def unknown_name(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is none of the known ones."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"there is no plugin {name!r}{hint}; known are {', '.join(sorted(known))}"


def _named(key: str, names: Sequence[str], known: Mapping[str, Part]) -> dict[str, Part]:
    unknown = [f"{key}: {unknown_name(name, list(known))}" for name in names if name not in known]
    if unknown:
        raise BrokerError("\n".join(unknown))
    return {name: known[name] for name in names}


def _anonymous(settings: "AuthSettings") -> Authenticator:
    return Anonymous(settings.admits_anonymous)


def _password_file(settings: "AuthSettings") -> Authenticator:
    from amqtt.access.password_file import NoUsers, PasswordFile

    # Without a file it knows nobody: then it must refuse every user name, as an empty file does.
    return NoUsers() if settings.password_file is None else PasswordFile(settings.password_file)


def _scram(settings: "AuthSettings") -> Authenticator:
    if settings.scram_file is None:
        raise BrokerError("auth.plugins: auth_scram needs auth.scram-file")
    from amqtt.access.scram import Scram

    return Scram.from_file(settings.scram_file)


def _acl(settings: "TopicCheckSettings") -> TopicCheck:
    from amqtt.access.acl import AccessControlList

    return AccessControlList(settings.acl or {}, settings.publish_acl, settings.receive_acl)


def _acl_file(settings: "TopicCheckSettings") -> TopicCheck:
    if settings.acl_file is None:
        raise BrokerError("topic-check.plugins: topic_acl_file needs topic-check.acl-file")
    from amqtt.access.mosquitto_acl import MosquittoAcl

    return MosquittoAcl.from_file(settings.acl_file)


def _taboo(_settings: "TopicCheckSettings") -> TopicCheck:
    from amqtt.access.taboo import Taboo

    return Taboo()


AUTHENTICATORS: Mapping[str, AuthenticatorFactory] = {
    "auth_anonymous": _anonymous,
    "auth_file": _password_file,
    "auth_scram": _scram,
}
TOPIC_CHECKS: Mapping[str, TopicCheckFactory] = {
    "topic_acl": _acl,
    "topic_acl_file": _acl_file,
    "topic_taboo": _taboo,
}
