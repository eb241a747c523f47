"""The brokers that are put beside one another, and how each is started so that it drops nothing."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.certificates import Certificates
from benchmarks.packets import MQTT_3_1_1, MQTT_5

PEERS = Path(__file__).parent / "peers"
EVERY_TRANSPORT = frozenset({"tcp", "tls", "wss"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker is to listen, what is to be spoken there, and a folder for its files."""

    port: int
    transport: str
    folder: Path
    certificates: Certificates


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that can be started.

    `share` is how much it is given of what it is to hold; a slow one would take hours for all of it.
    Beside more subscriptions than `most_others` it is not measured.
    """

    name: str
    command: Callable[[Place], list[str]]
    missing: Callable[[], str] = str
    """Why it cannot run here; "": it can."""
    transports: frozenset[str] = EVERY_TRANSPORT
    versions: frozenset[int] = frozenset({MQTT_3_1_1, MQTT_5})
    share: float = 1.0
    most_others: int = 10_000_000
    warm_up: float = 0.0
    """Seconds of load before the clock runs, at least: a compiler at work in between is not measured."""


def _ours(loop: str, form: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        words = [sys.executable, "-m", "benchmarks.peers.amqtt_broker", loop, form, *_listener(place)]
        return [*words, str(PEERS / "amqtt.yaml")]

    return command


def _listener(place: Place) -> list[str]:
    certificates = place.certificates
    return [str(place.port), place.transport, str(certificates.certfile), str(certificates.keyfile)]


def _mosquitto(place: Place) -> list[str]:
    lines = [f"listener {place.port} 127.0.0.1"]
    if place.transport != "tcp":
        lines += [f"certfile {place.certificates.certfile}", f"keyfile {place.certificates.keyfile}"]
    if place.transport == "wss":
        # With no other listener than one for WebSocket, Mosquitto 2.0.11 does not start.
        lines += ["protocol websockets", f"listener 0 {place.folder / 'unused.sock'}"]
    if os.getuid() == 0:
        lines.append("user root")
    path = place.folder / "mosquitto.conf"
    path.write_text((PEERS / "mosquitto.conf").read_text() + "\n".join(lines) + "\n")
    return ["mosquitto", "-c", str(path)]


def _aedes(place: Place) -> list[str]:
    return ["node", str(PEERS / "aedes" / "broker.js"), *_listener(place)]


def _amqtt_0_12_1(place: Place) -> list[str]:
    here = PEERS / "amqtt_0_12_1"
    return [str(here / ".venv" / "bin" / "python"), "-I", str(here / "broker.py"), *_listener(place)]


def _needs(command: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(command) else f"there is no command {command}"


def _needs_file(path: Path) -> Callable[[], str]:
    return lambda: "" if path.exists() else "not installed; `make bench-peers` installs it"


OURS = ("amqtt uvloop", "amqtt asyncio", "amqtt pure")
BROKERS = (
    Broker("amqtt uvloop", _ours("uvloop", "installed")),
    Broker("amqtt asyncio", _ours("asyncio", "installed")),
    Broker("amqtt pure", _ours("asyncio", "pure")),
    Broker("mosquitto", _mosquitto, _needs("mosquitto")),
    Broker("aedes", _aedes, _needs_file(PEERS / "aedes" / "node_modules" / ".ready"),
           versions=frozenset({MQTT_3_1_1}), warm_up=1.5),
    Broker("amqtt 0.12.1", _amqtt_0_12_1, _needs_file(PEERS / "amqtt_0_12_1" / ".venv" / ".ready"),
           versions=frozenset({MQTT_3_1_1}), share=0.02, most_others=1000),
)


def given(peers: Iterable[str]) -> list[Broker]:
    """Brokers of the command line, each as NAME=COMMAND; {port} in the command is where it has to listen."""
    return [_given(*peer.partition("=")[::2]) for peer in peers]


def _given(name: str, command: str) -> Broker:
    if not name or "{port}" not in command:
        raise ValueError("a peer is given as NAME=COMMAND with {port} in the command")

    def words(place: Place) -> list[str]:
        places = {"port": str(place.port), "folder": str(place.folder)}
        return [word.format(**places) for word in shlex.split(command)]

    return Broker(name, words, transports=frozenset({"tcp"}))
