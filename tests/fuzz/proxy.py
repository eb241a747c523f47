"""Headers of the PROXY protocol: read the same however they arrive, or refused for good."""

from ipaddress import ip_address

from amqtt.net.proxy_protocol import MAXIMUM_HEADER, SIGNATURE, ProxyHeaderError, proxy_header

REFUSED = "refused"
ADDRESSES = bytes((192, 0, 2, 7, 198, 51, 100, 1)) + b"\xc3\x50\x07\x5b"


def examples() -> list[bytes]:
    """Headers of both versions, and what is nearly one."""
    return [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883\r\n\x10\x0c", b"PROXY UNKNOWN\r\n",
        b"PROXY TCP6 2001:db8::1 ::1 0 1883\r\n", b"PROXY TCP4 192.0.2.07 198.51.100.1 50000 1883\r\n",
        SIGNATURE + b"\x21\x11\x00\x0c" + ADDRESSES, SIGNATURE + b"\x20\x00\x00\x00",
        SIGNATURE + b"\x21\x11\x00\x13" + ADDRESSES + b"\x03\0\4\xcc\xc9\x9a\x9a",
        SIGNATURE + b"\x21\x21\x00\x24" + bytes(36), SIGNATURE + b"\x21\x11\xff\xff" + ADDRESSES,
    ]


def read(data: bytes) -> object:
    """What it makes of these bytes: a header, None or a refusal."""
    try:
        header = proxy_header(data)
    except ProxyHeaderError:
        return REFUSED
    return None if header is None else (header.size, header.address, header.port)


def check(data: bytes) -> None:
    """What is found in more bytes is what was found in fewer; and it is decided in the end."""
    decided: object = None
    for end in range(len(data) + 1):
        found = read(data[:end])
        if decided is None:
            decided = found
        else:
            assert found == decided
    if len(data) >= MAXIMUM_HEADER:
        assert decided is not None
    if isinstance(decided, tuple):
        size, address, port = decided
        assert 0 < size <= len(data)
        assert 0 <= port <= 65_535
        assert not address or str(ip_address(address)) == address
