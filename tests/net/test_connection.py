import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence

import pytest

from amqtt.net import connection as connection_module
from amqtt.net.outgoing import taken

MEBIBYTE = bytes(1024 * 1024)
FOR_EVER = 1000.0
"""Seconds for something that no test waits for: what must do without it hangs where it does not."""


async def read_all(peer: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    read = bytearray()
    async with asyncio.timeout(10):
        while more := await loop.sock_recv(peer, 256 * 1024):
            read += more
    return bytes(read)


class CountingTransport:
    """A transport that counts what is written to it, and writes it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.writes: list[bytes] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self._transport.write(data)

    def writelines(self, chunks: Sequence[bytes]) -> None:
        self.writes.append(b"".join(chunks))
        self._transport.writelines(chunks)


async def read_exactly(peer: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    read = bytearray()
    while len(read) < size:
        read += await loop.sock_recv(peer, 256 * 1024)
    return bytes(read)


async def test_what_arrives_is_given_to_the_server_and_what_it_sends_comes_back(site):
    port = await site.port()
    reader, writer = await site.connect(port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    state = await site.server.first()
    assert (state.peer.address, state.peer.listener, state.peer.transport) == ("127.0.0.1", "test", "tcp")
    assert state.peer.port == writer.get_extra_info("sockname")[1]
    assert not state.peer.secure
    writer.close()
    await site.server.until(lambda: state.reason is not None)
    assert state.reason == "the peer closed the Network Connection"


async def test_more_than_the_receive_buffer_arrives_whole(site):
    reader, writer = await site.connect(await site.port())
    data = bytes(range(256)) * 4096
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    assert site.server.states[0].arrived == data


async def test_two_connections_share_the_receive_buffer_and_get_their_own_bytes(site):
    port = await site.port()
    peers = [await site.connect(port) for _ in range(10)]
    for number, (_, writer) in enumerate(peers):
        writer.write(bytes([number]) * 50_000)
    for number, (reader, _) in enumerate(peers):
        assert await reader.readexactly(50_000) == bytes([number]) * 50_000


async def test_what_is_sent_in_one_turn_is_written_once(site):
    reader, _writer = await site.connect(await site.port())
    connection = await site.only_connection()
    connection.transport = counted = CountingTransport(connection.transport)
    for word in (b"one ", b"two ", b"three"):
        connection.link.send(word)
    assert counted.writes == []
    assert await reader.readexactly(13) == b"one two three"
    assert counted.writes == [b"one two three"]


async def test_few_big_chunks_arrive_in_order(site):
    reader, _writer = await site.connect(await site.port())
    connection = await site.only_connection()
    chunks = [bytes([number]) * 20_000 for number in range(5)]
    for chunk in chunks:
        connection.link.send(chunk)
    assert await reader.readexactly(100_000) == b"".join(chunks)


async def test_the_turn_knows_the_moment_of_every_call(site):
    site.house.intake.clock = lambda: 4711.0
    reader, writer = await site.connect(await site.port())
    await site.server.first()
    assert site.house.turn.now == 4711.0
    site.house.intake.clock = lambda: 4712.0
    writer.write(b"x")
    await reader.readexactly(1)
    assert site.house.turn.now == 4712.0


async def test_small_packets_are_not_delayed_and_dead_peers_are_noticed(site):
    _, _writer = await site.connect(await site.port())
    connection = await site.only_connection()
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0


async def test_a_peer_that_does_not_read_blocks_its_link_and_loses_nothing_when_it_reads(site):
    peer = site.connect_deaf(await site.port())
    connection = await site.only_connection()
    state, link = site.server.states[0], connection.link
    first = bytes(range(256)) * 32768
    link.send(first)
    assert link.blocked
    assert link.chunks == []
    waiting = connection.transport.get_write_buffer_size()
    later = [number.to_bytes(4, "big") for number in range(100)]
    for chunk in later:
        link.send(chunk)
    site.house.turn.flush()
    assert connection.transport.get_write_buffer_size() == waiting
    assert link.chunks == later
    assert not link.full
    more = bytes(link.maximum)
    link.send(more)
    assert link.full

    def say_goodbye(drained) -> None:
        drained.link.send(b"drained")
        site.server.close(drained)

    site.server.on_drained = say_goodbye
    assert await read_all(peer) == first + b"".join(later) + more + b"drained"
    assert state.drains == 1
    assert not link.full
    assert not link.blocked


async def test_nothing_piles_up_in_the_transport(site):
    """Not even the 64 KiB that asyncio's transports take without a word."""
    site.connect_deaf(await site.port())
    connection = await site.only_connection()
    while not connection.transport.get_write_buffer_size():
        connection.link.send(bytes(16_000))
        site.house.turn.flush()
    assert connection.link.blocked


async def test_what_was_said_before_the_peer_closed_is_still_sent(site):
    reader, _ = await site.connect(await site.port())
    connection = await site.only_connection()
    connection.link.send(b"last")
    connection.eof_received()
    connection.transport.close()
    assert await reader.read() == b"last"


async def test_close_delivers_everything_that_was_sent_before(site):
    peer = site.connect_deaf(await site.port())
    connection = await site.only_connection()
    for _ in range(8):
        connection.link.send(MEBIBYTE)
    site.server.close(connection.state)
    connection.link.send(b"the end")
    assert await read_all(peer) == MEBIBYTE * 8 + b"the end"


async def test_what_is_sent_after_the_close_is_complete_is_dropped(site):
    reader, writer = await site.connect(await site.port())
    connection = await site.only_connection()
    writer.write(b"close")
    assert await reader.read() == b"close"
    connection.link.send(b"too late")
    site.house.turn.flush()
    assert connection.link.chunks == []
    assert connection.link.size == 0


async def test_a_last_word_survives_input_that_nobody_reads(site):
    """A close with unread input would reset the connection and lose the DISCONNECT with it."""
    port = await site.port()
    for _ in range(20):
        reader, writer = await site.connect(port)
        writer.write(b"close")
        writer.write(bytes(100_000))
        received = await reader.read()
        assert received.startswith(b"close")
        writer.close()


async def test_a_peer_that_never_closes_its_side_is_closed_after_a_while(site, monkeypatch):
    monkeypatch.setattr(connection_module, "LINGER", 0.05)
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", FOR_EVER)
    reader, writer = await site.connect(await site.port())
    writer.write(b"close")
    assert await reader.read() == b"close"
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.server.states[0].reason is not None


async def test_a_peer_that_does_not_take_the_last_words_is_aborted(site, monkeypatch):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 0.05)
    site.connect_deaf(await site.port())
    connection = await site.only_connection()
    for _ in range(8):
        connection.link.send(MEBIBYTE)
    site.server.close(connection.state)
    async with asyncio.timeout(10):
        await site.house.emptied()


async def test_a_peer_that_half_closes_and_does_not_read_is_aborted(site, monkeypatch):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 0.05)
    peer = site.connect_deaf(await site.port())
    connection = await site.only_connection()
    connection.link.send(MEBIBYTE * 8)
    peer.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(10):
        await site.house.emptied()


async def test_a_peer_that_half_closes_gets_its_answers(site):
    reader, writer = await site.connect(await site.port())
    writer.write(b"question")
    writer.write_eof()
    assert await reader.read() == b"question"


async def test_a_peer_that_is_gone_before_its_last_answer_is_no_fault(site):
    peer = site.connect_deaf(await site.port())
    await site.only_connection()
    peer.send(b"close")
    peer.close()
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.server.states[0].arrived == b"close"
    assert site.faults == []


async def test_a_peer_that_takes_no_bytes_for_the_stall_timeout_is_aborted(open_site):
    site = await open_site(stall_timeout=0.1)
    site.connect_deaf(await site.port())
    connection = await site.only_connection()
    connection.link.send(MEBIBYTE * 8)
    state = site.server.states[0]
    await site.server.until(lambda: state.reason is not None)
    assert state.reason == "the peer took no bytes for too long"
    assert site.server.excesses == [("stall_timeout", "127.0.0.1", state)]


async def test_a_server_that_fails_to_take_leave_of_a_stalled_peer_or_a_stranger_is_reported(
    open_site, monkeypatch
):
    site = await open_site(stall_timeout=0.1, maximum_connections=1)
    fault = RuntimeError("ours")

    def fails(*_):
        raise fault

    monkeypatch.setattr(site.server, "exceeded", fails)
    port = await site.port()
    site.connect_deaf(port)
    connection = await site.only_connection()
    reader, _ = await site.connect(port)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    connection.link.send(MEBIBYTE * 8)
    state = site.server.states[0]
    await site.server.until(lambda: state.reason is not None)
    assert site.faults == [fault, fault]


async def test_a_peer_that_reads_slowly_is_kept(site):
    peer = site.connect_deaf(await site.port())
    connection = await site.only_connection()
    connection.link.send(MEBIBYTE * 8)
    assert connection.link.blocked
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while taken(connection.transport) == connection._unmoved:
            await loop.sock_recv(peer, 4096)
    connection._stall.cancel()
    connection._check()
    assert site.server.states[0].reason is None


async def test_a_reset_by_the_peer_is_told_to_the_server(site):
    peer = site.connect_deaf(await site.port())
    state = await site.server.first()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    await site.server.until(lambda: state.reason is not None)
    assert "reset" in state.reason.lower()


async def test_a_reset_in_the_moment_of_closing_is_no_fault_of_ours(site):
    peer = site.connect_deaf(await site.port())
    connection = await site.only_connection()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    connection.link.close()
    site.house.turn.flush()
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.faults == []


async def test_an_end_while_the_transport_writes_is_told_once(site):
    """asyncio calls resume_writing() from within its writing."""
    peer = site.connect_deaf(await site.port())
    connection = await site.only_connection()
    for _ in range(2):
        connection.link.send(MEBIBYTE * 8)
    site.server.on_drained = lambda state: connection.abort("a test")
    assert len(await read_all(peer)) == 16 * len(MEBIBYTE)
    assert site.server.states[0].reason == "a test"


async def test_a_fault_of_ours_costs_one_connection_and_is_reported(site):
    port = await site.port()
    reader, writer = await site.connect(port)
    other_reader, other_writer = await site.connect(port)
    writer.write(b"fault")
    assert await reader.read() == b""
    assert [str(fault) for fault in site.faults] == ["a fault of ours"]
    assert site.server.states[0].reason == "a fault of the broker"
    other_writer.write(b"still here")
    assert await other_reader.readexactly(10) == b"still here"


async def test_a_fault_while_writing_costs_one_connection_and_not_the_turn(site):
    port = await site.port()
    peers = [await site.connect(port) for _ in range(2)]
    await site.server.until(lambda: len(site.server.states) == 2)
    first, second = site.server.states
    first.link.send(b"")
    first.link.chunks[0] = "text"
    second.link.send(b"bytes")
    assert await peers[1][0].readexactly(5) == b"bytes"
    assert await peers[0][0].read() == b""
    assert [type(fault) for fault in site.faults] == [TypeError]


async def test_a_fault_of_the_server_at_open_lost_or_drained_is_contained(site):
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    port = await site.port()
    site.server.lost, lost = fail, site.server.lost
    _, writer = await site.connect(port)
    connection = await site.only_connection()
    writer.close()
    async with asyncio.timeout(10):
        await site.house.emptied()
    lost(connection.state)
    assert len(site.faults) == 1
    del site.server.lost

    site.server.open = fail
    reader, writer = await site.connect(port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    assert len(site.faults) == 2
    writer.close()
    del site.server.open

    site.server.on_drained = fail
    peer = site.connect_deaf(port)
    await site.server.until(lambda: len(site.server.states) == 2)
    for _ in range(2):
        site.server.states[1].link.send(MEBIBYTE * 8)
    assert len(await read_all(peer)) == 16 * len(MEBIBYTE)
    assert len(site.faults) == 3


async def test_a_fault_of_the_report_itself_is_left_to_the_event_loop(site):
    def report(fault: BaseException, connection: object) -> None:
        raise ValueError("reporting is broken")

    site.house._report = report
    reader, writer = await site.connect(await site.port())
    writer.write(b"fault")
    assert await reader.read() == b""
    assert [str(context["exception"]) for context in site.noise] == ["reporting is broken"]
    site.noise.clear()


async def test_nothing_is_read_while_an_authenticator_thinks(site):
    reader, writer = await site.connect(await site.port())
    writer.write(b"ask")
    state = await site.server.first()
    await site.server.until(lambda: site.server.question is not None)
    (connection,) = site.house.connections
    assert not connection.transport.is_reading()
    writer.write(b" and more")
    await writer.drain()
    assert state.arrived == b"ask"
    site.server.question.set_result("yes")
    assert await reader.readexactly(17) == b"answered and more"
    assert state.answers == ["yes"]


async def test_what_an_authenticator_raises_is_its_answer(site):
    reader, writer = await site.connect(await site.port())
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    fault = RuntimeError("the database is away")
    site.server.question.set_exception(fault)
    assert await reader.readexactly(8) == b"answered"
    assert site.server.states[0].answers == [fault]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_an_authenticator_that_never_answers_is_a_timeout(open_site, cancelled):
    site = await open_site(authentication_timeout=10.0 if cancelled else 0.05)
    reader, writer = await site.connect(await site.port())
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    if cancelled:
        site.server.question.cancel()
    assert await reader.readexactly(8) == b"answered"
    assert [type(answer) for answer in site.server.states[0].answers] == [TimeoutError]


async def test_a_second_question_is_asked_before_reading_goes_on(site):
    reader, writer = await site.connect(await site.port())
    state = await site.server.first()
    answered = site.server.answered
    second = asyncio.get_running_loop().create_future()

    def ask_again(state, answer) -> None:
        answered(state, answer)
        if len(state.answers) == 1:
            state.pending = second

    site.server.answered = ask_again
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    site.server.question.set_result(1)
    second.set_result(2)
    assert await reader.readexactly(16) == b"answeredanswered"
    assert state.answers == [1, 2]
    writer.write(b"read")
    assert await reader.readexactly(4) == b"read"


async def test_a_server_that_does_not_take_the_answer_is_a_fault_of_ours(site):
    reader, writer = await site.connect(await site.port())
    await site.server.first()
    site.server.answered = lambda state, answer: None
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    site.server.question.set_result("yes")
    assert await reader.read() == b""
    assert [type(fault) for fault in site.faults] == [RuntimeError]


async def test_the_question_is_dropped_when_the_connection_is_gone(site):
    _, writer = await site.connect(await site.port())
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    site.house.abort()
    async with asyncio.timeout(10):
        await site.house.emptied()
    with pytest.raises(asyncio.CancelledError):
        await site.server.question
    assert site.server.states[0].answers == []


async def test_an_answer_that_comes_with_the_end_is_not_told(site):
    _, writer = await site.connect(await site.port())
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    connection = await site.only_connection()
    site.server.question.set_result("yes")
    connection.abort("a test")
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.server.states[0].answers == []


async def test_the_server_may_close_while_an_authenticator_thinks(site, monkeypatch):
    monkeypatch.setattr(connection_module, "LINGER", FOR_EVER)
    reader, writer = await site.connect(await site.port())
    writer.write(b"ask")
    await site.server.until(lambda: site.server.question is not None)
    site.server.states[0].link.send(b"no")
    site.server.close(site.server.states[0])
    assert await reader.read() == b"no"
    writer.close()
    async with asyncio.timeout(10):
        await site.house.emptied()
    assert site.server.states[0].answers == []


async def test_the_house_ends_all_that_are_left(site):
    port = await site.port()
    [await site.connect(port) for _ in range(5)]
    await site.server.until(lambda: len(site.server.states) == 5)
    emptied = asyncio.ensure_future(site.house.emptied())
    site.house.abort()
    async with asyncio.timeout(10):
        await emptied
    assert [state.reason for state in site.server.states] == ["the broker stops"] * 5


async def test_a_flood_does_not_keep_others_waiting(site):
    port = await site.port()
    _, flooding = await site.connect(port)
    reader, writer = await site.connect(port)
    await site.server.until(lambda: len(site.server.states) == 2)
    flood = site.server.states[0]
    received = site.house.intake.received
    site.house.intake.received = lambda state, data: None if state is flood else received(state, data)
    flooding.write(MEBIBYTE * 32)
    writer.write(b"me too")
    assert await reader.readexactly(6) == b"me too"
    assert flooding.transport.get_write_buffer_size() > 0
    flooding.transport.abort()


async def test_who_publishes_to_a_peer_that_does_not_keep_up_is_held_back_a_moment(site, monkeypatch):
    monkeypatch.setattr(connection_module, "HOLD", FOR_EVER)
    port = await site.port()
    deaf = site.connect_deaf(port)
    receiver = await site.only_connection()
    receiver.link.send(MEBIBYTE * 8)
    reader, writer = await site.connect(port)
    await site.server.until(lambda: len(site.server.states) == 2)
    (publisher,) = site.house.connections - {receiver}
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    received = site.house.intake.received

    def publish(state, data) -> None:
        if data == b"publish":
            receiver.link.send(MEBIBYTE)
        received(state, data)

    site.house.intake.received = publish
    writer.write(b"publish")
    assert await reader.readexactly(7) == b"publish"
    assert not publisher.transport.is_reading()
    writer.write(b"more")
    assert len(await asyncio.wait_for(read_exactly(deaf, 9 * len(MEBIBYTE)), 10)) == 9 * len(MEBIBYTE)
    assert await reader.readexactly(4) == b"more"


async def test_a_held_back_peer_is_closed_like_any_other(site, monkeypatch):
    monkeypatch.setattr(connection_module, "HOLD", FOR_EVER)
    monkeypatch.setattr(connection_module, "LINGER", FOR_EVER)
    port = await site.port()
    site.connect_deaf(port)
    receiver = await site.only_connection()
    receiver.link.send(MEBIBYTE * 8)
    reader, writer = await site.connect(port)
    await site.server.until(lambda: len(site.server.states) == 2)
    received = site.house.intake.received

    def publish(state, data) -> None:
        receiver.link.send(MEBIBYTE)
        received(state, data)

    site.house.intake.received = publish
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    site.server.close(site.server.states[1])
    assert await reader.read() == b""
    writer.close()
    async with asyncio.timeout(10):
        await site.server.until(lambda: site.server.states[1].reason is not None)
