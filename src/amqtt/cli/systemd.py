"""What systemd is told, and what it hands in: sd_notify(3), the watchdog, sockets (sd_listen_fds(3))."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

from amqtt.errors import BrokerError

FIRST_DESCRIPTOR: Final = 3
"""SD_LISTEN_FDS_START."""
_MOST_SOCKETS: Final = 64
READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"


def notify(*states: str) -> None:
    """Tell the process that supervises us; without one, or where it does not listen, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.connect(address)
            sending.sendall("\n".join(states).encode())
    except OSError:
        return


def notify_reloading() -> None:
    """Tell it that the configuration is read again; READY ends that."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds between two signs of life, half of what is asked for; 0: nobody asks."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isascii() and microseconds.isdigit() else 0.0


async def keep_alive(interval: float) -> None:
    """Give signs of life from the event loop: one that hangs gives none, and is started anew."""
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval)


def inherited_sockets() -> dict[str, list[socket.socket]]:
    """The listening sockets that were handed in, by their names (`FileDescriptorName=`).

    The environment says nothing of them afterwards, so that no child takes them for its own.
    """
    process = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if process != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return {}
    found: dict[str, list[socket.socket]] = {}
    for number in range(min(int(count), _MOST_SOCKETS)):
        descriptor = FIRST_DESCRIPTOR + number
        os.set_inheritable(descriptor, False)
        try:
            handed_in = socket.socket(fileno=descriptor)
            listens = bool(handed_in.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        except OSError:
            listens = False
        if not listens:
            raise BrokerError(f"systemd hands in descriptor {descriptor}, which is no listening socket")
        handed_in.setblocking(False)
        name = names[number] if number < len(names) else ""
        found.setdefault(name, []).append(handed_in)
    return found


def by_listener(
    handed_in: Mapping[str, list[socket.socket]], listeners: Mapping[str, object]
) -> dict[str, list[socket.socket]]:
    """The sockets by the Listeners that they are for: by name, or all for the only Listener there is."""
    if not set(handed_in) <= set(listeners) and len(handed_in) == len(listeners) == 1:
        return {next(iter(listeners)): next(iter(handed_in.values()))}
    for name in handed_in:
        if name not in listeners:
            raise BrokerError(
                f"systemd hands in a socket called {name!r}, and no listener is called so; "
                "set FileDescriptorName= of the socket unit to the name of a listener"
            )
    return dict(handed_in)
