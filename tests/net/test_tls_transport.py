import ssl
from types import SimpleNamespace

import pytest

from amqtt.net.settings import TlsSettings
from amqtt.net.tls import server_context
from amqtt.net.tls_transport import MAXIMUM_UNTAKEN, RECORD_SIZE, TlsTransport


class Beneath:
    """A plain transport that keeps what is written to it, and what else was asked."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.calls: list[str] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.calls.append("close")
        self.closing = True

    def abort(self) -> None:
        self.calls.append("abort")
        self.closing = True

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.calls.append(f"limits {high}")

    def get_write_buffer_size(self) -> int:
        return 5

    def get_extra_info(self, name: str, default: object = None) -> object:
        return name if name == "socket" else default


class Above:
    """A Network Connection that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.soon: list[object] = []
        self.pauses: TlsTransport | None = None
        self.house = SimpleNamespace(
            buffer=memoryview(bytearray(4 * RECORD_SIZE)), records=memoryview(bytearray(4 * RECORD_SIZE)),
            loop=SimpleNamespace(call_soon=self.soon.append),
        )

    def accepted(self, transport: object) -> None:
        self.told.append("accepted")

    def connection_made(self, transport: object) -> None:
        self.told.append("made")

    def handshake_failed(self, failed: OSError) -> None:
        self.told.append(type(failed))

    def buffer_updated(self, nbytes: int) -> None:
        self.told.append(bytes(self.house.buffer[:nbytes]))
        if self.pauses is not None:
            self.pauses.pause_reading()

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, exc: object) -> None:
        self.told.append("lost")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Wire:
    """A TlsTransport between its two neighbours, and a Client's TLS to speak with."""

    def __init__(self, authority) -> None:
        context = server_context(TlsSettings(authority.certfile, authority.keyfile), ["mqtt"])
        self.above, self.beneath = Above(), Beneath()
        self.transport = TlsTransport(context, self.above)
        self.transport.connection_made(self.beneath)
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = authority.client_context().wrap_bio(
            self.inward, self.outward, server_hostname="localhost"
        )

    def pass_on(self, size: int = 4 * RECORD_SIZE) -> None:
        """Carry what the Client has to say to the server, in pieces of `size`."""
        data = self.outward.read()
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            self.transport.get_buffer(-1)[: len(piece)] = piece
            self.transport.buffer_updated(len(piece))

    def take(self) -> None:
        """Carry what the server wrote to the Client."""
        writes, self.beneath.writes = self.beneath.writes, []
        for data in writes:
            self.inward.write(data)

    def shake_hands(self, size: int = 4 * RECORD_SIZE) -> None:
        while True:
            try:
                self.client.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.pass_on(size)
                self.take()
        self.pass_on(size)
        self.take()
        assert self.above.told == ["accepted", "made"]
        self.above.told.clear()

    def read(self) -> bytes:
        data = bytearray()
        self.take()
        try:
            while more := self.client.read(65536):
                data += more
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return bytes(data)


@pytest.fixture
def wire(authority):
    wire = Wire(authority)
    wire.shake_hands()
    wire.beneath.calls.clear()
    return wire


def test_a_handshake_may_come_byte_by_byte(authority):
    Wire(authority).shake_hands(size=1)


def test_what_is_written_at_once_is_written_once(wire):
    data = bytes(range(256)) * 400
    wire.transport.write(data)
    wire.transport.writelines([b"one ", b"two"])
    assert len(wire.beneath.writes) == 2
    assert wire.read() == data + b"one two"


def test_what_arrives_at_once_is_passed_on_at_once(wire):
    for word in (b"one ", b"two ", bytes(RECORD_SIZE)):
        wire.client.write(word)
    wire.pass_on()
    assert wire.above.told[0].startswith(b"one two ")
    assert b"".join(wire.above.told) == b"one two " + bytes(RECORD_SIZE)


@pytest.mark.parametrize("size", [1, 7, RECORD_SIZE, 4 * RECORD_SIZE])
def test_however_records_arrive_their_bytes_are_the_same(wire, size):
    data = bytes(range(256)) * (4 if size < 100 else 1000)
    at = 0
    while at < len(data):
        at += wire.client.write(data[at:])
    wire.pass_on(size)
    assert b"".join(wire.above.told) == data


def test_nothing_is_passed_on_while_reading_is_paused(wire):
    wire.transport.pause_reading()
    assert not wire.transport.is_reading()
    wire.client.write(b"later")
    wire.pass_on()
    assert wire.above.told == []
    wire.transport.resume_reading()
    wire.transport.resume_reading()
    assert wire.above.told == []
    (read_on,) = wire.above.soon
    read_on()
    assert wire.above.told == [b"later"]
    assert wire.beneath.calls == ["pause_reading", "resume_reading"]


def test_the_close_notify_of_a_peer_ends_it_after_its_last_bytes(wire):
    wire.client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        wire.client.unwrap()
    wire.pass_on()
    assert wire.above.told == [b"last", "eof"]
    assert wire.beneath.calls == ["close"]
    wire.take()
    wire.client.unwrap()


def test_a_peer_that_leaves_without_close_notify_ends_it_as_well(wire):
    wire.client.write(b"last")
    wire.pass_on()
    assert wire.transport.eof_received()
    assert wire.above.told == [b"last", "eof"]
    assert wire.beneath.calls == ["close"]


def test_bytes_that_wait_while_reading_is_paused_come_before_the_end(wire):
    wire.transport.pause_reading()
    wire.client.write(b"last")
    wire.pass_on()
    wire.transport.eof_received()
    assert wire.above.told == []
    wire.transport.resume_reading()
    wire.above.soon[0]()
    assert wire.above.told == [b"last", "eof"]


def test_an_end_that_comes_with_bytes_that_pause_reading_waits_until_it_goes_on(wire):
    """What these bytes are about is not done yet, and its end would make it undone."""
    wire.above.pauses = wire.transport
    wire.client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        wire.client.unwrap()
    wire.pass_on()
    assert wire.above.told == [b"last"]
    wire.transport.eof_received()
    assert wire.above.told == [b"last"]
    wire.transport.resume_reading()
    wire.above.soon[0]()
    assert wire.above.told == [b"last", "eof"]
    assert wire.beneath.calls == ["pause_reading", "resume_reading", "close"]


def test_our_end_is_a_close_notify_and_what_arrives_then_is_dropped(wire):
    wire.client.write(b"unread")
    wire.transport.write(b"bye")
    assert wire.transport.can_write_eof()
    wire.transport.write_eof()
    wire.pass_on()
    assert wire.read() == b"bye"
    assert wire.client.read() == b""
    assert wire.above.told == []
    assert wire.beneath.calls == []
    wire.transport.eof_received()
    assert wire.above.told == ["eof"]
    assert wire.beneath.calls == ["close"]


def test_a_close_notify_waits_for_a_peer_that_does_not_read(wire):
    wire.transport.write(b"bye")
    wire.transport.pause_writing()
    wire.transport.write_eof()
    assert len(wire.beneath.writes) == 1
    wire.transport.resume_writing()
    assert wire.read() == b"bye"
    assert wire.client.read() == b""


def test_nothing_is_written_to_a_transport_that_closes(wire):
    wire.transport.pause_writing()
    wire.transport.close()
    wire.transport.resume_writing()
    assert wire.beneath.writes == []


def test_close_says_goodbye_once(wire):
    wire.transport.close()
    wire.transport.close()
    assert len(wire.beneath.writes) == 1
    assert wire.beneath.calls == ["close"]
    assert wire.transport.is_closing()
    wire.transport.write(b"too late")


@pytest.mark.parametrize("said", [b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_tls_is_told_so_and_closed(authority, said):
    wire = Wire(authority)
    wire.outward.write(said)
    wire.pass_on()
    assert wire.above.told == ["accepted", ssl.SSLError]
    assert wire.beneath.calls[-1] == "close"


def test_a_record_that_was_tampered_with_ends_it_with_an_alert(wire):
    wire.client.write(b"amount=1")
    record = bytearray(wire.outward.read())
    record[-1] ^= 1
    wire.outward.write(record)
    wire.pass_on()
    assert wire.above.told == []
    assert wire.beneath.calls == ["close"]
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        wire.read()


def test_an_end_within_the_handshake_is_its_failure(authority):
    wire = Wire(authority)
    wire.transport.eof_received()
    assert wire.above.told[0] == "accepted"
    assert issubclass(wire.above.told[1], ssl.SSLError)
    assert wire.beneath.calls[-1] == "close"
    wire.transport.connection_lost(None)
    assert wire.above.told[2:] == ["lost"]


def test_a_peer_that_does_not_read_is_told_to_whom_it_concerns(wire):
    wire.transport.pause_writing()
    wire.transport.resume_writing()
    assert wire.above.told == ["pause", "resume"]
    assert wire.transport.get_write_buffer_size() == 5


def test_nobody_above_hears_of_a_handshake_that_is_not_read(authority):
    wire = Wire(authority)
    wire.transport.pause_writing()
    with pytest.raises(ssl.SSLWantReadError):
        wire.client.do_handshake()
    wire.pass_on()
    assert wire.beneath.writes == []
    wire.transport.resume_writing()
    assert len(wire.beneath.writes) == 1
    assert wire.above.told == ["accepted"]


def test_what_tls_has_to_say_itself_to_a_deaf_peer_is_bounded(wire):
    wire.transport.pause_writing()
    wire.transport._outward.write(bytes(MAXIMUM_UNTAKEN + 1))
    wire.client.write(b"x")
    wire.pass_on()
    assert wire.beneath.calls == ["abort"]


def test_it_tells_what_it_knows_and_asks_beneath_for_the_rest(wire):
    assert wire.transport.get_extra_info("ssl_object").version() in {"TLSv1.2", "TLSv1.3"}
    assert wire.transport.get_extra_info("peercert") is None
    assert wire.transport.get_extra_info("socket") == "socket"
    assert wire.transport.get_extra_info("nothing", 3) == 3
    wire.transport.set_write_buffer_limits(high=0)
    assert wire.beneath.calls == ["limits 0"]


def test_a_large_write_leaves_nothing_behind(wire):
    wire.transport.write(bytes(1024 * 1024))
    assert wire.transport._outward.pending == 0
    assert len(wire.read()) == 1024 * 1024
