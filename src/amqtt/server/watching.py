"""Control Packets that the Server sends, for those who want to know of each."""

from amqtt.server.events import Events, PacketSent
from amqtt.server.realm import Realm
from amqtt.server.state import ConnectionState
from amqtt.wire.decoder import Decoder
from amqtt.wire.interned import TopicNames
from amqtt.wire.packets import LARGEST_PACKET


class SentPackets:
    """Tells of the packets on one Link, before its owner writes them.

    It reads them back from their bytes, so that the path of a message is the same whether somebody
    listens or not.
    """

    def __init__(self, state: ConnectionState, events: Events) -> None:
        self._state = state
        self._events = events
        self._write = state.link.flush
        self._decoder: Decoder | None = None
        self._told = 0
        state.link.flush = self._flush

    def _flush(self) -> None:
        if not self._events.wants_sent_packets:
            self._state.link.flush = self._write
            self._write()
            return
        chunks = self._state.link.chunks
        if self._state.version:
            if self._decoder is None:
                self._decoder = Decoder(TopicNames(), LARGEST_PACKET, LARGEST_PACKET, self._state.version)
            for packet in self._decoder.feed(b"".join(chunks[self._told :])):
                self._events.tell(PacketSent(self._state.client_id, packet, self._state.peer))
        self._told = len(chunks)
        self._write()
        if not chunks:
            self._told = 0


def watch_sent_packets(realm: Realm) -> None:
    """Have the packets told of that go to Clients who are connected already, each once."""
    for state in realm.connected.values():
        if not isinstance(getattr(state.link.flush, "__self__", None), SentPackets):
            SentPackets(state, realm.events)
