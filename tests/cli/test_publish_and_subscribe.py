"""`amqtt pub` and `amqtt sub` beside mosquitto_pub and mosquitto_sub, as people type them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Commands, Running
from support.served import DEADLINE, Served, serving
from support.tls import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def served(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tls = {"ssl": True, "certfile": authority.certfile, "keyfile": authority.keyfile}
    users = tmp_path_factory.mktemp("users") / "passwords"
    users.write_text("", encoding="utf-8")
    listeners = {
        "tcp": {"bind": "127.0.0.1:0"}, "tls": {"bind": "127.0.0.1:0", **tls},
        "ws": {"bind": "127.0.0.1:0", "type": "ws"},
        "unix": {"type": "unix", "path": str(tmp_path_factory.mktemp("u") / "s")},
    }
    with serving({"listeners": listeners, "sys-interval": 0}) as served:
        yield served


@pytest.fixture
def commands() -> Iterator[Commands]:
    with Commands() as started:
        yield started


class Ours:
    """Our commands, told where the Broker is."""

    def __init__(self, commands: Commands, served: Served) -> None:
        self._commands = commands
        self._served = served
        self.port = served.port("tcp")

    def start(self, command: str, *arguments: object, data: bytes | None = None) -> Running:
        where = ["-p", self.port] if "-p" not in arguments else []
        return self.anywhere(command, *where, *arguments, data=data)

    def anywhere(self, command: str, *arguments: object, data: bytes | None = None) -> Running:
        return self._commands.start(sys.executable, "-m", "amqtt", command, *arguments, data=data)

    def pub(self, *arguments: object, data: bytes | None = None) -> None:
        self.start("pub", *arguments, data=data).finish()

    def sub(self, name: str, *arguments: object) -> Running:
        """A subscriber that is there."""
        running = self.start("sub", "-i", name, *arguments)
        topics = [arguments[at + 1] for at, each in enumerate(arguments) if each == "-t"]
        self._served.subscribed(name, *map(str, topics))
        return running


@pytest.fixture
def ours(commands: Commands, served: Served) -> Ours:
    return Ours(commands, served)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    test: str = request.node.name
    return "".join(letter if letter.isalnum() else "-" for letter in test)


@pytest.mark.parametrize("version", ["mqttv5", "mqttv31"])
def test_what_one_publishes_the_other_writes(ours: Ours, name: str, version: str) -> None:
    reader = ours.sub(name[:23], "-V", version, "-t", f"{name}/#", "-q", 1, "-v", "-C", 3)
    ours.pub("-V", version, "-t", f"{name}/m", "-m", "héllo", "-q", 1)
    ours.pub("-V", version, "-t", f"{name}/n", "-n", "-q", 2)
    ours.pub("-V", version, "-t", f"{name}/s", "-s", data=b"two\nlines")
    assert reader.lines() == [f"{name}/m héllo", f"{name}/n ", f"{name}/s two", "lines"]


def test_each_line_of_standard_input_is_a_message(ours: Ours, name: str) -> None:
    count = 2000
    reader = ours.sub(name, "-t", name, "-q", 2, "-C", count)
    ours.pub("-t", name, "-l", "-q", 2, "-M", 50, data="".join(f"{n}\n" for n in range(count)).encode())
    assert reader.lines() == [str(n) for n in range(count)]


def test_a_file_is_published_and_read_byte_by_byte(ours: Ours, name: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    (tmp_path / "file").write_bytes(content)
    reader = ours.sub(name, "-t", name, "-C", 2, "-N")
    ours.pub("-t", name, "-f", tmp_path / "file", "--repeat", 2)
    assert reader.finish() == content * 2


def test_mosquittos_commands_and_ours_understand_each_other(
    ours: Ours, commands: Commands, name: str
) -> None:
    reader = ours.sub(name, "-t", name, "-F", "%t %q %r %l %C %R %D %P %F", "-C", 1)
    given = [
        *("-D", "publish", "content-type", "text/plain"), *("-D", "publish", "response-topic", "r"),
        *("-D", "publish", "correlation-data", "me"), *("-D", "publish", "user-property", "a", "b c"),
        *("-D", "publish", "payload-format-indicator", "1"),
    ]
    commands.run("mosquitto_pub", "-p", ours.port, "-V", 5, "-t", name, "-m", "text", *given)
    assert reader.lines() == [f"{name} 0 0 4 text/plain r me a:b c 1"]
    ours.pub("-t", name, "-m", "text", "-r", *given)
    form = "%C %R %D %P %p"
    reader = commands.start("mosquitto_sub", "-p", ours.port, "-V", 5, "-t", name, "-C", 1, "-F", form)
    assert reader.lines() == ["text/plain r me a:b c text"]


def test_json_is_written_as_mosquitto_sub_writes_it(ours: Ours, commands: Commands, name: str) -> None:
    given = ["content-type x/y", "user-property k v", "user-property l w", "correlation-data z"]
    properties = [part for each in given for part in ("-D", "publish", *each.split())]
    ours.pub("-t", name, "-r", "-m", '{"a": [1, "é"]}', *properties)
    form = ("-F", "%j\\n%J", "-D", "subscribe", "subscription-identifier", 7)
    theirs = commands.run("mosquitto_sub", "-p", ours.port, "-V", 5, "-t", name, "-C", 1, *form)
    written = ours.start("sub", "-t", name, "-C", 1, *form).finish()
    for our_line, their_line in zip(written.splitlines(), theirs.splitlines(), strict=True):
        us, them = json.loads(our_line), json.loads(their_line)
        assert us.pop("tst")[:4] == them.pop("tst")[:4]
        assert us == them


def test_retained_messages_are_left_out_or_removed_on_request(ours: Ours, name: str) -> None:
    ours.pub("-t", name, "-m", "old", "-r")
    reader = ours.sub(name, "-t", name, "-R", "-C", 1)
    ours.pub("-t", name, "-m", "new")
    assert reader.lines() == ["new"]
    assert ours.start("sub", "-t", name, "--remove-retained", "-C", 1, "-q", 1).lines() == ["old"]
    _, _, status = ours.start("sub", "-t", name, "-W", 0.2).end()
    assert status == 27


def test_topics_are_filtered_out_on_request(ours: Ours, name: str) -> None:
    reader = ours.sub(name, "-t", f"{name}/#", "-T", f"{name}/no/#", "-C", 1, "-v")
    ours.pub("-t", f"{name}/no/way", "-m", "x")
    ours.pub("-t", f"{name}/yes", "-m", "y")
    assert reader.lines() == [f"{name}/yes y"]


def test_a_session_is_kept_on_request(ours: Ours, name: str) -> None:
    ours.start("sub", "-i", name, "-c", "-q", 1, "-t", name, "-E").finish()
    ours.pub("-t", name, "-m", "missed", "-q", 1)
    assert ours.start("sub", "-i", name, "-c", "-q", 1, "-t", name, "-C", 1).lines() == ["missed"]
    ours.start("sub", "-i", name, "-c", "-U", name).finish()


def test_every_transport_has_its_flags(ours: Ours, served: Served, authority: Authority, name: str) -> None:
    ours.pub("-t", name, "-m", "x", "-r")
    read = ("sub", "-t", name, "-C", 1)
    for where in (
        ("-p", served.port("tls"), "--cafile", authority.cafile),
        ("-L", f"mqtt://localhost:{ours.port}/{name}"),
        ("-L", f"ws://localhost:{served.port('ws')}/mqtt"),
        ("--unix", served.path("unix")),
    ):
        assert ours.anywhere(*read, *where).lines() == ["x"], where


def test_the_will_is_published_when_the_command_is_killed(ours: Ours, name: str) -> None:
    watcher = ours.sub(f"{name}-w", "-t", name, "-C", 1)
    victim = ours.sub(
        name, "-t", "x", "--will-topic", name, "--will-payload", "killed", "--will-qos", 1, "-V", "mqttv311"
    )
    victim.kill()
    assert watcher.lines() == ["killed"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("pub", "-t", "a"), 2, "one of -m, -f, -l, -s and -n"),
        (("pub", "-m", "a"), 2, "topic"),
        (("sub",), 2, "Topic Filter"),
        (("sub", "-t", "a", "-F", "%Z"), 2, "no conversion %Z"),
        (("pub", "-t", "a/#", "-m", "x"), 1, "wildcard"),
        (("pub", "-t", "a", "-m", "x", "-V", "6"), 1, "mqttv311"),
        (("pub", "-t", "a", "-m", "x", "-D", "publish", "colour", "red"), 1, "no property 'colour'"),
        (("pub", "-t", "a", "-m", "x", "-c"), 1, "needs -i"),
        (("pub", "-t", "a", "-m", "x", "-p", 1), 1, "connection refused"),
        (("pub", "-t", "$SYS/a", "-m", "x", "-q", 1), 1, "not authorized"),
        (("sub", "-t", "a", "-i", "x" * 2000), 133, "client identifier not valid"),
        (("sub", "-t", "a", "-i", "x" * 2000, "-V", "mqttv311"), 2, "client identifier not valid"),
        (("sub", "-t", "a", "-W", 0.1), 27, "Timed out"),
    ],
)
def test_what_goes_wrong_is_said_and_has_an_exit_status(
    ours: Ours, arguments: tuple[object, ...], status: int, said: str
) -> None:
    command, *rest = arguments
    out, err, code = ours.start(str(command), *rest).end()
    assert (code, out) == (status, b"")
    assert said in " ".join(err.decode().split())
    assert b"Traceback" not in err


def test_debug_says_what_happens_where_all_goes_well(ours: Ours, name: str) -> None:
    _, said, _ = ours.start("pub", "-t", name, "-m", "x", "-q", 1, "-d", "-i", "me").end()
    for part in ("Connecting to localhost", "has accepted Client me", "1 bytes, QoS 1: acknowledged with"):
        assert part in said.decode()
    _, said, _ = ours.start("sub", "-t", name, "-q", 1, "-d", "-E").end()
    assert f"SUBSCRIBE to {name}: QoS [1] granted" in said.decode()


def test_quiet_says_nothing(ours: Ours) -> None:
    assert ours.start("pub", "-t", "a", "-m", "x", "-p", 1, "--quiet").end() == (b"", b"", 1)


def test_a_reader_that_has_enough_is_no_error(ours: Ours, name: str) -> None:
    reader = ours.sub(name, "-t", name)
    ours.pub("-t", name, "-m", "first")
    assert reader.line() == "first"
    assert reader.process.stdout is not None
    reader.process.stdout.close()
    ours.pub("-t", name, "-m", "second")
    assert reader.process.wait(DEADLINE) == 0
    assert reader.process.stderr is not None
    assert reader.process.stderr.read() == b""


def test_ws_is_mqtt_over_websocket(ours: Ours, served: Served) -> None:
    port = served.port("ws")
    subscriber = ours.start("sub", "-p", port, "--ws", "-t", "over/ws", "-C", "1", "-E", "--nodelay")
    assert subscriber.finish() == b""


def test_a_file_that_is_not_there_is_named(ours: Ours) -> None:
    _, said, status = ours.start("pub", "-t", "a", "-f", "/no/such/file").end()
    assert (status, said.decode()) == (
        1, "amqtt pub: the file of -f, /no/such/file, cannot be read: no such file or directory\n",
    )
