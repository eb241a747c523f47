"""The package and somebody's plugin, built and installed once for all programs."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from support.commands import Commands
from support.installed import Environment, Program, Starts, pip, surroundings
from support.paho_client import Connects, Paho

collect_ignore = ["programs"]

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
DISTRIBUTION = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "src")
SETUPTOOLS = 77

def can_build() -> bool:
    """Whether this environment has a setuptools that knows how; else pip fetches one."""
    try:
        return int(version("setuptools").partition(".")[0]) >= SETUPTOOLS
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and somebody's plugin, built; and whatever they and the programs need."""
    folder = tmp_path_factory.mktemp("wheels")
    # A copy: to build leaves things behind, and would take things along that were left behind before.
    source = folder / "amqtt"
    source.mkdir()
    for name in DISTRIBUTION:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    plugin = shutil.copytree(PROGRAMS / "house_auth", folder / "house_auth")
    build = ["--no-build-isolation"] if can_build() else []
    pip(folder, "wheel", *build, "--no-deps", "--wheel-dir", "wheels", source, plugin)
    (built,) = (folder / "wheels").glob("amqtt-*.whl")
    pip(
        folder, "wheel", "--wheel-dir", "wheels", "--find-links", "wheels", built, "pytest",
        "pytest-asyncio", "paho-mqtt",
    )
    return folder / "wheels"


@pytest.fixture(scope="session")
def installed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `pip install amqtt` makes, and what a project with tests adds."""
    packages = ("amqtt", "pytest", "pytest-asyncio", "paho-mqtt")
    return Environment(tmp_path_factory.mktemp("installed"), wheels, *packages)


@pytest.fixture(scope="session")
def with_plugin(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `pip install house-auth` makes: amqtt comes with it."""
    return Environment(tmp_path_factory.mktemp("with_plugin"), wheels, "house-auth")


@pytest.fixture
def commands() -> Iterator[Commands]:
    with Commands() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the programs are, without anything else of the checkout."""
    return Path(shutil.copytree(PROGRAMS, tmp_path / "programs"))


@pytest.fixture
def start(commands: Commands, folder: Path) -> Starts:
    """Start a script of an environment; names with values are variables of its environment."""

    def start_one(environment: Environment, script: str, *arguments: object, **settings: str) -> Program:
        running = commands.start(
            environment.script(script), *arguments, folder=folder, environment=surroundings() | settings
        )
        return Program(running)

    return start_one


@pytest.fixture
def paho_client() -> Iterator[Connects]:
    """Make a paho client; it is closed in the end."""
    with ExitStack() as stack:

        def make(client_id: str, version: int = paho.MQTTv311, **options: Any) -> Paho:
            return stack.enter_context(Paho(client_id, version, **options))

        yield make
