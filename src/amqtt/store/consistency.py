"""Records that lead nowhere, because what stood at their other end was damaged."""

from amqtt.sessions.inflight import AWAITS_PUBACK, QUEUED
from amqtt.sessions.journal import Batch, StoredEntry


def strays(kept: Batch) -> Batch:
    """The changes that remove what belongs to no Session, and message bodies that nobody waits for.

    And entries of QoS 2 whose Packet Identifier is another one's: only one handshake can have it.
    """
    lost = Batch()
    awaited = set()
    taken: set[tuple[int, int]] = set()
    for number, entry in kept.entries.items():
        if (
            entry is None or entry.session not in kept.sessions or entry.message not in kept.messages
            or _is_taken(entry, taken)
        ):
            lost.entries[number] = None
        else:
            awaited.add(entry.message)
    lost.subscriptions.update({key: None for key in kept.subscriptions if key[0] not in kept.sessions})
    lost.received.update({key: False for key in kept.received if key[0] not in kept.sessions})
    lost.wills.update({session: None for session in kept.wills if session not in kept.sessions})
    lost.messages.update({number: None for number in kept.messages if number not in awaited})
    return lost


def _is_taken(entry: StoredEntry, taken: set[tuple[int, int]]) -> bool:
    """Whether it cannot go on because its Packet Identifier is taken; one of QoS 1 is sent anew."""
    if entry.state == QUEUED:
        return False
    key = (entry.session, entry.packet_id)
    if key in taken:
        return entry.state != AWAITS_PUBACK
    taken.add(key)
    return False
