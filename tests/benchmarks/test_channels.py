"""Frames of WebSocket, as the generator writes and reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from benchmarks.channels import Closed, frame, unframed


def framed_by_server(payload: bytes, opcode: Opcode = Opcode.BINARY) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


@given(st.lists(st.binary(max_size=300)), st.integers(0, 10))
def test_whole_frames_are_taken_out_and_the_rest_waits(payloads: list[bytes], cut: int) -> None:
    data = b"".join(map(framed_by_server, payloads))
    tail = framed_by_server(b"the last one")[: -cut or None]
    found, at = unframed(data + tail)
    assert found == b"".join(payloads) + (b"" if cut else b"the last one")
    assert at == len(data) + (0 if cut else len(tail))


def test_a_frame_of_more_than_64_kib_is_taken_out() -> None:
    payload = bytes(70_000)
    assert unframed(framed_by_server(payload)) == (payload, 70_010)


def test_a_close_frame_closes() -> None:
    with pytest.raises(Closed):
        unframed(framed_by_server(b"\x03\xe8", Opcode.CLOSE))


def test_a_ping_carries_no_bytes_of_mqtt() -> None:
    assert unframed(framed_by_server(b"hello", Opcode.PING))[0] == b""


@given(st.binary(max_size=300))
def test_a_frame_of_the_generator_is_masked_and_read_by_others(payload: bytes) -> None:
    reader = StreamReader()
    reader.feed_data(frame(payload))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    assert done.value.value == Frame(Opcode.BINARY, payload)
