"""When there is more to do than time or memory for it: who must wait, who must stay outside, what is dropped.

First the heaviest publishers are read from less, then newcomers are refused, and only in the end
messages of QoS 0 are dropped. Acknowledgements and PINGRESP are always sent.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from amqtt.server.state import ConnectionState
from amqtt.wire.packets import Arrived, Publish, PublishRun

if TYPE_CHECKING:
    from amqtt.server.limits import Limits

CALM: Final = 0
HOLDS_PUBLISHERS: Final = 1
REFUSES_CLIENTS: Final = 2
DROPS_QOS_0: Final = 3

LOOKS: Final = 3
"""Looks in a row that must find it: a program that blocks its event loop once is no overload."""
RECOVERY: Final = 2.0
"""Seconds for which a level stays after the last look that found it."""


class Overload:
    """How overloaded the Server is, by how late its event loop comes and by the memory it uses.

    `dropped` counts the messages of QoS 0 that were given up for it. `refuses_for` is the Limit for which
    newcomers are refused, by its name.
    """

    __slots__ = ("_bytes", "_looks", "_until", "dropped", "level", "limits", "refuses_for")

    def __init__(self, limits: "Limits") -> None:
        self.limits = limits
        self._looks = [0, 0, 0, 0]
        self._until = [0.0, 0.0, 0.0, 0.0]
        self._bytes: dict[ConnectionState, int] = {}
        self.level = CALM
        self.dropped = 0
        self.refuses_for = "lag_to_refuse_clients"

    def look(self, lag: float, memory_share: float, now: float) -> None:
        """The event loop came so many seconds late; the process uses this part of its memory (0 to 1)."""
        limits = self.limits
        found = CALM
        for level, bound in (
            (HOLDS_PUBLISHERS, limits.lag_to_hold_publishers),
            (REFUSES_CLIENTS, limits.lag_to_refuse_clients),
            (DROPS_QOS_0, limits.lag_to_drop_qos_0),
        ):
            if bound and lag >= bound:
                found = level
        if found >= REFUSES_CLIENTS:
            self.refuses_for = "lag_to_refuse_clients"
        elif limits.memory_to_refuse_clients and memory_share >= limits.memory_to_refuse_clients:
            self.refuses_for = "memory_to_refuse_clients"
            found = REFUSES_CLIENTS
        self.level = CALM
        for level in (HOLDS_PUBLISHERS, REFUSES_CLIENTS, DROPS_QOS_0):
            self._looks[level] = self._looks[level] + 1 if found >= level else 0
            if self._looks[level] >= LOOKS:
                self._until[level] = now + RECOVERY
            if now < self._until[level]:
                self.level = level

    @property
    def is_suspected(self) -> bool:
        """Whether the last look found something, or one before it did not long ago."""
        return self.level != CALM or self._looks[HOLDS_PUBLISHERS] > 0

    def heaviest(self, states: Iterable[ConnectionState]) -> list[ConnectionState]:
        """Those that sent most since the last time this was asked: as few as make up half of it."""
        before = self._bytes
        self._bytes = {state: state.bytes_received for state in states}
        sent = [(total - before.get(state, total), state) for state, total in self._bytes.items()]
        sent.sort(key=_first, reverse=True)
        rest = sum(count for count, _ in sent) / 2
        heaviest: list[ConnectionState] = []
        for count, state in sent:
            if rest <= 0 or not count:
                break
            heaviest.append(state)
            rest -= count
        return heaviest

    def forget(self) -> None:
        """It is calm: nobody's bytes are compared."""
        self._bytes = {}

    def spared(self, packets: list[Arrived]) -> list[Arrived]:
        """The packets without those of QoS 0 that may be dropped; one that sets a Topic Alias stays."""
        kept: list[Arrived] = []
        for packet in packets:
            if isinstance(packet, PublishRun) and packet.qos == 0:
                self.dropped += packet.count
            elif isinstance(packet, Publish) and packet.qos == 0 and not _sets_alias(packet):
                self.dropped += 1
            else:
                kept.append(packet)
        return kept


def _sets_alias(packet: Publish) -> bool:
    properties = packet.properties
    return properties is not None and properties.topic_alias is not None and packet.topic != ""


def _first(pair: tuple[int, ConnectionState]) -> int:
    return pair[0]
