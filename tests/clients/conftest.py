"""One Broker with a Listener of each kind for all tests with Clients that others wrote."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import paho.mqtt.client as paho
import pytest

from support.commands import Commands, Mosquitto
from support.paho_client import Connects, Paho
from support.served import Served, serving
from support.tls import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def shared_broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tls = {"ssl": True, "certfile": authority.certfile, "keyfile": authority.keyfile}
    anywhere = "127.0.0.1:0"
    config = {
        "listeners": {
            "tcp": {"bind": anywhere},
            "tls": {"bind": anywhere, **tls},
            "certified": {"bind": anywhere, **tls, "cafile": authority.cafile, "require-certificate": True},
            "ws": {"bind": anywhere, "type": "ws"},
            "wss": {"bind": anywhere, "type": "ws", **tls},
            "unix": {"type": "unix", "path": str(tmp_path_factory.mktemp("u") / "socket")},
        },
        "sys-interval": 1,
    }
    with serving(config) as served:
        yield served


@pytest.fixture
def served(shared_broker: Served) -> Iterator[Served]:
    """The Broker; a test in which it failed has failed."""
    shared_broker.forget()
    yield shared_broker
    assert shared_broker.forget() == []


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of the test's own, for its Client Identifiers and topics on a Broker that it shares."""
    test: str = request.node.name
    return "".join(letter if letter.isalnum() else "-" for letter in test)


@pytest.fixture
def commands() -> Iterator[Commands]:
    with Commands() as started:
        yield started


@pytest.fixture
def paho_client() -> Iterator[Connects]:
    """Make a paho client; it is closed in the end."""
    with ExitStack() as stack:

        def make(client_id: str, version: int = paho.MQTTv311, **options: Any) -> Paho:
            return stack.enter_context(Paho(client_id, version, **options))

        yield make


@pytest.fixture
def mosquitto(served: Served, commands: Commands) -> Mosquitto:
    return Mosquitto(commands, served.port("tcp"))
