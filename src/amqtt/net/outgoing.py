"""Writing to a transport, and what became of the bytes."""

import array
import asyncio
import contextlib
import socket
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

_BYTES_ACKED = 120
"""Where Linux's struct tcp_info has tcpi_bytes_acked, 64 bits wide (since 4.1)."""


def write_chunks(transport: asyncio.Transport, chunks: list[bytes], size: int) -> None:
    """Write all chunks with one call; `size` is their length together."""
    count = len(chunks)
    if count == 1:
        transport.write(chunks[0])
    elif WRITELINES_PAUSES and size >= count * VECTORED_CHUNK_SIZE:
        transport.writelines(chunks)
    else:
        transport.write(b"".join(chunks))


def waiting(transport: asyncio.Transport) -> int:
    """How many bytes the transport holds, and the kernel where it tells which were not taken yet."""
    in_kernel = array.array("i", [0])
    connected = transport.get_extra_info("socket")
    if sys.platform == "linux" and connected is not None and connected.fileno() >= 0:
        with contextlib.suppress(OSError):
            fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, in_kernel)
    return transport.get_write_buffer_size() + in_kernel[0]


def taken(transport: asyncio.Transport) -> int:
    """A number that changes whenever the peer takes bytes, and not when none are written."""
    connected = transport.get_extra_info("socket")
    if sys.platform == "linux" and connected is not None and connected.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            report = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
            return int.from_bytes(report[_BYTES_ACKED:], sys.byteorder)
    return -waiting(transport)
