"""`amqtt acl test`: what is granted, and which rule decides."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amqtt.cli.acl import REFUSED
from amqtt.cli.command import app

LISTS = """\
topic-check:
  enabled: true
  plugins: [topic_acl]
  acl: {alice: [a/#, b], anonymous: [c]}
  publish-acl: {alice: [a/+]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "amqtt.yaml"
    path.write_text(LISTS, encoding="utf-8")
    return path


def answer(config: Path, *arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["acl", "test", "-c", str(config), *arguments])
    assert result.exit_code == status, result.output
    return result.stdout


def test_each_topic_is_granted_or_refused_by_a_rule(config: Path) -> None:
    said = answer(config, "--user", "alice", "--sub", "a/#", "--pub", "a/b", "--pub", "a/b/c", status=REFUSED)
    assert said.splitlines() == [
        "subscribe a/#: granted",
        "    topic_acl: topic-check.acl.alice: a/#",
        "publish a/b: granted",
        "    topic_acl: topic-check.publish-acl.alice: a/+",
        "publish a/b/c: refused",
        "    topic_acl: nothing in topic-check.publish-acl.alice covers it",
    ]


def test_all_granted_is_exit_status_0(config: Path) -> None:
    assert "granted" in answer(config, "--user", "alice", "--sub", "$share/group/a/+/#", "--receive", "x")


def test_who_has_no_name_or_no_entry_is_said(config: Path) -> None:
    assert "topic-check.acl.anonymous: c" in answer(config, "--sub", "c")
    said = answer(config, "--user", "bob", "--sub", "c", status=REFUSED)
    assert "topic-check.acl has no entry for bob" in said


def test_nobody_publishes_to_what_begins_with_a_dollar(config: Path) -> None:
    assert "no Client publishes to $" in answer(config, "--pub", "$SYS/x", status=REFUSED)


def test_the_rules_say_whether_a_bridge_says_that_it_is_connected(config: Path) -> None:
    config.write_text(LISTS.replace("[a/+]", "[a/+, $SYS/broker/connection/+/state]"), encoding="utf-8")
    own, other = (f"$SYS/broker/connection/{name}/state" for name in ("hut", "inn"))
    who = "--user", "alice", "--client-id", "hut"
    assert f"publish {own}: granted" in answer(config, *who, "--pub", own)
    assert f"publish {other}: refused" in answer(config, *who, "--pub", other, status=REFUSED)


def test_without_rules_everything_is_granted(tmp_path: Path) -> None:
    path = tmp_path / "amqtt.yaml"
    path.write_text("sys-interval: 3\n", encoding="utf-8")
    assert "there is no topic-check" in answer(path, "--sub", "#")


def test_a_rule_of_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("pattern write up/%c\n", encoding="utf-8")
    path = tmp_path / "amqtt.yaml"
    path.write_text(f"topic-check: {{acl-file: {tmp_path}/acl}}\n", encoding="utf-8")
    said = answer(path, "--client-id", "d1", "--pub", "up/d1")
    assert f"{tmp_path}/acl:1: write up/d1" in said


def test_the_answer_as_json(config: Path) -> None:
    (verdict,) = json.loads(answer(config, "--sub", "c", "--json"))
    assert verdict == {
        "action": "subscribe", "topic": "c", "granted": True,
        "reasons": ["topic_acl: topic-check.acl.anonymous: c"],
    }


@pytest.mark.parametrize("arguments", [(), ("--sub", "a/#/b"), ("--pub", "a/+")])
def test_a_question_that_cannot_be_asked_is_exit_status_2(config: Path, arguments: tuple[str, ...]) -> None:
    answer(config, *arguments, status=2)


def test_a_configuration_with_a_mistake_is_exit_status_1(tmp_path: Path) -> None:
    path = tmp_path / "amqtt.yaml"
    path.write_text("limits: {maximum-qos: 3}", encoding="utf-8")
    answer(path, "--sub", "a", status=1)
