"""Loading a configuration as a whole: everything that is wrong at once, and what is of concern."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqtt.config import Config
from amqtt.config_file import load
from amqtt.errors import BrokerError
from amqtt.net.settings import ListenerSettings
from amqtt.server.limits import Limits

WRONG = """\
listeners:
    default: {max-connections: many, typ: tcp}
    a: {bind: '127.0.0.1:abc', ssl: maybe}
    b: {bind: 1884, ssl: on}
auth: {plugins: ['auth.anonymus'], allow-anonymous: true / false}
topic-check: {enabled: true, acl: {u: ['a#', 3], v: x}}
limits: {receive-maximum: 0, maximum-qoss: 1}
auht: 3
topic_chek: 4
max-qos: 3
security: hardend
timeout-disconnect-delay: soon
"""
MISTAKES = [
    "2:15: listeners.default.max-connections: it must be a whole number, not text",
    "2:38: listeners.default.typ: there is no such key (did you mean 'type'?)",
    "3:32: listeners.a.ssl: it must be on or off, not 'maybe'",
    "4:5: listeners.b: 'certfile' or 'keyfile' configuration parameter missing",
    "5:36: auth.allow-anonymous: it must be on or off, not 'true / false'",
    "6:46: topic-check.acl.u[1]: it must be a topic filter, not a number",
    "6:50: topic-check.acl.v: it must be a list, not text",
    "7:10: limits.receive-maximum: it must be from 1 to 65535, not 0",
    "7:30: limits.maximum-qoss: there is no such key (did you mean 'maximum-qos'?)",
    "8:1: auht: there is no such section (did you mean 'auth'?)",
    "9:1: topic_chek: there is no such section (did you mean 'topic-check'?)",
    "10:1: max-qos: it must be from 0 to 2, not 3",
    "11:1: security: it must be one of hardened, default, not 'hardend' (did you mean 'hardened'?)",
    "12:1: timeout-disconnect-delay: it must be a number of seconds, not text",
]
MORE_MISTAKES = [
    "3:9: listeners.a.bind: Invalid port value in bind value: 127.0.0.1:abc",
    "5:18: auth.plugins[0]: there is no plugin 'auth.anonymus' (did you mean 'auth_anonymous'?)",
    "6:40: topic-check.acl.u[0]: ",
]
"""These begin so; the rest is said by other parts."""


def test_every_mistake_is_said_at_once_with_its_place(write: Callable[..., Path]) -> None:
    path = write(WRONG)
    with pytest.raises(BrokerError) as caught:
        load(path)
    said = str(caught.value).splitlines()
    assert len(said) == len(MISTAKES) + len(MORE_MISTAKES)
    assert {f"{path}:{mistake}" for mistake in MISTAKES} < set(said)
    assert all(any(line.startswith(f"{path}:{text}") for line in said) for text in MORE_MISTAKES)


def test_in_a_dictionary_a_mistake_has_its_path_only() -> None:
    with pytest.raises(BrokerError) as caught:
        load({"limits": {"receive_maximum": True}})
    assert str(caught.value) == "limits.receive_maximum: it must be a whole number, not on or off"


def test_a_mistake_in_what_is_inherited_is_said_once_and_where_it_stands() -> None:
    with pytest.raises(BrokerError) as caught:
        load({"listeners": {"default": {"type": "TCP"}, "a": {"bind": 1}, "b": {"bind": 2}}})
    assert str(caught.value) == (
        "listeners.default.type: it must be one of tcp, ws, unix, external, http, not 'TCP' "
        "(did you mean 'tcp'?)"
    )


@pytest.mark.parametrize("name", ["oauth", "authz", "limiter", "my-plugin", "x"])
def test_a_section_that_only_resembles_one_of_ours_is_its_plugins(name: str) -> None:
    assert load({name: {"a": 1}}).sections == {name: {"a": 1}}


@pytest.mark.parametrize("name", ["Auth", "LISTENERS", "Topic-Check"])
def test_a_section_in_capitals_is_one_of_ours_misspelt(name: str) -> None:
    with pytest.raises(BrokerError, match=f"{name}: there is no such section .did you mean '{name.lower()}'"):
        load({name: {}})


def test_a_section_that_resembles_one_of_ours_is_told_of() -> None:
    assert load({"oauth": {}}).notices == ("oauth: it is left to plugins (did you mean 'auth'?)",)


@pytest.mark.parametrize("source", [5, ["a"], object()])
def test_a_configuration_is_a_dictionary_or_a_path(source: Any) -> None:
    with pytest.raises(BrokerError, match="a configuration is a dictionary or the path of a file, not a"):
        load(source)


def test_keys_must_be_text() -> None:
    with pytest.raises(BrokerError, match="the key 5 must be text"):
        load({5: 1})  # type: ignore[dict-item]
    with pytest.raises(BrokerError, match="listeners: a listener's name must be text, not 7"):
        load({"listeners": {7: {"bind": 1}}})


def test_a_dictionary_that_contains_itself_is_refused() -> None:
    knot: dict[str, object] = {}
    knot["again"] = knot
    with pytest.raises(BrokerError, match="mine: its sections are nested too deeply"):
        load({"mine": knot})


def test_a_config_is_taken_as_it_is() -> None:
    config = Config(
        listeners={"a": ListenerSettings("a", bind=("127.0.0.1", 0))}, limits=Limits(receive_maximum=7)
    )
    assert load(config) == config


def test_a_config_is_checked_too() -> None:
    limits = Limits(receive_maximum=0, stall_timeout=-1.0)
    wrong = Config(limits=limits, listeners={"a": ListenerSettings("a", bind="x:y")})
    with pytest.raises(BrokerError) as caught:
        load(wrong)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "limits.receive_maximum", "limits.stall_timeout", "listeners.a.bind",
    ]  # fmt: skip


def test_two_configurations_are_independent() -> None:
    first = load({"listeners": {"a": {"bind": 1}}, "auth": {"allow-anonymous": False}})
    second = load()
    assert set(second.listeners) == {"default"}
    assert second.auth != first.auth


EXPOSED = {"bind": "0.0.0.0:1883"}
LOCAL = {"bind": "127.0.0.1:1883"}
PASSWORDS = {"allow-anonymous": False, "password-file": "p"}
TLS = {"ssl": "on", "certfile": "c", "keyfile": "k"}
LISTS = {"u": ["a"]}
CONCERNS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"listeners": {"a": LOCAL}}, []),
    (
        {
            "listeners": {
                "a": {"bind": "[::1]:1883"},
                "b": {"bind": "LOCALHOST:1"},
                "c": {"bind": "127.1.2.3:1"},
            }
        },
        [],
    ),
    ({"listeners": {"a": {"type": "unix", "path": "s"}}}, []),
    ({"listeners": {"a": EXPOSED}}, ["listeners.a: anyone who reaches it (0.0.0.0:1883) may connect"]),
    ({"listeners": {"a": {"bind": 1883}}}, ["listeners.a: anyone"]),
    (
        {"listeners": {"a": {"bind": "my.host:1883"}, "b": {"bind": ":2"}, "c": LOCAL}},
        ["listeners.a: any", "listeners.b: any"],
    ),
    ({"listeners": {"a": EXPOSED}, "auth": {"allow-anonymous": True}}, []),
    (
        {"listeners": {"a": EXPOSED}, "auth": {"password-file": "p"}},
        ["listeners.a: anyone", "listeners.a: passwords"],
    ),
    ({"listeners": {"a": EXPOSED}, "auth": PASSWORDS}, ["listeners.a: passwords reach it unencrypted"]),
    ({"listeners": {"a": {**EXPOSED, **TLS}}, "auth": PASSWORDS}, []),
    ({"listeners": {"a": LOCAL}, "auth": PASSWORDS}, []),
    ({"auth": {"plugins": []}}, ["auth: nobody is asked"]),
    ({"auth": {"plugins": ["auth_file"]}}, ["auth: nobody is asked"]),
    ({"auth": {"allow-anonymous": False}}, ["auth.password-file is not set: every user name is refused"]),
    ({"auth": {"plugins": ["auth_anonymous"], "password-file": "p"}}, ["auth.password-file is not used"]),
    ({"auth": {"plugins": ["auth_anonymous"], "scram-file": "p"}}, ["auth.scram-file is not used"]),
    ({"auth": {"scram-file": "p"}}, []),
    ({"topic-check": {"acl": LISTS}}, ["topic-check.acl: not applied, because topic-check.enabled is off"]),
    (
        {"topic-check": {"acl": LISTS, "publish-acl": LISTS}},
        ["topic-check.acl, topic-check.publish-acl: not applied"],
    ),
    (
        {"topic-check": {"enabled": True, "plugins": ["topic_taboo"], "acl": LISTS}},
        ["topic-check.acl: not applied"],
    ),
    ({"topic-check": {"enabled": True, "plugins": []}}, ["topic-check.plugins is empty"]),
    ({"topic-check": {"enabled": True}}, ["topic-check.acl is not set: nobody may subscribe"]),
    ({"topic-check": {"enabled": True, "acl": LISTS}}, ["topic-check grants by user name, and no password"]),
    ({"topic-check": {"enabled": True, "acl": LISTS}, "auth": PASSWORDS}, []),
]


@pytest.mark.parametrize(("source", "beginnings"), CONCERNS)
def test_what_is_of_concern_is_told(source: dict[str, Any], beginnings: list[str]) -> None:
    notices = load(source).notices
    assert len(notices) == len(beginnings)
    assert all(notice.startswith(text) for notice, text in zip(notices, beginnings, strict=True))


@pytest.mark.parametrize(("source", "beginnings"), CONCERNS)
def test_what_is_of_concern_does_not_start_where_it_is_hardened(
    source: dict[str, Any], beginnings: list[str]
) -> None:
    source = {**source, "security": "hardened"}
    if not beginnings:
        assert load(source).hardened
        return
    with pytest.raises(BrokerError) as caught:
        load(source)
    assert all(text in str(caught.value) for text in beginnings)


def test_the_warning_shows_the_lines_to_add() -> None:
    notice = load({"listeners": {"a": EXPOSED}}).notices[0]
    assert "auth:\n        allow-anonymous: false\n        password-file: " in notice


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [
        ({"allow-anonymous": True}, "Anyone who reaches a listener may connect"),
        ({"plugins": []}, "Nobody may connect"),
        ({"plugins": ["auth_file"], "password-file": "p"}, "Whoever has a password in p may connect"),
        ({"allow-anonymous": False, "password-file": "p"}, "Whoever has a password in p may connect"),
        ({"password-file": "p", "scram-file": "s", "allow-anonymous": False},
         "Whoever has a password in p or s may connect"),
        ({"allow-anonymous": False}, "Nobody may connect"),
        ({"plugins": ["auth_anonymous"], "allow-anonymous": False},
         "Whoever states a user name may connect, unchecked"),
    ],
)
def test_one_sentence_says_who_may_connect(auth: dict[str, Any], sentence: str) -> None:
    assert load({"auth": auth}).who_may_connect == sentence


KEYS = [
    "listeners",
    "auth",
    "topic-check",
    "topic_check",
    "limits",
    "plugins",
    "security",
    "sys_interval",
    "max-qos",
    "default",
    "bind",
    "ssl",
    "enabled",
    "acl",
    "allow-anonymous",
    "type",
    "u",
    "amqtt.plugins.x.Y",
]
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | scalars, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), trees, max_size=5))
def test_any_dictionary_is_a_config_or_a_broker_error(source: dict[str, Any]) -> None:
    try:
        config = load(source)
    except BrokerError:
        return
    assert isinstance(config, Config)
