"""Rules in the form of Mosquitto's acl_file: as Mosquitto reads them, and never wider."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.abc import ConnectRequest, Peer
from amqtt.access.mosquitto_acl import MosquittoAcl, overlap, read_acl
from amqtt.access.policy import TopicRules
from amqtt.errors import ConfigurationError
from amqtt.topics.names import matches

FILE = """\
# those without a name
topic read public/#
topic $SYS/broker/uptime

user alice
topic readwrite rooms/+/light
topic read rooms/#
topic deny rooms/secret/#
topic write log/alice   x

user bob
pattern write devices/%c/up
pattern read devices/%u/down/%c
"""

Rules = Callable[..., TopicRules]


@pytest.fixture
def acl(tmp_path: Path) -> MosquittoAcl:
    path = tmp_path / "acl"
    path.write_text(FILE, encoding="utf-8")
    return read_acl(path)


def rules_of(acl: MosquittoAcl, user: str | None, client_id: str = "d1") -> TopicRules:
    return acl.rules_for(user, ConnectRequest(client_id, user, None, Peer()))


@pytest.mark.parametrize(
    ("user", "action", "topic", "granted"),
    [
        (None, "receive", "public/a/b", True),
        (None, "receive", "public", True),
        (None, "publish", "public/a", False),
        (None, "publish", "$SYS/broker/uptime", True),
        (None, "receive", "rooms/a/light", False),
        ("", "receive", "public/a", True),
        ("alice", "receive", "public/a", False),
        ("alice", "publish", "rooms/a/light", True),
        ("alice", "publish", "rooms/secret/light", False),
        ("alice", "receive", "rooms/secret/light", False),
        ("alice", "receive", "rooms/secret", False),
        ("alice", "receive", "rooms/a/b/c", True),
        ("alice", "publish", "rooms/a/b/c", False),
        ("alice", "publish", "log/alice   x", True),
        ("alice", "publish", "devices/d1/up", True),
        ("bob", "publish", "devices/d1/up", True),
        ("bob", "publish", "devices/d2/up", False),
        ("bob", "receive", "devices/bob/down/d1", True),
        ("nobody", "receive", "public/a", False),
        (None, "receive", "devices//down/d1", False),
    ],
)
def test_rules_decide_as_in_mosquitto(
    acl: MosquittoAcl, user: str | None, action: str, topic: str, granted: bool
) -> None:
    rules = rules_of(acl, user)
    for _ in "first", "remembered":
        assert (rules.publish(topic) if action == "publish" else rules.receive(topic)) is granted


@pytest.mark.parametrize(
    ("topic_filter", "granted"),
    [("#", True), ("rooms/+", True), ("rooms/secret/#", True), ("other/#", False), ("+/a/light", True)],
)
def test_a_subscription_is_granted_that_can_bring_something(
    acl: MosquittoAcl, topic_filter: str, granted: bool
) -> None:
    assert rules_of(acl, "alice").subscribe(topic_filter) is granted


@pytest.mark.parametrize("name", ["+", "#", "a/b", "", "a\0"])
def test_a_name_with_which_a_pattern_would_grant_more_is_granted_nothing_by_it(
    acl: MosquittoAcl, name: str
) -> None:
    rules = rules_of(acl, "bob", name)
    assert not rules.publish(f"devices/{name}/up")
    assert not rules.publish("devices/x/up")


DENYING = """\
user alice
topic readwrite #
pattern readwrite open/#
pattern deny secret/%u/#
pattern deny devices/%c/keys
pattern deny vault/#
"""


@pytest.mark.parametrize(
    ("client_id", "denied", "granted"),
    [
        ("d1", "devices/d1/keys", "devices/d2/keys"),
        ("a/b", "devices/a/b/keys", "devices/a/c/keys"),
        ("+", "devices/d2/keys", "sensors/d2"),
        ("#", "devices/#", "sensors/d2"),
        ("x+", "devices/x/keys", "sensors/d2"),
    ],
)
def test_no_name_makes_a_denial_smaller(tmp_path: Path, client_id: str, denied: str, granted: str) -> None:
    path = tmp_path / "acl"
    path.write_text(DENYING, encoding="utf-8")
    rules = rules_of(read_acl(path), "alice", client_id)
    for topic in denied, "vault/x", "secret/alice/x":
        assert not rules.publish(topic)
        assert not rules.receive(topic)
    assert rules.publish(granted)


@pytest.mark.parametrize(("user", "client_id"), [("+", "d1"), ("a#", "d1"), ("bob", "d+"), (None, "#")])
def test_no_pattern_grants_anything_to_a_name_with_a_wildcard(
    tmp_path: Path, user: str | None, client_id: str
) -> None:
    path = tmp_path / "acl"
    path.write_text(DENYING, encoding="utf-8")
    acl = read_acl(path)
    assert rules_of(acl, "bob").publish("open/x")
    assert not rules_of(acl, user, client_id).publish("open/x")


def test_a_user_called_like_a_mark_is_only_that(acl: MosquittoAcl) -> None:
    rules = rules_of(acl, "%c", "d9")
    assert rules.receive("devices/%c/down/d9") is True
    assert rules.receive("devices/d9/down/d9") is False


def test_it_says_which_line_decides(acl: MosquittoAcl, tmp_path: Path) -> None:
    rules = rules_of(acl, "alice")
    assert rules.why("publish", "rooms/a/light") == f"{tmp_path}/acl:6: readwrite rooms/+/light"
    assert rules.why("receive", "rooms/secret/x") == f"{tmp_path}/acl:8: deny rooms/secret/#"
    assert rules.why("publish", "x") == "no line grants it to write"


def test_every_mistake_of_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "acl"
    path.write_text("topic read a/#/b\nuser\ntopics x\ntopic read a\ntopic dney secret/#\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_acl(path)
    assert [(mistake.line, mistake.path) for mistake in raised.value.mistakes] == [
        (1, "topic-check.acl-file"), (2, "topic-check.acl-file"), (3, "topic-check.acl-file"),
        (5, "topic-check.acl-file"),
    ]


@pytest.mark.parametrize("content", [b"", b"# nothing\n\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file_grants_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "acl"
    path.write_bytes(content)
    rules = read_acl(path).rules(None)
    assert not rules.subscribe("#")
    assert not rules.publish("a")
    assert not rules.receive("a")


def test_a_file_that_is_not_there_or_not_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"topic read \xff\n")
    for path in (tmp_path / "missing", tmp_path / "bytes", tmp_path):
        with pytest.raises(ConfigurationError, match="acl-file"):
            read_acl(path)


LEVEL = st.sampled_from(["a", "b", "+", "$x", ""])
FILTERS = st.lists(LEVEL, min_size=1, max_size=3).flatmap(
    lambda levels: st.sampled_from(["/".join(levels), "/".join([*levels, "#"])])
)
TOPICS = [
    "/".join(levels)
    for first in ("a", "b", "$x", "")
    for length in range(4)
    for rest in product(("a", "b", "$x", ""), repeat=length)
    for levels in [[first, *rest]]
    if "/".join(levels)
]


@given(FILTERS, FILTERS)
def test_two_filters_that_share_a_topic_overlap(one: str, other: str) -> None:
    shared = any(matches(one, topic) and matches(other, topic) for topic in TOPICS)
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, other) or not shared
