"""The sections listeners, limits and plugins beyond what aMQTT's files have."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.net.settings import CertificatePair, ListenerSettings, TlsSettings
from amqtt.server.limits import Limits


def test_a_unix_listener_needs_a_path_and_no_bind() -> None:
    source = {"type": "unix", "path": "/run/mqtt", "mode": "0600", "owner": "mqtt", "group": "mqtt"}
    assert load({"listeners": {"u": source, "v": {"type": "unix", "bind": 1}}}).listeners == {
        "u": ListenerSettings("u", "unix", path="/run/mqtt", mode=0o600, owner="mqtt", group="mqtt")
    }


def test_a_websocket_listener_has_a_path_and_origins() -> None:
    source = {"type": "ws", "bind": 1, "path": "/mqtt", "allowed-origins": ["https://a", "https://b"]}
    settings = load({"listeners": {"w": source}}).listeners["w"]
    assert (settings.path, settings.allowed_origins) == ("/mqtt", ("https://a", "https://b"))


def test_a_listener_may_be_behind_proxies() -> None:
    source = {"bind": 1, "proxy-from": ["10.0.0.0/8", "2001:db8::1", "unix"]}
    assert load({"listeners": {"p": source}}).listeners["p"].proxy_from == (
        "10.0.0.0/8", "2001:db8::1", "unix",
    )


def test_everything_of_tls_can_be_said() -> None:
    tls = {
        "ssl": True, "certfile": Path("c"), "keyfile": "k", "keyfile-password": "canary", "cadata": "d",
        "crlfile": "r", "require-certificate": "yes", "minimum-tls-version": "1.3", "ciphers": "x",
        "server-names": {"a.example": {"certfile": "c2", "keyfile": "k2", "keyfile_password": "canary"}},
    }  # fmt: skip
    settings = load({"listeners": {"a": {"bind": 1, **tls}}}).listeners["a"]
    assert settings.tls == TlsSettings(
        "c", "k", "canary", cadata="d", crlfile="r", require_certificate=True, minimum_version="1.3",
        ciphers="x", server_names={"a.example": CertificatePair("c2", "k2", "canary")},
    )  # fmt: skip
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("listener", "mistake"),
    [
        (
            {"server-names": ["a"]},
            r"listeners\.a\.server-names: it must be a section of keys and values, not a list",
        ),
        (
            {"server-names": {"x": {"certfile": "c"}}},
            r"server-names\.x: 'certfile' or 'keyfile' configuration",
        ),
        (
            {"server-names": {"x": {"certfile": "c", "keyfile": "k", "cert": 1}}},
            r"server-names\.x\.cert: there is no",
        ),
        ({"mode": "0999"}, 'mode: it must be file permissions such as "0660"'),
        ({"mode": 660}, "mode: it must be file permissions"),
        ({"mode": []}, "mode: it must be file permissions"),
        ({"max-connections": -1}, "max-connections: it must be from 0 to 10000000, not -1"),
        ({"allowed-origins": "x"}, "allowed-origins: it must be a list, not text"),
        ({"proxy-from": ["10.0.0.0/99"]}, r"proxy-from: '10\.0\.0\.0/99' is no network; write one as"),
        ({"proxy-from": "10.0.0.1"}, "proxy-from: it must be a list, not text"),
        ({"allowed-origins": [1]}, "allowed-origins: it must be text, not a number"),
        ({"minimum-tls-version": "1.1"}, r"it must be one of 1\.2, 1\.3, not '1\.1'"),
        (
            {"reader": 1, "zzz": 1},
            r"listeners\.a\.zzz: there is no such key; known are allowed-origins, bind",
        ),
        ({"bind": "127.0.0.1", "port": 1884}, r"listeners\.a\.port: it stands behind the address in bind"),
        (5, r"listeners\.a: it must be a section of keys and values, not a number"),
    ],
)
def test_what_a_listener_cannot_be(listener: Any, mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load({"listeners": {"a": listener}})


def test_listeners_are_a_section() -> None:
    with pytest.raises(BrokerError, match="listeners: it must be a section of keys and values, not a list"):
        load({"listeners": [1]})


def test_listeners_that_are_blank_are_our_default() -> None:
    assert load({"listeners": None}) == load()


def test_two_unix_listeners_do_not_share_a_path() -> None:
    one = {"type": "unix", "path": "s"}
    with pytest.raises(BrokerError, match=r"listeners\.b: it would listen where 'a' does"):
        load({"listeners": {"a": one, "b": one}})


def test_every_limit_can_be_set_in_both_spellings() -> None:
    given: dict[str, Any] = {}
    for field in dataclasses.fields(Limits):
        default = field.default
        given[field.name] = (
            not default if isinstance(default, bool) else 200 if field.name != "maximum_qos" else 1
        )
    given |= {"maximum_unsent_bytes": 4096, "memory_to_refuse_clients": 0.5}
    given = {name: float(value) if name.endswith("timeout") else value for name, value in given.items()}
    assert load({"limits": given}).limits == Limits(**given)
    assert load(
        {"limits": {name.replace("_", "-"): value for name, value in given.items()}}
    ).limits == Limits(**given)


def test_the_defaults_are_within_their_ranges() -> None:
    assert load({"limits": dataclasses.asdict(Limits())}).limits == Limits()


LIMITS: list[tuple[dict[str, Any], Limits]] = [
    ({}, Limits()),
    ({"limits": None}, Limits()),
    ({"max-qos": 1}, Limits(maximum_qos=1)),
    ({"max_qos": 0}, Limits(maximum_qos=0)),
    ({"max-qos": None, "session_expiry_interval": None}, Limits()),
    ({"max-qos": 1, "limits": {"maximum-qos": 1}}, Limits(maximum_qos=1)),
    ({"session_expiry_interval": 60}, Limits(maximum_session_expiry=60, session_expiry_3_1_1=60)),
    ({"session-expiry-interval": 0}, Limits(maximum_session_expiry=0, session_expiry_3_1_1=0)),
    ({"limits": {"connect-timeout": 5}}, Limits(connect_timeout=5)),
]


@pytest.mark.parametrize(("source", "limits"), LIMITS)
def test_limits_are_our_defaults_and_what_is_said(source: dict[str, Any], limits: Limits) -> None:
    config = load(source)
    assert config.limits == limits
    assert config.server.limits == limits


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ({"max-qos": 3}, "max-qos: it must be from 0 to 2, not 3"),
        ({"max-qos": "2"}, "max-qos: it must be a whole number, not text"),
        (
            {"max-qos": 1, "limits": {"maximum_qos": 2}},
            "max-qos: limits.maximum-qos says something else; say it once",
        ),
        ({"limits": {"receive-maximum": 1.5}}, "receive-maximum: it must be a whole number, not a number"),
        ({"limits": {"connect-timeout": 0}}, "connect-timeout: it must be from 0.01 to"),
        (
            {"limits": {"connect-timeout": True}},
            "connect-timeout: it must be a number of seconds, not on or off",
        ),
        ({"limits": {"connect-timeout": float("nan")}}, "connect-timeout: it must be from"),
        ({"limits": {"retain-available": 7}}, "retain-available: it must be on or off, not 7"),
        ({"session-expiry-interval": -1}, "session-expiry-interval: it must be from 0 to 4294967295, not -1"),
        ({"sys_interval": -1}, "sys_interval: it must be from 0 to"),
    ],
)
def test_what_a_limit_cannot_be(source: dict[str, Any], mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load(source)


ANONYMOUS = "amqtt.plugins.authentication.AnonymousAuthPlugin"
FILE = "amqtt.plugins.authentication.FileAuthPlugin"
TABOO = "amqtt.plugins.topic_checking.TopicTabooPlugin"
ACL = "amqtt.plugins.topic_checking.TopicAccessControlListPlugin"
SYS = "amqtt.plugins.sys.broker.BrokerSysPlugin"
OFF = TopicCheckSettings()
PLUGINS: list[tuple[object, AuthSettings, TopicCheckSettings, float]] = [
    ({ANONYMOUS: {"allow_anonymous": True}}, AuthSettings(True, plugins=("auth_anonymous",)), OFF, 0),
    ({ANONYMOUS: {"allow-anonymous": "off"}}, AuthSettings(False, plugins=("auth_anonymous",)), OFF, 0),
    ({ANONYMOUS: None}, AuthSettings(None, plugins=("auth_anonymous",)), OFF, 0),
    ([ANONYMOUS], AuthSettings(None, plugins=("auth_anonymous",)), OFF, 0),
    ([{ANONYMOUS: {"allow_anonymous": True}}, SYS], AuthSettings(True, plugins=("auth_anonymous",)), OFF, 20),
    (
        {FILE: {"password_file": "p"}, ANONYMOUS: {"allow_anonymous": False}},
        AuthSettings(False, Path("p"), plugins=("auth_file", "auth_anonymous")), OFF, 0,
    ),
    ({}, AuthSettings(plugins=()), OFF, 0),
    ({SYS: {"sys_interval": 5}}, AuthSettings(plugins=()), OFF, 5),
    ({TABOO: {}}, AuthSettings(plugins=()), TopicCheckSettings(True, ("topic_taboo",)), 0),
    (
        {ACL: {"acl": {"u": ["a"]}, "publish_acl": {"u": ["b"]}}, TABOO: None},
        AuthSettings(plugins=()),
        TopicCheckSettings(True, ("topic_acl", "topic_taboo"), {"u": ("a",)}, {"u": ("b",)}), 0,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plugins", "auth", "check", "sys_interval"), PLUGINS)
def test_plugins_by_dotted_path_choose_who_is_asked(
    plugins: object, auth: AuthSettings, check: TopicCheckSettings, sys_interval: float
) -> None:
    config = load({"plugins": plugins})
    assert (config.auth, config.topic_check, config.sys_interval) == (auth, check, sys_interval)


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ({"plugins": {"my.own.Plugin": "fast"}}, r"my\.own\.Plugin: its options must be a section of keys"),
        ({"plugins": {"mine": {}}}, r"plugins\.mine: it must be the dotted path of a plugin, not 'mine'"),
        ({"plugins": ["my.own.Plugin", 7]}, r"plugins\[1\]: it must be the dotted path of a plugin, not a"),
        ({"plugins": ["auth_file", ANONYMOUS]}, r"plugins\[1\]: it stands among names, which have no effect"),
        ({"plugins": [7]}, r"plugins\[0\]: it must be the dotted path of a plugin, not a number"),
        ({"plugins": 7}, "plugins: it must be a list, not a number"),
        (
            {"plugins": {ANONYMOUS: {"allow_anonymus": 1}}},
            r"AnonymousAuthPlugin\.allow_anonymus: .* mean 'allow-anonymous'",
        ),
        (
            {"plugins": {ANONYMOUS: {"allow_anonymous": None}}},
            r"AnonymousAuthPlugin\.allow_anonymous: it must be on or off",
        ),
        ({"plugins": {TABOO: {"topics": []}}}, r"TopicTabooPlugin\.topics: there is no such key"),
        ({"plugins": {ANONYMOUS: {}}, "auth": {"allow-anonymous": False}}, "auth: plugins allows more"),
        (
            {"plugins": {ANONYMOUS: {}}, "topic_check": {"enabled": True}},
            "topic_check: plugins allows more, and would count",
        ),
    ],
)
def test_what_plugins_cannot_say(source: dict[str, Any], mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load(source)


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({}, 5),
        ({"listeners": {"default": {"bind": "0.0.0.0:1883"}}}, 0),
        ({"listeners": {"default": {"bind": "0.0.0.0:1883"}}, "topic-check": {"enabled": True}}, 5),
        ({"listeners": {"default": {"bind": "0.0.0.0:1883"}}, "sys-slowest": 3}, 3),
        ({"sys-slowest": 0}, 0),
    ],
)
def test_strangers_are_told_no_names_of_clients_unless_that_is_meant(
    written: dict[str, object], named: int
) -> None:
    assert load(written).server.sys_slowest == named
