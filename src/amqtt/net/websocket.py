"""MQTT over WebSocket (MQTT 5.0, 6; RFC 6455): Control Packets in binary frames.

Frames and packets know nothing of each other: a packet may span frames and a frame may hold
several [MQTT-6.0.0-2], so what a frame carries is passed on as plain bytes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from http import HTTPStatus

from websockets.exceptions import NegotiationError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from amqtt.net.connection import Connection
from amqtt.net.house import House
from amqtt.net.listener import Listener
from amqtt.net.origin import may_come_from
from amqtt.wire.primitives import variable_byte_integer_at

MAXIMUM_REQUEST_SIZE = 16 * 1024
"""Bytes of an HTTP request: ten times what browsers send; nobody is known yet."""
BLANK_LINE = b"\r\n\r\n"
"""The end of an HTTP request."""
PARSED_AT_ONCE = 4096
"""Bytes of frames that are parsed before somebody looks whether the turn is over: 700 frames at most, 4 ms.
One read may bring ten thousand; where frames are large, to look oftener costs more than they do."""
FRAME_OVERHEAD = 14
"""The longest header of a WebSocket frame: a packet of the maximum size still fits."""
SUBPROTOCOLS = (Subprotocol("mqtt"), Subprotocol("mqttv3.1"))
"""The names that MQTT Clients offer [MQTT-6.0.0-3]; the second is MQTT 3.1's."""

# Of no name and no family: what a peer does wrong is no line in a log.
_SILENT = logging.Logger("", logging.CRITICAL + 1)  # noqa: LOG001


class WebSocketConnection(Connection):
    """A Network Connection whose bytes travel in WebSocket frames; one write per turn.

    Until the Server has answered, no more is buffered than an HTTP request and a CONNECT need:
    nobody is known yet.

    When the turn is over, or the Server reads no more for another reason, the frames that have arrived wait
    here, and so does the end of the WebSocket: see `_read_on_now`.
    """

    __slots__ = ("_answered", "_buffered", "_protocol", "_request_end", "_unparsed", "_unsent_control")

    def __init__(self, house: House, listener: Listener) -> None:
        super().__init__(house, listener)
        self._protocol = ServerProtocol(
            select_subprotocol=_select_subprotocol,
            max_size=house.limits.maximum_packet_size + FRAME_OVERHEAD,
            logger=_SILENT,
        )
        self._request_end = b""
        self._buffered = 0
        self._answered = False
        self._unparsed = b""
        self._unsent_control = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there; what is sent on it goes into frames."""
        self.framed = True
        super().connection_made(transport)

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived: frames, or what belongs to one."""
        self._take(self.intake.buffer[:nbytes])

    def eof_received(self) -> None:
        """The peer closed its side, with or without a Close frame."""
        # Ctrl-C in a program that runs the event loop itself may have ended the parser half-way.
        with contextlib.suppress(StopIteration):
            self._protocol.receive_eof()
        super().eof_received()

    def _unblock(self) -> None:
        """Write again, the Pong that waited before what waits in the Link."""
        control, self._unsent_control = self._unsent_control, b""
        self.link.blocked = False
        if control:
            self.transport.write(control)
        self.flush()

    def _read_on_now(self) -> None:
        """Go on with what has arrived already, in a moment: whoever calls is in the midst of something."""
        if self._unparsed or self._is_over():
            self.house.loop.call_soon(self._catch_up)
        else:
            super()._read_on_now()

    def _catch_up(self) -> None:
        self._go_on()
        if not self._is_held_back and not self._ended and not self.transport.is_closing():
            super()._read_on_now()

    def _take(self, data: bytes) -> None:
        """Bytes arrived; what waits goes before them."""
        if self._is_over() or self._finished or self.link.closing:
            return
        if self._answered or self._may_buffer(len(data)):
            self._unparsed += data
        self._go_on()

    def _go_on(self) -> None:
        """Give the Server what the frames carry that have arrived, and end it behind the last of them."""
        if self._ended or self._finished:
            return
        payloads: list[bytes] = []
        if self._unparsed:
            self._unparsed = self._parse(self._unparsed, payloads)
        self._send_control()
        if payloads:
            self._buffered = 0
            self.deliver(payloads[0] if len(payloads) == 1 else b"".join(payloads))
        if self._is_held_back or self._finished:
            return
        if self._unparsed:
            self.house.server.stand_in_line(self.state)
            self.wait_for(self.link)
        elif self._is_over():
            self._lose("the WebSocket was closed")
            self.link.close()

    def _is_over(self) -> bool:
        """Whether the WebSocket has nothing more to say: it was closed, failed or never opened."""
        return self._protocol.eof_sent

    def _parse(self, data: bytes, payloads: list[bytes]) -> bytes:
        """Parse the request and answer it, then the frames: also those that came with it in one piece.

        Returns what is left when the turn is over.
        """
        if self._protocol.state is State.CONNECTING:
            at = self._behind_request(data)
            self._parse_part(data[:at], payloads)
            data = data[at:]
        self.house.turn.begin(self.house.clock())
        for at in range(0, len(data), PARSED_AT_ONCE):
            if self._is_over():
                break
            if at and self.house.server.turn_is_over:
                return data[at:]
            self._parse_part(data[at : at + PARSED_AT_ONCE], payloads)
        return b""

    def _behind_request(self, data: bytes) -> int:
        """Where in these bytes the request is over; behind them, if it goes on."""
        before, self._request_end = self._request_end, (self._request_end + data)[1 - len(BLANK_LINE) :]
        at = (before + data).find(BLANK_LINE)
        return len(data) if at < 0 else at + len(BLANK_LINE) - len(before)

    def _parse_part(self, data: bytes, payloads: list[bytes]) -> None:
        try:
            self._protocol.receive_data(data)
        except StopIteration:
            self.abort("it was interrupted within a WebSocket frame")
            return
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._buffered = 0
                self._protocol.send_response(self._response(event))
            elif isinstance(event, Frame) and not self._take_frame(event, payloads):
                return

    def _take_frame(self, frame: Frame, payloads: list[bytes]) -> bool:
        """Collect what a frame carries; False: it is text, nothing after it counts [MQTT-6.0.0-1]."""
        if frame.opcode is Opcode.TEXT:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "MQTT needs binary frames")
            return False
        if frame.data and (frame.opcode is Opcode.BINARY or frame.opcode is Opcode.CONT):
            payloads.append(bytes(frame.data))
        return True

    def _may_buffer(self, size: int) -> bool:
        """Whether a stranger may have this many bytes more waiting; else it is told so."""
        self._buffered += size
        protocol = self._protocol
        if protocol.state is State.CONNECTING:
            if self._buffered <= MAXIMUM_REQUEST_SIZE:
                return True
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            protocol.send_response(protocol.reject(status, "The request is too long.\n"))
            return False
        if self._buffered <= MAXIMUM_REQUEST_SIZE + self.house.limits.maximum_connect_size:
            return True
        protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too much before CONNACK")
        return False

    def _response(self, request: Request) -> Response:
        settings = self.listener.settings
        if settings.path is not None and request.path.partition("?")[0] != settings.path:
            return self._protocol.reject(HTTPStatus.NOT_FOUND, "There is no MQTT here.\n")
        if settings.allowed_origins is not None and not self._may_come(request, settings.allowed_origins):
            return self._protocol.reject(HTTPStatus.FORBIDDEN, "This Origin may not connect.\n")
        return self._protocol.accept(request)

    def _may_come(self, request: Request, allowed: Sequence[str]) -> bool:
        headers = request.headers
        sockname = self.transport.get_extra_info("sockname")
        local = str(sockname[0]) if isinstance(sockname, tuple) else ""
        return may_come_from(headers.get_all("Origin"), headers.get_all("Host"), allowed, local)

    # Sending.

    def send(self, chunks: list[bytes], size: int) -> None:
        """Write whole Control Packets to the transport, each in a frame of its own.

        The standard lets a frame have several [MQTT-6.0.0-3]; Paho's client in C waits for ever then.
        """
        if self._protocol.state is State.OPEN:
            self._answered = True
            frames = _framed(chunks if not self.link.joined else _apart(chunks))
            super().send(frames, sum(map(len, frames)))

    def _send_control(self) -> None:
        """Send what the WebSocket itself has to say: its handshakes, Pong and Close frames.

        Of the Pongs that a peer does not read only the latest are kept (RFC 6455, 5.5.3).
        """
        control = b"".join(self._protocol.data_to_send())
        if not control:
            return
        if self.link.blocked:
            self._unsent_control = control
        else:
            self.transport.write(control)

    def _finish(self) -> None:
        """Send a Close frame, then close our side: the peer need not answer to see the end of it."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._send_control()
        if not self._finished:
            super()._finish()


def _select_subprotocol(protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose what MQTT is called; a Client that offers nothing is served as aMQTT did."""
    for name in SUBPROTOCOLS:
        if name in offered:
            return name
    if offered:
        raise NegotiationError("this is an MQTT server; offer the subprotocol mqtt")
    return None


def _framed(packets: Sequence[bytes]) -> list[bytes]:
    """Each packet behind the header of its frame."""
    frames: list[bytes] = []
    for packet in packets:
        frames.append(_header(len(packet)))
        frames.append(packet)
    return frames


def _apart(chunks: Sequence[bytes]) -> list[bytes]:
    """The Control Packets one by one, of chunks that may have several."""
    packets: list[bytes] = []
    for chunk in chunks:
        start = 0
        while start < len(chunk):
            remaining, at = variable_byte_integer_at(chunk, start + 1, len(chunk))
            packets.append(chunk[start : at + remaining])
            start = at + remaining
    return packets


def _header(size: int) -> bytes:
    """The header of an unfragmented, unmasked binary frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    if size < 65536:
        return b"\x82\x7e" + size.to_bytes(2, "big")
    return b"\x82\x7f" + size.to_bytes(8, "big")
