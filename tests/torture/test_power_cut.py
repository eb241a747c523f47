"""The power goes: what was not synced is lost, in part or whole, in any order, and pages are torn.

strace tells of every write of the store; each is done again here, up to some moment. What was written and
not synced by then may be on the disk or not. Everything that was said to be durable must be there [G3].
"""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from amqtt.store.database import Database
from support.commands import program

CUTS = int(os.environ.get("AMQTT_TORTURE_CUTS", "60"))
COUNT = 60
SECTOR = 512
CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,unlink"
CALL = re.compile(r'^\d+\s+(\w+)\((.*)\)\s+=\s+(-?\d+)', re.DOTALL)


@dataclass
class File:
    """What the disk surely has, and what was written since, in order."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def sync(self) -> None:
        for offset, data in self.pending:
            put(self.synced, offset, data)
        self.pending.clear()

    def after_a_cut(self, chance: random.Random) -> bytearray:
        """With some of what was not synced: each write whole, in sectors, or not at all."""
        content = bytearray(self.synced)
        for offset, data in self.pending:
            fate = chance.random()
            if fate < 0.4:
                put(content, offset, data)
            elif fate < 0.7:
                for at in range(0, len(data), SECTOR):
                    if chance.random() < 0.5:
                        put(content, offset + at, data[at : at + SECTOR])
        return content


def put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


@dataclass(frozen=True)
class Event:
    call: str
    path: str
    data: bytes = b""
    offset: int = 0


def recorded(file: Path, durability: str) -> list[Event]:
    """What a store did to its files, in order, and when it said that a Batch is durable."""
    report = file.with_name("strace")
    subprocess.run(
        [program("strace"), "-f", "-xx", "-y", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(report),
         sys.executable, str(Path(__file__).with_name("writing.py")), str(file), durability, str(COUNT)],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return list(events(report, file))


def events(report: Path, file: Path) -> Iterator[Event]:
    positions: dict[str, int] = {}
    for line in report.read_text().splitlines():
        match = CALL.match(line)
        if match is None or int(match[3]) < 0:
            continue
        call, arguments, result = match.groups()
        path, data, numbers = parsed(arguments)
        if call == "write" and data.startswith(b"durable "):
            yield Event("durable", "", data)
        elif not path.startswith(str(file)):
            continue
        elif call == "openat":
            positions[path] = 0
        elif call == "write":
            yield Event("write", path, data, positions[path])
            positions[path] += int(result)
        elif call == "pwrite64":
            yield Event("write", path, data, numbers[-1])
        elif call == "ftruncate":
            yield Event("truncate", path, offset=numbers[-1])
        else:
            yield Event("unlink" if call == "unlink" else "sync", path)


def parsed(arguments: str) -> tuple[str, bytes, list[int]]:
    """The path of a call, its bytes and its numbers."""
    quoted = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)
    texts = [bytes.fromhex(each.replace("\\x", "")) for each in quoted]
    place = re.search(r"<([^>]*)>", arguments)
    rest = re.sub(r'"[^"]*"|<[^>]*>', "", arguments)
    path = place[1] if place else ""
    if "\\x" in path:
        path = bytes.fromhex(path.replace("\\x", "")).decode()
    if not path.startswith("/") or "AT_FDCWD" in arguments:
        path = texts[0].decode(errors="replace") if texts else ""
    return path, texts[-1] if texts else b"", [int(each) for each in re.findall(r"(?<![\w|])\d+\b", rest)]


def cut(happened: list[Event], chance: random.Random) -> tuple[dict[str, bytearray], int]:
    """What the disk has after these events, and the last Batch that was said to be durable."""
    files: dict[str, File] = {}
    promised = 0
    for event in happened:
        there = files.setdefault(event.path, File()) if event.path else File()
        if event.call == "durable":
            promised = int(event.data.split()[1])
        elif event.call == "write":
            there.pending.append((event.offset, event.data))
        elif event.call == "sync":
            there.sync()
        elif event.call == "truncate":
            there.sync()
            del there.synced[event.offset :]
        else:
            del files[event.path]
    return {path: there.after_a_cut(chance) for path, there in files.items()}, promised


def kept_after(files: dict[str, bytearray], file: Path, place: Path, promised: int) -> int:
    """The last Batch that a Broker that starts then finds; all of it, and all before it, must be there."""
    place.mkdir()
    for path, content in files.items():
        (place / Path(path).name).write_bytes(content)
    database = Database(place / file.name, "normal", 0)
    try:
        kept = database.open()
    finally:
        database.close()
    waiting = sorted(number // 10 for number in kept.messages)
    retained = [int(message.payload) for message in kept.retained.values() if message is not None]
    assert not promised or not list(place.glob("*.damaged-*")), "the file was not readable"
    last = max([0, *waiting])
    assert waiting == list(range(max(1, last - 4), last + 1)), "half of a Batch"
    assert max([0, *retained]) == last, "half of a Batch"
    return last


def losses(file: Path, durability: str, cuts: int) -> int:
    """How many cuts lost what was promised."""
    happened = recorded(file, durability)
    chance = random.Random(1)
    lost = 0
    for attempt in range(cuts):
        files, promised = cut(happened[: chance.randrange(len(happened) + 1)], chance)
        lost += kept_after(files, file, file.parent / str(attempt), promised) < promised
    return lost


def test_a_power_cut_loses_nothing_that_was_promised(tmp_path: Path) -> None:
    assert losses(tmp_path / "amqtt.db", "full", CUTS) == 0


def test_without_the_sync_it_would(tmp_path: Path) -> None:
    """So the cuts are real ones, and `normal` is what the documents say it is."""
    assert losses(tmp_path / "amqtt.db", "normal", CUTS) > 0
