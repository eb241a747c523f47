"""Who may come in and what they may do: passwords, topic lists, certificates and SCRAM."""

import json
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes

from amqtt.access.scram import credential_line
from support.commands import Commands, Mosquitto, missing
from support.paho_client import Connects, given
from support.served import Served, serving
from support.tls import Authority

HERE = Path(__file__).parent
SECRET = ("-u", "alice", "-P", "wonderland")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A Broker that knows alice and bob by password (Mosquitto wrote the file), and carol by SCRAM."""
    folder = tmp_path_factory.mktemp("guarded")
    with Commands() as commands:
        commands.run("mosquitto_passwd", "-c", "-b", folder / "passwd", "alice", "wonderland")
        commands.run("mosquitto_passwd", "-b", folder / "passwd", "bob", "builder")
    (folder / "scram").write_text(credential_line("carol", "christmas") + "\n", encoding="utf-8")
    config = {
        "listeners": {"tcp": {"bind": "127.0.0.1:0"}},
        "auth": {
            "allow-anonymous": False,
            "password-file": str(folder / "passwd"),
            "scram-file": str(folder / "scram"),
        },
        "topic-check": {
            "enabled": True,
            "plugins": ["topic_acl"],
            "acl": {"alice": ["sensors/#"], "bob": ["#"], "carol": ["#"]},
            "publish-acl": {"alice": ["commands/+"], "bob": ["#"], "carol": ["#"]},
        },
    }
    with serving(config) as served:
        yield served


@pytest.fixture
def knocking(guarded: Served, commands: Commands) -> Mosquitto:
    return Mosquitto(commands, guarded.port("tcp"))


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
def test_mosquitto_comes_in_with_the_right_password_alone(knocking: Mosquitto, version: str) -> None:
    message = ("-V", version, "-t", "commands/go", "-m", "x", "-q", 1)
    knocking.run("pub", *SECRET, *message)
    wrong: list[tuple[str, ...]] = [("-u", "alice", "-P", "wrong"), ("-u", "nobody", "-P", "wonderland"), ()]
    for who in wrong:
        _, said, status = knocking.start("pub", *who, *message).end()
        assert status != 0
        assert b"bad user name or password" in said.lower() or b"not authori" in said.lower(), said


@pytest.mark.parametrize(("password", "code"), [("wonderland", 0), ("wrong", 0x86)])
@pytest.mark.parametrize("version", [paho.MQTTv31, paho.MQTTv311, paho.MQTTv5])
def test_paho_is_told_whether_it_comes_in(
    guarded: Served, paho_client: Connects, version: int, password: str, code: int
) -> None:
    client = paho_client("alice-s", version)
    client.client.username_pw_set("alice", password)
    # paho gives the return codes of MQTT 3.1.1 the numbers that MQTT 5.0 has for them.
    assert client.open(guarded.port("tcp")).value in (
        {code} if version == paho.MQTTv5 else {code, code and 0x87}
    )


def test_a_subscription_that_is_not_granted_is_refused(guarded: Served, paho_client: Connects) -> None:
    for version, refused in ((paho.MQTTv311, 0x80), (paho.MQTTv5, 0x87)):
        client = paho_client("alice-s", version)
        client.client.username_pw_set("alice", "wonderland")
        client.open(guarded.port("tcp"))
        assert client.subscribe("sensors/1", 1) == 1
        assert client.subscribe("#", 1) == refused
        assert client.subscribe("commands/go", 1) == refused


def test_mosquitto_sub_says_that_its_subscription_was_refused(knocking: Mosquitto) -> None:
    _, said, _ = knocking.start("sub", *SECRET, "-t", "commands/#", "-E").end()
    assert b"All subscription requests were denied" in said


def test_what_may_not_be_published_reaches_nobody(guarded: Served, paho_client: Connects) -> None:
    watcher = paho_client("bob-s", paho.MQTTv5)
    watcher.client.username_pw_set("bob", "builder")
    watcher.open(guarded.port("tcp"))
    assert watcher.subscribe("#", 2) == 2
    for version in (paho.MQTTv311, paho.MQTTv5):
        client = paho_client("alice-s", version)
        client.client.username_pw_set("alice", "wonderland")
        client.open(guarded.port("tcp"))
        for qos in (1, 2):
            answer = client.published(client.publish("sensors/1", b"forged", qos))
            if version == paho.MQTTv311:
                assert answer == "Success"
            else:
                # paho sends PUBREL although PUBREC said no, and shows the answer to that.
                assert answer == ("Not authorized" if qos == 1 else "Packet identifier not found")
        client.published(client.publish("commands/go", b"allowed", 1))
        assert watcher.message().payload == b"allowed"


def test_a_certificate_is_asked_for_where_one_is_required(
    served: Served, authority: Authority, commands: Commands, tmp_path: Path, name: str
) -> None:
    certfile, keyfile = authority.issue(f"{name}.example", common_name=name)
    stranger = Authority(tmp_path)
    foreign = stranger.issue("stranger.example", common_name=name)
    where = ("-p", served.port("certified"), "--cafile", authority.cafile, "-i", name, "-t", name, "-q", 1)
    reader = commands.start("mosquitto_sub", *where, "--cert", certfile, "--key", keyfile, "-C", 1)
    served.subscribed(name, name)
    for credentials in ((), ("--cert", foreign[0], "--key", foreign[1])):
        _, _, status = commands.start("mosquitto_pub", *where, *credentials, "-m", "forged").end()
        assert status != 0
    publisher = (
        "-p",
        served.port("certified"),
        "--cafile",
        authority.cafile,
        "--cert",
        certfile,
        "--key",
        keyfile,
    )
    commands.run("mosquitto_pub", *publisher, "-t", name, "-q", 1, "-m", "genuine")
    assert reader.lines() == ["genuine"]


def test_paho_comes_in_with_a_certificate(
    served: Served, authority: Authority, paho_client: Connects, name: str
) -> None:
    client = paho_client(name, paho.MQTTv5)
    client.client.tls_set_context(authority.client_context(f"{name}.example"))
    assert client.open(served.port("certified")) == 0
    client.subscribe(name)
    client.publish(name, b"certified")
    assert client.message().payload == b"certified"


@pytest.mark.parametrize(
    ("username", "password", "status"),
    [("carol", "christmas", 0), ("carol", "easter", 3), ("nobody", "christmas", 3)],
)
def test_mqttjs_proves_by_scram_that_it_knows_the_password(
    guarded: Served, commands: Commands, username: str, password: str, status: int
) -> None:
    if not (HERE / "node_modules" / "mqtt").is_dir():
        missing("MQTT.js in tests/clients/node_modules")
    options = {
        "url": f"mqtt://localhost:{guarded.port('tcp')}",
        "topic": "scram",
        "username": username,
        "password": password,
    }
    said, errors, ended = commands.start("node", HERE / "mqttjs.mjs", "scram", json.dumps(options)).end()
    assert (ended, errors) == (status, b"")
    assert said == (b"" if status == 0 else f"refused {0x86}\n".encode())


def test_an_authentication_method_that_is_not_known_is_refused(
    guarded: Served, paho_client: Connects
) -> None:
    client = paho_client("somebody", paho.MQTTv5)
    assert client.open(guarded.port("tcp"), AuthenticationMethod="GS2-KRB5").value == 0x8C


def test_a_will_that_may_not_be_published_is_refused(guarded: Served, paho_client: Connects) -> None:
    client = paho_client("alice-s", paho.MQTTv5)
    client.client.username_pw_set("alice", "wonderland")
    client.client.will_set("sensors/1", b"forged", properties=given(PacketTypes.WILLMESSAGE, ContentType="a"))
    assert client.open(guarded.port("tcp")).value == 0x87
