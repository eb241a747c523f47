"""A configuration file that changes while the command runs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amqtt.broker import Broker
from amqtt.cli.reload import Reloading

BEGINNING = "listeners: {default: {bind: '127.0.0.1:0'}}\nauth: {allow-anonymous: true}\n"
DEADLINE = 60.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "amqtt.yaml"
    path.write_text(BEGINNING, encoding="utf-8")
    return path


def test_a_change_counts_once_it_is_not_going_on_any_more(file: Path) -> None:
    broker = Broker(file)
    reloading = Reloading(broker, file)
    reloading.look()
    file.write_text(BEGINNING + "limits: {maximum-qos:", encoding="utf-8")
    reloading.look()
    file.write_text(BEGINNING + "limits: {maximum-qos: 1}\n", encoding="utf-8")
    reloading.look()
    assert broker.config.limits.maximum_qos == 2
    reloading.look()
    assert broker.config.limits.maximum_qos == 1


def test_a_bad_file_is_told_once_and_changes_nothing(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker(file)
    reloading = Reloading(broker, file)
    users = "auth: {password-file: /no/users}\n"
    listeners, _ = BEGINNING.splitlines()
    file.write_text(f"{listeners}\n\nlimits: {{maximum-qos: 3}}\n{users}", encoding="utf-8")
    for _ in range(5):
        reloading.look()
    assert broker.config.limits.maximum_qos == 2
    (message,) = caplog.messages
    assert f"{file}:3:10: limits.maximum-qos: it must be from 0 to 2, not 3" in message
    assert f"{file}:4:8: auth.password-file: /no/users cannot be read" in message, "all that check says"
    file.unlink()
    for _ in range(3):
        reloading.look()
    assert len(caplog.records) == 2


def test_files_that_it_names_count_too(file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rules = tmp_path / "acl"
    rules.write_text("topic read a\n", encoding="utf-8")
    file.write_text(BEGINNING + f"topic-check: {{acl-file: {rules}}}\n", encoding="utf-8")
    reloading = Reloading(Broker(file), file)
    os.utime(rules, ns=(1, 1))
    for _ in range(3):
        reloading.look()
    assert caplog.messages == ["The configuration was read again"]


def test_what_takes_a_restart_is_a_warning(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    reloading = Reloading(Broker(file), file)
    assert reloading.reload()
    assert caplog.messages == []


def test_a_hangup_has_the_command_read_its_file_again(file: Path) -> None:
    command = [sys.executable, "-m", "amqtt", "-c", str(file), "--no-watch"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            while "may connect" not in process.stderr.readline():
                pass
            for text, said in (("limits: {maximum-qos: 3}\n", "everything stays"), ("", "read again")):
                file.write_text(BEGINNING + text, encoding="utf-8")
                process.send_signal(signal.SIGHUP)
                while said not in process.stderr.readline():
                    assert process.poll() is None
        finally:
            process.terminate()
        process.stderr.read()
        assert process.wait(DEADLINE) == 0
