"""The header of the PROXY protocol, versions 1 and 2: who a load balancer speaks for.

https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt. Bytes in, the announced address out; no
input or output.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
"""What a header of version 2 begins with; nothing of MQTT, TLS or HTTP does."""
MAXIMUM_LINE: Final = 107
"""Bytes of the longest header of version 1, its end of line included."""
MAXIMUM_VECTORS: Final = 4096
"""Bytes of the type-length-value vectors behind the addresses of version 2; few of them are used."""
MAXIMUM_HEADER: Final = 16 + 216 + MAXIMUM_VECTORS
"""Bytes of the longest header there can be."""

_LOCAL, _PROXY = 0x20, 0x21
_ADDRESSES: Final = {0x0: 0, 0x1: 12, 0x2: 36, 0x3: 216}
"""Address family of version 2 → bytes of its addresses: unspecified, IPv4, IPv6, Unix."""
_STREAM: Final = 1
_CRC32C: Final = 0x03
_SSL: Final = 0x20
_OVER_TLS: Final = 0x01
"""The bit of an SSL vector that says that the Client came to the proxy over TLS (2.2.6)."""


class ProxyHeaderError(Exception):
    """These bytes are no header of the PROXY protocol, or one that says nonsense."""


class ProxyHeader:
    """A header that is complete: its `size` in bytes, and the Client's `address` and `port`.

    The address is "" where none is announced: the proxy speaks for itself (its health check), or
    for a Unix socket. `secure`: the Client came to the proxy over TLS, as version 2 can say.
    """

    __slots__ = ("address", "port", "secure", "size")

    def __init__(self, size: int, address: str = "", port: int = 0, secure: bool = False) -> None:
        self.size = size
        self.address = address
        self.port = port
        self.secure = secure


def proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with, None while it is not complete; raises ProxyHeaderError."""
    if data[:1] == b"P":
        return _line(data)
    begun = data[: len(SIGNATURE)]
    if begun != SIGNATURE[: len(begun)]:
        raise ProxyHeaderError("there is no PROXY header")
    if len(data) < 16:
        return None
    return _binary(data)


def _line(data: bytes) -> ProxyHeader | None:
    """A header of version 1: one line of text."""
    end = data.find(b"\r\n", 0, MAXIMUM_LINE)
    if end < 0:
        begun = data[:6]
        if begun != b"PROXY "[: len(begun)]:
            raise ProxyHeaderError("there is no PROXY header")
        if len(data) >= MAXIMUM_LINE:
            raise ProxyHeaderError("the PROXY header is longer than 107 bytes")
        return None
    words = data[:end].split(b" ")
    size = end + 2
    if words[:2] == [b"PROXY", b"UNKNOWN"]:
        return ProxyHeader(size)
    if len(words) != 6 or words[0] != b"PROXY" or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyHeaderError("the PROXY header is not of the form PROXY TCP4 source destination port port")
    family = IPv4Address if words[1] == b"TCP4" else IPv6Address
    try:
        source, _ = (family(word.decode("ascii")) for word in words[2:4])
    except ValueError:
        raise ProxyHeaderError("the PROXY header has an address that is none") from None
    port, _ = (_port(word) for word in words[4:])
    return ProxyHeader(size, _written(source), port)


def _port(word: bytes) -> int:
    if not (word.isdigit() and len(word) <= 5 and int(word) <= 65535) or (word[:1] == b"0" and word != b"0"):
        raise ProxyHeaderError("the PROXY header has a port that is none")
    return int(word)


def _binary(data: bytes) -> ProxyHeader | None:
    """A header of version 2: the signature, what it is, its length, addresses, vectors."""
    command, kind = data[12], data[13]
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("the PROXY header is of no version and command that there is")
    family, transport = kind >> 4, kind & 0x0F
    length = int.from_bytes(data[14:16], "big")
    addresses = _ADDRESSES.get(family, -1)
    if addresses < 0 or length < (addresses if command == _PROXY else 0):
        raise ProxyHeaderError("the PROXY header is too short for its addresses, or they are of no kind")
    if length > addresses + MAXIMUM_VECTORS:
        raise ProxyHeaderError(f"the PROXY header has more than {MAXIMUM_VECTORS} bytes of vectors")
    size = 16 + length
    if len(data) < size:
        return None
    if command == _LOCAL:
        return ProxyHeader(size)
    secure = _read_vectors(data[:size], 16 + addresses)
    if family and transport != _STREAM:
        raise ProxyHeaderError("the PROXY header is of something else than a stream")
    if family == 0x1:
        port = int.from_bytes(data[24:26], "big")
        return ProxyHeader(size, _written(IPv4Address(data[16:20])), port, secure)
    if family == 0x2:
        port = int.from_bytes(data[48:50], "big")
        return ProxyHeader(size, _written(IPv6Address(data[16:32])), port, secure)
    return ProxyHeader(size, secure=secure)


def _read_vectors(header: bytes, at: int) -> bool:
    """Check the vectors; whether one of them says that the Client came over TLS."""
    secure = False
    while at < len(header):
        value = at + 3
        end = value + int.from_bytes(header[at + 1 : value], "big")
        if value > len(header) or end > len(header):
            raise ProxyHeaderError("the PROXY header ends within a vector")
        if header[at] == _CRC32C:
            _check_sum(header, value, end)
        elif header[at] == _SSL and end > value:
            secure = bool(header[value] & _OVER_TLS)
        at = end
    return secure


def _check_sum(header: bytes, at: int, end: int) -> None:
    """The checksum is of the whole header, with zeros in the place of itself (2.2.3)."""
    stated = int.from_bytes(header[at:end], "big")
    if end - at != 4 or stated != _crc32c(header[:at] + bytes(4) + header[end:]):
        raise ProxyHeaderError("the checksum of the PROXY header is wrong")


def _crc32c(data: bytes) -> int:
    """CRC-32C (RFC 4960, appendix B); bit by bit, because few headers have one, and once."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def _written(address: IPv4Address | IPv6Address) -> str:
    """The address as the socket of a Client without a proxy would say it."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
