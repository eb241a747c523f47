"""The broker that is soaked, in a process of its own: it serves, and says how it is when it is asked.

Reads lines of standard input: after each it writes its figures, as JSON; at the end it shuts down.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import resource
import sys
from pathlib import Path

from amqtt.broker import Broker

CONFIG = {"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}, "auth": {"allow-anonymous": True}}
OWN_DESCRIPTORS = 1
"""The one with which descriptors are counted."""


def figures(broker: Broker) -> dict[str, float]:
    """What must not grow without end."""
    gc.collect()
    _give_back()
    realm = broker.server.realm
    return {
        "memory": _resident() / 1024,
        "descriptors": len(os.listdir("/proc/self/fd")) - OWN_DESCRIPTORS,
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
        "sessions": len(realm.sessions),
        "connected": len(realm.connected),
        "deadlines": len(realm.deadlines),
        "subscriptions": len(realm.tree),
        "groups": len(realm.shared),
        "retained": len(realm.retained),
        "queued": realm.counters.queued_messages,
        "in flight": realm.counters.inflight_in + realm.counters.inflight_out,
        "published": realm.counters.published,
        "delivered": realm.counters.delivered,
        "accepted": realm.counters.connections,
        "taken over": realm.counters.taken_over,
    }


def _give_back() -> None:
    """Let the C library return what it keeps for later: what is free in its heap is no leak."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    """Resident memory in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("the operating system does not say how much memory is resident")


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    async with Broker(CONFIG) as broker:
        address = broker.listeners["default"].addresses[0]
        assert isinstance(address, tuple)
        say({"host": address[0], "port": address[1]})
        while await asked.readline():
            say(figures(broker))


def say(what: object) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run with as many descriptors as are allowed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve())
    else:
        uvloop.run(serve())


if __name__ == "__main__":
    main()
