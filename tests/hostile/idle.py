"""A Client that does nothing but ask whether the broker is there, and knows how long it waited at worst.

A process of its own, so that it waits for the broker and not for those who attack it. Of each wait it
also knows how long the broker's event loop was at work meanwhile, and how long it would have been and had
no processor: on a machine that is left alone it has one nearly always. For each line of standard input
it writes what it saw since the last one, as JSON; at the end it leaves.
"""

import contextlib
import gc
import json
import os
import select
import socket
import sys
import time

BETWEEN = 0.02
"""Seconds between an answer and the next PINGREQ."""
PATIENCE = 60.0
CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04idle"
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


def exactly(connected: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connected.recv(size - len(data))
        if not part:
            raise ConnectionError("the broker has closed the connection of an idle Client")
        data += part
    return data


def ping(connected: socket.socket) -> float:
    """Milliseconds from PINGREQ to PINGRESP."""
    begun = time.perf_counter()
    connected.sendall(PINGREQ)
    if exactly(connected, 2) != PINGRESP:
        raise ConnectionError("that is no PINGRESP")
    return (time.perf_counter() - begun) * 1000


class Processor:
    """How long the first thread of a process, its event loop, has had a processor, and waited for one.

    While it has one, the system counts by ticks, of 4 ms at most.
    """

    def __init__(self, process: int) -> None:
        self._told = os.open(f"/proc/{process}/schedstat", os.O_RDONLY)

    def milliseconds(self) -> tuple[float, float]:
        had, lacked, *_ = os.pread(self._told, 100, 0).split()
        return int(had) / 1_000_000, int(lacked) / 1_000_000


def main() -> None:
    with contextlib.suppress(PermissionError):
        # What is measured is how late the broker is, not how late this process gets a processor.
        os.nice(-15)
    gc.disable()
    waited: list[float] = []
    at_work = lacked = 0.0
    processor = Processor(int(sys.argv[3]))
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=PATIENCE) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.sendall(CONNECT)
        exactly(connected, 4)
        while True:
            before = processor.milliseconds()
            waited.append(ping(connected))
            behind = processor.milliseconds()
            at_work = max(at_work, behind[0] - before[0])
            lacked = max(lacked, behind[1] - before[1])
            if not select.select([sys.stdin], [], [], BETWEEN)[0]:
                continue
            if not sys.stdin.readline():
                return
            waited.sort()
            median = waited[len(waited) // 2]
            seen = {
                "pings": len(waited), "worst": waited[-1], "median": median, "at_work": at_work,
                "lacked": lacked,
            }
            sys.stdout.write(json.dumps(seen) + "\n")
            sys.stdout.flush()
            waited.clear()
            at_work = lacked = 0.0


if __name__ == "__main__":
    main()
