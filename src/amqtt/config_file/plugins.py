"""The section `plugins`, in the two forms that aMQTT's files have it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config_file import values
from amqtt.config_file.access import read_lists
from amqtt.config_file.section import Findings, KeyPath, Section, items, kind

ANONYMOUS: Final = "amqtt.plugins.authentication.AnonymousAuthPlugin"
PASSWORD_FILE: Final = "amqtt.plugins.authentication.FileAuthPlugin"  # noqa: S105 - a class, not a password
TABOO: Final = "amqtt.plugins.topic_checking.TopicTabooPlugin"
ACL: Final = "amqtt.plugins.topic_checking.TopicAccessControlListPlugin"
SYS: Final = "amqtt.plugins.sys.broker.BrokerSysPlugin"

_SYS_DEFAULT: Final = 20.0
_LONGEST_INTERVAL: Final = 365 * 86400


class PluginOptions:
    """What a `plugins` section of dotted paths says; it stands in place of `auth` and `topic-check`."""

    def __init__(self) -> None:
        self.auth = AuthSettings(plugins=())
        self.topic_check = TopicCheckSettings()
        self.sys_interval: float | None = None

    def ask(self, authenticator: str, **said: Any) -> None:
        """Ask this Authenticator too, with what is said for it."""
        plugins = (*(self.auth.plugins or ()), authenticator)
        self.auth = replace(self.auth, plugins=plugins, **said)

    def check(self, plugin: str) -> None:
        """Ask this topic plugin too."""
        plugins = (*(self.topic_check.plugins or ()), plugin)
        self.topic_check = replace(self.topic_check, enabled=True, plugins=plugins)


def read_plugins(findings: Findings, path: KeyPath, content: object) -> PluginOptions | None:
    """What it says; None where it is absent, or the list of names that old aMQTT wrote and ignored."""
    if content is None:
        return None
    if isinstance(content, (list, tuple)) and all(_is_name(item) for item in content):
        findings.notice(
            path, "a list of names has no effect, as in aMQTT; auth.plugins and topic-check.plugins choose"
        )
        return None
    options = PluginOptions()
    for place, name, written in _pairs(findings, path, content):
        if name not in _READERS:
            known = ", ".join(sorted(_READERS))
            findings.mistake(place, f"plugins by dotted path come later; for now these can be named: {known}")
            continue
        section = Section(findings, place, written)
        _READERS[name](section, options)
        section.refuse_unknown()
    return options


def _anonymous(section: Section, options: PluginOptions) -> None:
    key = "allow-anonymous"
    allowed = section.take_stated(key, values.switch, False) if key in section else None
    options.ask("auth_anonymous", allow_anonymous=allowed)


def _password_file(section: Section, options: PluginOptions) -> None:
    options.ask("auth_file", password_file=section.take("password-file", values.path, None))


def _taboo(_section: Section, options: PluginOptions) -> None:
    options.check("topic_taboo")


def _acl(section: Section, options: PluginOptions) -> None:
    options.topic_check = read_lists(section, options.topic_check)
    options.check("topic_acl")


def _sys(section: Section, options: PluginOptions) -> None:
    options.sys_interval = section.take("sys-interval", values.seconds(0, _LONGEST_INTERVAL), _SYS_DEFAULT)


_READERS: Final[Mapping[str, Callable[[Section, PluginOptions], None]]] = {
    ANONYMOUS: _anonymous,
    PASSWORD_FILE: _password_file,
    TABOO: _taboo,
    ACL: _acl,
    SYS: _sys,
}


def _is_name(item: object) -> bool:
    """Whether it is the name of an entry point, and not the path of a class."""
    return isinstance(item, str) and item.count(".") < 2


def _pairs(findings: Findings, path: KeyPath, content: object) -> list[tuple[KeyPath, str, object]]:
    """Every plugin: where it is written, its dotted path, its options."""
    if isinstance(content, Mapping):
        return [((*path, str(name)), str(name), options) for name, options in content.items()]
    pairs: list[tuple[KeyPath, str, object]] = []
    for place, item in items(findings, path, content):
        if isinstance(item, str):
            pairs.append((place, item, None))
        elif isinstance(item, Mapping):
            pairs += [((*place, str(name)), str(name), options) for name, options in item.items()]
        else:
            findings.mistake(place, f"it must be the dotted path of a plugin, not {kind(item)}")
    return pairs
