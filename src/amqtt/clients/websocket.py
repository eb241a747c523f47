"""MQTT over WebSocket from the Client's side (MQTT 5.0, 6; RFC 6455)."""

import logging
from collections.abc import Mapping

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from amqtt.clients.address import ServerAddress
from amqtt.clients.network import NetworkConnection, Receiver
from amqtt.sessions.link import Turn

MAXIMUM_RESPONSE_SIZE = 64 * 1024
"""Bytes of the HTTP response: cookies and all."""
FRAME_OVERHEAD = 14
"""The longest header of a WebSocket frame: a packet of the maximum size still fits."""

# Of no name and no family: what a peer does wrong is no line in a log.
_SILENT = logging.Logger("", logging.CRITICAL + 1)  # noqa: LOG001


class WebSocketConnection(NetworkConnection):
    """A Network Connection whose bytes travel in WebSocket frames, one binary frame per turn."""

    def __init__(
        self,
        receiver: Receiver,
        turn: Turn,
        maximum_unsent: int,
        address: ServerAddress,
        headers: Mapping[str, str],
        maximum_packet_size: int,
    ) -> None:
        super().__init__(receiver, turn, maximum_unsent)
        path, _, query = address.path.partition("?")
        uri = WebSocketURI(address.secure, address.host, address.port, path, query)
        self._protocol = ClientProtocol(
            uri,
            subprotocols=[Subprotocol("mqtt")],
            max_size=maximum_packet_size + FRAME_OVERHEAD,
            logger=_SILENT,
        )
        self._headers = headers
        self._read_before = 0

    def begin(self) -> None:
        """Ask for the WebSocket with the subprotocol of MQTT [MQTT-6.0.0-3]."""
        request = self._protocol.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._send_control()

    def eof_received(self) -> None:
        """The Server closed its side, with or without a Close frame."""
        self._protocol.receive_eof()
        super().eof_received()

    def take(self, data: bytes) -> None:
        """Bytes arrived: frames, or the answer to the handshake."""
        if not self.opened.done():
            self._read_before += len(data)
            if self._read_before > MAXIMUM_RESPONSE_SIZE:
                self.give_reason("it answers with something else than a WebSocket")
                self.abort()
                return
        self._protocol.receive_data(data)
        payloads: list[bytes] = []
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                if self._protocol.handshake_exc is None:
                    self.opened.set_result(None)
            elif isinstance(event, Frame) and not self._take_frame(event, payloads):
                break
        self._send_control()
        if payloads:
            super().take(b"".join(payloads))
        if not self.opened.done() and self._protocol.handshake_exc is not None:
            self.give_reason(_words(self._protocol.handshake_exc))
            self.abort()
        elif self._protocol.eof_sent or self._protocol.close_expected():
            self._over()

    def _take_frame(self, frame: Frame, payloads: list[bytes]) -> bool:
        """Collect what a frame carries; False: it is text, nothing after it counts [MQTT-6.0.0-1]."""
        if frame.opcode is Opcode.TEXT:
            self.give_reason("the Server sent text in place of MQTT")
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "MQTT needs binary frames")
            return False
        if frame.data and (frame.opcode is Opcode.BINARY or frame.opcode is Opcode.CONT):
            payloads.append(bytes(frame.data))
        return True

    def _over(self) -> None:
        """The WebSocket has ended: what is left is to close the transport."""
        self.give_reason("the Server closed the WebSocket")
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def send(self, chunks: list[bytes], size: int) -> None:
        """Write whole Control Packets in one masked binary frame."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(b"".join(chunks))
            self._send_control()

    def _send_control(self) -> None:
        """Write what the WebSocket has to say: handshake, frames, Pong and Close."""
        if self.transport is None or self.transport.is_closing():
            return
        data = b"".join(self._protocol.data_to_send())
        if data:
            self.transport.write(data)

    def finish(self) -> None:
        """Say Close before the transport is closed."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._send_control()
        super().finish()


def _words(refused: Exception) -> str:
    if isinstance(refused, InvalidStatus):
        return f"it answers the WebSocket handshake with HTTP {refused.response.status_code}"
    if isinstance(refused, InvalidMessage):
        return "it answers with something else than a WebSocket"
    if isinstance(refused, InvalidHandshake):
        return f"its WebSocket handshake is wrong: {refused}"
    return str(refused)
