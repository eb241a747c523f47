"""Standard input without holding up the event loop, nor the end of the program."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

CHUNK = 64 * 1024
AHEAD = 16
"""Chunks that are read before they are wanted."""


async def chunks() -> AsyncIterator[bytes]:
    """What standard input says, as it says it."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)
    descriptor = sys.stdin.fileno()

    def read() -> None:
        # A thread that waits in os.read holds no lock of Python's, so it may be left behind.
        data = b"."
        while data:
            room.acquire()
            try:
                data = os.read(descriptor, CHUNK)
                loop.call_soon_threadsafe(queue.put_nowait, data)
            except (OSError, RuntimeError):
                return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while data := await queue.get():
        room.release()
        yield data


async def lines() -> AsyncIterator[bytes]:
    """Its lines, without their ends."""
    rest = b""
    async for data in chunks():
        *complete, rest = (rest + data).split(b"\n")
        for line in complete:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest


async def everything() -> bytes:
    """All of it."""
    return b"".join([data async for data in chunks()])


def file_content(path: Path) -> bytes:
    """What is in a file; `-` is standard input. ValueError where it cannot be read."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"the file of -f, {path}, cannot be read: {reason}") from None
