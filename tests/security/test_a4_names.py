"""A4: Topic Names, Topic Filters, all other text: strict UTF-8, no null, no wildcard where none belongs."""

import pytest

from amqtt.wire.packets import MQTT_3_1_1, MQTT_5
from support.bench_server import Bench, BenchClient
from support.loopback import connect_bytes

VERSIONS = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])

BAD_UTF_8 = {
    "a lone continuation byte": b"a\x80",
    "continuation bytes alone": b"\xbf\x80",
    "a truncated sequence of two": b"\xc3",
    "a truncated sequence of three": b"\xe2\x82",
    "a truncated sequence of four": b"\xf0\x9f\x98",
    "a sequence of five": b"\xf8\x88\x80\x80\x80",
    "a sequence of six": b"\xfc\x84\x80\x80\x80\x80",
    "an impossible byte FE": b"\xfe",
    "an impossible byte FF": b"\xff",
    "an overlong slash of two": b"\xc0\xaf",
    "an overlong slash of three": b"\xe0\x80\xaf",
    "an overlong slash of four": b"\xf0\x80\x80\xaf",
    "an overlong null": b"\xc0\x80",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "above the last code point": b"\xf4\x90\x80\x80",
    "null": b"a\x00b",
}
"""After Markus Kuhn's UTF-8 decoder stress test."""
GOOD_UTF_8 = ["κόσμε", "\x7f", "\u07ff", "\uffff", "\U0010ffff", "\ufeff", "a b", "\x01"]
BAD_FILTERS = [
    "a#", "a/#/b", "#/a", "+a", "a+/b", "a/b+", "##", "++", "$share/", "$share/g", "$share//a", "$share/g/",
    "$share/+/a", "$share/#/a",
]
GOOD_FILTERS = [
    "#", "+", "/", "//", "+/+", "/#", "a/+/b/#", "$share/g/#", "$share/g/+/a", "$SYS/#", "$share", " ",
]
BAD_NAMES = ["#", "+", "a/+", "a/#", "a+b", "#a"]
GOOD_NAMES = ["/", "//", " ", "a//b", "a" * 65_000]


def text(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def framed(first: int, body: bytes) -> bytes:
    length = len(body)
    encoded = b""
    while True:
        encoded += bytes((length & 0x7F | (0x80 if length > 0x7F else 0),))
        length >>= 7
        if not length:
            return bytes((first,)) + encoded + body


def publish(raw: bytes, version: int) -> bytes:
    return framed(0x30, text(raw) + (b"\x00" if version == MQTT_5 else b""))


def subscribe(raw: bytes, version: int) -> bytes:
    return framed(0x82, b"\x00\x01" + (b"\x00" if version == MQTT_5 else b"") + text(raw) + b"\x00")


def unsubscribe(raw: bytes, version: int) -> bytes:
    return framed(0xA2, b"\x00\x01" + (b"\x00" if version == MQTT_5 else b"") + text(raw))


def is_closed_by(data: bytes, version: int, connected: bool = True) -> bool:
    bench = Bench(maximum_topic_levels=65_536)
    client: BenchClient = bench.connected("c", version) if connected else bench.client(version)
    client.send(data)
    assert bench.faults == []
    return client.state.closed


@VERSIONS
@pytest.mark.parametrize("raw", BAD_UTF_8.values(), ids=BAD_UTF_8)
@pytest.mark.parametrize("make", [publish, subscribe, unsubscribe])
def test_text_that_is_no_utf_8_or_has_a_null_ends_the_connection(make, raw: bytes, version: int) -> None:  # type: ignore[no-untyped-def]
    assert is_closed_by(make(raw, version), version)


@VERSIONS
@pytest.mark.parametrize("raw", BAD_UTF_8.values(), ids=BAD_UTF_8)
@pytest.mark.parametrize("place", ["client id", "will topic", "user name"])
def test_so_does_that_of_a_connect(place: str, raw: bytes, version: int) -> None:
    no_properties = b"\x00" if version == MQTT_5 else b""
    payload, flags = {
        "client id": (text(raw), 0x02),
        "will topic": (text(b"c") + no_properties + text(raw) + text(b""), 0x06),
        "user name": (text(b"c") + text(raw), 0x82),
    }[place]
    data = connect_bytes(payload, flags, level=version, properties=no_properties)
    assert is_closed_by(data, version, connected=False)


@VERSIONS
@pytest.mark.parametrize("name", GOOD_UTF_8)
def test_every_other_text_is_taken_as_it_is(name: str, version: int) -> None:
    assert not is_closed_by(publish(name.encode(), version), version)
    assert not is_closed_by(subscribe(name.encode(), version), version)


@VERSIONS
@pytest.mark.parametrize("name", ["", *BAD_NAMES])
def test_a_topic_name_that_is_none_ends_the_connection(name: str, version: int) -> None:
    assert is_closed_by(publish(name.encode(), version), version)


@VERSIONS
@pytest.mark.parametrize("name", GOOD_NAMES, ids=lambda name: name[:10])
def test_a_topic_name_may_be_odd(name: str, version: int) -> None:
    assert not is_closed_by(publish(name.encode(), version), version)


@VERSIONS
@pytest.mark.parametrize("topic_filter", ["", *BAD_FILTERS])
@pytest.mark.parametrize("make", [subscribe, unsubscribe])
def test_a_topic_filter_that_is_none_ends_the_connection(make, topic_filter: str, version: int) -> None:  # type: ignore[no-untyped-def]
    assert is_closed_by(make(topic_filter.encode(), version), version)


@VERSIONS
@pytest.mark.parametrize("topic_filter", GOOD_FILTERS)
def test_a_topic_filter_may_be_odd(topic_filter: str, version: int) -> None:
    assert not is_closed_by(subscribe(topic_filter.encode(), version), version)


@VERSIONS
@pytest.mark.parametrize(("length", "closed"), [(100, False), (101, True)])
def test_topic_names_and_filters_have_a_length_of_their_own_if_one_is_set(
    length: int, closed: bool, version: int
) -> None:
    for make in (publish, subscribe):
        bench = Bench(maximum_topic_length=100)
        client = bench.connected("c", version)
        client.send(make(b"\xc3\xa9" * 50 + b"a" * (length - 100), version))
        assert client.state.closed is closed
