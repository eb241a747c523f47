"""Fixtures for pytest: brokers in a thread of the test's own process, each on a port of its own.

    def test_it(mqtt_broker, capmqtt):
        program_that_publishes(mqtt_broker.url)
        assert capmqtt.wait_for("sensors/+").payload == b"21"

pytest finds them by itself where amqtt is installed. Nothing of amqtt is loaded before a test asks.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from amqtt.testing.broker import CapturedMessages, MqttBroker

_DAYS = 30
"""Of a certificate: one that is about to expire would be warned of."""
_FAREWELL = 0.1
"""Seconds that clients of a test that is over have to go: some were forgotten, and never will."""


@pytest.fixture(scope="session")
def _mqtt_certificates(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[], Path]":
    """The folder with a CA and a server certificate, made when the first test wants TLS."""
    made: list[Path] = []

    def certificates() -> Path:
        from amqtt.cli.authority import Authority, MissingLibrary

        if not made:
            folder = tmp_path_factory.mktemp("mqtt-certificates")
            try:
                Authority(folder, _DAYS).server("server", ["localhost", "127.0.0.1", "::1"])
            except MissingLibrary as missing:
                pytest.skip(str(missing))
            made.append(folder)
        return made[0]

    return certificates


@pytest.fixture
def mqtt_broker_factory(
    tmp_path: Path, _mqtt_certificates: "Callable[[], Path]"
) -> "Iterator[Callable[..., MqttBroker]]":
    """Start brokers: `mqtt_broker_factory(auth={"alice": "secret"}, tls=True, websocket=True, config={…})`.

    All of them are optional. `auth` has the passwords of users, and nobody else comes in then.
    `config` is a configuration as a dictionary, whose sections go before what the others say.
    Every broker is stopped at the end of the test.
    """
    from amqtt.testing.broker import MqttBroker

    started: list[MqttBroker] = []

    def start(
        auth: Mapping[str, str] | None = None,
        tls: bool = False,
        websocket: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> MqttBroker:
        certificates = _mqtt_certificates() if tls else None
        broker = MqttBroker(tmp_path, auth, certificates, websocket, config or {})
        started.append(broker)
        return broker

    yield start
    for broker in started:
        broker.stop(_FAREWELL)


@pytest.fixture
def mqtt_broker(mqtt_broker_factory: "Callable[..., MqttBroker]") -> "MqttBroker":
    """A broker for this test, at `mqtt_broker.url`; everybody may do everything."""
    return mqtt_broker_factory()


@pytest.fixture
def capmqtt(mqtt_broker: "MqttBroker") -> "CapturedMessages":
    """Everything that is published to `mqtt_broker` in this test: `capmqtt.messages`, `capmqtt.wait_for`."""
    return mqtt_broker.captured()
