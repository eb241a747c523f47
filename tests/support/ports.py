"""Ports for servers that must be told a number: nobody else is given it, however often they come and go."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is nobody's but the test's.

    A socket that is bound and never listens keeps it: on Linux whoever sets SO_REUSEADDR, as servers do,
    may listen there beside it, and whoever asks for any port, to listen or to connect, is given another.
    Elsewhere the port is merely free at first.
    """
    with socket.socket() as keeping:
        keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeping.bind(("127.0.0.1", 0))
        port: int = keeping.getsockname()[1]
        if sys.platform != "linux":
            keeping.close()
        yield port
