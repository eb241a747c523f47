"""Records that lead nowhere, because what stood at their other end was damaged."""

from amqtt.sessions.journal import Batch


def strays(kept: Batch) -> Batch:
    """The changes that remove what belongs to no Session, and message bodies that nobody waits for."""
    lost = Batch()
    awaited = set()
    for number, entry in kept.entries.items():
        if entry is None or entry.session not in kept.sessions or entry.message not in kept.messages:
            lost.entries[number] = None
        else:
            awaited.add(entry.message)
    lost.subscriptions.update({key: None for key in kept.subscriptions if key[0] not in kept.sessions})
    lost.received.update({key: False for key in kept.received if key[0] not in kept.sessions})
    lost.wills.update({session: None for session in kept.wills if session not in kept.sessions})
    lost.messages.update({number: None for number in kept.messages if number not in awaited})
    return lost
