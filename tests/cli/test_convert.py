"""`amqtt convert`: what a mosquitto.conf says, in our words, and never more than it allowed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from amqtt.cli.command import app
from amqtt.config_file import load
from amqtt.errors import ConfigurationError

WHOLE = """\
# a broker of a family
listener 1883 127.0.0.1
max_connections 7
listener 9001
protocol websockets
websockets_origin https://a.example
listener 0 /run/mosquitto.sock
listener 8883 ::1
certfile /c.pem
keyfile /k.pem
cafile /ca.pem
require_certificate true
tls_version tlsv1.3
password_file /passwd
acl_file /acl
max_inflight_messages 0
max_inflight_bytes 5000
global_max_connections 100
global_max_clients -1
max_queued_messages 50
max_packet_size 100000
max_keepalive 600
persistent_client_expiration 2w
sys_interval 30
retain_available false
"""


def converted(folder: Path, text: str, status: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The configuration, and the remarks that are not harmless."""
    path = folder / "mosquitto.conf"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["convert", "--json", str(path)])
    assert result.exit_code == status, result.output
    report = json.loads(result.stdout)
    load(report["configuration"])
    return report["configuration"], [remark for remark in report["remarks"] if not remark["harmless"]]


def test_what_both_know_is_carried_over(tmp_path: Path) -> None:
    assert converted(tmp_path, WHOLE) == ({
        "listeners": {
            "listener-1": {"type": "tcp", "bind": "127.0.0.1:1883", "max-connections": 7},
            "listener-2": {"type": "ws", "bind": ":9001", "allowed-origins": ["https://a.example"]},
            "listener-3": {"type": "unix", "path": "/run/mosquitto.sock"},
            "listener-4": {
                "type": "tcp", "bind": "[::1]:8883", "certfile": "/c.pem", "keyfile": "/k.pem",
                "cafile": "/ca.pem", "require-certificate": True, "minimum-tls-version": "1.3", "ssl": True,
            },
        },
        "auth": {"allow-anonymous": False, "password-file": "/passwd"},
        "topic-check": {"enabled": True, "acl-file": "/acl"},
        "sys-interval": 30,
        "session-expiry-interval": 14 * 86400,
        "limits": {
            "maximum-inflight": 65535, "receive-maximum": 65535, "maximum-inflight-bytes": 5000,
            "maximum-connections": 100, "maximum-queued-messages": 50,
            "maximum-packet-size": 100000, "maximum-keep-alive": 600, "retain-available": False,
        },
    }, [])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "auth"),
    [
        ("", {"allow-anonymous": True}),
        ("listener 1883\n", {"allow-anonymous": False}),
        ("port 1883\n", {"allow-anonymous": False}),
        ("listener 1883\nallow_anonymous true\n", {"allow-anonymous": True}),
        ("plugin /x.so\n", {"allow-anonymous": False}),
        ("listener 1883\nallow_anonymous true\nauth_plugin /x.so\n", {"allow-anonymous": False}),
        ("allow_anonymous true\nlistener 1\nuse_identity_as_username true\n", {"allow-anonymous": False}),
        ("listener 1883\npassword_file p\n", {"allow-anonymous": False, "password-file": "p"}),
        ("max_connections 10\n", {"allow-anonymous": True}),
        ("allow_anonymous falst\n", {"allow-anonymous": False}),
        ("listener many\n", {"allow-anonymous": False}),
        ("per_listener_settings yes\nlistener 1\nallow_anonymous true\nlistener 2\n", {}),
        ("allow_anonymous true\nlistener 1\nlistener_allow_anonymous falst\n", {"allow-anonymous": False}),
        ("allow_anonymous true\nlistener 1\nlistener_allow_anonymous false\n", {"allow-anonymous": False}),
        ("allow_anonymous false\nlistener 1\nlistener_allow_anonymous true\n", {"allow-anonymous": True}),
        ("listener 1\nlistener_allow_anonymous true\nlistener 2\n", {"allow-anonymous": False}),
        (
            "allow_anonymous true\nlistener 1\nlistener 2\nlistener_allow_anonymous false\n",
            {"allow-anonymous": False},
        ),
        ("port 1\nlistener 2\nlistener_allow_anonymous true\n", {"allow-anonymous": False}),
        ("per_listener_settings true\nlistener 1\nallow_anonymous true\nlistener 2\n", {}),
        (
            "per_listener_settings true\nlistener 1\nallow_anonymous 1\nlistener 2\nallow_anonymous 1\n",
            {"allow-anonymous": True},
        ),
    ],
)
def test_nobody_gets_in_whom_mosquitto_would_refuse(tmp_path: Path, text: str, auth: dict[str, Any]) -> None:
    assert converted(tmp_path, text)[0]["auth"] == auth


@pytest.mark.parametrize(
    ("line", "key"), [("plugin /x.so\nplugin_opt_a b", "plugin"), ("mount_point a/", "mount_point")]
)
def test_where_something_else_ruled_the_topics_nothing_is_granted(
    tmp_path: Path, line: str, key: str
) -> None:
    configuration, remarks = converted(tmp_path, f"listener 1883\n{line}\n")
    assert configuration["topic-check"] == {"enabled": True, "plugins": []}
    assert [remark["key"] for remark in remarks] == [key, "topic-check"]


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("listener 1\nbind_interface eth0\n", "localhost:1"),
        ("listener 1 10.0.0.1\nbind_interface eth0\n", "10.0.0.1:1"),
        ("port 1\nbind_interface eth0\n", "localhost:1"),
        ("max_connections 10\n", "localhost:1883"),
    ],
)
def test_no_listener_is_reached_from_more_places_than_in_mosquitto(
    tmp_path: Path, text: str, bind: str
) -> None:
    assert converted(tmp_path, text)[0]["listeners"]["default"]["bind"] == bind


@pytest.mark.parametrize("line", ["listener 0", "listener many", "listener"])
def test_a_listener_that_cannot_be_read_is_not_opened(tmp_path: Path, line: str) -> None:
    configuration, remarks = converted(tmp_path, f"{line}\nmax_connections 3\nlistener 1 ::1\n")
    assert configuration["listeners"] == {
        "listener-1": {"type": "tcp", "max-connections": 3},
        "listener-2": {"type": "tcp", "bind": "[::1]:1"},
    }
    assert [remark["key"] for remark in remarks] == ["listener"]


@pytest.mark.parametrize("lines", ["certfile", "keyfile /k.pem", "certfile /c.pem"])
def test_a_listener_for_tls_never_becomes_one_without(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "mosquitto.conf"
    path.write_text(f"listener 1883\n{lines}\nrequire_certificate yes\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["convert", "--json", str(path)])
    report = json.loads(result.stdout)
    listener = report["configuration"]["listeners"]["default"]
    assert listener["ssl"] is True
    assert listener["require-certificate"] is True
    assert {"require_certificate", "listeners.default"} <= {remark["key"] for remark in report["remarks"]}
    with pytest.raises(ConfigurationError):
        load(report["configuration"])


def test_where_listeners_differ_in_who_needs_a_name_it_is_said(tmp_path: Path) -> None:
    _, remarks = converted(tmp_path, "listener 1\nlistener_allow_anonymous true\nlistener 2\n")
    assert [remark["key"] for remark in remarks] == ["listener_allow_anonymous"]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("nonsense 3", "nonsense"),
        ("connection cloud\naddress 1.2.3.4\ntopic # both", "connection"),
        ("tls_version tlsv1.1", "tls_version"),
        ("max_queued_messages 0", "max_queued_messages"),
        ("max_packet_size 20", "limits.maximum-packet-size"),
        ("sys_interval many", "sys_interval"),
        ("persistent_client_expiration 3 days", "persistent_client_expiration"),
        ("max_inflight_bytes 0", "max_inflight_bytes"),
        ("bind_interface eth0", "bind_interface"),
        ("listener_auto_id_prefix x-", "listener_auto_id_prefix"),
        ("listener_allow_anonymous perhaps", "listener_allow_anonymous"),
        ("allow_anonymous perhaps", "allow_anonymous"),
        ("retain_available perhaps", "retain_available"),
        ("protocol http_api", "protocol"),
    ],
)
def test_what_is_not_carried_over_is_said(tmp_path: Path, line: str, key: str) -> None:
    _, remarks = converted(tmp_path, f"listener 1883\n{line}\n")
    assert [remark["key"] for remark in remarks] == [key]


PASSWORDS = "/usr/lib/mosquitto_password_file.so"
RULES = "C:\\Mosquitto\\mosquitto_acl_file.dll"
BOTH = {
    "auth": {"allow-anonymous": False, "password-file": "/p"},
    "topic-check": {"enabled": True, "acl-file": "/a"},
}
ANOTHER = "plugin_opt_password_file /q\n"
USE = "plugin_use p\nplugin_use a\n"
OPTIONS = "plugin_opt_password_file /p\n", "plugin_opt_acl_file /a\n"

LOAD = f"plugin_load p {PASSWORDS}\n{OPTIONS[0]}plugin_load a {RULES}\n{OPTIONS[1]}"


def access(configuration: dict[str, Any]) -> dict[str, Any]:
    return {key: configuration[key] for key in ("auth", "topic-check") if key in configuration}


@pytest.mark.parametrize(
    "text",
    [
        f"listener 1\nplugin {PASSWORDS}\n{OPTIONS[0]}plugin {RULES}\n{OPTIONS[1]}",
        f"global_plugin {PASSWORDS}\n{OPTIONS[0]}global_plugin {RULES}\n{OPTIONS[1]}listener 1\nlistener 2\n",
        f"{LOAD}listener 1\n{USE}",
        f"{LOAD}port 1\n{USE}listener 2\n{USE}",
    ],
)
def test_plugins_that_only_read_a_file_are_that_file(tmp_path: Path, text: str) -> None:
    configuration, remarks = converted(tmp_path, text)
    assert access(configuration) == BOTH
    assert remarks == []


@pytest.mark.parametrize(
    "text",
    [
        f"plugin_load p {PASSWORDS}\n{OPTIONS[0]}listener 1\nplugin_use p\nlistener 2\n",
        f"listener 1\nplugin {PASSWORDS}\n{OPTIONS[0]}listener 2\nplugin {PASSWORDS}\n{ANOTHER}",
        f"per_listener_settings true\nport 3\nlistener 1\nplugin {PASSWORDS}\n{OPTIONS[0]}",
    ],
)
def test_where_listeners_have_files_of_their_own_nobody_may_enter(tmp_path: Path, text: str) -> None:
    configuration, remarks = converted(tmp_path, text)
    assert access(configuration) == {"auth": {}}
    assert [remark["key"] for remark in remarks] == ["per_listener_settings"]


def test_a_file_plugin_that_no_listener_uses_lets_nobody_in(tmp_path: Path) -> None:
    text = f"plugin_load p {PASSWORDS}\n{OPTIONS[0]}listener 1\n"
    assert access(converted(tmp_path, text)[0]) == {"auth": {"allow-anonymous": False}}


@pytest.mark.parametrize("more", ["", f"{OPTIONS[1]}plugin {RULES}\nplugin_opt_acl_file /b\n"])
def test_a_file_plugin_without_one_file_grants_nothing(tmp_path: Path, more: str) -> None:
    path = tmp_path / "mosquitto.conf"
    path.write_text(f"listener 1\nplugin {RULES}\n{more}", encoding="utf-8")
    report = json.loads(CliRunner().invoke(app, ["convert", "--json", str(path)]).stdout)
    assert report["configuration"]["topic-check"] == {"enabled": True, "acl-file": ""}
    assert report["remarks"][-1]["key"] == "topic-check.acl-file"
    with pytest.raises(ConfigurationError):
        load(report["configuration"])


def test_a_plugin_that_keeps_sessions_closes_no_door(tmp_path: Path) -> None:
    text = "plugin /usr/lib/mosquitto_persist_sqlite.so\npersistence_location /data\nallow_anonymous true\n"
    configuration, remarks = converted(tmp_path, text)
    assert configuration == {"auth": {"allow-anonymous": True}, "persistence": {"file": "/data/amqtt.db"}}
    assert [remark["key"] for remark in remarks] == ["plugin"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", None),
        ("persistence false\n", {"durability": "memory"}),
        ("persistence true\n", None),
        ("persistence_location /var/lib/m/\npersistence true\n", {"file": "/var/lib/m/amqtt.db"}),
    ],
)
def test_what_is_kept_is_kept_in_the_same_folder(
    tmp_path: Path, text: str, kept: dict[str, Any] | None
) -> None:
    assert converted(tmp_path, text)[0].get("persistence") == kept


@pytest.mark.parametrize("key", ["max_qos", "maximum_qos"])
def test_both_names_of_the_maximum_qos_are_known(tmp_path: Path, key: str) -> None:
    configuration, missed = converted(tmp_path, f"listener 1883\n{key} 1\nretry_interval 20\n")
    assert (configuration["limits"], missed) == ({"maximum-qos": 1}, [])


def test_after_a_bridge_a_listener_is_read_again(tmp_path: Path) -> None:
    configuration, _ = converted(tmp_path, "connection c\naddress a\nlistener 1884\n")
    assert configuration["listeners"] == {"default": {"type": "tcp", "bind": ":1884"}}


def test_included_folders_are_read_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("sys_interval 7\n", encoding="utf-8")
    (tmp_path / "conf.d" / "a.conf").write_text("sys_interval 5\n", encoding="utf-8")
    (tmp_path / "conf.d" / "c.txt").write_text("sys_interval 9\n", encoding="utf-8")
    configuration, _ = converted(tmp_path, f"include_dir {tmp_path}/conf.d\n")
    assert configuration["sys-interval"] == 7


@pytest.mark.parametrize("content", [b"\xff\n", b"include_dir .\n", b"include_dir missing\n"])
def test_what_cannot_be_read_is_one_message_and_exit_status_1(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "self.conf"
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["convert", str(path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("amqtt: ")


def test_the_yaml_says_itself_what_is_missing(tmp_path: Path) -> None:
    path, output = tmp_path / "mosquitto.conf", tmp_path / "amqtt.yaml"
    path.write_text("listener 1883\nallow_anonymous true\nnonsense 3\nlog_type all\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["convert", str(path), "-o", str(output)])
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == f"{path}:3: nonsense: it is not known here"
    assert "log_type" not in result.stderr
    text = output.read_text(encoding="utf-8")
    assert "#   " + f"{path}:3: nonsense: it is not known here" in text
    assert "log_type" in text
    assert yaml.safe_load(text)["auth"] == {"allow-anonymous": True}


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mosquitto.conf"
    path.write_text("", encoding="utf-8")
    result = CliRunner().invoke(app, ["convert", str(path), "-o", str(path)])
    assert result.exit_code == 1
    assert path.read_text(encoding="utf-8") == ""
