"""Which connected Clients are behind: those that read or acknowledge more slowly than they are sent to."""

from heapq import nlargest
from typing import Final

from amqtt.server.realm import Realm

LOOKED_AT: Final = 10_000
"""Clients that are looked at in one go, some milliseconds; with more, it is the turn of others next time."""


class Behind:
    """How far one Client is behind.

    `queued` are QoS 1 and 2 messages that wait in its Session, `unacknowledged` those that it was sent,
    `unsent_bytes` what its Network Connection does not take.
    """

    __slots__ = ("client_id", "queued", "unacknowledged", "unsent_bytes")

    def __init__(self, client_id: str, queued: int, unacknowledged: int, unsent_bytes: int) -> None:
        self.client_id = client_id
        self.queued = queued
        self.unacknowledged = unacknowledged
        self.unsent_bytes = unsent_bytes


class Slowest:
    """Finds those who are furthest behind. Who was found stays until he has caught up or left."""

    def __init__(self, realm: Realm, looked_at: int = LOOKED_AT) -> None:
        self._realm = realm
        self._looked_at = looked_at
        self._place = 0
        self._found: list[str] = []

    def find(self, number: int) -> list[Behind]:
        """So many of them at most, the furthest first."""
        client_ids = list(self._realm.connected)
        if len(client_ids) > self._looked_at:
            begin = self._place if self._place < len(client_ids) else 0
            self._place = begin + self._looked_at
            client_ids = list({*client_ids[begin:self._place], *self._found})
        behind: list[Behind] = []
        for client_id in client_ids:
            found = self._look_at(client_id)
            if found is not None:
                behind.append(found)
        slowest = nlargest(number, behind, key=_distance)
        self._found = [each.client_id for each in slowest]
        return slowest

    def _look_at(self, client_id: str) -> Behind | None:
        state = self._realm.connected.get(client_id)
        session = None if state is None else state.session
        if state is None or session is None:
            return None
        queued = len(session.backlog)
        unsent = state.link.size if state.link.blocked else 0
        if not queued and not unsent:
            return None
        return Behind(client_id, queued, len(session.inflight), unsent)


def _distance(behind: Behind) -> tuple[int, int]:
    return behind.queued, behind.unsent_bytes
