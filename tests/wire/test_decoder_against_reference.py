"""The Decoder and the slow, obvious one agree on every stream of bytes, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqtt.wire.decoder import Decoder
from amqtt.wire.encoder import encode
from amqtt.wire.errors import PeerError
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import MQTT_3_1, MQTT_3_1_1, MQTT_5
from support.packet_cases import FAULTS, OTHER_FORMS, VALID, FaultCase, PacketCase, described
from support.reference_decoder import decode_all
from support.strategies import conversations, cut, encoded, packets, spoiled

VERSIONS = (MQTT_3_1, MQTT_3_1_1, MQTT_5)
UNBOUNDED = 300_000_000
by_version = pytest.mark.parametrize("version", VERSIONS)


def agree(data: bytes, chunks: list[bytes], version: int) -> None:
    decoder = Decoder(TopicNames(), UNBOUNDED, UNBOUNDED, version)
    found = [packet for chunk in chunks for packet in decoder.feed(chunk)]
    expected, refused = decode_all(data, version)
    assert described(found) == expected
    assert (decoder.error is not None) is refused
    assert decoder.error is None or isinstance(decoder.error, PeerError)


@pytest.mark.parametrize("case", VALID + OTHER_FORMS, ids=lambda case: case.name)
def test_the_reference_reads_the_packet_cases(case: PacketCase) -> None:
    assert decode_all(case.data, case.version) == ([described(case.packet)], False)


@pytest.mark.parametrize(
    "case", [case for case in FAULTS if case.reason_code != 0x95], ids=lambda case: case.name
)
def test_the_reference_refuses_the_faults(case: FaultCase) -> None:
    assert decode_all(case.data, case.version) == ([], True)


@by_version
@given(data=st.data())
def test_whatever_is_encoded_is_decoded_the_same(version: int, data: st.DataObject) -> None:
    packet = data.draw(packets(version))
    decoder = Decoder(TopicNames(), UNBOUNDED, UNBOUNDED, version)
    assert described(decoder.feed(encode(packet, version))) == described([packet])
    assert decoder.error is None


@by_version
@given(data=st.data())
def test_a_conversation_is_decoded_the_same_however_it_is_cut(version: int, data: st.DataObject) -> None:
    sent = data.draw(conversations(version))
    stream = encoded(version)(sent)
    decoder = Decoder(TopicNames(), UNBOUNDED, UNBOUNDED)
    found = [packet for chunk in data.draw(cut(stream)) for packet in decoder.feed(chunk)]
    assert decoder.error is None
    assert described(found) == described(sent)


@by_version
@given(data=st.data())
def test_a_spoiled_conversation_is_read_as_the_reference_reads_it(version: int, data: st.DataObject) -> None:
    stream = data.draw(spoiled(version))
    agree(stream, data.draw(cut(stream)), 0)


@pytest.mark.parametrize("version", [0, *VERSIONS])
@given(stream=st.binary(max_size=80), data=st.data())
def test_any_bytes_are_read_as_the_reference_reads_them(
    version: int, stream: bytes, data: st.DataObject
) -> None:
    agree(stream, data.draw(cut(stream)), version)


@pytest.mark.parametrize("version", VERSIONS)
@given(first=st.integers(0, 255), body=st.binary(max_size=60))
def test_any_body_of_any_packet_type_is_read_as_the_reference_reads_it(
    version: int, first: int, body: bytes
) -> None:
    stream = bytes((first, len(body))) + body
    agree(stream, [stream], version)
