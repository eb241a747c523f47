from pathlib import Path

import pytest

from amqtt.cli.state import state_file


def test_systemd_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/amqtt:/var/lib/other")
    assert state_file() == Path("/var/lib/amqtt/amqtt.db")


def test_else_it_is_in_the_state_home_of_the_user(state_home: Path) -> None:
    assert state_file() == state_home / "amqtt" / "amqtt.db"


@pytest.mark.parametrize("home", ["", "relative"])
def test_which_has_a_default(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", home)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert state_file() == Path("/home/somebody/.local/state/amqtt/amqtt.db")
