"""The bytes of one Network Connection, both ways: what every Control Packet passes, and no more.

It knows no asyncio, so mypyc compiles it; `Connection` is what an event loop calls.
"""

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from amqtt.net.house import ConnectionState, House
from amqtt.net.outgoing import write_chunks
from amqtt.sessions.link import Link

if TYPE_CHECKING:
    import asyncio
    from mmap import mmap


@mypyc_attr(allow_interpreted_subclasses=True)
class Traffic:
    """What arrives is given to the Server at once, what the Link holds is written once per turn.

    `known` says that the Server knows of the Network Connection, `flowing` that its transport takes
    what is written. Everything that does not happen to every packet is the owner's, a subclass.
    """

    __slots__ = ("flowing", "framed", "house", "intake", "known", "link", "state", "transport")

    def __init__(self, house: House) -> None:
        self.house = house
        self.intake = house.intake
        self.link = Link(house.turn, self.flush, house.limits.maximum_unsent_bytes)
        self.state: ConnectionState
        self.transport: asyncio.Transport
        self.known = False
        self.flowing = False
        self.framed = False
        """Whether what is sent has to be put into frames first: see `send`."""

    def get_buffer(self, sizehint: int) -> "mmap":
        """Read into the one buffer of the event loop; it is copied out before anyone else reads."""
        return self.intake.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived."""
        _deliver(self, self.intake.buffer[:nbytes])

    def deliver(self, data: bytes) -> None:
        """Give the Server bytes of Control Packets."""
        _deliver(self, data)

    def flush(self) -> None:
        """End of the turn: write what the Link holds, then close if the Server said so."""
        link = self.link
        try:
            if not self.flowing:
                self.flush_nowhere()
                return
            chunks = link.chunks
            if chunks and not link.blocked and not link.withheld:
                count = len(chunks)
                turn = link.turn
                turn.packets_sent += count + link.joined
                turn.bytes_sent += link.size
                if count == 1 and not self.framed:
                    self.transport.write(chunks[0])
                else:
                    self.send(chunks, link.size)
                chunks.clear()
                link.size = 0
                link.joined = 0
            if link.closing:
                self.close()
        except Exception as fault:
            self.give_up(fault)

    def send(self, chunks: list[bytes], size: int) -> None:
        """Write whole Control Packets to the transport."""
        write_chunks(self.transport, chunks, size)

    # The owner's.

    def wait_for(self, congested: Link | None) -> None:
        """Read no more until an Authenticator has answered, or a congested Link has been emptied."""

    def flush_nowhere(self) -> None:
        """The Link holds bytes, and there is no transport, or none any more."""

    def close(self) -> None:
        """The Server wants the Network Connection to be closed."""

    def fault(self, fault: Exception) -> None:
        """An error of ours happened while the Server was at work."""

    def give_up(self, fault: Exception) -> None:
        """An error of ours happened while the Link was written."""


def _deliver(traffic: Traffic, data: bytes) -> None:
    """What `deliver` says: a function, because a method that may be overridden costs a look-up each time."""
    if not traffic.known or traffic.link.closing:
        return
    intake = traffic.intake
    turn = intake.turn
    turn.begin(intake.clock())
    state = traffic.state
    try:
        intake.received(state, data)
    except Exception as fault:
        traffic.fault(fault)
        return
    if state.pending is not None or turn.congested is not None:
        traffic.wait_for(turn.congested)
