"""The command `amqtt` on a disk that takes nothing more, seen by mosquitto_pub, mosquitto_sub and /readyz."""

import re
import resource
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from support.commands import AMQTT, Commands, Mosquitto, Running
from support.served import DEADLINE

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
NEW = ("-V", "mqttv5")
AWAY = (*NEW, "-i", "away", "-c", "-x", "1000", "-q", "1", "-t", "t")


class Disk:
    """The command, and how far its process may write into a file (setrlimit(2), RLIMIT_FSIZE)."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        health = "  health: {type: http, bind: '127.0.0.1:0'}\n"
        path = folder / "amqtt.yaml"
        path.write_text(
            f"listeners:\n  default: {{bind: '127.0.0.1:0'}}\n{health}"
            f"persistence: {{file: '{folder / 'amqtt.db'}', commit-timeout: 5}}\n",
            encoding="utf-8",
        )
        self.running: Running = commands.start(AMQTT, "-c", path)
        self.port, self._health = self._listens("tcp"), self._listens("http")
        self.mosquitto = Mosquitto(commands, self.port)

    def _listens(self, kind: str) -> int:
        listens = re.compile(rf"\({kind}\) listens on .*:(\d+)$")
        while not (found := listens.search(self.running.line(of_errors=True))):
            pass
        return int(found[1])

    def fill(self) -> None:
        """Let nothing more be written, in whichever file and wherever in it."""
        resource.prlimit(self.running.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def clear(self) -> None:
        """Let everything be written again."""
        resource.prlimit(self.running.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)

    @property
    def is_ready(self) -> bool:
        """What /readyz says."""
        asking = HTTPConnection("127.0.0.1", self._health, timeout=DEADLINE)
        asking.request("GET", "/readyz")
        status = asking.getresponse().status
        asking.close()
        assert status in (200, 503)
        return status == 200

    def until_ready(self, wanted: bool) -> None:
        """Ask until it says so."""
        end = time.monotonic() + DEADLINE
        while self.is_ready != wanted:
            assert time.monotonic() < end, "it never says so"
            time.sleep(0.02)


@pytest.fixture
def disk(commands: Commands, tmp_path: Path) -> Iterator[Disk]:
    made = Disk(commands, tmp_path)
    made.mosquitto.run("sub", *AWAY, "-E")
    yield made
    assert made.running.process.poll() is None, "it has ended by itself"


def test_nothing_is_acknowledged_that_is_not_on_the_disk_and_it_recovers_by_itself(disk: Disk) -> None:
    disk.mosquitto.run("pub", "-q", 1, "-t", "t", "-m", "before")
    assert disk.is_ready
    disk.fill()
    first = disk.mosquitto.start("pub", *NEW, "-q", 1, "-t", "t", "-m", "waits")
    disk.until_ready(False)
    assert first.process.poll() is None, "it was acknowledged"
    # Those who come now are told, or disconnected where the protocol has no words for it.
    _, told, _ = disk.mosquitto.start("pub", *NEW, "-q", 1, "-t", "t", "-m", "refused").end()
    assert b"Quota exceeded" in told
    for refused in (
        disk.mosquitto.start("pub", "-V", "mqttv311", "-q", 2, "-t", "r", "-r", "-m", "refused"),
        disk.mosquitto.start("sub", *NEW, "-i", "new", "-c", "-x", 1000, "-t", "t", "-E"),
    ):
        assert refused.end()[2] != 0
    # What need not be kept goes on as ever.
    disk.mosquitto.run("pub", *NEW, "-q", 1, "-t", "free", "-m", "nobody must have it")
    disk.mosquitto.run("pub", *NEW, "-q", 0, "-t", "t", "-m", "at QoS 0")
    assert not disk.is_ready
    disk.clear()
    disk.until_ready(True)
    first.finish()
    disk.mosquitto.run("pub", "-q", 1, "-t", "t", "-m", "after")
    assert disk.mosquitto.run("sub", *AWAY, "-C", 3).split() == [b"before", b"waits", b"after"]


def test_it_does_not_start_on_a_directory_that_it_must_not_write(commands: Commands, tmp_path: Path) -> None:
    # For root nothing is read-only, so it is a file that stands where the directory should be.
    (tmp_path / "taken").write_bytes(b"")
    path = tmp_path / "amqtt.yaml"
    path.write_text(
        "listeners: {default: {bind: '127.0.0.1:0'}}\n"
        f"persistence: {{file: '{tmp_path / 'taken' / 'amqtt.db'}'}}\n", encoding="utf-8",
    )
    _, said, status = commands.start(AMQTT, "-c", path).end()
    assert status == 1
    assert re.search(rb"^amqtt: .*taken/amqtt\.db cannot be opened for writing: ", said, re.MULTILINE)
