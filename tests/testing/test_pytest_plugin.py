"""The fixtures, in a project of somebody else: pytest in a process and a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import amqtt
import amqtt.pytest_plugin
from support.commands import missing

PROJECT = '''
import queue
import paho.mqtt.client as paho
import pytest

def published(broker, topic, payload, user=None, password=None):
    """Publish as a program would, with paho; the reason code of CONNACK."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    codes = queue.SimpleQueue()
    client.on_connect = lambda c, u, f, code, p: codes.put(code.value)
    if user:
        client.username_pw_set(user, password)
    if broker.cafile:
        client.tls_set(str(broker.cafile))
    client.connect(broker.host, broker.port)
    client.loop_start()
    code = codes.get(timeout=60)
    if code == 0:
        client.publish(topic, payload, qos=1).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
    return code

def test_a_broker_is_there(mqtt_broker, capmqtt):
    assert mqtt_broker.url == f"mqtt://127.0.0.1:{mqtt_broker.port}"
    published(mqtt_broker, "sensors/1", b"21")
    message = capmqtt.wait_for("sensors/+")
    assert (message.payload, message.qos) == (b"21", 1)
    assert capmqtt.topics == ["sensors/1"]
    assert len(capmqtt.matching("#")) == 1
    capmqtt.clear()
    assert capmqtt.messages == []

def test_another_test_has_another(mqtt_broker, capmqtt):
    assert capmqtt.messages == []
    mqtt_broker.publish("a", b"1")
    mqtt_broker.publish("a", b"2")
    assert capmqtt.wait_for("a", count=2).payload == b"2"

def test_what_does_not_come_is_said(capmqtt, mqtt_broker):
    mqtt_broker.publish("other", b"1")
    with pytest.raises(AssertionError, match="message 1 on 'a' did not come within 0.01 s; there was other"):
        capmqtt.wait_for("a", timeout=0.01)

def test_users_have_passwords(mqtt_broker_factory):
    broker = mqtt_broker_factory(auth={"alice": "secret"})
    seen = broker.captured()
    assert published(broker, "a", b"", "alice", "secret") == 0
    assert published(broker, "a", b"", "alice", "wrong") == 134
    assert published(broker, "a", b"") == 135
    assert seen.topics == ["a"]

def test_with_tls(mqtt_broker_factory):
    broker = mqtt_broker_factory(tls=True)
    assert broker.url.startswith("mqtts://")
    assert published(broker, "a", b"") == 0

def test_several_with_a_configuration_of_their_own(mqtt_broker_factory):
    one, two = mqtt_broker_factory(config={"limits": {"maximum-qos": 0}}), mqtt_broker_factory(websocket=True)
    assert one.port != two.port
    assert two.url.startswith("ws://")
    assert one.service.config.limits.maximum_qos == 0

async def test_beside_asyncio(mqtt_broker, capmqtt):
    import aiomqtt
    async with aiomqtt.Client(mqtt_broker.host, mqtt_broker.port) as client:
        await client.publish("a", b"x", qos=1)
    assert capmqtt.wait_for("a").payload == b"x"
'''


def ran(folder: Path, *arguments: str) -> str:
    (folder / "test_project.py").write_text(PROJECT, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", encoding="utf-8")
    plugins = ["-p", "amqtt.pytest_plugin"] if "amqtt" not in registered() else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(Path(amqtt.__file__).parents[1])},
        capture_output=True, text=True, timeout=250, check=False,
    )
    return done.stdout + done.stderr


def registered() -> set[str]:
    """The plugins that pytest finds by itself here."""
    from importlib.metadata import entry_points

    return {point.name for point in entry_points(group="pytest11") if point.value == "amqtt.pytest_plugin"}


def test_the_fixtures_do_what_they_say(tmp_path: Path) -> None:
    for package in ("paho.mqtt", "aiomqtt", "cryptography"):
        try:
            __import__(package)
        except ImportError:
            missing(package)
    said = ran(tmp_path)
    assert re.search(r"^7 passed", said, re.MULTILINE), said


def test_they_are_explained(tmp_path: Path) -> None:
    said = ran(tmp_path, "--fixtures")
    for name in ("mqtt_broker ", "mqtt_broker_factory ", "capmqtt "):
        assert name in said


def test_the_plugin_alone_loads_nothing_of_amqtt() -> None:
    program = "import amqtt.pytest_plugin, sys; print([each for each in sys.modules if 'amqtt.' in each])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['amqtt.pytest_plugin']\n"


@pytest.mark.parametrize("name", ["mqtt_broker", "mqtt_broker_factory", "capmqtt"])
def test_each_fixture_is_there(name: str) -> None:
    assert hasattr(amqtt.pytest_plugin, name)
