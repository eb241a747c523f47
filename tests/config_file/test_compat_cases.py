"""The configurations that aMQTT's users have (C1 to C8, C10), and what becomes of each."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from amqtt.abc import Accepted, ConnectRequest, Peer
from amqtt.access.assembly import build_authenticator
from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config import Config
from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.net.settings import TlsSettings

DOCUMENTED = """\
listeners:
    default:
        max-connections: 50000
        type: tcp
    my-tcp-1:
        bind: 127.0.0.1:1883
    my-tcp-2:
        bind: 1.2.3.4:1884
        max-connections: 1000
    my-tcp-ssl-1:
        bind: 127.0.0.1:8885
        ssl: on
        cafile: /some/cafile
        capath: /some/folder
        capath: certificate data
        certfile: /some/certfile
        keyfile: /some/key
    my-ws-1:
        bind: 0.0.0.0:8080
        type: ws
timeout-disconnect-delay: 2
auth:
    plugins: ['auth.anonymous']
    allow-anonymous: true
    password-file: /some/passwd_file
topic-check:
    enabled: true
    plugins: ['topic_acl']
    acl:
        username1: ['repositories/+/master', 'calendar/#', 'data/memes']
        username2: ['calendar/2025/#', 'data/memes']
        anonymous: []
"""


def admitted(config: Config, username: str | None = None) -> Accepted | None:
    request = ConnectRequest("client", username, None, Peer())
    answer = build_authenticator(config.auth, config.topic_check).authenticate(request)
    return answer if isinstance(answer, Accepted) else None


def listeners(source: Mapping[str, Any]) -> dict[str, tuple[str, object, int]]:
    found = load({"listeners": source}).listeners
    return {name: (one.type, one.bind, one.max_connections) for name, one in found.items()}


@pytest.mark.parametrize("nothing", [None, {}, Config()])
def test_c1_without_a_configuration_it_is_one_listener_on_loopback(nothing: Any) -> None:
    config = load(nothing)
    assert [(one.name, one.type, one.bind) for one in config.listeners.values()] == [
        ("default", "tcp", "localhost:1883")
    ]
    assert list(config.notices) == []
    assert admitted(config)
    assert admitted(config, "anyone")


def test_c2_the_documented_file(write: Callable[..., Path]) -> None:
    config = load(write(DOCUMENTED))
    assert {name: (one.type, one.bind, one.max_connections) for name, one in config.listeners.items()} == {
        "my-tcp-1": ("tcp", "127.0.0.1:1883", 50000),
        "my-tcp-2": ("tcp", "1.2.3.4:1884", 1000),
        "my-tcp-ssl-1": ("tcp", "127.0.0.1:8885", 50000),
        "my-ws-1": ("ws", "0.0.0.0:8080", 50000),
    }
    assert config.listeners["my-tcp-ssl-1"].tls == TlsSettings(
        certfile="/some/certfile", keyfile="/some/key", cafile="/some/cafile", capath="certificate data"
    )
    assert config.timeout_disconnect_delay == 2
    assert admitted(config)
    accepted = admitted(config, "username1")
    assert accepted is not None
    assert accepted.permissions.may_subscribe("calendar/1", 1) == 1
    assert accepted.permissions.may_subscribe("calendar", 1) == -1
    assert any(
        "capath: it is there more than once; the last one counts" in notice for notice in config.notices
    )


@pytest.mark.parametrize(
    ("both", "mistake"),
    [
        ({"max-connections": 5, "max_connections": 5}, None),
        ({"max-connections": 5, "max_connections": 6}, "says something else than 'max-connections'"),
    ],
)
def test_c2_a_key_in_both_spellings_says_one_thing(both: dict[str, int], mistake: str | None) -> None:
    source = {"listeners": {"a": {"bind": 0, **both}}}
    if mistake is None:
        assert load(source).listeners["a"].max_connections == 5
    else:
        with pytest.raises(BrokerError, match=mistake):
            load(source)


def test_c2_a_certificate_as_capath_is_hinted_at() -> None:
    with pytest.raises(BrokerError, match=r"did you mean 'cadata'\?"):
        load({"listeners": {"a": {"bind": 0, "capath": "-----BEGIN CERTIFICATE-----"}}})


INHERITANCE: list[tuple[dict[str, Any], dict[str, tuple[str, object, int]]]] = [
    (
        {
            "default": {"type": "tcp", "bind": "0.0.0.0:1883"},
            "ws-mqtt": {"bind": "127.0.0.1:8080", "type": "ws", "max_connections": 10},
        },
        {"default": ("tcp", "0.0.0.0:1883", 0), "ws-mqtt": ("ws", "127.0.0.1:8080", 10)},
    ),
    ({"default": {"type": "tcp"}}, {}),
    ({}, {}),
    ({"default": {"type": "tcp", "max_connections": 7}, "a": {"bind": 1}}, {"a": ("tcp", 1, 7)}),
    ({"a": {"bind": ":1883"}}, {"a": ("tcp", ":1883", 0)}),
    ({"default": None, "a": {"bind": ":1883"}}, {"a": ("tcp", ":1883", 0)}),
    ({"default": {"type": "ws"}, "x": None, "y": {}}, {}),
    ({"default": {"bind": 1883}, "x": None}, {"default": ("tcp", 1883, 0)}),
    (
        {"default": {"bind": "127.0.0.1:0"}, "x": {}},
        {"default": ("tcp", "127.0.0.1:0", 0), "x": ("tcp", "127.0.0.1:0", 0)},
    ),
]


@pytest.mark.parametrize(("source", "opened"), INHERITANCE)
def test_c3_listeners_inherit_from_default(source: dict[str, Any], opened: dict[str, Any]) -> None:
    assert listeners(source) == opened


def test_c3_the_keys_of_tls_are_inherited_too() -> None:
    pair = {"certfile": "c", "keyfile": "k", "ssl": True, "cafile": "a"}
    found = load(
        {
            "listeners": {
                "default": pair,
                "a": {"bind": 1},
                "b": {"bind": 2, "ssl": "off"},
                "c": {"bind": 3, "cafile": "x"},
            }
        }
    )
    assert found.listeners["a"].tls == TlsSettings("c", "k", cafile="a")
    assert found.listeners["b"].tls is None
    assert found.listeners["c"].tls == TlsSettings("c", "k", cafile="x")


def test_c3_two_listeners_do_not_share_an_address() -> None:
    with pytest.raises(BrokerError, match=r"listeners\.a: it would listen where 'default' does"):
        load({"listeners": {"default": {"bind": "0.0.0.0:1883"}, "a": {"type": "tcp"}}})


BINDS = [
    "127.0.0.1:1883",
    "localhost:1883",
    ":1883",
    "1883",
    1883,
    "0.0.0.0:1883",
    "[::1]:1883",
    "localhost",
    "",
    0,
]


@pytest.mark.parametrize("bind", BINDS)
def test_c4_every_form_of_bind_is_taken(bind: str | int) -> None:
    assert listeners({"a": {"bind": bind}}) == {"a": ("tcp", bind, 0)}


@pytest.mark.parametrize(
    ("bind", "mistake"),
    [
        ("127.0.0.1:abc", r"listeners\.a\.bind: Invalid port value in bind value: 127\.0\.0\.1:abc"),
        ("127.0.0.1:65536", "Invalid port value in bind value"),
        (65536, "Invalid port value in bind value"),
        ("::1:x", "Invalid address in bind value"),
        (True, "must be host:port or a port, not on or off"),
        (["a"], "must be host:port or a port, not a list"),
    ],
)
def test_c4_what_is_no_bind_is_a_mistake(bind: object, mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load({"listeners": {"a": {"bind": bind}}})


SWITCHES = [
    (True, True),
    (False, False),
    ("on", True),
    ("ON", True),
    ("Yes", True),
    ("true", True),
    ("1", True),
    (1, True),
    ("off", False),
    ("Off", False),
    ("no", False),
    ("False", False),
    ("0", False),
    (0, False),
    (None, False),
]


@pytest.mark.parametrize(("written", "meant"), SWITCHES)
def test_c5_ssl_is_a_switch_in_any_spelling(written: object, meant: bool) -> None:
    source = {"listeners": {"a": {"bind": 1, "ssl": written, "certfile": "c", "keyfile": "k"}}}
    assert (load(source).listeners["a"].tls is not None) is meant


@pytest.mark.parametrize("given", [{}, {"certfile": "c"}, {"keyfile": "k"}])
def test_c5_tls_needs_a_certificate_and_its_key(given: dict[str, str]) -> None:
    text = "listeners.a: 'certfile' or 'keyfile' configuration parameter missing"
    with pytest.raises(BrokerError, match=text):
        load({"listeners": {"a": {"bind": 1, "ssl": "on", **given}}})


def test_c5_a_pattern_needs_none() -> None:
    assert (
        load({"listeners": {"default": {"ssl": "on"}, "a": {"bind": 1, "ssl": False}}}).listeners["a"].tls
        is None
    )


@pytest.mark.parametrize("key", ["allow-anonymous", "allow_anonymous"])
@pytest.mark.parametrize(("written", "meant"), [pair for pair in SWITCHES if pair[0] is not None])
def test_c6_allow_anonymous_is_a_switch_in_both_spellings(key: str, written: object, meant: bool) -> None:
    assert load({"auth": {key: written}}).auth.allow_anonymous is meant
    assert (admitted(load({"auth": {key: written}})) is not None) is meant


@pytest.mark.parametrize("written", ["true / false", "maybe", "", None, [], {}, 2, 1.0, "offf"])
def test_c6_anything_else_is_a_mistake_and_admits_nobody(written: object) -> None:
    with pytest.raises(BrokerError, match=r"auth\.allow-anonymous: it must be on or off"):
        load({"auth": {"allow-anonymous": written}})


@pytest.mark.parametrize(
    ("plugins", "asked"),
    [
        (["auth_anonymous"], ("auth_anonymous",)),
        (["auth.anonymous", "auth.file"], ("auth_anonymous", "auth_file")),
        ([], ()),
        (None, None),
    ],
)
def test_c6_the_names_of_plugins(plugins: list[str] | None, asked: tuple[str, ...] | None) -> None:
    assert load({"auth": {"plugins": plugins}}).auth.plugins == asked


@pytest.mark.parametrize(
    ("plugins", "mistake"),
    [
        (
            ["auth_anonymus"],
            r"plugins\[0\]: there is no plugin 'auth_anonymus' \(did you mean 'auth_anonymous'\?\); known",
        ),
        (
            ["auth_file", "ldap"],
            r"auth\.plugins\[1\]: there is no plugin 'ldap'; known are auth_anonymous, auth_file",
        ),
        ([1], r"auth\.plugins\[0\]: it must be the name of a plugin, not a number"),
        ("auth_file", r"auth\.plugins: it must be a list, not text"),
    ],
)
def test_c6_a_name_that_nobody_has_is_a_mistake(plugins: object, mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load({"auth": {"plugins": plugins}})


@pytest.mark.parametrize("empty", [{}, None])
def test_c6_an_empty_auth_admits_nobody(empty: dict[str, object] | None) -> None:
    config = load({"auth": empty})
    assert not admitted(config)
    assert not admitted(config, "anyone")
    assert "nobody is asked" in config.notices[0]


def test_c6_the_unchecked_user_name_is_told_of() -> None:
    config = load({"auth": {"plugins": ["auth_anonymous"], "allow-anonymous": False}})
    assert admitted(config, "anyone")
    assert not admitted(config)
    assert "admits whoever states any user name, unchecked" in config.notices[0]


def test_c7_a_password_file_is_a_path() -> None:
    assert load({"auth": {"password-file": "/etc/passwd"}}).auth.password_file == Path("/etc/passwd")
    assert load({"auth": {"password-file": Path("/etc/passwd")}}).auth.password_file == Path("/etc/passwd")
    assert load({"auth": {"allow-anonymous": True, "password-file": None}}).auth == AuthSettings(True)


@pytest.mark.parametrize("written", ["", 5, True, ["a"], "a\0b"])
def test_c7_what_is_no_path_is_a_mistake(written: object) -> None:
    with pytest.raises(BrokerError, match=r"auth\.password-file: "):
        load({"auth": {"password-file": written}})


LISTS = {"u": ["a/+", "b/#"], "anonymous": []}
READ = {"u": ("a/+", "b/#"), "anonymous": ()}
ACL = ("topic_acl",)
TOPIC_CHECKS: list[tuple[dict[str, Any], TopicCheckSettings]] = [
    ({"acl": LISTS}, TopicCheckSettings(acl=READ)),
    ({"enabled": False, "plugins": ["topic_acl"], "acl": LISTS}, TopicCheckSettings(False, ACL, READ)),
    ({"enabled": "off"}, TopicCheckSettings()),
    ({"enabled": "on", "plugins": ["topic.acl"], "acl": LISTS}, TopicCheckSettings(True, ACL, READ)),
    ({"enabled": True, "acl": LISTS, "publish-acl": "same"}, TopicCheckSettings(True, None, READ, READ)),
    (
        {"enabled": True, "subscribe_acl": LISTS, "publish_acl": "same"},
        TopicCheckSettings(True, None, READ, READ),
    ),
    ({"enabled": True, "publish-acl": "same"}, TopicCheckSettings(True, None, None, {})),
    ({"enabled": True, "acl": {"x": ["y"]}, "subscribe-acl": LISTS}, TopicCheckSettings(True, None, READ)),
    (
        {"enabled": True, "acl": LISTS, "receive-acl": {"u": ["r"]}},
        TopicCheckSettings(True, None, READ, None, {"u": ("r",)}),
    ),
    ({"enabled": True, "acl": {}}, TopicCheckSettings(True, None, {})),
    ({"enabled": True, "acl": None}, TopicCheckSettings(True, None, {})),
    ({"enabled": True, "acl": {"u": None}}, TopicCheckSettings(True, None, {"u": ()})),
    ({"enabled": True, "acl": {}, "publish-acl": None}, TopicCheckSettings(True, None, {}, {})),
    ({"enabled": True, "acl": {}, "publish-acl": {}}, TopicCheckSettings(True, None, {}, {})),
]


@pytest.mark.parametrize(("source", "settings"), TOPIC_CHECKS)
def test_c8_what_topic_check_says(source: dict[str, Any], settings: TopicCheckSettings) -> None:
    assert load({"topic-check": source}).topic_check == settings


def test_c8_lists_with_a_dash_before_each_user_are_read_as_documented() -> None:
    lists = [{"ann": ["a/#"]}, {"bob": ["b"], "eve": []}]
    config = load({"topic-check": {"enabled": True, "acl": lists, "publish-acl": lists[:1]}})
    assert config.topic_check.acl == {"ann": ("a/#",), "bob": ("b",), "eve": ()}
    assert config.topic_check.publish_acl == {"ann": ("a/#",)}


@pytest.mark.parametrize("source", [None, {}])
def test_c8_a_topic_check_that_says_nothing_checks_nothing(source: object) -> None:
    assert load({"topic_check": source}).topic_check == TopicCheckSettings()


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ({"enabled": None}, r"enabled: it must be on or off, not nothing"),
        (
            {"enabled": True, "acl": "same"},
            r"acl: it must be user names and their lists of topic filters, not text",
        ),
        ({"enabled": True, "publish-acl": "some"}, r"publish-acl: it must be user names"),
        (
            {"enabled": True, "acl": [{"ann": ["a"]}, {"ann": ["b"]}]},
            r"acl: it must be user names and their lists of topic filters, not a list",
        ),
        (
            {"enabled": True, "acl": ["a"]},
            r"acl: it must be user names and their lists of topic filters, not a list",
        ),
        ({"enabled": True, "acl": {"u": "a"}}, r"acl\.u: it must be a list, not text"),
        ({"enabled": True, "acl": {"u": ["a", 1]}}, r"acl\.u\[1\]: it must be a topic filter, not a number"),
        ({"enabled": True, "acl": {"u": ["a/#/b"]}}, r"acl\.u\[0\]: .*#"),
        ({"enabled": True, "acl": {"u": ["a+"]}}, r"acl\.u\[0\]: .*\+"),
        ({"enabled": True, "acl": {"u": [""]}}, r"acl\.u\[0\]: .*one character"),
        ({"enabled": True, "acl": {"u": ["$share/g/a"]}}, r"acl\.u\[0\]: a filter is listed without \$share"),
        ({"enabled": True, "acls": {}}, r"topic-check\.acls: there is no such key \(did you mean 'acl'\?\)"),
        ({"plugins": ["acl"]}, r"plugins\[0\]: there is no plugin 'acl'; known are topic_acl"),
        ("on", r"topic-check: it must be a section of keys and values, not text"),
    ],
)
def test_c8_what_it_cannot_say(source: object, mistake: str) -> None:
    with pytest.raises(BrokerError, match=mistake):
        load({"topic-check": source})


def test_c10_both_spellings_in_one_configuration() -> None:
    source = {"auth": {"allow_anonymous": True}, "topic_check": {"enabled": False}, "sys_interval": 10}
    config = load(
        {**source, "listeners": {"default": {"type": "tcp", "bind": 1883, "max-connections": 50000}}}
    )
    assert config.auth == AuthSettings(True)
    assert config.sys_interval == 10
    assert config.server.sys_interval == 10
    assert config.listeners["default"].max_connections == 50000
    assert load({"sys-interval": 10}).sys_interval == 10


def test_c10_a_list_of_names_as_plugins_has_no_effect() -> None:
    config = load(
        {"plugins": ["auth_file", "auth_anonymous", "auth.file"], "auth": {"allow-anonymous": True}}
    )
    assert config.auth == AuthSettings(True)
    assert "plugins: names have no effect here" in config.notices[0]


def test_c10_the_callers_dictionary_is_not_changed_and_not_shared() -> None:
    source = {
        "listeners": {"default": {"max-connections": 5}, "a": {"bind": ":1883"}},
        "auth": {"allow_anonymous": True, "plugins": ["auth_file"]},
        "topic-check": {"enabled": True, "acl": {"u": ["a"]}},
        "mine": {"list": [{"x": 1}]},
    }
    before = copy.deepcopy(source)
    config = load(source)
    assert source == before
    source["mine"]["list"][0]["x"] = 2  # type: ignore[index]
    source["topic-check"]["acl"]["u"].append("b")  # type: ignore[index]
    assert config.sections == {"mine": {"list": [{"x": 1}]}}
    assert config.topic_check.acl == {"u": ("a",)}


def test_c10_the_sections_of_others_are_left_as_they_are() -> None:
    thing = object()
    source = {"my_plugin": {"some-key": thing, "other_key": [1, None]}, "my-flag": True}
    config = load(source)
    assert config.sections == source
    assert list(config.notices) == []
