"""Writes one Batch after the other, and says so when one is durable: FILE DURABILITY COUNT, under strace."""

import os
import sys
from pathlib import Path

from amqtt.message import Message
from amqtt.sessions.journal import Batch, StoredEntry, StoredSession
from amqtt.store import database
from amqtt.store.database import Database

SMALL_LOG = 1024 * 1024


def batch(number: int) -> Batch:
    """A message for a Session that is away, and a retained one; what is five Batches old is removed."""
    made = Batch(number)
    made.sessions[1] = StoredSession("away", None, 60)
    made.messages[10 * number] = Message("t", b"%d" % number * 700, 1)
    made.entries[10 * number + 1] = StoredEntry(1, 10 * number, 1, False)
    made.retained[f"r/{number % 7}"] = Message(f"r/{number % 7}", b"%d" % number, 1, True)
    if number > 5:
        made.messages[10 * (number - 5)] = None
        made.entries[10 * (number - 5) + 1] = None
    return made


def main() -> None:
    """Write."""
    file, durability, count = sys.argv[1:]
    database.CHECKPOINT = 40  # so that some checkpoints happen
    store = Database(Path(file), durability, SMALL_LOG)
    store.open()
    for number in range(1, int(count) + 1):
        store.write(batch(number))
        os.write(1, b"durable %d\n" % number)
    os._exit(0)


if __name__ == "__main__":
    main()
