"""Configuration files and dictionaries → Config: the only place where a dictionary is read.

Everything that aMQTT's configurations have is understood; what is wrong is said all at once.
"""

import dataclasses
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from amqtt.access.assembly import AUTHENTICATORS, TOPIC_CHECKS
from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config import Config, concerns
from amqtt.config_file import values
from amqtt.config_file.access import read_auth, read_topic_check
from amqtt.config_file.choices import Choices
from amqtt.config_file.document import read_document
from amqtt.config_file.limits import check_limits, read_limits
from amqtt.config_file.listeners import check_binds, read_listeners
from amqtt.config_file.mdns import read_mdns
from amqtt.config_file.persistence import read_persistence
from amqtt.config_file.plugins import PluginOptions, read_plugins
from amqtt.config_file.section import Findings, Section, copied, kind
from amqtt.config_file.telemetry import read_telemetry
from amqtt.config_file.trace import read_traces
from amqtt.errors import BrokerError, ConfigurationError, Mistake
from amqtt.server.stopping import WILLS_ON_SHUTDOWN

__all__ = ["load", "reviewed", "survey"]

_LONGEST_INTERVAL = 365 * 86400
_MOST_NAMED = 1000
_LONGEST_DRAIN = 3600
_LIKELY = 0.8
_CERTAIN = 0.9
"""How like one of ours a section's name must be to be suspected, or taken, to be misspelt."""


def load(
    source: Config | Mapping[str, object] | str | os.PathLike[str] | None = None,
    authenticators: Collection[str] = tuple(AUTHENTICATORS),
    topic_checks: Collection[str] = tuple(TOPIC_CHECKS),
) -> Config:
    """The configuration in a dictionary, or in the YAML or TOML file of this path.

    None is our defaults; a Config is only checked. The source is never changed. `authenticators`
    and `topic_checks` are the names that `auth.plugins` and `topic-check.plugins` may have.
    Raises ConfigurationError with every mistake, a line each: `file:line:column: dotted.path: what is wrong`.
    """
    if source is None:
        source = Config()
    if isinstance(source, Config):
        findings = Findings()
        check_limits(Section(findings, ("limits",), None), source.limits)
        check_binds(findings, ("listeners",), source.listeners)
        findings.raise_mistakes()
        return reviewed(source, list(source.notices))
    config, findings = survey(source, authenticators, topic_checks)
    findings.raise_mistakes()
    return reviewed(config, findings.notices)


def survey(
    source: Mapping[str, object] | str | os.PathLike[str],
    authenticators: Collection[str] = tuple(AUTHENTICATORS),
    topic_checks: Collection[str] = tuple(TOPIC_CHECKS),
) -> tuple[Config, Findings]:
    """What `load` reads, and what it finds wrong with it: a value that is wrong is left as it is by default.

    Raises ConfigurationError where there is nothing to read, and BrokerError for what can be no source.
    """
    content: object = source
    if isinstance(source, Mapping):
        findings = Findings()
    elif isinstance(source, (str, os.PathLike)):
        document = read_document(Path(source))
        findings = Findings(os.fspath(source), document.marks)
        for path in document.repeated:
            findings.notice(path, "it is there more than once; the last one counts")
        content = document.content if document.content is not None else {}
    else:
        raise BrokerError(f"a configuration is a dictionary or the path of a file, not {kind(source)}")
    return _read(findings, content, authenticators, topic_checks), findings


def reviewed(config: Config, notices: list[str]) -> Config:
    """The Config with a notice for whatever is of concern; where it is hardened, that is a mistake."""
    found = concerns(config)
    if found and config.hardened:
        raise ConfigurationError([Mistake(f"{concern} (security: hardened)") for concern in found])
    return dataclasses.replace(config, notices=tuple(dict.fromkeys([*notices, *found])))


def _read(
    findings: Findings, content: object, authenticators: Collection[str], topic_checks: Collection[str]
) -> Config:
    top = Section(findings, (), content)
    defaults = Config()
    choices = Choices(findings)
    listeners = read_listeners(findings, top.path_of("listeners"), top.raw("listeners"))
    auth, topic_check = defaults.auth, defaults.topic_check
    sys_interval = top.take("sys-interval", values.seconds(0, _LONGEST_INTERVAL), defaults.sys_interval)
    if "auth" in top:
        auth = read_auth(Section(findings, top.path_of("auth"), top.raw("auth")), authenticators, choices)
    if "topic-check" in top:
        section = Section(findings, top.path_of("topic-check"), top.raw("topic-check"))
        topic_check = read_topic_check(section, topic_checks, choices)
    options = read_plugins(findings, top.path_of("plugins"), top.raw("plugins"), choices)
    if options is not None:
        _judge_beside(top, auth, topic_check, options)
        auth, topic_check = options.auth, options.topic_check
        if options.sys_interval is not None:
            sys_interval = options.sys_interval
        elif top.raw("sys-interval") is None:
            sys_interval = 0
    limits = read_limits(Section(findings, top.path_of("limits"), top.raw("limits")), top)
    delay = values.seconds(0, _LONGEST_INTERVAL)
    written = copied(findings, (), content) if isinstance(content, Mapping) else {}
    return Config(
        listeners=listeners,
        auth=auth,
        topic_check=topic_check,
        limits=limits,
        persistence=read_persistence(
            Section(findings, top.path_of("persistence"), top.raw("persistence"))
        ),
        drain=top.take("drain", values.seconds(0, _LONGEST_DRAIN), defaults.drain),
        wills_on_shutdown=top.take(
            "wills-on-shutdown", values.one_of(*WILLS_ON_SHUTDOWN), defaults.wills_on_shutdown
        ),
        sys_interval=sys_interval,
        sys_slowest=top.take("sys-slowest", values.whole(0, _MOST_NAMED), defaults.sys_slowest),
        response_information=top.take(
            "response-information", values.short_text, defaults.response_information
        ),
        server_reference=top.take("server-reference", values.short_text, defaults.server_reference),
        use_another_server=top.take("use-another-server", values.switch, defaults.use_another_server),
        require_tls_for_passwords=top.take(
            "require-tls-for-passwords", values.switch, defaults.require_tls_for_passwords
        ),
        client_id_policy=top.take(
            "client-id-policy", values.one_of("owned", "shared"), defaults.client_id_policy
        ),
        timeout_disconnect_delay=top.take(
            "timeout-disconnect-delay", delay, defaults.timeout_disconnect_delay
        ),
        hardened=top.take("security", values.one_of("hardened", "default"), "default") == "hardened",
        plugins=choices.chosen,
        traces=read_traces(findings, top.path_of("trace"), top.raw("trace")),
        mdns=read_mdns(Section(findings, top.path_of("mdns"), top.raw("mdns"))),
        telemetry=read_telemetry(Section(findings, top.path_of("opentelemetry"), top.raw("opentelemetry"))),
        registered_plugins=options is None,
        sections={name: written[name] for name in _sections(findings, top)},
        written=written,
    )


def _judge_beside(
    top: Section, auth: AuthSettings, topic_check: TopicCheckSettings, options: PluginOptions
) -> None:
    """Of `auth` and `topic-check` beside dotted paths: as in aMQTT they do not count.

    Where that would let in or allow more than they say, somebody must decide.
    """
    decide = {
        "auth": _admits_more(options.auth, auth),
        "topic-check": topic_check.enabled and not options.topic_check.enabled,
    }
    for key, more in decide.items():
        if key in top and more:
            top.mistake(key, "plugins allows more, and would count, as in aMQTT; keep one of them")
        elif key in top:
            top.findings.notice(top.path_of(key), "it does not count, as in aMQTT: plugins says this too")


def _admits_more(auth: AuthSettings, other: AuthSettings) -> bool:
    if "auth_anonymous" not in auth.asked:
        return False
    nameless = auth.admits_anonymous and not ("auth_anonymous" in other.asked and other.admits_anonymous)
    return nameless or ("auth_file" in other.asked and "auth_file" not in auth.asked)


def _sections(findings: Findings, top: Section) -> list[str]:
    """The sections that are none of ours. One that looks misspelt could leave a door open."""
    unknown = top.unknown()
    for name in unknown:
        if likely := top.likely(name.lower(), _CERTAIN) or top.swapped(name.lower()):
            findings.mistake((name,), f"there is no such section (did you mean {likely!r}?)")
        elif likely := top.likely(name, _LIKELY):
            findings.notice((name,), f"it is left to plugins (did you mean {likely!r}?)")
    return list(unknown)
