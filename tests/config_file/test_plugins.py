"""Other people's plugins in a configuration: by dotted path, by class, and the plugins themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amqtt.access.assembly import build_authenticator
from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config import Config, PluginChoice, concerns
from amqtt.config_file import load
from amqtt.errors import BrokerError

ANONYMOUS = "amqtt.plugins.authentication.AnonymousAuthPlugin"
FILE = "amqtt.plugins.authentication.FileAuthPlugin"
TABOO = "amqtt.plugins.topic_checking.TopicTabooPlugin"
EVENTS = "amqtt.plugins.logging_amqtt.EventLoggerPlugin"


class Doorman:
    """A plugin class of somebody's."""


NAME = f"{Doorman.__module__}.Doorman"


@pytest.mark.parametrize(
    ("plugins", "chosen"),
    [
        ({"my.own.Plugin": {"some-option": 1}}, [PluginChoice("my.own.Plugin", {"some-option": 1})]),
        ({"own.Plugin": None}, [PluginChoice("own.Plugin")]),
        (
            ["my.own.Plugin", {"b.C": {"x": [1]}}],
            [PluginChoice("my.own.Plugin"), PluginChoice("b.C", {"x": [1]})],
        ),
        ([EVENTS, {ANONYMOUS: {"allow_anonymous": True}}], [PluginChoice(EVENTS)]),
        ([Doorman], [PluginChoice(Doorman)]),
        ({Doorman: {"rude": True}}, [PluginChoice(Doorman, {"rude": True})]),
        (("my.own.Plugin",), [PluginChoice("my.own.Plugin")]),
        (["my.own.Plugin", {"my.own.Plugin": {"x": 1}}], [PluginChoice("my.own.Plugin", {"x": 1})]),
    ],
)
def test_plugins_are_chosen_in_their_order_with_their_options(
    plugins: Any, chosen: list[PluginChoice]
) -> None:
    config = load({"plugins": plugins})
    assert list(config.plugins) == chosen
    assert not config.registered_plugins


def test_a_plugin_itself_may_stand_in_the_configuration() -> None:
    doorman = Doorman()
    (choice,) = load({"plugins": [doorman]}).plugins
    assert choice.target is doorman
    assert choice.name == NAME


def test_ours_are_not_handed_on() -> None:
    config = load({"plugins": {ANONYMOUS: {"allow_anonymous": True}, "my.own.Plugin": {}, TABOO: {}}})
    assert config.auth == AuthSettings(True, plugins=("auth_anonymous",))
    assert config.topic_check == TopicCheckSettings(True, ("topic_taboo",))
    assert [choice.name for choice in config.plugins] == ["my.own.Plugin"]


@pytest.mark.parametrize(
    "source", [None, {}, {"auth": {"allow-anonymous": True}}, {"plugins": ["auth_file"]}]
)
def test_the_older_style_has_the_registered_plugins(source: Any) -> None:
    config = load(source)
    assert config.registered_plugins
    assert list(config.plugins) == []


def test_beside_names_a_class_is_chosen_and_auth_counts() -> None:
    config = load(
        {"plugins": ["auth_file", "event_logger_plugin", Doorman], "auth": {"allow-anonymous": "no"}}
    )
    assert list(config.plugins) == [PluginChoice(Doorman)]
    assert config.registered_plugins
    assert config.auth == AuthSettings(False)


@pytest.mark.parametrize("target", [Doorman, NAME, Doorman()])
def test_classes_and_plugins_are_asked_by_the_name_of_their_class(target: object) -> None:
    config = load(
        {"auth": {"plugins": ["auth_file", target]}, "topic-check": {"enabled": True, "plugins": [target]}}
    )
    assert config.auth.plugins == ("auth_file", NAME)
    assert config.topic_check.plugins == (NAME,)
    assert [(choice.name, choice.target) for choice in config.plugins] == [(NAME, target)]
    assert config.registered_plugins


def test_who_is_asked_and_not_there_is_a_mistake_and_no_open_door() -> None:
    config = load({"auth": {"plugins": ["my.own.Plugin"]}})
    with pytest.raises(BrokerError, match=r"auth\.plugins: there is no plugin 'my\.own\.Plugin'"):
        build_authenticator(config.auth, config.topic_check)


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ({"plugins": [Doorman(), Doorman()]}, rf"plugins\[1\]: {NAME} is there already"),
        ({"plugins": [{"a.B": {"x": 1}}, {"a.B": {"x": 2}}]}, r"plugins\[1\]\.a\.B: a\.B is there already"),
        ({"plugins": [Doorman, NAME]}, rf"plugins\[1\]: {NAME} is there already"),
        ({"plugins": [None]}, r"plugins\[0\]: it must be the dotted path of a plugin, not nothing"),
        ({"plugins": {"a.": {}}}, r"plugins\.a\.: it must be the dotted path of a plugin, not 'a\.'"),
        ({"auth": {"plugins": ["auth.anonymus"]}}, r"there is no plugin 'auth\.anonymus' \(did you mean"),
        (
            {"auth": {"plugins": [{"a.B": {}}]}},
            r"auth\.plugins\[0\]: it must be the name of a plugin, not a se",
        ),
    ],
)
def test_what_cannot_be_chosen(source: dict[str, Any], mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load(source)


BESIDE: list[tuple[dict[str, Any], str]] = [
    ({"plugins": {ANONYMOUS: {"allow_anonymous": True}}, "auth": {"allow-anonymous": True}}, "notice"),
    ({"plugins": {ANONYMOUS: None}, "auth": {"allow-anonymous": True, "password-file": "p"}}, "mistake"),
    ({"plugins": {ANONYMOUS: {"allow_anonymous": True}}, "auth": {"allow-anonymous": False}}, "mistake"),
    ({"plugins": {ANONYMOUS: {"allow_anonymous": True}}, "auth": {"plugins": []}}, "mistake"),
    ({"plugins": {FILE: {"password_file": "p"}}, "auth": {"allow-anonymous": True}}, "notice"),
    ({"plugins": {FILE: {"password_file": "p"}}, "auth": {"allow-anonymous": False}}, "notice"),
    ({"plugins": {"my.own.Auth": {}}, "auth": {"allow-anonymous": False}}, "notice"),
    ({"plugins": {FILE: {"password_file": "p"}}, "topic-check": {"enabled": False}}, "notice"),
    ({"plugins": {FILE: {"password_file": "p"}}, "topic-check": {"enabled": True}}, "mistake"),
    ({"plugins": {TABOO: {}}, "topic-check": {"enabled": True}}, "notice"),
]


@pytest.mark.parametrize(("source", "outcome"), BESIDE)
def test_the_older_sections_beside_plugins_do_not_count_and_never_open_a_door(
    source: dict[str, Any], outcome: str
) -> None:
    (older,) = set(source) - {"plugins"}
    if outcome == "mistake":
        with pytest.raises(BrokerError, match=f"{older}: plugins allows more, and would count, as in aMQTT"):
            load(source)
        return
    config = load(source)
    assert f"{older}: it does not count, as in aMQTT: plugins says this too" in config.notices
    alone = load({"plugins": source["plugins"]})
    assert (config.auth, config.topic_check) == (alone.auth, alone.topic_check)


def test_plugins_of_others_may_accept_so_nobody_says_that_nobody_may_connect() -> None:
    config = load({"plugins": {"my.own.Auth": {}}})
    assert list(config.notices) == []
    assert config.who_may_connect == "Whoever the plugins of the configuration accept may connect"
    assert config.auth.asked == ()


LOGGERS = dict.fromkeys(
    f"amqtt.plugins.logging_amqtt.{name}" for name in ("EventLoggerPlugin", "PacketLoggerPlugin")
)


def test_plugins_that_only_log_have_no_say_in_who_may_connect() -> None:
    open_to_all = load({"plugins": {**LOGGERS, ANONYMOUS: {"allow_anonymous": True}}})
    assert open_to_all.who_may_connect == "Anyone who reaches a listener may connect"
    named = load({"plugins": {**LOGGERS, ANONYMOUS: {"allow_anonymous": False}}})
    assert named.who_may_connect == "Whoever states a user name may connect, unchecked"
    assert any("unchecked" in concern for concern in concerns(named))


@pytest.mark.parametrize(("said", "seconds"), [({}, 0), ({"sys_interval": 7}, 7), ({"sys-interval": 0}, 0)])
def test_without_its_plugin_sys_is_published_only_where_the_older_key_says_so(
    said: dict[str, int], seconds: int
) -> None:
    assert load({"plugins": {FILE: {"password_file": "p"}}, **said}).sys_interval == seconds


def test_the_whole_configuration_is_kept_as_it_was_written(write: Callable[..., Path]) -> None:
    source = {
        "auth": {"allow-anonymous": "on", "password_file": None},
        "mine": {"some-key": [1, {"x": 2}]},
        "sys_interval": 3,
    }
    config = load(source)
    assert config.written == source
    assert config.written["auth"] is not source["auth"]
    source["mine"]["some-key"][1]["x"] = 9  # type: ignore[index]
    assert config.sections == {"mine": {"some-key": [1, {"x": 2}]}}
    assert config.written["mine"] == {"some-key": [1, {"x": 2}]}
    assert load(write("auth: {allow_anonymous: yes}\nmine: 1\n")).written == {
        "auth": {"allow_anonymous": True}, "mine": 1,
    }  # fmt: skip


def test_options_are_not_shared_with_the_callers_dictionary() -> None:
    source: dict[str, Any] = {"plugins": {"my.own.Plugin": {"list": [1]}}}
    config = load(source)
    source["plugins"]["my.own.Plugin"]["list"].append(2)
    assert config.plugins[0].options == {"list": [1]}


def test_a_config_may_hold_plugins_itself() -> None:
    config = Config(plugins=[PluginChoice(Doorman)], registered_plugins=False)
    assert load(config).plugins == [PluginChoice(Doorman)]


def test_the_interval_of_the_sys_plugin_counts_more_than_the_older_key() -> None:
    source = {"plugins": {"amqtt.plugins.sys.broker.BrokerSysPlugin": {"sys_interval": 5}}, "sys_interval": 7}
    assert load(source).sys_interval == 5
