"""Writing to a transport, and what became of the bytes."""

import array
import asyncio
import sys

if sys.platform == "linux":
    import fcntl
    import termios

VECTORED_CHUNK_SIZE = 4096
"""From this mean size on, handing over the chunks is cheaper than joining them (measured)."""

# CVE-2024-12254: there, writelines() of a selector transport never calls pause_writing().
WRITELINES_PAUSES = not (
    (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)
)


def write_chunks(transport: asyncio.Transport, chunks: list[bytes], size: int) -> None:
    """Write all chunks with one call; `size` is their length together."""
    count = len(chunks)
    if count == 1:
        transport.write(chunks[0])
    elif WRITELINES_PAUSES and size >= count * VECTORED_CHUNK_SIZE:
        transport.writelines(chunks)
    else:
        transport.write(b"".join(chunks))


def unacknowledged(transport: asyncio.Transport) -> int:
    """How many bytes the kernel holds that the peer has not acknowledged; 0 where it cannot tell."""
    if sys.platform != "linux":
        return 0
    connected = transport.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return 0
    waiting = array.array("i", [0])
    try:
        fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, waiting)
    except OSError:
        return 0
    return waiting[0]
