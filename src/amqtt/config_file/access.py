"""The sections `auth` and `topic-check`: who may come in, and what they may do."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from amqtt.access.assembly import unknown_name
from amqtt.access.settings import (
    AUTHENTICATOR_ALIASES,
    TOPIC_CHECK_ALIASES,
    AuthSettings,
    TopicCheckSettings,
)
from amqtt.config_file import values
from amqtt.config_file.choices import Choices, is_plugin
from amqtt.config_file.section import Findings, Section, items, kind
from amqtt.topics.names import SHARE_PREFIX, topic_filter_fault

SAME = "same"
"""As `publish-acl` or `receive-acl`: the same lists as for subscribing."""

DOTTED_NAMES = frozenset((*AUTHENTICATOR_ALIASES, *TOPIC_CHECK_ALIASES))
"""Names of plugins that look like the paths of classes."""

_ANY_NUMBER = 65_535
"""Levels: a filter has no more."""

Entries = Mapping[str, tuple[str, ...]]


def read_auth(section: Section, known: Collection[str], choices: Choices) -> AuthSettings:
    """Who may come in. An empty section admits nobody: that it is there says that not everybody may."""
    if not len(section):
        return AuthSettings(plugins=())
    said = "allow-anonymous" in section
    settings = AuthSettings(
        allow_anonymous=section.take_stated("allow-anonymous", values.switch, False) if said else None,
        password_file=section.take("password-file", values.path, None),
        scram_file=section.take("scram-file", values.path, None),
        plugins=_names(section, known, AUTHENTICATOR_ALIASES, choices),
    )
    section.refuse_unknown()
    return settings


def read_topic_check(section: Section, known: Collection[str], choices: Choices) -> TopicCheckSettings:
    """What they may do."""
    acl_file = section.take_stated("acl-file", values.path, None)
    ruled = "acl-file" in section
    settings = TopicCheckSettings(
        enabled=section.take_stated("enabled", values.switch, True) if "enabled" in section else ruled,
        acl_file=acl_file,
        plugins=_names(section, known, TOPIC_CHECK_ALIASES, choices),
    )
    settings = read_lists(section, settings)
    section.refuse_unknown()
    return settings


def read_lists(section: Section, settings: TopicCheckSettings) -> TopicCheckSettings:
    """The settings with the lists of topic_acl in this section.

    `acl` is for subscribing, as it always was, and `subscribe-acl` replaces it.
    """
    acl = _entries(section, "acl", None)
    acl = _entries(section, "subscribe-acl", acl)
    return replace(
        settings,
        acl=acl,
        publish_acl=_entries(section, "publish-acl", None, acl),
        receive_acl=_entries(section, "receive-acl", None, acl),
    )


def _names(
    section: Section, known: Collection[str], aliases: Mapping[str, str], choices: Choices
) -> tuple[str, ...] | None:
    """The names of plugins to ask, those of classes and plugins among them; None: not said."""
    content = section.raw("plugins")
    if content is None:
        return None
    names = []
    for path, item in items(section.findings, section.path_of("plugins"), content):
        name = aliases.get(item, item) if isinstance(item, str) else item
        if isinstance(name, str) and name in known:
            names.append(name)
        elif is_plugin(item, DOTTED_NAMES):
            names.append(choices.choose(path, item))
        elif isinstance(item, str):
            section.findings.mistake(path, unknown_name(item, sorted(known)))
        else:
            section.findings.mistake(path, f"it must be the name of a plugin, not {kind(item)}")
    return tuple(names)


def _entries(
    section: Section, key: str, absent: Entries | None, same: Entries | None = None
) -> Entries | None:
    """User name → filters. Blank lists grant nothing: only a key that is absent leaves things free."""
    if key not in section:
        return absent
    content = _together(section.raw(key))
    if content == SAME and key not in ("acl", "subscribe-acl"):
        return same or {}
    if content is not None and not isinstance(content, Mapping):
        section.mistake(key, f"it must be user names and their lists of topic filters, not {kind(content)}")
    if not content:
        section.findings.notice(section.path_of(key), "it is empty, so it grants nothing to anybody")
    if not isinstance(content, Mapping):
        return {}
    return {
        str(user): _filters(section.findings, (*section.path_of(key), str(user)), filters)
        for user, filters in content.items()
    }


def _together(content: object) -> object:
    """A list of sections as one of them: so aMQTT's documentation has it, a user behind each dash."""
    if not isinstance(content, (list, tuple)) or not content:
        return content
    if not all(isinstance(each, Mapping) for each in content):
        return content
    users = [str(user) for each in content for user in each]
    if len(users) != len(set(users)):
        return content
    return {user: filters for each in content for user, filters in each.items()}


def _filters(findings: Findings, path: tuple[str, ...], content: object) -> tuple[str, ...]:
    filters = []
    for place, topic_filter in items(findings, path, () if content is None else content):
        if not isinstance(topic_filter, str):
            findings.mistake(place, f"it must be a topic filter, not {kind(topic_filter)}")
        elif topic_filter.startswith(SHARE_PREFIX):
            findings.mistake(place, "a filter is listed without $share/name/, and then stands for both")
        elif fault := topic_filter_fault(topic_filter, _ANY_NUMBER):
            findings.mistake(place, fault)
        else:
            filters.append(topic_filter)
    return tuple(filters)
