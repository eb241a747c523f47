"""The configuration that aMQTT's documentation shows starts a broker that does what it says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.commands import Commands, Mosquitto
from support.installed import Environment, Starts
from support.paho_client import Connects
from support.tls import Authority

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("programs")]

DOCUMENTED = """\
listeners:
    default:
        max-connections: 50000
        type: tcp
    my-tcp-1:
        bind: 127.0.0.1:1883
    my-tcp-2:
        bind: 1.2.3.4:1884
        max-connections: 1000
    my-tcp-ssl-1:
        bind: 127.0.0.1:8885
        ssl: on
        cafile: /some/cafile
        capath: /some/folder
        capath: certificate data
        certfile: /some/certfile
        keyfile: /some/key
    my-ws-1:
        bind: 0.0.0.0:8080
        type: ws
timeout-disconnect-delay: 2
auth:
    plugins: ['auth.anonymous']
    allow-anonymous: true
    password-file: /some/passwd_file
topic-check:
    enabled: true
    plugins: ['topic_acl']
    acl:
        username1: ['repositories/+/master', 'calendar/#', 'data/memes']
        username2: ['calendar/2025/#', 'data/memes']
        anonymous: []
"""
"""As it is documented; `capath` stands there twice."""

LISTENERS = ("my-tcp-1", "my-tcp-2", "my-tcp-ssl-1", "my-ws-1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def here(authority: Authority, tmp_path: Path) -> dict[str, str]:
    """What of it there is only on somebody else's machine, and what it is here."""
    passwords = tmp_path / "passwd_file"
    passwords.touch(mode=0o600)
    return {
        "127.0.0.1:1883": "127.0.0.1:0",
        "1.2.3.4:1884": "127.0.0.1:0",
        "127.0.0.1:8885": "127.0.0.1:0",
        "0.0.0.0:8080": "127.0.0.1:0",
        "/some/cafile": authority.cafile,
        "/some/folder": str(authority.directory),
        "certificate data": str(authority.directory),
        "/some/certfile": authority.certfile,
        "/some/key": authority.keyfile,
        "/some/passwd_file": str(passwords),
    }


def adapted(folder: Path, replaced: Mapping[str, str]) -> Path:
    text = DOCUMENTED
    for old, new in replaced.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "amqtt.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_of_its_listeners_serves(
    installed: Environment, start: Starts, commands: Commands, paho_client: Connects,
    here: Mapping[str, str], authority: Authority, tmp_path: Path,
) -> None:
    program = start(installed, "amqtt", "-c", adapted(tmp_path, here))
    ports = {name: program.port(name) for name in LISTENERS}
    assert len(set(ports.values())) == 4
    program.says(r"capath: it is there more than once; the last one counts$")
    browser = paho_client("browser", transport="websockets")
    browser.client.username_pw_set("username1")
    browser.open(ports["my-ws-1"])
    assert browser.subscribe("calendar/#", 1) == 1
    trust = {"my-tcp-ssl-1": ["--cafile", authority.cafile]}
    for name in LISTENERS[:3]:
        Mosquitto(commands, ports[name]).run(
            "pub", "-q", 1, *trust.get(name, []), "-h", "localhost", "-t", "calendar/today", "-m", name
        )
    assert [message.payload.decode() for message in browser.take(3)] == list(LISTENERS[:3])
    browser.close()
    program.stop()
    assert not [line for line in program.log if "Listener default" in line]


@pytest.mark.parametrize(
    ("user", "granted", "refused"),
    [
        (
            "username1",
            ["repositories/a/master", "repositories/+/master", "calendar/#", "calendar/1/2", "data/memes"],
            ["repositories/#", "repositories/a/b/master", "calendar", "data", "data/memes/x", "#", "$SYS/#"],
        ),
        ("username2", ["calendar/2025/#", "data/memes"], ["calendar/#", "repositories/a/master"]),
        ("username3", [], ["calendar/2025/#", "data/memes"]),
        (None, [], ["calendar/2025/#", "data/memes"]),
    ],
)
def test_its_lists_say_who_may_subscribe_to_what(
    installed: Environment, start: Starts, paho_client: Connects, here: Mapping[str, str], tmp_path: Path,
    user: str | None, granted: list[str], refused: list[str],
) -> None:
    program = start(installed, "amqtt", "-c", adapted(tmp_path, here))
    client = paho_client("client")
    client.client.username_pw_set(user)
    client.open(program.port("my-tcp-1"))
    assert {topic_filter: client.subscribe(topic_filter) for topic_filter in granted + refused} == {
        **dict.fromkeys(granted, 0), **dict.fromkeys(refused, 0x80)
    }
    client.close()
    program.stop()


UNREADABLE = "Can't read cert files: /some/certfile: no such file or directory"
MISSING = f"listener 'my-tcp-ssl-1': {UNREADABLE}"

STARTS = """\
import asyncio, sys
from amqtt.broker import Broker
from amqtt.errors import BrokerError

async def main():
    broker = Broker(sys.argv[1])
    try:
        await broker.start()
    except BrokerError as error:
        print(broker.transitions.state, dict(broker.listeners), error)

asyncio.run(main())
"""


@pytest.fixture
def without_certificate(here: dict[str, str], tmp_path: Path) -> Path:
    """It with everything there but one file."""
    del here["/some/certfile"]
    return adapted(tmp_path, here)


def test_a_certificate_that_is_missing_ends_the_command_with_its_name(
    installed: Environment, start: Starts, without_certificate: Path
) -> None:
    program = start(installed, "amqtt", "-c", without_certificate)
    assert program.ended() == 1
    place = f"{without_certificate}:10:5: listeners.my-tcp-ssl-1"
    assert program.log == [f"amqtt: {place}: {UNREADABLE}"]


def test_a_certificate_that_is_missing_is_a_broker_error_and_no_listener_stays_open(
    installed: Environment, without_certificate: Path
) -> None:
    said = installed.run("-W", "error", "-c", STARTS, without_certificate)
    assert said == f"not_started {{}} {MISSING}\n"
