"""`amqtt check`: every mistake at once, each with its place; else what the configuration comes to."""

import json
import os
from pathlib import Path
from threading import Thread

import pytest
import yaml
from typer.testing import CliRunner

from amqtt.cli.command import app
from amqtt.config_file import load
from support.tls import Authority


def checked(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.stdout


def written(folder: Path, text: str) -> Path:
    path = folder / "amqtt.yaml"
    path.write_text(text, encoding="utf-8")
    return path


MISTAKEN = """\
listeners:
  default: {typ: tcp, bind: 127.0.0.1:1883}
auth:
  allow-anonymous: maybe
limits: {recieve-maximum: 1}
"""


def test_every_mistake_has_its_place_its_key_and_a_guess(tmp_path: Path) -> None:
    path = written(tmp_path, MISTAKEN)
    assert checked(path, status=1).splitlines() == [
        f"{path}:2:13: listeners.default.typ: there is no such key (did you mean 'type'?)",
        f"{path}:4:3: auth.allow-anonymous: it must be on or off, not 'maybe'",
        f"{path}:5:10: limits.recieve-maximum: there is no such key (did you mean 'receive-maximum'?)",
    ]


def test_the_mistakes_as_json_have_their_parts(tmp_path: Path) -> None:
    path = written(tmp_path, MISTAKEN)
    report = json.loads(checked(path, "--json", status=1))
    assert report["usable"] is False
    assert report["mistakes"][0] == {
        "file": str(path), "line": 2, "column": 13, "path": "listeners.default.typ",
        "text": "there is no such key (did you mean 'type'?)",
    }


def test_files_that_a_broker_could_not_read_are_mistakes_where_they_are_named(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "listeners:\n  default: {type: tcp, bind: 1883, ssl: on, certfile: /no/cert, keyfile: /no/key}\n"
        "  http: {type: http, bind: 1, ssl: off, token-file: /no/token}\n"
        "auth:\n  password_file: /no/passwd\ntopic-check:\n  acl-file: /no/acl\n",
    )
    said = checked(path, status=1).splitlines()
    assert [line.removeprefix(f"{path}:").partition(": /")[0].partition(": C")[0] for line in said] == [
        "2:3: listeners.default",
        "3:41: listeners.http.token-file: token-file /no/token cannot be read: No such file or directory",
        "5:3: auth.password-file", "7:3: topic-check.acl-file",
    ]


def test_files_are_looked_for_beside_other_mistakes_but_not_those_of_what_is_wrong_itself(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        "listeners:\n  one: {bind: 1, ssl: on, certfile: /no/cert, keyfile: /no/key}\n"
        "  two: {bnd: 2, ssl: on, certfile: /no/cert, keyfile: /no/key}\n"
        "auth:\n  password-file: /no/passwd\n  allow-anonymous: maybe\n"
        "topic-check:\n  acl-file: /no/acl\nlimits: {recieve-maximum: 1}\n",
    )
    said = checked(path, status=1).splitlines()
    assert [line.removeprefix(f"{path}:").partition(": ")[0] for line in said] == [
        "2:3", "3:9", "6:3", "8:3", "9:10",
    ]


def test_a_mistake_in_a_file_of_rules_has_the_place_in_that_file(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("user a\ntopic read a/#/b\n", encoding="utf-8")
    path = written(tmp_path, f"topic-check: {{acl-file: {tmp_path}/acl}}\n")
    assert checked(path, status=1).startswith(f"{tmp_path}/acl:2:1: topic-check.acl-file: ")


def test_a_plugin_that_cannot_be_made_is_a_mistake(tmp_path: Path) -> None:
    path = written(tmp_path, "plugins: [{no.such.Plugin: {}}]\n")
    assert "no.such" in checked(path, status=1)


EVERYTHING = """\
listeners:
  default: {type: tcp, bind: '127.0.0.1:1883', max-connections: 7}
  web: {type: ws, bind: 'localhost:8883', path: /mqtt, allowed-origins: [https://a]}
  file: {type: unix, path: /run/x, mode: "0600"}
auth: {allow-anonymous: false, plugins: [auth_anonymous]}
topic-check: {enabled: true, plugins: [topic_acl], acl: {a: [b/#]}, publish-acl: {a: [c]}}
limits: {receive-maximum: 9, stall-timeout: 2}
sys-interval: 3
server-reference: other.example
theirs: {a: [1, {b: 2}]}
"""


def test_what_it_prints_is_the_same_configuration(tmp_path: Path) -> None:
    path = written(tmp_path, EVERYTHING)
    again = tmp_path / "again.yaml"
    again.write_text(checked(path), encoding="utf-8")
    first, second = load(path), load(again)
    assert (first, first.notices) == (second, second.notices)


def test_it_prints_every_default(tmp_path: Path) -> None:
    printed = yaml.safe_load(checked(written(tmp_path, "sys-interval: 3\n")))
    assert printed["listeners"]["default"]["bind"] == "localhost:1883"
    assert printed["limits"]["receive-maximum"] == 256
    assert printed["sys-interval"] == 3


def test_no_secret_is_printed(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = f"certfile: {authority.certfile}, keyfile: {authority.keyfile}"
    path = written(
        tmp_path,
        f"listeners: {{default: {{bind: 1, ssl: on, {pair}, keyfile-password: canary1, "
        f"server-names: {{a.example: {{{pair}, keyfile-password: canary2}}}}}}}}\n"
        "theirs: {password: canary3, db: {api_key: canary4, list: [{token: canary5}]}, secret: [canary6]}\n",
    )
    for said in checked(path), checked(path, "--json"):
        assert "canary" not in said
        assert said.count("(hidden)") == 6


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Listener default: programs of this machine reach it, unencrypted."),
        ("listeners: {default: {bind: 1883}}", "Listener default: other machines reach it, unencrypted;"),
        ("listeners: {default: {bind: 1883}}", "WARNING: listeners.default: anyone who reaches it"),
        ("listeners: {u: {type: unix, path: /x}}", "Listener u: /x: programs of this machine that may write"),
        ("auth: {allow-anonymous: true}", "Anyone who reaches a listener may connect."),
        ("auth: {}", "Nobody may connect."),
        ("topic-check: {enabled: true, acl: {}}", "Topics are granted by topic_taboo, topic_acl;"),
        ("topic-check: {enabled: true, plugins: []}", "Nobody may publish or subscribe."),
        ("auth: {allow-anonymous: true}", "Who is in may publish to every topic but $…, and subscribe to"),
    ],
)
def test_it_says_what_that_means_in_words(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in checked(written(tmp_path, text))


def test_with_tls_it_says_so(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    keys = f"certfile: {authority.certfile}, keyfile: {authority.keyfile}, cafile: {authority.cafile}"
    text = f"listeners: {{default: {{bind: 1883, ssl: on, {keys}, require-certificate: on}}}}"
    assert "encrypted with TLS 1.2 or newer; a certificate of the Client is required." in checked(
        written(tmp_path, text)
    )


def test_the_report_as_json_has_the_configuration_and_its_meaning(tmp_path: Path) -> None:
    report = json.loads(checked(written(tmp_path, EVERYTHING), "--json"))
    assert report["usable"] is True
    assert report["configuration"]["limits"]["receive-maximum"] == 9
    assert set(report["security"]) == {"listeners", "who", "topics", "concerns"}


def test_a_configuration_that_comes_through_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "plugins: [{amqtt.plugins.sys.broker.BrokerSysPlugin: {}}]\n"
    writer = Thread(target=pipe.write_text, args=[text], daemon=True)
    writer.start()
    assert "can be used" in checked(pipe)
    writer.join()
