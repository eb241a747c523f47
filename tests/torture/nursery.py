"""Brokers that are born quickly, to be killed: a process that has everything loaded, and forks.

Each line of standard input is a request: the file of the store, and when the Broker is to kill itself, as
(moment, number of the write): "before", "within" or "after" the n-th write, "never". Each answer is a line
with the port and the process, then, when it is dead, another one.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from amqtt.broker import Broker
from amqtt.store import database


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(moment: str, number: int) -> None:
    """Have this process kill itself at one of its writes."""
    count = 0
    write_draft = database.write_draft
    write: Callable[..., None] = database.Database.write

    def within(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if moment == "before" and count == number:
            die()
        write_draft(*arguments)
        if moment == "within" and count == number:
            die()

    def whole(*arguments: Any) -> None:
        write(*arguments)
        if moment == "after" and count == number:
            die()

    database.write_draft = within
    database.Database.write = whole  # type: ignore[method-assign]


async def serve(file: str) -> None:
    config = {
        "listeners": {"test": {"bind": "127.0.0.1:0"}},
        "sys-interval": 0,
        "persistence": {"file": file, "durability": "full"},
    }
    async with Broker(config) as broker:
        port = broker.listeners["test"].addresses[0][1]
        say([port, os.getpid()])
        await asyncio.Event().wait()


def main() -> None:
    for line in sys.stdin:
        file, moment, number = json.loads(line)
        child = os.fork()
        if child == 0:
            dying(moment, number)
            asyncio.run(serve(file))
            os._exit(1)
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main()
