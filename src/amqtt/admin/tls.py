"""TLS in memory: what a peer sent in, what it said out. It never waits, so whoever holds one can count it."""

import ssl
from contextlib import suppress

CHUNK = 16 * 1024
"""Bytes of the largest record (RFC 8446, 5.1)."""


class TlsInMemory:
    """The server's side of one TLS connection. `to_send` is what has to be written to the peer."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._inward = ssl.MemoryBIO()
        self._outward = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._inward, self._outward, server_side=True)
        self._up = False

    def opened(self, data: bytes) -> bytes:
        """What the peer says in these bytes; OSError where it speaks no TLS that we do."""
        self._inward.write(data)
        said = b""
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            if not self._up:
                self._tls.do_handshake()
                self._up = True
            while part := self._tls.read(CHUNK):
                said += part
        return said

    def closed(self, data: bytes) -> bytes:
        """These bytes encrypted, and that they are the last."""
        self._tls.write(data)
        with suppress(OSError):
            # It waits for the peer's own last word, which nobody needs.
            self._tls.unwrap()
        return self.to_send()

    def to_send(self) -> bytes:
        """What the handshake has to say."""
        return self._outward.read()
