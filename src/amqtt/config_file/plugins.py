"""The section `plugins`, in the two forms that aMQTT's files have it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config import PluginChoice
from amqtt.config_file import values
from amqtt.config_file.access import DOTTED_NAMES, read_lists
from amqtt.config_file.choices import Choices, is_plugin
from amqtt.config_file.section import Findings, KeyPath, Section, copied, items, kind

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


def read_plugins(
    findings: Findings, path: KeyPath, content: object, choices: Choices
) -> PluginOptions | None:
    """What it says of our plugins; those of others are chosen.

    None where it is absent, or a list of names: aMQTT's old files had that, and nothing read it.
    What such a list holds beside names is chosen all the same.
    """
    if content is None:
        return None
    options = None
    if not isinstance(content, (list, tuple)) or not any(is_name(item) for item in content):
        options = PluginOptions()
    else:
        findings.notice(
            path, "names have no effect here, as in aMQTT; auth.plugins and topic-check.plugins choose"
        )
    for place, target, written in _pairs(findings, path, content):
        read = _READERS.get(PluginChoice(target).name) if isinstance(target, (str, type)) else None
        if read is None:
            _choose(findings, choices, place, target, written)
        elif options is None:
            findings.mistake(place, "it stands among names, which have no effect; say it in auth instead")
        else:
            section = Section(findings, place, written)
            read(section, options)
            section.refuse_unknown()
    return options


def is_name(item: object) -> bool:
    """Whether it is the name of an entry point, and not the path of a class."""
    return isinstance(item, str) and not is_plugin(item, DOTTED_NAMES)


def _choose(findings: Findings, choices: Choices, place: KeyPath, target: object, written: object) -> None:
    if not is_plugin(target, ()):
        findings.mistake(place, f"it must be the dotted path of a plugin, not {_shown(target)}")
    elif written is not None and not isinstance(written, Mapping):
        findings.mistake(place, f"its options must be a section of keys and values, not {kind(written)}")
    else:
        choices.choose(place, target, copied(findings, place, written or {}))


def _shown(target: object) -> str:
    return repr(target) if isinstance(target, str) else kind(target)


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


def _pairs(findings: Findings, path: KeyPath, content: object) -> list[tuple[KeyPath, object, object]]:
    """Every plugin: where it is written, its dotted path or class, its options."""
    if isinstance(content, Mapping):
        return [((*path, str(target)), target, options) for target, options in content.items()]
    pairs: list[tuple[KeyPath, object, object]] = []
    for place, item in items(findings, path, content):
        if isinstance(item, Mapping):
            pairs += [((*place, str(target)), target, options) for target, options in item.items()]
        elif not is_name(item):
            pairs.append((place, item, None))
    return pairs
