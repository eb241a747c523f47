"""What a store costs in instructions, whatever else the machine does: `python -m benchmarks.instructions`.

A Server without a network takes QoS 1 messages of 200 bytes from a hundred Clients. It is run by callgrind
with some messages and with more; the difference, divided by theirs, is what one message costs:

- `no store`: to one Client that acknowledges, and there is no Journal
- `store, nothing durable`: the same with a Journal, in which nothing is to be noted
- `durable`: to one Session that is away and one that acknowledges, a Batch and its promises for each hundred
- `durable, packed`: and the rows of each Batch made, though not given to SQLite
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Peer
from amqtt.cli.collector import collect_seldom
from amqtt.server.server import Server
from amqtt.server.settings import ServerSettings
from amqtt.server.state import ConnectionState
from amqtt.sessions.journal import Batch, Journal
from amqtt.sessions.link import Link, Turn
from amqtt.sessions.permissions import Permissions
from amqtt.store.written import WrittenBatches
from amqtt.wire.encoder import encode
from amqtt.wire.packets import (
    MQTT_3_1_1,
    Connect,
    Disconnect,
    Publish,
    Subscribe,
    SubscriptionRequest,
)

WAYS = ("no store", "store, nothing durable", "durable", "durable, packed")
PUBLISHERS = 100
PAYLOAD = bytes(200)
FEW, MANY = 2_000, 6_000


class Everybody(Authenticator):
    """Lets everybody in."""

    def authenticate(self, request: ConnectRequest) -> Answer:
        """Whoever it is."""
        return Accepted(Permissions(request.username))


class Client:
    """The other end of a Link, in the same thread."""

    def __init__(self, server: Server, turn: Turn, client_id: str, *, clean: bool = True) -> None:
        self._server = server
        self._turn = turn
        self.link = Link(turn, self._flush)
        self.state: ConnectionState = server.open(self.link, Peer("192.0.2.1", 40000, "bench"))
        self.taken: list[bytes] = []
        self.send(encode(Connect(client_id, MQTT_3_1_1, clean), MQTT_3_1_1))

    def _flush(self) -> None:
        if not self.link.withheld:
            self.taken += self.link.chunks
            self.link.chunks.clear()
            self.link.size = 0

    def send(self, data: bytes) -> None:
        """Bytes arrive at the Server."""
        self._turn.begin(self._turn.now)
        self._server.received(self.state, data)

    def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1."""
        self.send(encode(Subscribe(1, [SubscriptionRequest(topic, 1)]), MQTT_3_1_1))


def play(way: str, count: int) -> None:
    """So many messages."""
    turn = Turn(lambda: None, 1000.0)
    server = Server(ServerSettings(), Everybody(), turn)
    written = WrittenBatches()
    if way != WAYS[0]:
        server.restore(Batch(), Journal(), 30.0)
    durable = way.startswith("durable")
    commit = _committing(server, turn, written, packs=way == WAYS[3])
    there = Client(server, turn, "there", clean=not durable)
    commit()
    there.subscribe("bench/t")
    if durable:
        away = Client(server, turn, "away", clean=False)
        commit()
        away.subscribe("bench/t")
        commit()
        away.send(encode(Disconnect(), MQTT_3_1_1))
        server.lost(away.state, "")
    publishers = [Client(server, turn, f"publisher-{each}") for each in range(PUBLISHERS)]
    commit()
    collect_seldom()
    packet = encode(Publish("bench/t", PAYLOAD, 1, packet_id=1), MQTT_3_1_1)
    for _ in range(count // PUBLISHERS):
        there.taken.clear()
        for publisher in publishers:
            publisher.send(packet)
        turn.flush()
        commit()
        there.send(b"".join(_acknowledgements(there.taken)))
        for publisher in publishers:
            assert publisher.taken.pop() == b"\x40\x02\x00\x01"


def _acknowledgements(packets: list[bytes]) -> Iterator[bytes]:
    for packet in packets:
        at = len(packet) - len(PAYLOAD) - 2
        yield b"\x40\x02" + packet[at : at + 2]


def _committing(server: Server, turn: Turn, written: WrittenBatches, *, packs: bool) -> Callable[[], None]:
    def commit() -> None:
        journal = server.realm.journal
        if journal is not None and journal.has_news:
            batch = journal.take()
            if packs:
                written.wrote(written.draft(batch))
            server.committed(batch.number)
        turn.flush()

    return commit


def counted(way: str, count: int, folder: Path) -> int:
    """The instructions of a run."""
    report = folder / f"{way}-{count}"
    ran = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={report}", sys.executable, "-m",
         "benchmarks.instructions", "--play", way, "--count", str(count)],
        stderr=subprocess.PIPE, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"},
    )
    found = re.search(r"Collected : (\d+)", ran.stderr)
    assert found is not None, ran.stderr
    return int(found[1])


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", default=WAYS)
    parser.add_argument("--keep", type=Path, help="where the reports of callgrind are left")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.play:
        play(arguments.play, arguments.count)
        return
    print("| way | instructions for each message |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.keep or Path(folder)
        for way in arguments.ways:
            few, many = (counted(way, count, place) for count in (FEW, MANY))
            print(f"| {way} | {(many - few) / (MANY - FEW):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
