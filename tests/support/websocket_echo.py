"""A WebSocket server that gives every message back, on the broker's own connections: what Autobahn talks to.

`PYTHONPATH=src:tests python -m support.websocket_echo 9001`. What a message means is the only thing that
is not the broker's here: MQTT refuses text, and cares nothing for where a message begins and ends.
"""

import asyncio
import sys
import traceback

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from amqtt.net.house import House
from amqtt.net.listener import Listener
from amqtt.net.listeners import open_listener
from amqtt.net.settings import ListenerSettings
from amqtt.net.websocket import WebSocketConnection
from amqtt.server.limits import Limits
from amqtt.sessions.link import Turn
from support.echo_server import EchoServer

LARGEST_MESSAGE = 16 * 1024 * 1024


class EchoConnection(WebSocketConnection):
    """Puts the frames of a message together and sends it back as what it was."""

    def __init__(self, house: House, listener: Listener) -> None:
        super().__init__(house, listener)
        self._answered = True
        self._opcode = Opcode.CONT
        self._message = b""

    def _take_frame(self, frame: Frame, payloads: list[bytes]) -> bool:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._opcode, self._message = frame.opcode, bytes(frame.data)
        elif frame.opcode is Opcode.CONT:
            self._message += bytes(frame.data)
        else:
            return True
        return not frame.fin or self._give_back()

    def _give_back(self) -> bool:
        if self._protocol.state is not State.OPEN:
            return False
        if self._opcode is Opcode.BINARY:
            self._protocol.send_binary(self._message)
            return True
        try:
            self._message.decode()
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "this is no UTF-8")
            return False
        self._protocol.send_text(self._message)
        return True


async def serve(port: int) -> None:
    """Give back what comes until the process is ended."""
    turn = Turn(lambda: None)
    server = EchoServer(Limits(maximum_packet_size=LARGEST_MESSAGE))
    house = House(server, turn, lambda fault, _: traceback.print_exception(fault))
    listener = await open_listener(ListenerSettings("echo", "ws", ("127.0.0.1", port)), house)
    for acceptor in listener._acceptors:
        acceptor._make_connection = lambda: EchoConnection(house, listener)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
