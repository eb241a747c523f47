import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.net.proxy_protocol import (
    MAXIMUM_HEADER,
    MAXIMUM_VECTORS,
    SIGNATURE,
    ProxyHeaderError,
    _crc32c,
    proxy_header,
)


def version_2(body: bytes, command: int = 0x21, kind: int = 0x11, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return SIGNATURE + bytes((command, kind)) + size.to_bytes(2, "big") + body


def addresses_4(source: str = "192.0.2.7", port: int = 50000) -> bytes:
    return (
        socket.inet_aton(source) + socket.inet_aton("198.51.100.1")
        + port.to_bytes(2, "big") + (1883).to_bytes(2, "big")
    )


def addresses_6(source: str) -> bytes:
    return IPv6Address(source).packed + IPv6Address("::1").packed + b"\xc3\x50\x07\x5b"


def vector(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + len(value).to_bytes(2, "big") + value


@pytest.mark.parametrize(("header", "address", "port"), [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883\r\n", "192.0.2.7", 50000),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535),
    (b"PROXY TCP6 2001:db8::1 ::1 0 1883\r\n", "2001:db8::1", 0),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 50000 1883\r\n", "192.0.2.7", 50000),
    (b"PROXY UNKNOWN\r\n", "", 0),
    (b"PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", "", 0),
    (version_2(addresses_4()), "192.0.2.7", 50000),
    (version_2(addresses_6("2001:db8::1"), kind=0x21), "2001:db8::1", 50000),
    (version_2(addresses_6("::ffff:192.0.2.7"), kind=0x21), "192.0.2.7", 50000),
    (version_2(bytes(216), kind=0x31), "", 0),
    (version_2(b"", kind=0x00), "", 0),
    (version_2(b"", command=0x20, kind=0x00), "", 0),
    (version_2(addresses_4(), command=0x20), "", 0),
    (version_2(addresses_4() + vector(0x02, b"mqtt.example") + vector(0x04, b"")), "192.0.2.7", 50000),
    (version_2(addresses_4() + vector(0x04, bytes(MAXIMUM_VECTORS - 3))), "192.0.2.7", 50000),
    (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13" + addresses_4() + b"\x03\0\4\xcc\xc9\x9a\x9a", "192.0.2.7", 50000),
])
def test_a_header_is_read_however_it_arrives(header, address, port):
    for end in range(len(header)):
        assert proxy_header(header[:end]) is None
    for behind in (b"", b"\x10\x0c\0\4MQTT", b"\r\n"):
        found = proxy_header(header + behind)
        assert (found.size, found.address, found.port) == (len(header), address, port)


@pytest.mark.parametrize("data", [
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
    b"\x16\x03\x01",
    b"GET / HTTP/1.1\r\n",
    b"POST",
    b"\r\n\r\nQUIT",
    b"PROXY\r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50000\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883 \r\n",
    b"PROXY  TCP4 192.0.2.7 198.51.100.1 50000 1883\r\n",
    b"PROXY TCP4 2001:db8::1 ::1 50000 1883\r\n",
    b"PROXY TCP6 192.0.2.7 198.51.100.1 50000 1883\r\n",
    b"PROXY TCP4 192.0.2.07 198.51.100.1 50000 1883\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.1 50000 1883\r\n",
    b"PROXY TCP4 \xff.0.2.7 198.51.100.1 50000 1883\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 1883\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 1883\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 1883\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 01 1883\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 999999999999\r\n",
    b"PROXY UDP4 192.0.2.7 198.51.100.1 50000 1883\r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883\n" + b"x" * 107,
    version_2(addresses_4(), command=0x22),
    version_2(addresses_4(), command=0x11),
    version_2(addresses_4(), kind=0x12),
    version_2(addresses_4(), kind=0x10),
    version_2(addresses_4(), kind=0x41),
    version_2(addresses_4()[:-1]),
    version_2(addresses_4(), kind=0x21),
    version_2(b"", length=12 + MAXIMUM_VECTORS + 1),
    version_2(b"", command=0x20, kind=0x00, length=MAXIMUM_VECTORS + 1),
    version_2(addresses_4() + b"\x04"),
    version_2(addresses_4() + b"\x04\0"),
    version_2(addresses_4() + b"\x04\0\x02x"),
    version_2(addresses_4() + vector(0x03, b"\0\0\0\1")),
    version_2(addresses_4() + vector(0x03, b"")),
])
def test_what_is_no_header_is_told_apart(data):
    with pytest.raises(ProxyHeaderError):
        proxy_header(data)


def test_the_checksum_is_crc_32c():
    """The check value that every catalogue of CRCs gives."""
    assert _crc32c(b"123456789") == 0xE3069283


PIECES = st.sampled_from([
    b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b" 192.0.2.7", b" ::1", b" 1883", b"\r\n", b"\n", b"\0",
    SIGNATURE, b"\x20", b"\x21\x11\0\x0c", b"\x21\x21\0\x24", b"\x21\x31\0\xd8", b"\xff\xff",
])


@given(st.lists(PIECES | st.binary(max_size=40), max_size=12).map(b"".join))
def test_any_bytes_are_a_header_or_none_and_never_more_than_its_bound(data):
    try:
        found = proxy_header(data)
    except ProxyHeaderError:
        return
    if found is None:
        assert len(data) < MAXIMUM_HEADER
        return
    assert found.size <= min(len(data), MAXIMUM_HEADER)
    again = proxy_header(data[: found.size])
    assert (again.size, again.address, again.port) == (found.size, found.address, found.port)
    for end in range(found.size):
        assert proxy_header(data[:end]) is None


@given(st.ip_addresses(v=4), st.integers(0, 65535), st.binary(max_size=200))
def test_both_versions_say_the_same(address: IPv4Address, port: int, behind: bytes):
    one = proxy_header(f"PROXY TCP4 {address} 127.0.0.1 {port} 1883\r\n".encode() + behind)
    two = proxy_header(version_2(addresses_4(str(address), port)) + behind)
    assert (one.address, one.port) == (two.address, two.port) == (str(address), port)


@pytest.mark.parametrize(("value", "secure"), [
    (b"\x01\0\0\0\0" + vector(0x21, b"TLSv1.3"), True), (b"\x07\0\0\0\0", True), (b"\x01", True),
    (b"\x00\0\0\0\0", False), (b"\x06\0\0\0\0", False), (b"", False),
])
def test_a_proxy_says_whether_its_client_came_over_tls(value, secure):
    for addresses, kind in ((addresses_4(), 0x11), (addresses_6("::1"), 0x21), (bytes(216), 0x31), (b"", 0)):
        assert proxy_header(version_2(addresses + vector(0x20, value), kind=kind)).secure is secure
        assert not proxy_header(version_2(addresses + vector(0x20, value), command=0x20, kind=kind)).secure
    assert not proxy_header(version_2(addresses_4())).secure
