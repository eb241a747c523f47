"""D7: a user name or Client Identifier is a name in rules: never a wildcard, a level too many, a pattern."""

from pathlib import Path

import pytest

from amqtt.abc import ConnectRequest, Peer
from amqtt.access.acl import AccessControlList
from amqtt.access.mosquitto_acl import read_acl

ODD = ["+", "#", ".*", "a/b", "^|x", "[a-z]", "%u", "%c", "a+", "a#", "", "a\0b", "/", "../alice", "alice/"]


@pytest.mark.parametrize("name", ODD)
def test_a_name_in_the_lists_is_compared_as_text(name: str) -> None:
    rules = AccessControlList({"alice": ["mail/alice/#"]}, {"alice": ["mail/alice/#"]}).rules(name)
    for topic in ("mail/alice/1", "mail/alice", "#", "+", "mail/+/1", f"mail/{name}/1"):
        assert rules.publish(topic) is False
        assert rules.subscribe(topic) is False


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("mark", ["%u", "%c"])
def test_a_name_in_a_pattern_grants_no_more_than_itself(tmp_path: Path, name: str, mark: str) -> None:
    file = tmp_path / "acl"
    file.write_text(f"pattern readwrite mail/{mark}/#\n")
    user, client_id = (name, "device") if mark == "%u" else ("somebody", name)
    request = ConnectRequest(client_id, user, None, Peer())
    rules = read_acl(file).rules_for(user or None, request)
    for topic in ("mail/alice/1", "mail/x/1", "mail/a/1", "mail/a/c/1", "mail", "other"):
        assert rules.publish(topic) is not True
        assert rules.receive(topic) is not True
    is_one_level = name and not set(name) & set("+#/\0")
    own = f"mail/{name}/1"
    assert (rules.publish(own) is True) is bool(is_one_level), "what is no level is filled in nowhere"
    assert (rules.subscribe(own) is True) is bool(is_one_level)
    assert rules.subscribe("#") is not True or rules.receive("mail/alice/1") is not True


def test_an_honest_name_is_granted_what_is_its_own(tmp_path: Path) -> None:
    file = tmp_path / "acl"
    file.write_text("pattern readwrite mail/%u/#\n")
    rules = read_acl(file).rules_for("alice", ConnectRequest("d", "alice", None, Peer()))
    assert rules.publish("mail/alice/1") is True
    assert rules.publish("mail/bob/1") is not True
